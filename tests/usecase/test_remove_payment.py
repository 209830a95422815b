"""A payment goes, and the tips that came with it; what a processor holds goes only once that has let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.account import AccountKind, AccountState
from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.errors import ClosebellError, Conflict, NotFound, Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_payment,
    a_tip,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.remove_payment import Held, find_held, hold_for_removal, keep, remove_payment
from paying import a_card, as_told, balances, put_accounts, told, what

FIRST, SECOND = a_payment(100, name="first", tip=500), a_payment(200, name="second", tip=300)
INVOICE = an_invoice(
    transactions=(FIRST, SECOND),
    employee_tips=(a_tip(500, transaction="first"), a_tip(100, transaction="second"), a_tip(200, employee="Omar")),
)
ONLINE = replace(a_payment(48800, name="online", tender=Tender.CARD), processor="test", processor_reference="ref-1")
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))
CLOCK, LUCK = FixedClock(), SeededLuck()


def _remove(connection: Connection, /, invoice_id: str, transaction_id: str, **options: Any) -> Invoice:
    return remove_payment(connection, invoice_id, transaction_id, clock=CLOCK, luck=LUCK, **options)


async def test_the_payment_goes_with_the_tips_assigned_out_of_it(database: Database) -> None:
    await database.write(put, INVOICE)
    left = await database.write(_remove, INVOICE.id, FIRST.id)
    assert left == replace(INVOICE, transactions=(SECOND,), employee_tips=INVOICE.employee_tips[1:])
    assert await database.read(read_invoice, INVOICE.id) == left
    assert await database.read(told) == [("Invoice.Payments.Deleted", as_told(left))]


async def test_once_nothing_is_tipped_nothing_stays_assigned(database: Database) -> None:
    await database.write(put, INVOICE)
    await database.write(_remove, INVOICE.id, FIRST.id)
    assert await database.write(_remove, INVOICE.id, SECOND.id) == replace(INVOICE, transactions=(), employee_tips=())


async def test_refusals_change_nothing(database: Database) -> None:
    closed = an_invoice("closed", paid=1, closed_at=NOON, receipt_number="9")
    cancelled = an_invoice("cancelled", paid=1, cancelled_at=NOON)
    held = an_invoice("held", transactions=(ONLINE,))
    await database.write(put, INVOICE, closed, cancelled, held)
    before = await database.read(snapshot)
    paid = guid_of("transaction payment")
    cases: list[tuple[str, str, dict[str, Any], object]] = [
        (guid_of("nothing"), FIRST.id, {}, RefusalCode.INVOICE_NOT_FOUND),
        (INVOICE.id, FIRST.id, {"caller": ELSEWHERE}, RefusalCode.CANNOT_ACCESS),
        (INVOICE.id, guid_of("nothing"), {}, NotFound),
        (closed.id, paid, {}, Conflict),
        (cancelled.id, paid, {}, Conflict),
        (held.id, ONLINE.id, {}, Conflict),
    ]
    for invoice_id, transaction_id, options, expected in cases:
        with pytest.raises(ClosebellError) as refused:
            await database.write(_remove, invoice_id, transaction_id, **options)
        assert what(refused.value) == expected
    assert await database.read(snapshot) == before


async def test_only_settled_money_goes_back_to_a_card(database: Database) -> None:
    card = a_card("GC-1", balance=100)
    failed = replace(
        a_payment(900, name="card", tender=Tender.GIFT_CARD, state=TransactionState.FAILED), account_id=card.id
    )
    await database.write(put, an_invoice("1", transactions=(failed,)))
    await database.write(put_accounts, card)
    await database.write(_remove, guid_of("invoice 1"), failed.id)
    assert await database.read(balances) == {"GC-1": 100}


async def test_what_a_refund_gave_back_is_taken_again_unless_it_is_spent(database: Database) -> None:
    card = a_card("GC-1", balance=100, kind=AccountKind.PREPAID_CARD, state=AccountState.ACTIVE)
    back = replace(a_payment(-60, name="back", tender=Tender.PREPAID_CARD), account_id=card.id)
    again = replace(a_payment(-60, name="again", tender=Tender.PREPAID_CARD), account_id=card.id)
    refund = an_invoice("refund", total=-120, is_refund=True, transactions=(back, again))
    await database.write(put, refund)
    await database.write(put_accounts, card)
    await database.write(_remove, refund.id, back.id)
    assert await database.read(balances) == {"GC-1": 40}
    with pytest.raises(Conflict, match="has been spent"):
        await database.write(_remove, refund.id, again.id)
    assert await database.read(balances) == {"GC-1": 40}


async def test_while_a_processor_gives_it_back_the_invoice_cannot_close(database: Database) -> None:
    invoice = an_invoice(transactions=(ONLINE,))
    await database.write(put, invoice)
    assert await database.read(find_held, invoice.id, ONLINE.id) == ONLINE
    held = await database.write(hold_for_removal, invoice.id, ONLINE.id)
    assert held == Held(invoice_id=invoice.id, transaction=ONLINE)
    report = await database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=CLOCK, luck=LUCK)
    assert isinstance(report.answers[0], Refusal)
    await database.write(keep, held)
    assert await database.read(read_invoice, invoice.id) == invoice
    await database.write(hold_for_removal, invoice.id, ONLINE.id)
    left = await database.write(_remove, invoice.id, ONLINE.id, is_released=True)
    assert left.transactions == ()
    await database.write(keep, held)
    assert (await database.read(read_invoice, invoice.id)).transactions == ()


async def test_nobody_has_to_be_asked_for_money_of_our_own(database: Database) -> None:
    failed = replace(ONLINE, id=guid_of("failed"), state=TransactionState.FAILED)
    await database.write(put, an_invoice(transactions=(FIRST, failed)))
    for transaction_id in (FIRST.id, failed.id, guid_of("nothing")):
        assert await database.read(find_held, INVOICE.id, transaction_id) is None
    left = await database.write(_remove, INVOICE.id, failed.id)
    assert left.transactions == (FIRST,)
