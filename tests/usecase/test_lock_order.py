"""The counters are the last that a transaction locks, so that others wait for them as short a time as can be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, event

from closebell.store import endpoints
from closebell.store.unit import Database
from closebell.testing import FixedClock, SeededLuck, a_paid_invoice, an_endpoint, an_invoice, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.take_till_payment import CashCommand, take_cash

PAID, OPEN = a_paid_invoice("paid"), an_invoice("open", total=1000)
CLOCK, LUCK = FixedClock(), SeededLuck()


def statements_of(connection: Connection, unit: Any, command: Any) -> list[str]:
    """What the unit asks of the database, in order."""
    put(connection, PAID, OPEN)
    endpoints.insert_one(connection, an_endpoint())
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        unit(connection, command, clock=CLOCK, luck=LUCK)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return asked


def first(statements: list[str], table: str) -> int:
    return next(index for index, statement in enumerate(statements) if table in statement)


async def test_a_close_locks_the_receipts_and_then_the_head_of_the_feed_last(database: Database) -> None:
    asked = await database.write(statements_of, close_invoices, [CloseCommand(invoice_id=PAID.id)])
    receipts, head = first(asked, "receipt_counters"), first(asked, "feed_head")
    assert receipts < head, "always in this order"
    between = [one for one in asked[receipts:head] if "receipt_counters" not in one]
    assert between == [], "nothing is waited for while the receipts are locked"
    reads = [one for one in asked[head + 1 :] if one.startswith("SELECT")]
    assert reads == [], "what is decided is read before"


async def test_a_payment_locks_the_head_of_the_feed_last(database: Database) -> None:
    command = CashCommand(invoice_id=OPEN.id, amount=Decimal(10))
    asked = await database.write(statements_of, take_cash, command)
    locks_after = [one for one in asked[first(asked, "feed_head") + 1 :] if one.startswith("SELECT")]
    assert locks_after == [], "nothing is waited for while the feed is locked"
