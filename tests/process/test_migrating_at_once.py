"""Ten processes begin at the same moment on a database that is empty, or of an older Closebell. One does the work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from closebell.store import schema
from closebell.store.schema import migrate
from closebell.store.sqlite import open_engine
from fleet import look
from serving import Server, start

OLD = "0002"
MIGRATING = {"sqlite": 9, "postgresql": 6}
"""How many of the ten only migrate; the others serve."""
SERVING = {"sqlite": ["all"], "postgresql": ["all", "api", "api", "dispatch"]}

GUESTS = 2_500
"""Enough for a migration that goes over them in portions to take a while."""
OLD_ENDPOINT = """
    INSERT INTO endpoints (id, name, description, url, http_method, event_types, center_ids, signature_styles, policy,
                           state, state_reason, consecutive_failures, created_at, updated_at)
    VALUES ('e1', 'till', '', 'https://a.example', 'POST', '["Invoice.Closed"]', '[]', '["standard"]', 'standard',
            'active', '', 0, 1, 1)
"""


async def in_transaction(database_url: str, work: Callable[[Connection], None]) -> None:
    """Do it on a plain connection, whatever the schema is."""
    if database_url.startswith("sqlite"):
        engine = open_engine(database_url, begin="BEGIN IMMEDIATE", pool=NullPool, pragmas=("foreign_keys = OFF",))
        with engine.begin() as connection:
            work(connection)
        return
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    async with create_async_engine(url, poolclass=NullPool).begin() as async_connection:
        await async_connection.run_sync(work)


def leave_old(connection: Connection) -> None:
    """The database as an older release left it."""
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, OLD)
    no = "0" if connection.dialect.name == "sqlite" else "false"
    guests = ",".join(
        f"('g{number:05}', 'First{number}', 'Last', 0, '', '', 'g{number}@a.example', NULL, {no})"
        for number in range(GUESTS)
    )
    connection.exec_driver_sql(f"INSERT INTO guests VALUES {guests}")
    connection.exec_driver_sql(OLD_ENDPOINT)


async def migrated(database_url: str, directory: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "closebell", "migrate", "--database-url", database_url),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def ten_begin(database_url: str, directory: Path) -> None:
    """Every one of them says the newest revision, or serves from it."""
    engine = database_url.partition(":")[0]
    async with asyncio.TaskGroup() as tasks:
        migrating = [tasks.create_task(migrated(database_url, directory)) for _ in range(MIGRATING[engine])]
        servers = [tasks.create_task(start(database_url, directory, role=role)) for role in SERVING[engine]]
    running = [server.result() for server in servers]
    ready = await asyncio.gather(*(is_ready(server) for server in running))
    stopped = await asyncio.gather(*(server.stop() for server in running))
    assert len(migrating) + len(running) == 10
    newest = f"The database is at revision {migrate(database_url)}.\n"
    assert [task.result() for task in migrating] == [(0, newest)] * len(migrating)
    assert (set(ready), set(stopped)) == ({200}, {0})


async def is_ready(server: Server) -> int:
    return (await server.ask("GET", "/readyz"))[0]


async def test_ten_begin_with_nothing(database_url: str, tmp_path: Path) -> None:
    await ten_begin(database_url, tmp_path)
    assert await counted(database_url, "feed_head") == 1


async def test_ten_begin_with_what_an_older_release_left(database_url: str, tmp_path: Path) -> None:
    await in_transaction(database_url, leave_old)
    await ten_begin(database_url, tmp_path)
    assert await counted(database_url, "guests") == GUESTS
    # A migration writes these; a second one to do so would fail, or write them twice.
    assert await counted(database_url, "guest_terms") == 3 * GUESTS
    assert await look(database_url, "SELECT name, state FROM endpoints") == [("till", "active")]


async def counted(database_url: str, table: str) -> Any:
    return (await look(database_url, f"SELECT count(*) FROM {table}"))[0][0]


async def test_an_older_release_leaves_the_database_of_a_newer_one_alone(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    newer = "UPDATE alembic_version SET version_num = '9999'"
    await in_transaction(database_url, lambda connection: connection.execute(text(newer)).close())
    code, said = await migrated(database_url, tmp_path)
    assert code == 2
    assert said.startswith("closebell: the database is at revision 9999, which this Closebell does not know"), said
    assert said.count("\n") == 1
