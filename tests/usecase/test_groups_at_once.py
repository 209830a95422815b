"""Closes, payments, joins and leaves of one group that race: each sees the group whole, before or after the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from closebell.domain.caller import OPERATOR
from closebell.errors import ClosebellError
from closebell.store import tables
from closebell.store.unit import Database
from closebell.testing import FixedClock, SeededLuck, a_paid_invoice, an_invoice, guid_of, put
from closebell.usecase.close_group import CloseGroupCommand, close_group
from closebell.usecase.close_invoices import CloseCommand, Closed, CloseReport, close_invoices
from closebell.usecase.create_group import GroupCommand, create_group
from closebell.usecase.group_invoice import find
from closebell.usecase.leave_group import leave_group
from closebell.usecase.pay_group import GroupPaymentCommand, pay_group
from closebell.usecase.remove_payment import remove_payment

CLOCK, LUCK = FixedClock(tick=timedelta(microseconds=1)), SeededLuck()
GROUP = guid_of("group")


async def _close(database: Database, group: str = GROUP) -> Any:
    return await _tried(database.write(close_group, CloseGroupCommand(group_invoice_id=group), clock=CLOCK, luck=LUCK))


async def _leave(database: Database, invoice_id: str, group: str = GROUP) -> Any:
    return await _tried(database.write(leave_group, group, invoice_id, clock=CLOCK))


async def _tried(work: Any) -> Any:
    try:
        return await work
    except ClosebellError as error:
        return error


def _events(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.events)).scalar_one()


def _open_ids(connection: Connection) -> set[str]:
    statement = select(tables.invoices.c.id).where(tables.invoices.c.closed_at.is_(None))
    return set(connection.execute(statement).scalars())


def _numbers(report: CloseReport | ClosebellError) -> dict[str, str]:
    assert isinstance(report, CloseReport)
    return {one.invoice_id: one.receipt_number for one in report.answers if isinstance(one, Closed)}


async def test_closes_at_once_are_one_close(database: Database) -> None:
    members = [a_paid_invoice(f"{n}", group_invoice_id=GROUP) for n in range(6)]
    await database.write(put, *members)
    reports = await asyncio.gather(*(_close(database) for _ in range(16)))
    assert len({tuple(_numbers(report).items()) for report in reports}) == 1
    assert sorted(map(int, _numbers(reports[0]).values())) == [1, 2, 3, 4, 5, 6]
    assert await database.read(_events) == len(members)


async def test_whoever_leaves_is_closed_with_the_others_or_stays_open(database: Database) -> None:
    for round_ in range(12):
        group = guid_of(f"group {round_}")
        members = [a_paid_invoice(f"{round_} {n}", group_invoice_id=group) for n in range(4)]
        await database.write(put, *members)
        going = members[round_ % 4].id
        report, left, _ = await asyncio.gather(
            _close(database, group), _leave(database, going, group), _close(database, group)
        )
        is_out = not isinstance(left, ClosebellError)
        closed = set(_numbers(report))
        assert closed == {one.id for one in members} - ({going} if is_out else set())
        assert (going in await database.read(_open_ids)) == is_out


async def test_payments_at_once_never_pay_more_than_is_due(database: Database) -> None:
    members = [an_invoice(f"{n}", total=1000 + n, group_invoice_id=GROUP) for n in range(3)]
    await database.write(put, *members)
    command = GroupPaymentCommand(group_invoice_id=GROUP, amount=Decimal("10.01"))
    tries = await asyncio.gather(
        *(_tried(database.write(pay_group, command, clock=CLOCK, luck=LUCK)) for _ in range(12))
    )
    assert sum(not isinstance(one, ClosebellError) for one in tries) == 3
    for one in (await database.read(find, GROUP, OPERATOR)).members:
        assert sum(t.amount_paid for t in one.settled) == one.sum_total
    assert len(_numbers(await _close(database))) == 3


async def test_a_payment_that_is_removed_meanwhile_keeps_the_whole_group_open(database: Database) -> None:
    for round_ in range(12):
        group = guid_of(f"group {round_}")
        members = [a_paid_invoice(f"{round_} {n}", group_invoice_id=group) for n in range(3)]
        await database.write(put, *members)
        chosen = members[round_ % 3]
        paid = chosen.transactions[0].id
        report, removed = await asyncio.gather(
            _close(database, group),
            _tried(database.write(remove_payment, chosen.id, paid, clock=CLOCK, luck=LUCK)),
        )
        is_closed = isinstance(report, CloseReport)
        assert isinstance(removed, ClosebellError) == is_closed
        for one in (await database.read(find, group, OPERATOR)).members:
            assert one.is_closed == is_closed
            assert bool(one.transactions) == (is_closed or one.id != chosen.id)


async def test_an_invoice_joins_one_group_of_two_that_want_it(database: Database) -> None:
    invoices = [an_invoice(f"{n}") for n in range(8)]
    await database.write(put, *invoices)
    order = random.Random(5)

    async def group(ids: Sequence[str]) -> Any:
        command = GroupCommand(name="G", invoice_ids=ids)
        return await _tried(database.write(create_group, command, clock=CLOCK, luck=LUCK))

    wanted = [order.sample([one.id for one in invoices], 3) for _ in range(16)]
    made = [one for one in await asyncio.gather(*map(group, wanted)) if not isinstance(one, ClosebellError)]
    taken = [member.id for one in made for member in one.members]
    assert made
    assert len(taken) == len(set(taken))
    for one in made:
        assert await database.read(find, one.group.id, OPERATOR) == one


async def test_everything_at_once_ends(database: Database) -> None:
    """No two of them wait for each other for ever, and the receipts have no hole."""
    members = [a_paid_invoice(f"{n}", group_invoice_id=GROUP) for n in range(8)]
    await database.write(put, *members)
    order = random.Random(3)
    cash = GroupPaymentCommand(group_invoice_id=GROUP, amount=Decimal(1))

    async def something() -> Any:
        chosen = order.choice(members).id
        match order.randrange(4):
            case 0:
                return await _close(database)
            case 1:
                return await _leave(database, chosen)
            case 2:
                return await _tried(database.write(pay_group, cash, clock=CLOCK, luck=LUCK))
            case _:
                return await database.write(close_invoices, [CloseCommand(invoice_id=chosen)], clock=CLOCK, luck=LUCK)

    await asyncio.gather(*(something() for _ in range(40)))
    await _close(database)
    found = (await database.read(find, GROUP, OPERATOR)).members
    assert all(one.is_closed for one in found)
    numbers = await database.read(_receipts)
    assert numbers == list(range(1, len(numbers) + 1))


def _receipts(connection: Connection) -> list[int]:
    column = tables.invoices.c.receipt_sequence
    return list(connection.execute(select(column).where(column.is_not(None)).order_by(column)).scalars())
