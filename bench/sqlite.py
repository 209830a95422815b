"""SQLite through `sqlite3`, with the pragmas that Closebell sets."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.driver import (
    CHILDREN,
    DELIVERY_COLUMNS,
    EVENT_COLUMNS,
    Driver,
    Head,
    closed_rows,
    delivery_rows,
    event_rows,
    now_us,
)
from closebell.store import tables

PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",
    "busy_timeout = 5000",
    "cache_size = -32768",
    "temp_store = MEMORY",
)
_CLOSE: Final = (
    "UPDATE invoices SET closed_at = ?, close_sequence = 1, receipt_number = ?, receipt_sequence = ? "
    "WHERE id = ? AND closed_at IS NULL"
)
_INDEXES: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"


class SqliteDriver:
    """One connection of the standard library's own driver."""

    engine_name = "sqlite"
    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    async def open(self) -> None:
        """Connect; transactions are begun below, not by the driver's guess."""
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")

    async def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    async def copy(
        self, tables: Sequence[str], template_id: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Copy the template, table by table."""
        execute = self._connection.execute
        execute(f"CREATE TEMP TABLE copies ({', '.join(columns)})")
        execute("PRAGMA foreign_keys = OFF")  # what hangs on an invoice comes before it, while it is not closed yet
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(f"INSERT INTO copies VALUES ({', '.join('?' * len(columns))})", rows)
        # An index that is made of what is there already takes a fraction of one that grows row by row.
        indexes = [row for table in tables for row in execute(_INDEXES, (table,)).fetchall()]
        for name, _ in indexes:
            execute(f"DROP INDEX {name}")
        for table in tables:
            execute(copy_statement(table, columns), (template_id,))
        for _, definition in indexes:
            execute(definition)
        execute("COMMIT")
        execute("PRAGMA foreign_keys = ON")
        execute("DROP TABLE copies")

    async def read_invoices(self, invoice_ids: Sequence[str]) -> int:
        """All rows of these invoices, in one snapshot."""
        execute = self._connection.execute
        ids = json.dumps(list(invoice_ids))
        execute("BEGIN")
        invoices = execute(f"SELECT * FROM invoices WHERE {_among('id')}", (ids,)).fetchall()
        read = len(invoices)
        for table, name, position in (("centers", "id", 1), ("guests", "id", 2)):
            mentioned = json.dumps(sorted({row[position] for row in invoices}))
            read += len(execute(f"SELECT * FROM {table} WHERE {_among(name)}", (mentioned,)).fetchall())
        for table in CHILDREN:
            statement = f"SELECT * FROM {table} WHERE {_among('invoice_id')} ORDER BY invoice_id, position"
            read += len(execute(statement, (ids,)).fetchall())
        execute("COMMIT")
        return read

    async def list_invoices(self, center_id: str, since: str, until: str, limit: int) -> tuple[int, list[str]]:
        """How many invoices the period has at the centre, and the newest of them."""
        where = "FROM invoices WHERE center_id = ? AND invoice_date >= ? AND invoice_date <= ?"
        ((count,),) = self._connection.execute(f"SELECT count(*) {where}", (center_id, since, until)).fetchall()
        newest = self._connection.execute(
            f"SELECT id {where} ORDER BY invoice_date DESC, id DESC LIMIT ?", (center_id, since, until, limit)
        )
        return count, [row[0] for row in newest.fetchall()]

    async def close_batch(self, invoice_ids: Sequence[str], body: bytes) -> None:
        """Lock, read, number, close, tell, commit."""
        execute, executemany = self._connection.execute, self._connection.executemany
        places = ", ".join("?" * len(invoice_ids))
        execute("BEGIN IMMEDIATE")
        invoices = execute(f"SELECT * FROM invoices WHERE id IN ({places}) ORDER BY id", invoice_ids).fetchall()
        for table in CHILDREN:
            statement = f"SELECT * FROM {table} WHERE invoice_id IN ({places}) ORDER BY invoice_id, position"
            execute(statement, invoice_ids).fetchall()
        center_id = invoices[0][1]
        ((last,),) = execute(
            "UPDATE receipt_counters SET next_number = next_number + ? WHERE center_id = ? RETURNING next_number",
            (len(invoice_ids), center_id),
        ).fetchall()
        ((sequence, digest),) = execute("SELECT sequence, hash FROM feed_head").fetchall()
        head, at = Head(sequence=sequence, hash=digest, receipt=last - len(invoice_ids)), now_us()
        executemany(_CLOSE, closed_rows(invoice_ids, head, at))
        events = event_rows(invoice_ids, center_id, body, head, at)
        executemany(insert_statement("events", EVENT_COLUMNS), events)
        execute("UPDATE feed_head SET sequence = ?, hash = ?, last_at = ?", (events[-1][0], events[-1][8], at))
        execute("COMMIT")

    async def queue(self, endpoint_ids: Sequence[str], sequences: Sequence[int]) -> None:
        """Replace what is in the queue."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute("DELETE FROM attempts")
        execute("DELETE FROM deliveries")
        rows = delivery_rows(endpoint_ids, sequences, now_us())
        self._connection.executemany(insert_statement("deliveries", DELIVERY_COLUMNS), rows)
        execute("COMMIT")

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """The rows of a query."""
        return self._connection.execute(statement).fetchall()

    async def tidy(self) -> None:
        """Move what is in the write-ahead log into the database."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _among(name: str) -> str:
    return f"{name} IN (SELECT value FROM json_each(?))"


def copy_statement(table: str, columns: Sequence[str], place: str = "?") -> str:
    """Copies the rows of the template for every row of `copies`, which says the values of its own columns."""
    is_child = table in CHILDREN
    names = [column.name for column in tables.metadata.tables[table].columns]
    key = "invoice_id" if is_child else "id"
    # An invoice's rows keep their own ids, which are only theirs on that invoice.
    given = {name: f'copies."{name}"' for name in columns if name != "id"} | {key: "copies.id"}
    written = ", ".join(f'"{name}"' for name in names)
    copied = ", ".join(given.get(name, f't."{name}"') for name in names)
    return f"INSERT INTO {table} ({written}) SELECT {copied} FROM copies CROSS JOIN {table} t WHERE t.{key} = {place}"


def insert_statement(table: str, columns: Sequence[str]) -> str:
    """Inserts whole rows."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


@asynccontextmanager
async def sqlite_driver(directory: Path) -> AsyncIterator[Driver]:
    """A file in the directory, for the length of the block."""
    driver: Driver = SqliteDriver(directory / "closebell.db")
    yield driver
