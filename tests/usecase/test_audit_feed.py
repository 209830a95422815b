"""Whatever is altered or removed in the feed, the audit names the first record that it concerns."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Connection

from closebell.domain import chain
from closebell.domain.guest_shapes import GuestRequest, PersonalInfoShape
from closebell.store.unit import Database
from closebell.testing import FixedClock, SeededLuck, a_paid_invoice, guid_of, put
from closebell.usecase import audit_feed
from closebell.usecase.audit_feed import Progress, audit_portion
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.create_guest import create_guest
from tampering import tamper

CLOSES = 5


def _closes(connection: Connection) -> None:
    put(connection, *(a_paid_invoice(str(n)) for n in range(CLOSES)))
    commands = [CloseCommand(invoice_id=guid_of(f"invoice {n}")) for n in range(CLOSES)]
    close_invoices(connection, commands, clock=FixedClock(), luck=SeededLuck())


async def _audited(database: Database) -> Progress:
    progress = Progress()
    while not progress.is_done:
        progress = await database.read(audit_portion, progress)
    return progress


async def test_a_feed_that_nobody_touched_holds(database: Database) -> None:
    assert await _audited(database) == Progress(hash=chain.GENESIS, is_done=True)

    await database.write(_closes)
    found = await _audited(database)

    assert (found.sequence, found.problem) == (CLOSES, "")


@pytest.mark.parametrize("portion", [1, 2, 5])
async def test_it_goes_on_where_it_stopped(database: Database, monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    monkeypatch.setattr(audit_feed, "PORTION", portion)
    await database.write(_closes)
    assert (await _audited(database)).sequence == CLOSES

    await database.write(tamper, "UPDATE events SET hash = :hash WHERE sequence = 4", hash=bytes(32))
    assert (await _audited(database)).problem.startswith("event 4 was altered")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ('SET body = \'{"id":"x"}\'', "event 3 was altered: its body is not what was told"),
        ("SET body = ''", "event 3 was emptied by hand: only the bodies up to event 0 have been old enough"),
        ("SET body = '', redacted_at = 1", "event 3 was emptied by hand: only the bodies up to event 0"),
        ("SET redacted_at = 1", "event 3 was altered: its body was replaced, and no Guest.Erased tells of it"),
        ("SET body_hash = hash", "event 3 was altered: its hash or the hash of its body"),
        ("SET guest_id = NULL", "event 3 was altered: its guest_id is None"),
        ("SET event_id = '0123456789abcdef01234567'", "event 3 was altered: its event_id is 0123456789abcdef01234567"),
        ("SET event_type = 'Guest.Created'", "event 3 was altered: its event_type is Guest.Created"),
        ("SET created_at = created_at + 1", "event 3 was altered: its created_at is 2026"),
        ("SET invoice_id = NULL", "event 3 was altered: its invoice_id is None"),
        ("SET center_id = NULL", "event 3 was altered: its center_id is None"),
        ("SET sequence = 99", "event 3 was removed: event 4 follows event 2"),
    ],
)
async def test_every_column_that_is_flipped_is_found(database: Database, change: str, problem: str) -> None:
    await database.write(_closes)
    blob = "BYTEA" if database.engine_name == "postgresql" else "BLOB"
    binary = re.sub(r"body = ('[^']*')", rf"body = CAST(\1 AS {blob})", change)

    await database.write(tamper, f"UPDATE events {binary} WHERE sequence = 3")
    found = await _audited(database)

    assert found.problem.startswith(problem)
    assert found.sequence == 2, "the last event that holds"


async def test_a_body_that_was_edited_by_hand_is_found(database: Database) -> None:
    """In SQLite, `replace` leaves a text where bytes were."""
    if database.engine_name != "sqlite":
        pytest.skip("PostgreSQL takes nothing but bytes")
    await database.write(_closes)
    await database.write(tamper, "UPDATE events SET body = replace(body, '488', '1') WHERE sequence = 3")
    assert (await _audited(database)).problem.startswith("event 3 was altered: its body is not what was told")


async def test_an_event_that_was_made_a_closing_is_found(database: Database) -> None:
    await database.write(_closes)
    said = GuestRequest(center_id=a_paid_invoice("0").centre.id, personal_info=PersonalInfoShape(first_name="Ada"))
    await database.write(create_guest, said, clock=FixedClock(), luck=SeededLuck(2))
    sequence = CLOSES + 1
    await database.write(tamper, f"UPDATE events SET event_type = 'Invoice.Closed' WHERE sequence = {sequence}")
    assert (await _audited(database)).problem.startswith(f"event {sequence} was altered: its event_type is")


async def test_a_removed_event_is_missed(database: Database) -> None:
    await database.write(_closes)
    await database.write(tamper, "DELETE FROM events WHERE sequence IN (2, 3)")
    assert (await _audited(database)).problem == "events 2 to 3 were removed: event 4 follows event 1"


async def test_removed_events_at_the_end_are_missed(database: Database) -> None:
    await database.write(_closes)
    await database.write(tamper, "DELETE FROM events WHERE sequence > 3")
    assert (await _audited(database)).problem.startswith("events 4 to 5 were removed")


async def test_a_head_that_was_altered_is_found(database: Database) -> None:
    await database.write(_closes)
    await database.write(tamper, "UPDATE feed_head SET sequence = 2")
    assert (await _audited(database)).problem.startswith("the head of the feed was altered")
