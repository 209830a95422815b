"""An online payment: pending first, then what the processor said, whatever happened meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.dispatch.processors import SETTLES, TestProcessor
from closebell.domain import payment_page
from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Tender, TransactionState
from closebell.domain.payment_page import OPEN_FOR
from closebell.domain.processor import Charge, Processor
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import invoice_rows
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_guest,
    a_paid_invoice,
    a_payment,
    an_invoice,
    guid_of,
    put,
    put_people,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices
from closebell.usecase.collect_online import (
    Begun,
    OnlineCommand,
    Recorded,
    begin_charge,
    begin_on_page,
    read_page,
    record_charge,
)
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.remove_payment import remove_payment
from closebell.usecase.settle_payment import give_up_overdue_pages, settle_payment
from paying import Script, a_saved_card, as_told, put_accounts, told, what

OPEN = an_invoice("open", total=10000, ssg_amount=1000, fee_amount=500)
CARD = a_saved_card()
LUCK, TESTING = SeededLuck(), TestProcessor()
SETTLED = Charge(state=TransactionState.SETTLED, reference="ref-1")
FAILED = Charge(state=TransactionState.FAILED, reason="Declined.")
UNKNOWN = Charge(state=TransactionState.PENDING)
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))


def _begin(connection: Connection, /, *, processor: Processor | None = TESTING, **fields: Any) -> Begun:
    said: dict[str, Any] = {"invoice_id": OPEN.id, "center_id": OPEN.centre.id, "account_id": CARD.id, **fields}
    return begin_charge(connection, OnlineCommand(**said), processor=processor, clock=FixedClock(), luck=LUCK)


def _record(connection: Connection, begun: Begun, charge: Charge) -> Recorded:
    return record_charge(connection, OPEN.id, begun.transaction.id, charge, clock=FixedClock(), luck=LUCK)


def _close(connection: Connection) -> Any:
    command = CloseCommand(invoice_id=OPEN.id)
    return close_invoices(connection, [command], clock=FixedClock(), luck=LUCK).answers[0]


async def test_without_an_amount_all_that_is_due_is_pending_and_keeps_the_invoice_open(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin, tip_amount=Decimal(20), source=5, billing={"email": "ada@guests.example"})
    made = begun.transaction
    assert (made.amount_paid, made.fee_amount, made.ssg_amount, made.tip_amount) == (10000, 500, 1000, 2000)
    assert (made.tender, made.state, made.payment_name) == (Tender.CARD, TransactionState.PENDING, "Online card")
    assert (made.processor, made.processor_reference, made.card_number) == ("test", "", "4242")
    request = begun.request
    assert request is not None
    assert (request.transaction_id, request.card, request.amount) == (made.id, SETTLES, 13500)
    assert (request.currency.code, request.source, request.billing) == ("USD", 5, {"email": "ada@guests.example"})
    assert (await database.read(read_invoice, OPEN.id)).transactions == (made,)
    # Nobody is told of money that has not come, and nothing of the card is kept but its last digits.
    assert await database.read(told) == []
    assert SETTLES not in repr((await database.read(snapshot))["transactions"])
    refused = await database.write(_close)
    assert isinstance(refused, Refusal)
    assert "13500" not in refused.detail
    assert "A payment of 135.00 USD is pending." in refused.detail


async def test_once_settled_it_pays_and_is_told(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin)
    recorded = await database.write(_record, begun, SETTLED)
    assert recorded == Recorded(
        charge=SETTLED,
        transaction=replace(begun.transaction, state=TransactionState.SETTLED, processor_reference="ref-1"),
        is_orphan=False,
    )
    after = await database.read(read_invoice, OPEN.id)
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(after))]
    assert isinstance(await database.write(_close), Closed)


async def test_a_declined_one_stays_to_be_seen_and_keeps_nothing_from_closing(database: Database) -> None:
    await database.write(put, replace(OPEN, transactions=(a_payment(10000, ssg=1000, fee=500),)))
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin, amount=Decimal(0), tip_amount=Decimal(3))
    recorded = await database.write(_record, begun, FAILED)
    assert recorded.transaction is not None
    assert recorded.transaction.state is TransactionState.FAILED
    assert await database.read(told) == []
    assert isinstance(await database.write(_close), Closed)


async def test_what_nobody_knows_stays_pending_and_can_be_settled_later(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin)
    await database.write(_record, begun, replace(UNKNOWN, reference="ref-9"))
    (pending,) = (await database.read(read_invoice, OPEN.id)).transactions
    assert (pending.state, pending.processor_reference) == (TransactionState.PENDING, "ref-9")
    with pytest.raises(Refusal) as refused:
        await database.write(_begin)
    assert refused.value.code is RefusalCode.ALREADY_PAID


async def test_money_that_comes_is_divided_over_what_is_due_by_then(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin, amount=Decimal(100))
    assert begun.transaction.amount_paid == 10000
    cash = replace(OPEN, transactions=(a_payment(1500, name="cash"),))
    await database.write(_add, cash)
    recorded = await database.write(_record, begun, SETTLED)
    made = recorded.transaction
    assert made is not None
    assert (made.amount_paid, made.fee_amount, made.ssg_amount) == (8500, 500, 1000)
    assert isinstance(await database.write(_close), Closed)


def _add(connection: Connection, invoice: Any) -> None:
    for transaction in invoice.transactions:
        invoice_rows.add_transaction(connection, invoice, transaction)


async def test_money_for_a_payment_that_was_given_up_has_to_go_back(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    clock = FixedClock()
    removed = await database.write(_begin)
    await database.write(remove_payment, OPEN.id, removed.transaction.id, is_released=True, clock=clock, luck=LUCK)
    assert (await database.write(_record, removed, SETTLED)).is_orphan
    assert not (await database.write(_record, removed, FAILED)).is_orphan
    failed = await database.write(_begin)
    await database.write(
        settle_payment, OPEN.id, failed.transaction.id, TransactionState.FAILED, clock=clock, luck=LUCK
    )
    assert (await database.write(_record, failed, SETTLED)).is_orphan
    settled = await database.write(_begin)
    await database.write(
        settle_payment, OPEN.id, settled.transaction.id, TransactionState.SETTLED, clock=clock, luck=LUCK
    )
    assert not (await database.write(_record, settled, SETTLED)).is_orphan
    states = [t.state for t in (await database.read(read_invoice, OPEN.id)).transactions]
    assert states == [TransactionState.FAILED, TransactionState.SETTLED]


REFUSED: list[tuple[dict[str, Any], object]] = [
    ({"invoice_id": guid_of("nothing")}, RefusalCode.ONLINE_INVOICE_NOT_FOUND),
    ({"invoice_id": guid_of("nothing"), "amount": Decimal(0), "tip_amount": Decimal(1)}, "tip"),
    ({"caller": ELSEWHERE}, RefusalCode.USER_NOT_AUTHORIZED),
    ({"center_id": guid_of("elsewhere")}, "center_id"),
    ({"invoice_id": guid_of("invoice closed")}, RefusalCode.PAYMENT_ON_CLOSED),
    ({"invoice_id": guid_of("invoice member")}, RefusalCode.IN_GROUP),
    ({"invoice_id": guid_of("invoice refund")}, Conflict),
    ({"invoice_id": guid_of("invoice cancelled")}, Conflict),
    ({"account_id": guid_of("nothing")}, RefusalCode.USER_NOT_FOUND),
    ({"account_id": guid_of("saved 4000000000000002")}, RefusalCode.USER_NOT_FOUND),
    ({"invoice_id": guid_of("invoice nobody's")}, RefusalCode.USER_NOT_FOUND),
    ({"invoice_id": guid_of("invoice paid")}, RefusalCode.ALREADY_PAID),
    ({"invoice_id": guid_of("invoice paid"), "amount": Decimal(1)}, RefusalCode.ALREADY_PAID),
    ({"amount": Decimal("115.01")}, "amount"),
    ({"amount": Decimal(-1)}, "amount"),
    ({"amount": Decimal("0.001")}, "amount"),
    ({"amount": Decimal(0)}, "tip_amount"),
    ({"tip_amount": Decimal(-1)}, "tip_amount"),
    ({"processor": None}, Conflict),
    ({"account_id": guid_of("saved 4000000000000259")}, Conflict),
]


async def test_what_is_refused_changes_nothing(database: Database) -> None:
    await database.write(
        put,
        OPEN,
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R7"),
        an_invoice("member", group_invoice_id=guid_of("group")),
        an_invoice("refund", total=-100, is_refund=True),
        an_invoice("cancelled", cancelled_at=NOON),
        an_invoice("nobody's", guest=None),
        a_paid_invoice("paid"),
    )
    strangers = a_saved_card("4000000000000002", guest="Grace Friend")
    elsewhere = a_saved_card("4000000000000259", processor="other")
    await database.write(_people)
    await database.write(put_accounts, saved=[CARD, strangers, elsewhere])
    before = await database.read(snapshot)
    for fields, expected in REFUSED:
        with pytest.raises(ClosebellError) as refused:
            await database.write(_begin, **fields)
        wanted = RefusalCode.PAYMENT_INVOICE_NOT_FOUND if expected == "tip" else expected
        assert what(refused.value) == wanted, fields
    assert await database.read(snapshot) == before


def _people(connection: Connection) -> None:
    put_people(connection, guests=[a_guest("Grace Friend")])


async def test_without_a_card_a_page_waits_and_others_may_pay_meanwhile(database: Database) -> None:
    clock = FixedClock()
    await database.write(put, OPEN)
    await database.write(put_accounts, saved=[CARD])
    begun = await database.write(_begin, account_id=None, redirect_uri="https://spa.example/thanks")
    token = begun.token
    assert token is not None
    assert begun.request is None
    page = await database.read(read_page, token, clock=clock)
    assert page is not None
    assert (page.transaction, page.redirect_uri) == (begun.transaction, "https://spa.example/thanks")
    assert token.text not in repr(await database.read(snapshot))
    # Another page for the same money is no promise either; whoever pays first closes the other.
    second = await database.write(_begin, account_id=None)
    paid = await database.write(_begin)
    assert paid.transaction.total_amount_paid == 11500
    await database.write(_record, paid, SETTLED)
    states = {t.id: t.state for t in (await database.read(read_invoice, OPEN.id)).transactions}
    assert states == {
        begun.transaction.id: TransactionState.FAILED,
        second.transaction.id: TransactionState.FAILED,
        paid.transaction.id: TransactionState.SETTLED,
    }
    assert await database.read(read_page, token, clock=clock) is None
    assert isinstance(await database.write(_close), Closed)


def _on_page(connection: Connection, /, begun: Begun, number: str = SETTLES, **options: Any) -> Any:
    assert begun.token is not None
    said: dict[str, Any] = {"processor": TESTING, "clock": FixedClock(), **options}
    return begin_on_page(connection, begun.token, number, **said)


async def test_a_page_is_good_for_one_card(database: Database) -> None:
    await database.write(put, OPEN)
    begun = await database.write(_begin, account_id=None, source=5)
    with pytest.raises(InvalidInput) as refused:
        await database.write(_on_page, begun, "4242")
    assert refused.value.field == "card_number"
    _, request = await database.write(_on_page, begun, "4242 4242 4242 4242")
    assert (request.transaction_id, request.card, request.amount, request.source) == (
        begun.transaction.id,
        SETTLES,
        11500,
        5,
    )
    assert await database.write(_on_page, begun) is None
    await database.write(_record, begun, SETTLED)
    assert await database.write(_on_page, begun) is None
    (paid,) = (await database.read(read_invoice, OPEN.id)).transactions
    assert (paid.state, paid.card_number, paid.processor_reference) == (TransactionState.SETTLED, "4242", "ref-1")
    assert SETTLES not in repr(await database.read(snapshot))


async def test_a_page_takes_no_more_than_is_due_by_then(database: Database) -> None:
    await database.write(put, OPEN)
    begun = await database.write(_begin, account_id=None)
    await database.write(_add, replace(OPEN, transactions=(a_payment(10000, name="cash", ssg=1000, fee=499),)))
    before = await database.read(snapshot)
    with pytest.raises(InvalidInput, match="is more than"):
        await database.write(_on_page, begun)
    assert await database.write(_on_page, begun, processor=None) is None
    assert await database.write(_on_page, begun, clock=FixedClock(NOON + OPEN_FOR)) is None
    assert await database.read(snapshot) == before


async def test_pages_whose_time_is_over_are_given_up(database: Database) -> None:
    await database.write(put, OPEN, an_invoice("other", total=100))
    begun = await database.write(_begin, account_id=None)
    other = an_invoice("other", total=100)
    later = FixedClock(NOON + timedelta(minutes=5))
    command = OnlineCommand(invoice_id=other.id, center_id=other.centre.id)
    await database.write(begin_charge, command, processor=TestProcessor(), clock=later, luck=LUCK)
    just_before = FixedClock(NOON + OPEN_FOR - timedelta(seconds=1))
    assert await database.write(give_up_overdue_pages, clock=just_before) == 0
    assert await database.write(give_up_overdue_pages, clock=FixedClock(NOON + OPEN_FOR + timedelta(seconds=1))) == 1
    (given_up,) = (await database.read(read_invoice, OPEN.id)).transactions
    assert (given_up.id, given_up.state) == (begun.transaction.id, TransactionState.FAILED)
    assert not payment_page.is_open(given_up)
    (waiting,) = (await database.read(read_invoice, other.id)).transactions
    assert payment_page.is_open(waiting)


async def test_a_processor_of_real_money_is_given_no_card_numbers(database: Database) -> None:
    real = Script()
    real.takes_card_numbers = False
    await database.write(put, OPEN)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match="name a saved card"):
        await database.write(_begin, account_id=None, processor=real)
    assert await database.read(snapshot) == before
