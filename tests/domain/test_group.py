"""Who may join a group, and how one payment is divided over its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain import payment
from closebell.domain.group import MEMBERS_MAX, must_be_free_to_join, must_have_no_money, must_have_room, shares
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.errors import Conflict, Refusal, RefusalCode, TooLarge
from closebell.testing import NOON, a_centre, a_payment, an_invoice, guid_of

HOST = an_invoice("host")
GROUP = guid_of("group")


def members(*dues: int, ssg: int = 0, fee: int = 0) -> list[Invoice]:
    return [an_invoice(f"{index}", total=due, ssg_amount=ssg, fee_amount=fee) for index, due in enumerate(dues)]


@pytest.mark.parametrize(
    "invoice",
    [
        an_invoice("open"),
        an_invoice("locked", lock=True),
        an_invoice("failed", transactions=(a_payment(5, state=TransactionState.FAILED),)),
        an_invoice("served", transactions=(a_payment(5, tender=Tender.PACKAGE),)),
        an_invoice("nothing", transactions=(a_payment(0),)),
    ],
    ids=lambda invoice: invoice.invoice_number,
)
def test_an_open_invoice_without_money_on_it_may_join(invoice: Invoice) -> None:
    must_be_free_to_join(invoice, HOST)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"closed_at": NOON, "receipt_number": "R7"}, "closed, receipt R7"),
        ({"cancelled_at": NOON}, "cancelled"),
        ({"is_refund": True}, "is a refund"),
        ({"centre": a_centre("Elsewhere")}, "a group is of one centre"),
    ],
)
def test_what_cannot_be_on_the_bill_is_said(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Conflict, match=said):
        must_be_free_to_join(replace(an_invoice("other"), **fields), HOST)


@pytest.mark.parametrize("state", [TransactionState.SETTLED, TransactionState.PENDING])
def test_money_that_came_or_may_come_keeps_an_invoice_out(state: TransactionState) -> None:
    paid = an_invoice("paid", transactions=(a_payment(1200, tip=34, state=state),))
    with pytest.raises(Refusal) as joining:
        must_be_free_to_join(paid, HOST)
    with pytest.raises(Refusal) as changing:
        must_have_no_money(GROUP, [HOST, paid])
    assert joining.value.code is RefusalCode.MEMBER_PARTLY_PAID
    assert changing.value.code is RefusalCode.GROUP_PARTLY_PAID
    assert "12.34 USD is paid on invoice" in joining.value.detail
    assert paid.id in changing.value.detail
    must_have_no_money(GROUP, [HOST])


def test_a_group_has_room_up_to_its_limit() -> None:
    must_have_room(GROUP, MEMBERS_MAX)
    with pytest.raises(TooLarge, match=f"{MEMBERS_MAX + 1} invoices; at most {MEMBERS_MAX}"):
        must_have_room(GROUP, MEMBERS_MAX + 1)


def test_everything_due_pays_everybody_whole() -> None:
    given_to = shares(members(7000, 3000, ssg=500, fee=100), money=11200, tip=1000)
    assert [(p.amount_paid, p.ssg_amount, p.fee_amount, p.tip_amount) for p in given_to] == [
        (7000, 500, 100, 679),
        (3000, 500, 100, 321),
    ]


def test_whoever_owes_nothing_gets_nothing() -> None:
    paid = an_invoice("paid", paid=48800)
    assert [part.whole for part in shares([paid, *members(100)], money=50, tip=5)] == [0, 55]


def test_money_on_its_way_is_not_asked_for_again() -> None:
    waiting = an_invoice("waiting", transactions=(a_payment(48800, state=TransactionState.PENDING),))
    with pytest.raises(Refusal) as refused:
        shares([waiting], money=1, tip=0)
    assert refused.value.code is RefusalCode.ALREADY_PAID


def test_a_tip_alone_follows_the_bill_once_all_is_paid() -> None:
    paid = [replace(one, transactions=(a_payment(one.sum_total),)) for one in members(7500, 2500)]
    assert [part.tip_amount for part in shares(paid, money=0, tip=1000)] == [750, 250]
    assert [part.tip_amount for part in shares(members(0, 0), money=0, tip=3)] == [2, 1]


@pytest.mark.parametrize(
    ("owed", "money", "code", "said"),
    [
        ((100, 200), 301, RefusalCode.PAID_IN_EXCESS, "0.01 USD is too much"),
        ((0, 0), 1, RefusalCode.ALREADY_PAID, "nothing is due"),
    ],
)
def test_more_than_is_due_is_refused(owed: Sequence[int], money: int, code: RefusalCode, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        shares(members(*owed), money=money, tip=0)
    assert refused.value.code is code
    assert said in refused.value.detail


@given(
    owed=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    extras=st.tuples(st.integers(0, 5000), st.integers(0, 5000)),
    part=st.fractions(0, 1),
    tip=st.integers(0, 10**6),
)
def test_shares_are_exact_and_overpay_nobody(owed: list[int], extras: tuple[int, int], part: Any, tip: int) -> None:
    paying = members(*owed, ssg=extras[0], fee=extras[1])
    money = int(sum(payment.still_due(one).whole for one in paying) * part)
    given_to = shares(paying, money=money, tip=tip)
    assert sum(share.tip_amount for share in given_to) == tip
    assert sum(share.whole for share in given_to) == money + tip
    for one, share in zip(paying, given_to, strict=True):
        assert 0 <= share.amount_paid <= one.sum_total
        assert 0 <= share.ssg_amount <= one.ssg_amount
        assert 0 <= share.fee_amount <= one.fee_amount
