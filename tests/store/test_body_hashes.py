"""The migration that links the hashes of bodies: what held before holds after it, and what did not still does not."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from closebell.domain import event, guest_document
from closebell.domain.guest_profile import GuestRecord
from closebell.domain.people import GuestEntry
from closebell.store import events, schema
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.sqlite import open_engine
from closebell.testing import NOON, a_centre, a_guest, guid_of
from erasing import audited

GUEST, INVOICE = a_guest().id, guid_of("invoice 1")
CENTRE = a_centre()
Work = Callable[[Connection], Any]


@pytest.fixture
def in_transaction(database_url: str) -> Callable[[Work], Awaitable[Any]]:
    """Runs a function on a plain connection, whatever the schema is."""

    async def run(work: Work) -> Any:
        if database_url.startswith("sqlite"):
            with open_engine(database_url, begin="BEGIN IMMEDIATE", pool=NullPool).begin() as connection:
                return work(connection)
        engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        async with engine.begin() as asynchronous:
            return await asynchronous.run_sync(work)

    return run


def before(connection: Connection) -> None:
    """A database of the revision before, with a guest's events, linked as they were linked then."""
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0005")
    for statement in PEOPLE:
        connection.execute(text(statement), {"center": CENTRE.id, "guest": GUEST, "invoice": INVOICE})
    digest = bytes(32)
    for sequence, (event_type, body) in enumerate(TOLD, start=1):
        digest = hashlib.sha256(digest + sequence.to_bytes(8, "big") + body).digest()
        connection.execute(
            text(
                "INSERT INTO events (sequence, event_id, event_type, invoice_id, body, hash, listeners, created_at) "
                "VALUES (:sequence, :event_id, :event_type, :invoice_id, :body, :hash, 0, :at)"
            ),
            {
                "sequence": sequence,
                "event_id": f"{sequence:024x}",
                "event_type": event_type,
                "invoice_id": INVOICE if event_type.startswith("Invoice.") else None,
                "body": body,
                "hash": digest,
                "at": 1_767_614_400_000_000,
            },
        )
    connection.execute(text("UPDATE feed_head SET sequence = :n, hash = :hash"), {"n": len(TOLD), "hash": digest})


PEOPLE = (
    (
        "INSERT INTO centers (id, name, time_zone, currency, currency_id, receipt_prefix, invoice_prefix, "
        "first_receipt_number, is_stub) VALUES (:center, '', 'UTC', 'USD', 1, '', '', 1, FALSE)"
    ),
    (
        "INSERT INTO guests (id, first_name, last_name, gender, code, mobile_phone, email, is_stub) "
        "VALUES (:guest, '', '', 0, '', '', '', FALSE)"
    ),
    (
        "INSERT INTO invoices (id, center_id, guest_id, invoice_number, invoice_number_prefix, receipt_number, lock, "
        "is_refund, invoice_date, net_price, tax, rounding_adjustment, sum_total, ssg_amount, fee_amount, "
        "additional_fields, close_sequence, created_at) VALUES (:invoice, :center, :guest, '', '', '0', FALSE, FALSE, "
        "'', 0, 0, 0, 0, 0, 0, '[]', 0, 0)"
    ),
)


def _told() -> list[tuple[str, bytes]]:
    guest = guest_document.render(GuestRecord(entry=GuestEntry(id=GUEST)), None)
    payments = event.PaymentsData(invoice_id=INVOICE, is_closed=False, transactions=[])
    kinds = [(event.GUEST_CREATED, guest), (event.PAYMENTS_ADDED, payments), (event.GUEST_UPDATED, guest)]
    return [
        (kind, event.stored(kind, data, event_id=f"{sequence:024x}", at=NOON))
        for sequence, (kind, data) in enumerate(kinds * 3, start=1)
    ]


TOLD = _told()


async def test_a_chain_that_held_holds(
    database_url: str, in_transaction: Callable[[Work], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_transaction(before)
    migrate(database_url)

    database = open_database(database_url)
    found = await audited(database)
    rows = await database.read(events.after, 0, 100)
    await database.close()

    assert (found.sequence, found.problem) == (len(TOLD), "")
    assert [row.body for row in rows] == [body for _, body in TOLD]
    assert {row.guest_id for row in rows} == {GUEST}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE events SET body = CAST('{}' AS {blob}) WHERE sequence = 4", "event 4 was altered: its body"),
        ("UPDATE events SET hash = body WHERE sequence = 4", "event 4 was altered"),
        ("DELETE FROM events WHERE sequence = 4", "event 4 was removed"),
        ("DELETE FROM events WHERE sequence = 9", "events 9 to 9 were removed"),
        ("UPDATE feed_head SET sequence = 3", "the head of the feed was altered"),
    ],
)
async def test_a_chain_that_was_broken_stays_so(
    database_url: str, in_transaction: Callable[[Work], Awaitable[Any]], change: str, problem: str
) -> None:
    await in_transaction(before)
    kind = "blob" if database_url.startswith("sqlite") else "bytea"

    def tampered(connection: Connection) -> None:
        is_sqlite = connection.dialect.name == "sqlite"
        query = "SELECT name, sql FROM sqlite_master WHERE name IN ('keep_events_update', 'keep_events_delete')"
        triggers = connection.exec_driver_sql(query).fetchall() if is_sqlite else []
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if not is_sqlite:
            connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER keep_told")
        connection.exec_driver_sql(change.replace("{blob}", kind))
        for _, sql in triggers:
            connection.exec_driver_sql(sql)
        if not is_sqlite:
            connection.exec_driver_sql("ALTER TABLE events ENABLE TRIGGER keep_told")

    await in_transaction(tampered)
    migrate(database_url)

    database = open_database(database_url)
    found = await audited(database)
    await database.close()
    assert found.problem.startswith(problem)
