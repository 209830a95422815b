"""SQLite through `sqlite3`, with the pragmas that Closebell sets."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
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

    async def stock(self, template_id: str, invoice_ids: Sequence[str]) -> None:
        """Copy the template, table by table."""
        execute = self._connection.execute
        execute("CREATE TEMP TABLE copies (id TEXT)")
        self._connection.executemany("INSERT INTO copies VALUES (?)", [(id_,) for id_ in invoice_ids])
        execute("BEGIN IMMEDIATE")
        for table in ("invoices", *CHILDREN):
            execute(copy_statement(table), (template_id,))
        execute("COMMIT")
        execute("DROP TABLE copies")

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
        execute("UPDATE feed_head SET sequence = ?, hash = ?, last_at = ?", (events[-1][0], events[-1][7], at))
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


def copy_statement(table: str, place: str = "?") -> str:
    """Copies the rows of the template for every id in `copies`."""
    key = "id" if table == "invoices" else "invoice_id"
    others = [column.name for column in tables.metadata.tables[table].columns if column.name != key]
    written = ", ".join(f'"{name}"' for name in others)
    copied = ", ".join(f't."{name}"' for name in others)
    return (
        f"INSERT INTO {table} ({key}, {written}) SELECT copies.id, {copied} "
        f"FROM copies CROSS JOIN {table} t WHERE t.{key} = {place}"
    )


def insert_statement(table: str, columns: Sequence[str]) -> str:
    """Inserts whole rows."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


@asynccontextmanager
async def sqlite_driver(directory: Path) -> AsyncIterator[Driver]:
    """A file in the directory, for the length of the block."""
    driver: Driver = SqliteDriver(directory / "closebell.db")
    yield driver
