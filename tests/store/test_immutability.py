from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Boolean, Column, Connection, Table, text
from sqlalchemy.exc import IntegrityError

from closebell.store import tables
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.unit import Database
from closebell.testing import an_invoice, guid_of, put

CLOSED = guid_of("invoice closed")
OPEN = guid_of("invoice open")
Fill = Callable[[Connection], None]
Two = tuple["asyncpg.Connection[Any]", "asyncpg.Connection[Any]"]

KEPT = (tables.invoices, *tables.CHILDREN, tables.events)


def key_of(table: Table) -> str:
    return "id" if table is tables.invoices else "invoice_id"


def stored(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables that are kept, byte for byte."""
    return {
        table.name: sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}")), key=repr)
        for table in KEPT
    }


async def refused(database: Database, statement: str, **values: Any) -> str:
    """The refusal's text."""
    with pytest.raises(IntegrityError) as caught:
        await database.write(lambda connection: connection.execute(text(statement), values))
    return str(caught.value.orig)


def other_value(column: Column[Any]) -> str:
    """An expression that is another value than the column has, whatever it is."""
    if isinstance(column.type, Boolean):
        return f"NOT {column.name}"
    if column.type.python_type is bytes:
        return "CAST('x' AS {blob})"
    return "'x'" if column.type.python_type is str else "7"


def updates() -> Iterator[tuple[str, str]]:
    for table in KEPT:
        for column in table.columns:
            yield table.name, f"UPDATE {table.name} SET {column.name} = {column.name} WHERE {key_of(table)} = :invoice"
            yield (
                table.name,
                f"UPDATE {table.name} SET {column.name} = {other_value(column)} WHERE {key_of(table)} = :invoice",
            )


def in_words_of(database: Database, statement: str) -> str:
    return statement.replace("{blob}", "blob" if database.engine_name == "sqlite" else "bytea")


async def test_no_column_of_a_closed_invoice_or_an_event_can_be_updated(books: Database) -> None:
    database = books
    before = await database.read(stored)
    statements = list(updates())

    for _, statement in statements:
        assert "closebell: " in await refused(database, in_words_of(database, statement), invoice=CLOSED), statement

    assert await database.read(stored) == before
    assert len(statements) > 150


async def test_no_row_of_a_closed_invoice_nor_an_event_can_be_deleted(books: Database) -> None:
    database = books
    before = await database.read(stored)

    for table in reversed(KEPT):
        assert "closebell: " in await refused(
            database, f"DELETE FROM {table.name} WHERE {key_of(table)} = :invoice", invoice=CLOSED
        )
        assert "closebell: " in await refused(database, f"DELETE FROM {table.name}")

    assert await database.read(stored) == before


async def test_nothing_can_be_added_to_a_closed_invoice(books: Database) -> None:
    database = books
    before = await database.read(stored)

    for table in tables.CHILDREN:
        assert "closebell: " in await refused(database, copy_of_a_row(table), source=OPEN, target=CLOSED)

    assert await database.read(stored) == before


def copy_of_a_row(table: Table) -> str:
    """An INSERT of the first row of one invoice as a new row of another."""
    new = {"invoice_id": ":target", "position": "99", "id": f"'{guid_of('new')}'", "transaction_id": "NULL"}
    names = ", ".join(column.name for column in table.columns)
    values = ", ".join(new.get(column.name, column.name) for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {table.name} WHERE invoice_id = :source LIMIT 1"


async def test_no_row_can_be_moved_to_another_invoice(books: Database) -> None:
    database = books
    await database.write(put, an_invoice("third"))
    before = await database.read(stored)

    for table in tables.CHILDREN:
        move = f"UPDATE {table.name} SET invoice_id = :target WHERE invoice_id = :source"
        for source, target in ((OPEN, CLOSED), (CLOSED, OPEN), (OPEN, guid_of("invoice third"))):
            assert "closebell: " in await refused(database, move, source=source, target=target)

    assert await database.read(stored) == before


async def test_the_same_statements_pass_on_an_open_invoice(books: Database) -> None:
    for table in (tables.invoices, *tables.CHILDREN):
        for column in table.columns:
            statement = f"UPDATE {table.name} SET {column.name} = {column.name} WHERE {key_of(table)} = :invoice"
            assert await rows_touched(books, statement, invoice=OPEN) >= 1, statement
    for table in tables.CHILDREN:
        assert await rows_touched(books, copy_of_a_row(table), source=OPEN, target=OPEN) == 1
    for table in (*reversed(tables.CHILDREN), tables.invoices):
        removal = f"DELETE FROM {table.name} WHERE {key_of(table)} = :invoice"
        assert await rows_touched(books, removal, invoice=OPEN) >= 1, removal


async def rows_touched(database: Database, statement: str, **values: str) -> int:
    return await database.write(lambda connection: connection.execute(text(statement), values).rowcount)


async def test_the_refusal_names_what_is_closed(books: Database) -> None:
    update = "UPDATE transactions SET amount_paid = 1 WHERE invoice_id = :invoice"
    told = await refused(books, update, invoice=CLOSED)

    assert "closed" in told
    if books.engine_name == "postgresql":
        assert CLOSED in told
        assert "transactions" in told


# --- SQLite: the ways around its triggers ------------------------------------------------------------------------


def raw(url: str) -> sqlite3.Connection:
    """A connection of somebody else: it checks no references and fires no trigger for what REPLACE removes."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (0,)
    assert connection.execute("PRAGMA recursive_triggers").fetchone() == (0,)
    return connection


def copied(table: Table, where: str, **new: str) -> str:
    names = ", ".join([*(column.name for column in table.columns), *(name for name in new if name == "rowid")])
    values = ", ".join([*(new.get(c.name, c.name) for c in table.columns), *([new["rowid"]] if "rowid" in new else [])])
    return f"INTO {table.name} ({names}) SELECT {values} FROM {table.name} WHERE {where}"


OTHER = f"'{guid_of('other')}'"
OF_CLOSED = f"id = '{CLOSED}'"
OF_ITS_ROWS = f"invoice_id = '{CLOSED}'"
TRICKS = [
    f"INSERT OR REPLACE {copied(tables.invoices, OF_CLOSED, lock='TRUE')}",
    f"REPLACE {copied(tables.invoices, OF_CLOSED, closed_at='NULL', receipt_sequence='NULL', close_sequence='0')}",
    f"REPLACE {copied(tables.invoices, OF_CLOSED, id=OTHER)}",
    f"REPLACE {copied(tables.invoices, OF_CLOSED, id=OTHER, rowid='rowid', receipt_sequence='2')}",
    f"INSERT {copied(tables.invoices, OF_CLOSED)} ON CONFLICT (id) DO UPDATE SET lock = TRUE",
    f"INSERT {copied(tables.invoices, OF_CLOSED, id=OTHER)} ON CONFLICT DO UPDATE SET lock = TRUE",
    f"UPDATE OR REPLACE invoices SET id = '{CLOSED}' WHERE id = '{OPEN}'",
    f"UPDATE OR REPLACE invoices SET rowid = (SELECT rowid FROM invoices WHERE {OF_CLOSED}) WHERE id = '{OPEN}'",
    f"UPDATE OR REPLACE invoices SET closed_at = 1, close_sequence = 1, receipt_sequence = 1 WHERE id = '{OPEN}'",
    f"UPDATE OR IGNORE invoices SET lock = TRUE WHERE {OF_CLOSED}",
    "REPLACE " + copied(tables.events, "TRUE", body="x''"),
    "REPLACE " + copied(tables.events, "TRUE", sequence="2", event_id="'other'"),
    "REPLACE " + copied(tables.events, "TRUE", sequence="2", event_id="'other'", invoice_id="NULL", rowid="rowid"),
    "REPLACE " + copied(tables.events, "TRUE", sequence="2", invoice_id="NULL"),
    "INSERT " + copied(tables.events, "TRUE") + " ON CONFLICT (sequence) DO UPDATE SET body = x''",
    "UPDATE OR IGNORE events SET body = x''",
    "REPLACE " + copied(tables.invoice_lines, OF_ITS_ROWS, name=OTHER),
    "REPLACE " + copied(tables.appointments, OF_ITS_ROWS, room_name=OTHER),
    "REPLACE " + copied(tables.transactions, OF_ITS_ROWS, payment_name=OTHER),
    "REPLACE " + copied(tables.employee_tips, OF_ITS_ROWS, amount="7"),
    *(
        f"UPDATE OR REPLACE {table.name} SET invoice_id = '{CLOSED}' WHERE invoice_id = '{OPEN}'"
        for table in tables.CHILDREN
    ),
]


@pytest.mark.parametrize("trick", TRICKS)
async def test_sqlite_refuses_to_replace_what_is_kept(sqlite_url: str, fill_books: Fill, trick: str) -> None:
    await _with_books(sqlite_url, fill_books)
    connection = raw(sqlite_url)
    before = everything(connection)

    with pytest.raises(sqlite3.IntegrityError, match="closebell: "):
        connection.execute(trick)
    assert everything(connection) == before

    # The trick is one: without the triggers it works.
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(trick)
    assert everything(connection) != before
    connection.close()


def everything(connection: sqlite3.Connection) -> list[Any]:
    return [connection.execute(f"SELECT * FROM {table.name}").fetchall() for table in KEPT]


async def _with_books(url: str, fill_books: Fill) -> None:
    migrate(url)
    database = open_database(url)
    await database.write(fill_books)
    await database.close()


# --- PostgreSQL: TRUNCATE, and rows that arrive while the invoice closes -----------------------------------------


@pytest.fixture
async def two(postgres_url: str, fill_books: Fill) -> AsyncIterator[Two]:
    """Two plain connections to a database with the books."""
    await _with_books(postgres_url, fill_books)
    one, other = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
    yield one, other
    await one.close()
    await other.close()


@pytest.mark.parametrize("table", [table.name for table in KEPT])
async def test_postgresql_refuses_to_truncate(two: Two, table: str) -> None:
    one, _ = two
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="closebell: "):
        await one.execute(f"TRUNCATE {table} CASCADE")

    assert await one.fetchval(f"SELECT count(*) FROM {table}") >= 1


async def test_postgresql_refuses_an_upsert(two: Two) -> None:
    one, _ = two
    names = ", ".join(column.name for column in tables.invoices.columns)
    copy = f"INSERT INTO invoices ({names}) SELECT {names} FROM invoices WHERE id = '{CLOSED}'"
    merge = f"MERGE INTO invoices AS i USING (SELECT '{CLOSED}' AS id) AS s ON i.id = s.id"
    for statement in (
        f"{copy} ON CONFLICT (id) DO UPDATE SET lock = TRUE",
        f"{merge} WHEN MATCHED THEN UPDATE SET lock = TRUE",
        f"{merge} WHEN MATCHED THEN DELETE",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (sequence) DO UPDATE SET body = ''",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="closebell: "):
            await one.execute(statement)


CLOSES = {
    "closed here": "UPDATE invoices SET closed_at = 1, close_sequence = 1, receipt_sequence = 77 WHERE id = $1",
    "imported closed": "UPDATE invoices SET closed_at = 1 WHERE id = $1",
}
ADD_A_TIP = "INSERT INTO employee_tips (invoice_id, position, employee_id, amount) VALUES ($1, 50, $2, 1)"


@pytest.mark.parametrize("close", CLOSES.values(), ids=CLOSES.keys())
async def test_a_row_that_comes_while_the_invoice_closes_waits_and_is_refused(two: Two, close: str) -> None:
    closing, adding = two
    transaction = closing.transaction()
    await transaction.start()
    await closing.execute(close, OPEN)

    added = asyncio.create_task(adding.execute(ADD_A_TIP, OPEN, guid_of("employee Bo")))
    await _waits_for_a_lock(closing, adding)
    await transaction.commit()

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is closed"):
        await added


@pytest.mark.parametrize("close", CLOSES.values(), ids=CLOSES.keys())
async def test_a_row_is_accepted_when_the_close_is_undone(two: Two, close: str) -> None:
    closing, adding = two
    transaction = closing.transaction()
    await transaction.start()
    await closing.execute(close, OPEN)

    added = asyncio.create_task(adding.execute(ADD_A_TIP, OPEN, guid_of("employee Bo")))
    await _waits_for_a_lock(closing, adding)
    await transaction.rollback()

    assert await added == "INSERT 0 1"


@pytest.mark.parametrize("close", CLOSES.values(), ids=CLOSES.keys())
async def test_a_close_waits_for_a_row_that_came_first(two: Two, close: str) -> None:
    adding, closing = two
    transaction = adding.transaction()
    await transaction.start()
    await adding.execute(ADD_A_TIP, OPEN, guid_of("employee Bo"))

    closed = asyncio.create_task(closing.execute(close, OPEN))
    await _waits_for_a_lock(adding, closing)
    await transaction.commit()

    assert await closed == "UPDATE 1"


async def test_two_who_add_rows_and_then_close_do_not_block_each_other_for_ever(two: Two) -> None:
    one, other = two
    first, second = one.transaction(), other.transaction()
    await first.start()
    await second.start()
    await one.execute(ADD_A_TIP, OPEN, guid_of("employee Bo"))
    added = asyncio.create_task(other.execute(ADD_A_TIP, OPEN, guid_of("employee Bo")))
    await _waits_for_a_lock(one, other)

    await one.execute(CLOSES["closed here"], OPEN)
    await first.commit()

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is closed"):
        await added
    await second.rollback()


async def _waits_for_a_lock(asking: asyncpg.Connection[Any], waiting: asyncpg.Connection[Any]) -> None:
    """Return once the other connection stands before a lock that this one holds."""
    query = "SELECT $2 = ANY (pg_blocking_pids($1))"
    async with asyncio.timeout(20):
        while not await asking.fetchval(query, waiting.get_server_pid(), asking.get_server_pid()):
            pass
