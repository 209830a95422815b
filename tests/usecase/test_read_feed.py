"""The feed, page by page."""

from __future__ import annotations

import pytest

from closebell.domain import chain
from closebell.errors import NotFound
from closebell.store.unit import Database
from closebell.testing import FixedClock, SeededLuck, a_paid_invoice, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.read_feed import read_event, read_feed


async def test_pages_follow_each_other_without_gaps_and_link(database: Database) -> None:
    batch = [a_paid_invoice(f"{n}") for n in range(5)]
    await database.write(put, *batch)
    commands = [CloseCommand(invoice_id=invoice.id) for invoice in batch]
    await database.write(close_invoices, commands, clock=FixedClock(), luck=SeededLuck())
    first = await database.read(read_feed, after=0, limit=2)
    second = await database.read(read_feed, after=first.next_after, limit=2)
    last = await database.read(read_feed, after=second.next_after, limit=2)
    assert [(page.next_after, page.has_more) for page in (first, second, last)] == [(2, True), (4, True), (5, False)]
    found = [*first.events, *second.events, *last.events]
    assert [event.invoice_id for event in found] == [invoice.id for invoice in batch]
    previous = chain.GENESIS
    for event in found:
        assert event.previous_hash == previous
        assert event.hash == chain.link(previous, event.sequence, event.body_hash)
        assert event.body_hash == chain.body_hash(event.body or b"")
        assert await database.read(read_event, event.event_id) == event
        previous = event.hash


async def test_the_end_stays_where_it_is(database: Database) -> None:
    for after in (0, 7):
        page = await database.read(read_feed, after=after, limit=10)
        assert (page.events, page.next_after, page.has_more) == ([], after, False)


async def test_an_event_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.read(read_event, "622b5b33a961750e01db6510")
