"""A payment that is on its way comes, or never will."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain import payment_page
from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Tender, TransactionState
from closebell.errors import ClosebellError, Conflict, NotFound, RefusalCode
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_payment, an_invoice, guid_of, put, snapshot
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.record_tender import Paid
from closebell.usecase.settle_payment import settle_payment
from paying import as_told, told, what

CHECK = a_payment(9000, name="check", tip=500, tender=Tender.CHECK, state=TransactionState.PENDING)
PAGE = replace(
    a_payment(1000, name="page", state=TransactionState.PENDING),
    processor="test",
    processor_reference=payment_page.reference(bytes(32), now=NOON),
)
CASH = a_payment(1500, name="cash")
INVOICE = an_invoice(total=10000, ssg_amount=300, fee_amount=200, transactions=(CHECK, CASH, PAGE))
SETTLED, FAILED = TransactionState.SETTLED, TransactionState.FAILED
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))


def _settle(connection: Connection, /, transaction_id: str, state: TransactionState, **options: Any) -> Paid:
    invoice_id = options.pop("invoice_id", INVOICE.id)
    return settle_payment(
        connection, invoice_id, transaction_id, state, clock=FixedClock(), luck=SeededLuck(), **options
    )


async def test_money_that_comes_pays_what_is_due_and_is_told(database: Database) -> None:
    await database.write(put, INVOICE)
    paid = await database.write(_settle, CHECK.id, SETTLED)
    made = paid.transaction
    assert made.state is SETTLED
    assert (made.amount_paid, made.fee_amount, made.ssg_amount, made.tip_amount) == (8500, 200, 300, 500)
    assert made.total_amount_paid == CHECK.total_amount_paid
    after = await database.read(read_invoice, INVOICE.id)
    assert after == paid.invoice
    # All is paid now, so nobody has to pay on the page any more.
    assert [t.state for t in after.transactions] == [SETTLED, SETTLED, FAILED]
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(after))]


async def test_money_that_never_comes_is_not_told(database: Database) -> None:
    await database.write(put, INVOICE)
    failed = await database.write(_settle, CHECK.id, FAILED)
    assert failed.transaction == replace(CHECK, state=FAILED)
    assert (await database.write(_settle, PAGE.id, FAILED)).transaction.state is FAILED
    assert await database.read(told) == []


async def test_what_is_not_pending_stays_as_it_is(database: Database) -> None:
    closed = an_invoice("closed", transactions=(CHECK,), closed_at=NOON, receipt_number="R7")
    cancelled = an_invoice("cancelled", transactions=(CHECK,), cancelled_at=NOON)
    await database.write(put, INVOICE, closed, cancelled)
    before = await database.read(snapshot)
    cases: list[tuple[str, TransactionState, dict[str, Any], object]] = [
        (CASH.id, SETTLED, {}, Conflict),
        (CASH.id, FAILED, {}, Conflict),
        (PAGE.id, SETTLED, {}, Conflict),
        (guid_of("nothing"), SETTLED, {}, NotFound),
        (CHECK.id, SETTLED, {"invoice_id": guid_of("nothing")}, RefusalCode.INVOICE_NOT_FOUND),
        (CHECK.id, SETTLED, {"caller": ELSEWHERE}, RefusalCode.CANNOT_ACCESS),
        (CHECK.id, SETTLED, {"invoice_id": closed.id}, Conflict),
        (CHECK.id, SETTLED, {"invoice_id": cancelled.id}, Conflict),
    ]
    for transaction_id, state, options, expected in cases:
        with pytest.raises(ClosebellError) as refused:
            await database.write(_settle, transaction_id, state, **options)
        assert what(refused.value) == expected
    assert await database.read(snapshot) == before
