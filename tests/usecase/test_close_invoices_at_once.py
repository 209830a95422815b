"""Closes that race: one transition, one number, one event, whatever rolls back beside them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from closebell.domain import chain
from closebell.domain.invoice import Invoice
from closebell.errors import ClosebellError
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, CloseReport, close_invoices
from closebell.usecase.manage_endpoints import delete_endpoint

CLOCK, LUCK = FixedClock(tick=timedelta(microseconds=1)), SeededLuck()


class Crash(Exception):
    """What a test throws into a transaction."""


class BadLuck(SeededLuck):
    """Luck that runs out: after so many draws it breaks down, in the middle of whatever was going on."""

    def __init__(self, draws: int) -> None:
        super().__init__(seed=draws)
        self._left = draws

    def entropy(self, size: int) -> bytes:
        """That many bytes, or a crash."""
        self._left -= 1
        if self._left < 0:
            raise Crash
        return super().entropy(size)


def _close(connection: Connection, ids: Sequence[str], *, luck: SeededLuck = LUCK) -> CloseReport:
    return close_invoices(connection, [CloseCommand(invoice_id=id_) for id_ in ids], clock=CLOCK, luck=luck)


def _close_and_crash(connection: Connection, ids: Sequence[str]) -> None:
    _close(connection, ids)
    raise Crash


def _closed_rows(connection: Connection) -> Sequence[Any]:
    columns = tables.invoices.c
    return connection.execute(
        select(columns.id, columns.center_id, columns.receipt_number, columns.receipt_sequence, columns.closed_at)
        .where(columns.closed_at.is_not(None))
        .order_by(columns.center_id, columns.receipt_sequence)
    ).all()


def _events(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(tables.events).order_by(tables.events.c.sequence)).all()


def _count(connection: Connection, name: str) -> int:
    return connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()


async def test_64_closes_of_one_invoice_are_64_successes_one_event_one_number(database: Database) -> None:
    invoice = a_paid_invoice()
    await database.write(put, invoice)
    await database.write(endpoints.insert_one, an_endpoint())
    reports = await asyncio.gather(*(database.write(_close, [invoice.id]) for _ in range(64)))
    answers = [report.answers[0] for report in reports]
    assert all(isinstance(answer, Closed) and answer.receipt_number == "1" for answer in answers)
    assert sum(isinstance(answer, Closed) and not answer.again for answer in answers) == 1
    assert sum(len(report.deliveries) for report in reports) == 1
    assert [await database.read(_count, name) for name in ("events", "deliveries")] == [1, 1]


async def test_overlapping_batches_in_any_order_never_deadlock_for_good(database: Database) -> None:
    invoices = [a_paid_invoice(f"{n}", centre=a_centre(f"{n % 3}")) for n in range(12)]
    await database.write(put, *invoices)
    order = random.Random(7)
    batches = [order.sample([invoice.id for invoice in invoices], 6) for _ in range(30)]
    reports = await asyncio.gather(*(database.write(_close, batch) for batch in batches))
    numbers: dict[str, set[str]] = {}
    for report in reports:
        for answer in report.answers:
            assert isinstance(answer, Closed)
            numbers.setdefault(answer.invoice_id, set()).add(answer.receipt_number)
    assert {len(told) for told in numbers.values()} == {1}
    assert await database.read(_count, "events") == len(numbers)


async def test_receipts_have_no_holes_whatever_fails_beside_them(database: Database) -> None:
    """Invariant 3, with closes that crash after taking numbers, inside the event, and after everything."""
    centres = [a_centre(f"{n}", receipt_prefix=f"{n}-") for n in range(3)]
    invoices = [a_paid_invoice(f"{n}", centre=centres[n % 3]) for n in range(90)]
    await database.write(put, *invoices, an_invoice("unpaid", centre=centres[0]), first_receipt_number=100)
    await database.write(endpoints.insert_one, an_endpoint())
    order = random.Random(11)
    await asyncio.gather(*(_try_something(database, invoices, order) for _ in range(60)), return_exceptions=False)
    rows = await database.read(_closed_rows)
    assert len(rows) > 20
    for centre in centres:
        of_centre = [row for row in rows if row.center_id == centre.id]
        assert [row.receipt_sequence for row in of_centre] == list(range(100, 100 + len(of_centre)))
        assert [row.receipt_number for row in of_centre] == [centre.receipt(100 + n) for n in range(len(of_centre))]
        instants = [row.closed_at for row in of_centre]
        assert instants == sorted(instants)
    events = await database.read(_events)
    assert [event.sequence for event in events] == list(range(1, len(rows) + 1))
    assert {event.invoice_id for event in events} == {row.id for row in rows}
    assert await database.read(_count, "deliveries") == len(rows)
    digest = chain.GENESIS
    for event in events:
        digest = chain.link(digest, event.sequence, chain.body_hash(event.body))
        assert event.hash == digest


async def _try_something(database: Database, invoices: Sequence[Invoice], order: random.Random) -> None:
    ids = [order.choice(invoices).id for _ in range(order.randint(1, 4))]
    match order.randrange(4):
        case 0:
            with pytest.raises(Crash):
                await database.write(_close_and_crash, ids)
        case 1:
            # Breaks down at the first event, or at the delivery after it; not at all when nothing is left to close.
            with contextlib.suppress(Crash):
                await database.write(_close, ids, luck=BadLuck(order.randrange(2)))
        case 2:
            report = await database.write(_close, [guid_of("invoice unpaid"), *ids])
            assert isinstance(report.answers[0], ClosebellError)
        case _:
            await database.write(_close, ids)


async def test_a_close_that_fails_leaves_no_trace(database: Database) -> None:
    invoices = [a_paid_invoice(f"{n}") for n in range(3)]
    await database.write(put, *invoices)
    await database.write(endpoints.insert_one, an_endpoint())
    before = await database.read(snapshot)
    ids = [invoice.id for invoice in invoices]
    for draws in range(6):  # three events, then three deliveries
        with pytest.raises(Crash):
            await database.write(_close, ids, luck=BadLuck(draws))
        assert await database.read(snapshot) == before
    report = await database.write(_close, ids, luck=BadLuck(6))
    assert [answer.receipt_number for answer in report.answers if isinstance(answer, Closed)] == ["1", "2", "3"]


async def test_an_endpoint_deleted_during_a_close_has_nothing_left_to_wait_for(database: Database) -> None:
    for number in range(30 if database.engine_name == "postgresql" else 5):
        invoices = [a_paid_invoice(f"{number} {n}") for n in range(3)]
        await database.write(put, *invoices)
        endpoint = an_endpoint(f"{number}")
        await database.write(endpoints.insert_one, endpoint)
        await asyncio.gather(
            *(database.write(_close, [invoice.id]) for invoice in invoices),
            database.write(delete_endpoint, endpoint.id, clock=CLOCK),
        )
    states = await database.read(_states)
    assert states <= {("deleted", "cancelled")}


def _states(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.execute(
        select(tables.endpoints.c.state, tables.deliveries.c.state).join(
            tables.deliveries, tables.deliveries.c.endpoint_id == tables.endpoints.c.id
        )
    )
    return {(row[0], row[1]) for row in rows}
