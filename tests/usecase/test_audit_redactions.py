"""Whoever alters what was redacted, or forges a redaction, is found: the audit names the event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.domain import chain, event
from closebell.domain.event import GUEST_ERASED, INVOICE_CLOSED, RedactedEvent
from closebell.store import events, retention, tables
from closebell.store.events import NewEvent
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck
from closebell.usecase.erase_guest import erase_guest
from erasing import a_known_guest, audited, examined
from tampering import tamper

EVENT_ID = "0123456789abcdef01234567"


@pytest.fixture
async def guest_id(database: Database) -> str:
    """A guest who was erased."""
    clock = FixedClock()
    known = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    await database.write(erase_guest, known, clock=clock, luck=SeededLuck(7))
    assert (await audited(database)).problem == ""
    return known


def rows(connection: Connection, event_type: str) -> list[Any]:
    statement = select(tables.events).where(tables.events.c.event_type == event_type)
    return list(connection.execute(statement.order_by(tables.events.c.sequence)).all())


async def test_an_amount_altered_in_a_redacted_body(database: Database, guest_id: str) -> None:
    row = (await database.read(rows, INVOICE_CLOSED))[0]
    altered = row.body.replace(b'"sum_total":488', b'"sum_total":48')
    assert altered != row.body
    await database.write(tamper, "UPDATE events SET body = :body WHERE sequence = :n", body=altered, n=row.sequence)
    expected = f"event {row.sequence} was altered: its body is not the one that Guest.Erased tells of"
    assert (await audited(database)).problem == expected
    assert [problem for problem in await examined(database) if "total_price is not what was told" in problem]


async def test_a_redacted_body_and_what_tells_of_it_altered_alike(database: Database, guest_id: str) -> None:
    row = (await database.read(rows, INVOICE_CLOSED))[0]
    (erased,) = await database.read(rows, GUEST_ERASED)
    altered = row.body.replace(b'"sum_total":488', b'"sum_total":48')
    hashes = (chain.body_hash(row.body).hex().encode(), chain.body_hash(altered).hex().encode())
    forged = erased.body.replace(*hashes)
    assert forged != erased.body
    for sequence, body in ((row.sequence, altered), (erased.sequence, forged)):
        await database.write(tamper, "UPDATE events SET body = :body WHERE sequence = :n", body=body, n=sequence)
    assert (await audited(database)).problem == f"event {erased.sequence} was altered: its body is not what was told"


async def test_a_redacted_body_that_was_emptied_by_hand(database: Database, guest_id: str) -> None:
    row = (await database.read(rows, INVOICE_CLOSED))[0]
    await database.write(tamper, "UPDATE events SET body = :body WHERE sequence = :n", body=b"", n=row.sequence)
    problem = (await audited(database)).problem
    assert problem.startswith(f"event {row.sequence} was emptied by hand: only the bodies up to event 0")


async def test_a_body_that_was_emptied_beyond_what_retention_did(database: Database, guest_id: str) -> None:
    await database.write(retention.forget_bodies, before=NOON + timedelta(days=1), now=NOON, limit=2)
    assert (await audited(database)).problem == ""
    await database.write(tamper, "UPDATE events SET body = :b, redacted_at = 1 WHERE sequence = 4", b=b"")
    assert (await audited(database)).problem.startswith("event 4 was emptied by hand: only the bodies up to event 2")


async def test_an_event_that_was_removed_after_its_redaction(database: Database, guest_id: str) -> None:
    row = (await database.read(rows, INVOICE_CLOSED))[0]
    attempts = "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE sequence = :n)"
    await database.write(tamper, attempts, n=row.sequence)
    for table in ("deliveries", "events"):
        await database.write(tamper, f"DELETE FROM {table} WHERE sequence = :n", n=row.sequence)
    problem = (await audited(database)).problem
    assert problem == f"event {row.sequence} was removed: event {row.sequence + 1} follows event {row.sequence - 1}"


async def test_what_tells_of_an_erasure_was_removed_from_the_end(database: Database, guest_id: str) -> None:
    (erased,) = await database.read(rows, GUEST_ERASED)
    await database.write(tamper, "DELETE FROM deliveries WHERE sequence = :n", n=erased.sequence)
    await database.write(tamper, "DELETE FROM events WHERE sequence = :n", n=erased.sequence)
    problem = (await audited(database)).problem
    assert problem.endswith("its body was replaced, and no Guest.Erased tells of it")


async def test_an_erasure_that_nobody_asked_for(database: Database) -> None:
    """A body that was altered, and an event with a right link that says that it was redacted."""
    clock = FixedClock()
    guest_id = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    row = (await database.read(rows, INVOICE_CLOSED))[0]
    altered = row.body.replace(b'"sum_total":488', b'"sum_total":48')
    change = "UPDATE events SET body = :body, redacted_at = 1 WHERE sequence = :n"
    await database.write(tamper, change, body=altered, n=row.sequence)
    redacted = RedactedEvent(
        sequence=row.sequence, event_id=row.event_id, redacted_body_hash=chain.body_hash(altered).hex()
    )
    await database.write(_append, guest_id, redacted)
    head = await database.read(events.head)
    problem = (await audited(database)).problem
    assert problem == (
        f"event {head.sequence} was forged: it tells that guest {guest_id} was erased, and nobody asked for it"
    )
    assert [found for found in await examined(database) if "total_price is not what was told" in found]


def _append(connection: Connection, guest_id: str, redacted: RedactedEvent) -> None:
    forged = NewEvent(
        event_id=EVENT_ID,
        event_type=GUEST_ERASED,
        invoice_id=None,
        close_sequence=None,
        center_id=None,
        guest_id=guest_id,
        body=event.guest_erased(guest_id, [redacted], event_id=EVENT_ID, at=NOON),
        listeners=(),
        created_at=NOON,
    )
    events.append(connection, events.lock_head(connection), [forged])


async def test_what_proves_an_erasure_outlives_retention(database: Database, guest_id: str) -> None:
    """Bodies that still waited when everything else had gone are proved as before."""
    await database.write(tamper, "UPDATE deliveries SET state = 'pending', finished_at = NULL, reason = ''")
    old = NOON + timedelta(days=1)
    portion = await database.write(retention.forget_bodies, before=old, now=old, limit=100)
    assert portion.looked_at > portion.forgotten == 0
    assert (await audited(database)).problem == ""
    await database.write(tamper, "UPDATE deliveries SET state = 'delivered', finished_at = :at", at=1)
    await database.write(retention.forget_waited_for, now=old, limit=100)
    found = await database.read(events.after, 0, 100)
    assert {one.event_type for one in found if one.body is not None} == {GUEST_ERASED}
    assert (await audited(database)).problem == ""
