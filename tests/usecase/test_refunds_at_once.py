"""Refunds of one invoice that race never give back more than was taken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from closebell.domain.account import Account, AccountKind
from closebell.domain.invoice import Invoice, Tender
from closebell.domain.refund import Wish
from closebell.domain.refund_lines import ItemWish
from closebell.errors import ClosebellError
from closebell.store import accounts, refunds, tables
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_centre, a_line, a_payment, an_invoice, guid_of, put
from closebell.usecase.refund_invoice import RefundCommand, Refunded, refund_invoice

CLOCK, LUCK = FixedClock(tick=timedelta(microseconds=1)), SeededLuck()
CARD = Account(
    id=guid_of("card"),
    kind=AccountKind.GIFT_CARD,
    number="GC",
    currency=a_centre().currency,
    value=10000,
    balance=0,
)


def sold() -> Invoice:
    line = replace(a_line("Oil", final=10000), type=2, quantity=Decimal(10))
    paid = (
        replace(a_payment(6000, name="card", tender=Tender.GIFT_CARD), account_id=CARD.id),
        a_payment(4000, name="cash", tender=Tender.CASH),
    )
    return an_invoice("sold", lines=(line,), transactions=paid, closed_at=NOON)


async def _tried(database: Database, wish: Wish, *, closes: bool) -> Refunded | ClosebellError:
    command = RefundCommand(invoice_id=guid_of("invoice sold"), wish=wish, closes=closes)
    try:
        return await database.write(refund_invoice, command, clock=CLOCK, luck=LUCK)
    except ClosebellError as error:
        return error


async def test_of_many_refunds_of_everything_one_is_made(database: Database) -> None:
    await database.write(put, sold())
    await database.write(accounts.insert_many, [CARD], now=NOON)
    tries = await asyncio.gather(*(_tried(database, Wish(), closes=number % 2 == 0) for number in range(12)))
    assert sum(isinstance(one, Refunded) for one in tries) == 1
    assert (await database.read(accounts.load, [CARD.id]))[CARD.id].balance == 6000


async def test_parts_at_once_give_back_exactly_what_was_captured(database: Database) -> None:
    await database.write(put, sold())
    await database.write(accounts.insert_many, [CARD], now=NOON)
    wish = Wish(items=(ItemWish(invoice_item_id=guid_of("line Oil"), quantity=Decimal(1)),))
    tries = await asyncio.gather(*(_tried(database, wish, closes=number % 2 == 0) for number in range(16)))
    assert sum(isinstance(one, Refunded) for one in tries) == 10
    made = await database.read(refunds.of_invoice, guid_of("invoice sold"))
    assert sum(one.sum_total for one in made) == -10000
    for name, captured in (("card", 6000), ("cash", 4000)):
        back = [t for one in made for t in one.transactions if t.refund_of_id == guid_of(f"transaction {name}")]
        assert sum(t.total_amount_paid for t in back) == -captured
    assert (await database.read(accounts.load, [CARD.id]))[CARD.id].balance == 6000
    assert await database.read(_numbers) == [str(number) for number in range(1, 11)]
    receipts = await database.read(_receipts)
    assert receipts == list(range(1, sum(one.is_closed for one in made) + 1))


def _numbers(connection: Connection) -> list[Any]:
    row = tables.invoices.c
    found = connection.execute(select(row.invoice_number).where(row.is_refund)).scalars()
    return sorted(found, key=int)


def _receipts(connection: Connection) -> list[Any]:
    column = tables.invoices.c.receipt_sequence
    return list(connection.execute(select(column).where(column.is_not(None)).order_by(column)).scalars())
