"""What one amount pays for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain import payment_page
from closebell.domain.invoice import Tender, Transaction, TransactionState
from closebell.domain.money import Currency
from closebell.domain.payment import (
    PAYMENT_MODES,
    PAYMENT_NAMES,
    Due,
    divide,
    handed_over,
    last_four,
    left_to_take,
    must_be_due,
    shown_digits,
    still_due,
    whole_number,
)
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.testing import NOON, a_payment, an_invoice

USD = Currency.of("USD")
AMOUNTS = st.integers(min_value=0, max_value=10**15)
DUES = st.builds(Due, balance=AMOUNTS, ssg=AMOUNTS, fee=AMOUNTS)


@given(left=AMOUNTS, tip=AMOUNTS, due=DUES)
def test_the_parts_sum_to_the_whole_and_none_is_negative(left: int, tip: int, due: Due) -> None:
    parts = divide(left + tip, tip=tip, due=due)
    assert parts.whole == left + tip
    assert min(parts.amount_paid, parts.tip_amount, parts.ssg_amount, parts.fee_amount) >= 0
    assert parts.tip_amount == tip
    assert parts.ssg_amount <= due.ssg
    assert parts.fee_amount <= due.fee


@given(left=AMOUNTS, due=DUES)
def test_nothing_later_is_paid_before_all_that_comes_earlier(left: int, due: Due) -> None:
    parts = divide(left, tip=0, due=due)
    if parts.fee_amount:
        assert parts.amount_paid >= due.balance
    if parts.ssg_amount:
        assert parts.fee_amount == due.fee
    if parts.amount_paid > due.balance:
        assert (parts.ssg_amount, parts.fee_amount) == (due.ssg, due.fee)


@given(amounts=st.lists(AMOUNTS, min_size=1, max_size=5), due=DUES)
def test_several_payments_pay_what_one_payment_would(amounts: list[int], due: Due) -> None:
    at_once = divide(sum(amounts), tip=0, due=due)
    rest, paid, ssg, fee = due, 0, 0, 0
    for amount in amounts:
        parts = divide(amount, tip=0, due=rest)
        paid, ssg, fee = paid + parts.amount_paid, ssg + parts.ssg_amount, fee + parts.fee_amount
        rest = Due(
            balance=max(rest.balance - parts.amount_paid, 0),
            ssg=rest.ssg - parts.ssg_amount,
            fee=rest.fee - parts.fee_amount,
        )
    assert (paid, ssg, fee) == (at_once.amount_paid, at_once.ssg_amount, at_once.fee_amount)


def test_only_settled_money_lessens_what_is_due() -> None:
    invoice = an_invoice(
        total=10000,
        ssg_amount=500,
        fee_amount=300,
        transactions=(
            a_payment(4000, name="a", ssg=200),
            a_payment(6000, name="b", state=TransactionState.PENDING),
            a_payment(6000, name="c", state=TransactionState.FAILED),
        ),
    )
    assert still_due(invoice) == Due(balance=6000, ssg=300, fee=300)


def test_an_overpaid_invoice_waits_for_nothing() -> None:
    assert still_due(an_invoice(total=100, paid=150)) == Due(balance=0, ssg=0, fee=0)


@pytest.mark.parametrize(
    ("amount", "tip", "field", "says"),
    [
        ("0", "0", "amount", "pays nothing"),
        ("-1", "0", "amount", "pays nothing"),
        ("1.005", "0", "amount", "at most 2"),
        ("1E-999999999", "0", "amount", "at most 2"),
        ("NaN", "0", "amount", "not an amount"),
        ("1E+30", "0", "amount", "over the largest"),
        ("10", "-0.01", "tip_amount", "negative"),
        ("10", "10.01", "tip_amount", "10.01 is more than the amount of 10.00 USD"),
        ("10", "0.001", "tip_amount", "at most 2"),
    ],
)
def test_amounts_that_make_no_sense_are_refused(amount: str, tip: str, field: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        handed_over(USD, Decimal(amount), Decimal(tip))
    assert refused.value.field == field


def test_a_payment_may_be_all_tip() -> None:
    assert handed_over(USD, Decimal("5.00"), Decimal(5)) == (500, 500)


def test_every_tender_has_a_payment_mode_of_its_own() -> None:
    assert set(PAYMENT_MODES) == set(Tender)
    assert len(set(PAYMENT_MODES.values())) == len(Tender)
    assert PAYMENT_MODES[Tender.CUSTOM] == 3


def a_page_payment(amount: int) -> Transaction:
    waiting = a_payment(amount, name="page", state=TransactionState.PENDING)
    return replace(waiting, processor="test", processor_reference=payment_page.reference(bytes(32), now=NOON))


def test_money_on_its_way_leaves_less_to_take_and_a_page_that_nobody_paid_on_does_not() -> None:
    pending = a_payment(30000, name="pending", ssg=10, state=TransactionState.PENDING)
    failed = a_payment(30000, name="failed", state=TransactionState.FAILED)
    invoice = an_invoice(
        total=48800, ssg_amount=10, fee_amount=5, transactions=(pending, failed, a_page_payment(48800))
    )
    assert still_due(invoice) == Due(balance=48800, ssg=10, fee=5)
    assert left_to_take(invoice) == Due(balance=18800, ssg=0, fee=5)
    assert must_be_due(invoice, 18805) == left_to_take(invoice)
    with pytest.raises(InvalidInput, match=r"188\.06 without the tip is more than the 188\.05 USD") as refused:
        must_be_due(invoice, 18806)
    assert refused.value.field == "amount"


def test_where_nothing_is_due_only_a_tip_can_be_taken() -> None:
    paid = an_invoice(total=100, paid=100)
    assert must_be_due(paid, 0).whole == 0
    with pytest.raises(Refusal) as refused:
        must_be_due(paid, 1)
    assert refused.value.code is RefusalCode.ALREADY_PAID


@given(left=AMOUNTS, due=DUES)
def test_what_is_due_less_its_parts_is_what_is_due_then(left: int, due: Due) -> None:
    amount = min(left, due.whole)
    after = due.less(divide(amount, tip=0, due=due))
    assert after.whole == due.whole - amount
    assert min(after.balance, after.ssg, after.fee) >= 0


@pytest.mark.parametrize(
    "written",
    ["4242", " 4242 ", "************4242", "**** **** **** 4242", "XXXX-XXXX-XXXX-4242", "xx4242", "••••4242"],
)
def test_the_last_four_digits_are_taken_behind_any_mask(written: str) -> None:
    assert last_four(written, field="card_number") == "4242"


@pytest.mark.parametrize(
    "written", ["", "424", "42424", "4242424242424242", "4242 4242 4242 4242", "12****4242", "\uff14\uff12\uff14\uff12"]
)
def test_more_than_four_digits_of_a_card_are_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        last_four(written, field="card_number")
    assert refused.value.field == "card_number"
    assert "42" not in refused.value.problem.replace("four", "")


def test_a_whole_number_is_digits_and_is_shown_by_its_last_four() -> None:
    assert whole_number("4242-4242 42424242", field="card_number") == "4242424242424242"
    assert shown_digits("************4242") == shown_digits("4242424242424242") == "4242"
    for wrong in ("4242", "4" * 20, "4242x24242424242", ""):
        with pytest.raises(InvalidInput) as refused:
            whole_number(wrong, field="card_number")
        assert wrong == "" or wrong not in str(refused.value)


def test_every_tender_has_a_name_and_a_number_of_its_own() -> None:
    assert PAYMENT_NAMES.keys() == PAYMENT_MODES.keys() == set(Tender)
    assert len(set(PAYMENT_NAMES.values())) == len(Tender)
