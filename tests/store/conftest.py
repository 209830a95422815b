"""Books: a closed invoice with its event, and an open one, each with a row in every table that hangs on an invoice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from closebell.domain.invoice import Invoice
from closebell.store import events, invoice_rows
from closebell.store.postgresql import PostgresqlDatabase
from closebell.store.schema import migrate
from closebell.store.unit import Database
from closebell.testing import NOON, a_line, a_payment, a_tip, an_appointment, an_employee, an_invoice, put


def _full(name: str) -> Invoice:
    line = a_line(tax=1234, sale_by_id=an_employee())
    return replace(
        an_invoice(name, lines=[line, a_line("Oil", final=700)]),
        appointments=(replace(an_appointment(), therapist_id=an_employee()),),
        transactions=(a_payment(tip=500), a_payment(700, name="rest", ssg=20, fee=3)),
        employee_tips=(a_tip(300, transaction="payment"), a_tip(200, employee="Bo")),
        additional_fields=(("Terminal", "T-1"), ("note", "naïve “quotes” \u2603")),
        appointment_group_id="0a0a0a0a-0000-4000-8000-000000000001",
        ssg_amount=20,
        fee_amount=3,
        loyalty_cap_amount=100,
    )


def _fill(connection: Connection) -> None:
    invoice = _full("closed")
    put(connection, invoice, _full("open"))
    closed = replace(invoice, closed_at=NOON, closed_by_id=an_employee(), receipt_number="R1", close_sequence=1)
    invoice_rows.mark_closed(connection, [(closed, 1)])
    told = events.NewEvent(
        event_id="622b5b33a961750e01db6510",
        event_type="Invoice.Closed",
        invoice_id=closed.id,
        close_sequence=1,
        center_id=closed.centre.id,
        body=b'{"told": true}',
        listeners=(),
        created_at=NOON,
        guest_id=None if closed.guest is None else closed.guest.id,
    )
    events.append(connection, events.lock_head(connection), [told])


@pytest.fixture
def full_invoice() -> Callable[[str], Invoice]:
    """Builds an open invoice of this name with something in every field that may be empty."""
    return _full


@pytest.fixture
def fill_books() -> Callable[[Connection], None]:
    """The unit that puts the invoices named `closed` and `open` into a database."""
    return _fill


@pytest.fixture
async def books(database: Database, fill_books: Callable[[Connection], None]) -> Database:
    """A database of each engine in turn that holds the invoices named `closed` and `open`."""
    await database.write(fill_books)
    return database


@pytest.fixture
async def postgresql_database(postgres_url: str) -> AsyncIterator[PostgresqlDatabase]:
    """A migrated PostgreSQL database with nothing in it, for what only PostgreSQL does."""
    migrate(postgres_url)
    database = PostgresqlDatabase(postgres_url)
    yield database
    await database.close()
