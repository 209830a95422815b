"""Tips come out of what was tipped."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.invoice import Invoice, ItemType, TransactionState
from closebell.domain.tips import assignable, by_percentage, by_service_price
from closebell.errors import Conflict, InvalidInput
from closebell.testing import a_line, a_payment, a_tip, an_appointment, an_employee, an_invoice, guid_of

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


INES, OMAR, LENA = an_employee("Ines"), an_employee("Omar"), an_employee("Lena")
TENDERS = (
    a_payment(100, name="a", tip=1000),
    a_payment(200, name="b", tip=1),
    a_payment(1, name="c"),
    a_payment(1, name="late", tip=500, state=TransactionState.PENDING),
)


def served(*services: tuple[str, int, str | None, str | None]) -> Invoice:
    """An invoice of services: name, price, the therapist of the appointment, and who sold it."""
    lines = [a_line(name, final=price, sale_by_id=seller) for name, price, _, seller in services]
    booked = tuple(
        replace(an_appointment(name), therapist_id=therapist) for name, _, therapist, _ in services if therapist
    )
    return an_invoice(lines=lines, appointments=booked, transactions=TENDERS)


def test_by_price_each_tip_goes_to_whoever_served_and_names_its_tender() -> None:
    invoice = served(("Massage", 6000, INES, LENA), ("Facial", 3000, None, OMAR), ("Gift", 0, None, None))
    product = replace(a_line("Oil", final=99999, sale_by_id=LENA), type=ItemType.PRODUCT)
    assert by_service_price(replace(invoice, lines=(*invoice.lines, product))) == (
        a_tip(667, employee="Ines", transaction="a"),
        a_tip(333, employee="Omar", transaction="a"),
        a_tip(1, employee="Ines", transaction="b"),
    )


def test_two_therapists_of_one_service_share_it() -> None:
    invoice = served(("Massage", 6000, INES, None))
    second = replace(invoice.appointments[0], id=guid_of("second"), therapist_id=OMAR)
    tips = by_service_price(replace(invoice, appointments=(*invoice.appointments, second)))
    assert [(tip.employee_id, tip.amount) for tip in tips] == [(INES, 500), (OMAR, 500), (INES, 1)]


def test_services_that_cost_nothing_share_alike() -> None:
    tips = by_service_price(served(("Massage", 0, INES, None), ("Facial", 0, OMAR, None)))
    assert [tip.amount for tip in tips] == [500, 500, 1]


def test_by_price_nobody_is_guessed() -> None:
    with pytest.raises(Conflict, match="no service"):
        by_service_price(served(("Massage", 6000, None, None)))
    assert by_service_price(replace(served(("Massage", 6000, None, None)), transactions=())) == ()


def test_a_refund_takes_tips_back_by_price() -> None:
    invoice = served(("Massage", -6000, INES, None), ("Facial", -3000, OMAR, None))
    refund = replace(invoice, is_refund=True, transactions=(a_payment(-9000, name="a", tip=-100),))
    assert [tip.amount for tip in by_service_price(refund)] == [-67, -33]


def test_by_percent_every_tender_is_divided_exactly() -> None:
    shares = [(INES, Decimal("33.3")), (OMAR, Decimal("66.7"))]
    assert by_percentage(served(), shares) == (
        a_tip(333, employee="Ines", transaction="a"),
        a_tip(667, employee="Omar", transaction="a"),
        a_tip(1, employee="Omar", transaction="b"),
    )


@pytest.mark.parametrize(
    ("percents", "field", "problem"),
    [
        (["50", "49.9999"], "employee_tips", "make up 99.9999"),
        (["100", "0.0001"], "employee_tips", "make up 100.0001"),
        ([], "employee_tips", "make up 0"),
        (["100", "0"], "employee_tips[1].percent", "is no share"),
        (["-10", "110"], "employee_tips[0].percent", "is no share"),
        (["NaN"], "employee_tips[0].percent", "is no share"),
        (["1E+999999999"], "employee_tips[0].percent", "is no share"),
        (["33.33333", "66.66667"], "employee_tips[0].percent", "4 decimals"),
        (["1E-999999999"], "employee_tips[0].percent", "4 decimals"),
    ],
)
def test_percents_make_up_a_hundred_exactly(percents: list[str], field: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as refused:
        by_percentage(served(), [(an_employee(f"{n}"), Decimal(text)) for n, text in enumerate(percents)])
    assert refused.value.field == field


@given(st.lists(st.integers(1, 9_999), min_size=1, max_size=9), st.lists(st.integers(1, 10**9), min_size=1, max_size=5))
def test_every_split_sums_to_every_tip(cuts: list[int], tips: list[int]) -> None:
    edges = sorted({0, *(cut * 100 for cut in cuts), 1_000_000})
    shares = [
        (an_employee(f"{n}"), Decimal(right - left).scaleb(-4)) for n, (left, right) in enumerate(pairwise(edges))
    ]
    tendered = tuple(a_payment(1, name=f"{n}", tip=tip) for n, tip in enumerate(tips))
    divided = by_percentage(an_invoice(transactions=tendered), shares)
    for transaction in tendered:
        of_it = [tip.amount for tip in divided if tip.transaction_id == transaction.id]
        assert sum(of_it) == transaction.tip_amount
        assert all(of_it)
