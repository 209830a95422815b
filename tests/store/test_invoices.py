from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.util import await_only

from closebell.domain.invoice import Invoice, TransactionState
from closebell.store import centers, invoice_rows, invoices, tables
from closebell.store.postgresql import PostgresqlDatabase
from closebell.store.statements import among, listed
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    a_centre,
    a_line,
    a_payment,
    a_tip,
    an_employee,
    an_invoice,
    guid_of,
    put,
    put_centre,
)

FullInvoice = Callable[[str], Invoice]

MANY = 2_000
"""More ids than some engines take as parameters of one statement by default."""


class StopError(Exception):
    """A unit's own error."""


async def test_what_is_stored_is_what_is_loaded(database: Database, full_invoice: FullInvoice) -> None:
    stored = [
        full_invoice("full"),
        an_invoice("no guest", guest=None),
        an_invoice("nothing on it", lines=[]),
        an_invoice("quarter", lines=[replace(a_line("Quarter", final=3), quantity=Decimal("0.250"))]),
        an_invoice("refund", total=-100, is_refund=True),
        an_invoice("yen", centre=a_centre("Ginza", time_zone="Asia/Tokyo", currency="JPY")),
        an_invoice("pending", transactions=(a_payment(1, state=TransactionState.PENDING),)),
        an_invoice("closed before", closed_at=NOON + timedelta(microseconds=1), receipt_number="R7"),
        an_invoice("dear", total=2_000_000_000_000_000_000),
        an_invoice("grouped", group_invoice_id=guid_of("group"), lock=True),
    ]
    await database.write(put, *stored)

    loaded = await database.read(invoices.load, [invoice.id for invoice in stored])

    assert loaded == {invoice.id: invoice for invoice in stored}
    assert await database.write(invoices.load_locked, [invoice.id for invoice in stored]) == loaded


async def test_what_is_not_there_is_absent(database: Database) -> None:
    await database.write(put, an_invoice("there"))

    loaded = await database.read(invoices.load, [guid_of("invoice there"), guid_of("invoice elsewhere")])

    assert list(loaded) == [guid_of("invoice there")]
    assert await database.read(invoices.load, []) == {}


async def test_more_invoices_than_fit_one_statement(database: Database) -> None:
    stored = [an_invoice(f"{number}", paid=number) for number in range(MANY)]
    await database.write(put, *stored)

    loaded = await database.read(invoices.load, [invoice.id for invoice in stored])

    assert loaded == {invoice.id: invoice for invoice in stored}


async def test_rows_keep_the_order_they_came_in(database: Database) -> None:
    lines = [a_line(f"{number}", final=number) for number in range(40)]
    await database.write(put, an_invoice("many", lines=lines))

    loaded = await database.read(invoices.load, [guid_of("invoice many")])

    assert loaded[guid_of("invoice many")].lines == tuple(lines)


async def test_an_import_is_known_by_its_digest(database: Database) -> None:
    await database.write(put, an_invoice("1"))

    digests = await database.read(invoice_rows.import_digests, [guid_of("invoice 1"), guid_of("invoice 2")])

    assert digests == {guid_of("invoice 1"): b"test"}


async def test_inserting_nothing_is_nothing(database: Database) -> None:
    await database.write(invoice_rows.insert_many, [], now=NOON)
    assert await database.write(invoices.load_locked, []) == {}


# --- rows that come and go on an open invoice --------------------------------------------------------------------


async def test_a_payment_comes_last_and_goes_with_its_tips(database: Database, full_invoice: FullInvoice) -> None:
    before = full_invoice("1")
    more = a_payment(5, name="more")
    await database.write(put, before)

    await database.write(invoice_rows.add_transaction, before, more)
    paid = (await database.read(invoices.load, [before.id]))[before.id]
    assert paid == replace(before, transactions=(*before.transactions, more))

    await database.write(invoice_rows.remove_transaction, before.id, guid_of("transaction payment"))
    left = (await database.read(invoices.load, [before.id]))[before.id]
    assert left.transactions == (before.transactions[1], more)
    assert left.employee_tips == before.employee_tips[1:]


async def test_tips_are_replaced_as_a_whole(database: Database, full_invoice: FullInvoice) -> None:
    before = full_invoice("1")
    await database.write(put, before)
    tips = (a_tip(499, transaction="rest"), a_tip(1, employee="Bo"))

    await database.write(invoice_rows.replace_tips, before, tips)

    assert await database.read(invoices.load, [before.id]) == {before.id: replace(before, employee_tips=tips)}


async def test_an_invoice_leaves_its_group(database: Database) -> None:
    invoice = an_invoice("1", group_invoice_id=guid_of("group"))
    await database.write(put, invoice)

    await database.write(invoice_rows.leave_group, invoice.id)

    loaded = await database.read(invoices.load, [invoice.id])
    assert loaded == {invoice.id: replace(invoice, group_invoice_id=None)}


# --- closing -----------------------------------------------------------------------------------------------------


def closed(invoice: Invoice, number: int) -> tuple[Invoice, int]:
    done = replace(
        invoice,
        closed_at=NOON,
        closed_by_id=an_employee(),
        close_sequence=1,
        receipt_number=invoice.centre.receipt(number),
    )
    return done, number


async def test_a_close_is_written(database: Database, full_invoice: FullInvoice) -> None:
    invoice, other = full_invoice("1"), full_invoice("2")
    await database.write(put, invoice, other)

    await database.write(invoice_rows.mark_closed, [closed(invoice, 1)])

    loaded = await database.read(invoices.load, [invoice.id, other.id])
    assert loaded == {invoice.id: closed(invoice, 1)[0], other.id: other}
    assert await database.read(invoice_rows.count_closed_here, NOON, NOON + timedelta(microseconds=1)) == 1
    assert await database.read(invoice_rows.count_closed_here, NOON - timedelta(days=1), NOON) == 0


async def test_a_close_of_a_closed_invoice_changes_nothing(database: Database, full_invoice: FullInvoice) -> None:
    invoice = full_invoice("1")
    await database.write(put, invoice)
    await database.write(invoice_rows.mark_closed, [closed(invoice, 1)])

    await database.write(invoice_rows.mark_closed, [closed(invoice, 2)])

    assert await database.read(invoices.load, [invoice.id]) == {invoice.id: closed(invoice, 1)[0]}


async def test_one_receipt_number_is_given_once(database: Database, full_invoice: FullInvoice) -> None:
    one, two = full_invoice("1"), full_invoice("2")
    await database.write(put, one, two)

    with pytest.raises(IntegrityError):
        await database.write(invoice_rows.mark_closed, [closed(one, 1), closed(two, 1)])

    assert await database.read(invoices.load, [one.id, two.id]) == {one.id: one, two.id: two}


# --- receipt numbers ---------------------------------------------------------------------------------------------


async def test_receipt_numbers_have_no_holes_whatever_is_undone(database: Database) -> None:
    centre = a_centre()
    await database.write(put_centre, centre, first_receipt_number=1000)

    def take(connection: Connection, count: int) -> range:
        first = centers.take_receipt_numbers(connection, {centre.id: count})[centre.id]
        if count == 2:
            raise StopError
        return range(first, first + count)

    answers = await asyncio.gather(
        *(database.write(take, 1 + number % 3) for number in range(90)), return_exceptions=True
    )

    taken = sorted(number for answer in answers if isinstance(answer, range) for number in answer)
    assert taken == list(range(1000, 1000 + 30 * 1 + 30 * 3))
    assert await database.read(centers.next_receipt_number, centre.id) == taken[-1] + 1


async def test_each_centre_counts_for_itself(database: Database) -> None:
    one, two = a_centre("One"), a_centre("Two")
    await database.write(put_centre, one)
    await database.write(put_centre, two, first_receipt_number=50)

    taken = await database.write(centers.take_receipt_numbers, {two.id: 3, one.id: 2})

    assert taken == {one.id: 1, two.id: 50}
    assert await database.write(centers.take_receipt_numbers, {two.id: 1, one.id: 1}) == {one.id: 3, two.id: 53}


async def test_a_number_that_is_given_back_goes_to_whoever_waited(postgresql_database: PostgresqlDatabase) -> None:
    database = postgresql_database
    centre = a_centre()
    await database.write(put_centre, centre)
    took, give_back = asyncio.Event(), asyncio.Event()

    def take_and_give_back(connection: Connection) -> None:
        assert centers.take_receipt_numbers(connection, {centre.id: 1}) == {centre.id: 1}
        took.set()
        await_only(give_back.wait())
        raise StopError

    undone = asyncio.create_task(database.write(take_and_give_back))
    await took.wait()
    waiting = asyncio.create_task(database.write(centers.take_receipt_numbers, {centre.id: 1}))
    await _until_one_waits(database)
    give_back.set()

    assert await waiting == {centre.id: 1}
    with pytest.raises(StopError):
        await undone


async def _until_one_waits(database: Database) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await database.read(lambda connection: connection.exec_driver_sql(query).scalar_one()):
            pass


# --- many ids in one statement -----------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=3)))
def test_a_list_names_each_id_once_in_order(ids: list[str]) -> None:
    assert listed(ids) == sorted(set(ids))


async def test_every_id_of_many_is_found(database: Database) -> None:
    names = [f"{number:05}" for number in range(MANY)]
    row = tables.custom_payments
    await database.write(lambda c: c.execute(row.insert(), [{"id": name, "name": name} for name in names]).close())

    def found(connection: Connection, wanted: list[str]) -> list[str]:
        statement = select(row.c.id).where(among(row.c.id)).order_by(row.c.id)
        return list(connection.execute(statement, {"ids": listed(wanted)}).scalars())

    assert await database.read(found, names) == names
    assert await database.read(found, [names[7], "unknown", "'); DROP TABLE events; --", names[7]]) == [names[7]]
    assert await database.read(found, []) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_many_ids_are_looked_up_and_not_scanned_for(database: Database) -> None:
    def plan(connection: Connection) -> list[str]:
        statement = select(tables.invoice_lines).where(among(tables.invoice_lines.c.invoice_id))
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.compile(connection)}", ('["a"]',))
        return [row.detail for row in rows]

    assert "SEARCH invoice_lines USING PRIMARY KEY (invoice_id=?)" in await database.read(plan)
