"""Tips come out of what was tipped."""

from __future__ import annotations

import pytest

from closebell.domain.invoice import TransactionState
from closebell.domain.tips import assignable
from closebell.errors import InvalidInput
from closebell.testing import a_payment, a_tip, an_invoice, guid_of

ONE_TENDER = an_invoice(transactions=(a_payment(100, name="a", tip=1000), a_payment(200, name="b")))
TWO_TENDERS = an_invoice(transactions=(a_payment(100, name="a", tip=1000), a_payment(200, name="b", tip=500)))


def test_the_only_tender_with_a_tip_is_named() -> None:
    assert assignable(ONE_TENDER, [a_tip(1000)]) == (a_tip(1000, transaction="a"),)


def test_with_two_tenders_nothing_is_guessed() -> None:
    assert assignable(TWO_TENDERS, [a_tip(1500)]) == (a_tip(1500),)


def test_less_than_was_tipped_may_be_assigned_and_nothing_too() -> None:
    assert assignable(TWO_TENDERS, [a_tip(1, transaction="b")]) == (a_tip(1, transaction="b"),)
    assert assignable(TWO_TENDERS, []) == ()


@pytest.mark.parametrize(
    ("tips", "says"),
    [
        ([a_tip(1000), a_tip(501)], "15.01 is assigned of 15.00 USD in tips; 0.01 is too much"),
        (
            [a_tip(300, transaction="b"), a_tip(201, transaction="b")],
            r"5.01 is assigned of 5.00 USD tipped with payment",
        ),
    ],
)
def test_more_than_was_tipped_is_refused_with_figures(tips: list[object], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        assignable(TWO_TENDERS, tips)  # type: ignore[arg-type]  # a parametrised list
    assert refused.value.field == "employee_tips"


def test_a_tender_of_another_invoice_is_refused() -> None:
    with pytest.raises(InvalidInput, match=guid_of("transaction z")) as refused:
        assignable(TWO_TENDERS, [a_tip(1), a_tip(1, transaction="z")])
    assert refused.value.field == "employee_tips[1].transaction_id"


def test_a_tip_that_has_not_arrived_cannot_be_given_away() -> None:
    waiting = an_invoice(transactions=(a_payment(100, tip=1000, state=TransactionState.PENDING),))
    with pytest.raises(InvalidInput, match=r"10.00 is assigned of 0.00 USD in tips"):
        assignable(waiting, [a_tip(1000)])
