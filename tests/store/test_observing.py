"""What a database tells whoever counts its work."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, text

from closebell.errors import Unavailable
from closebell.store.database import open_database
from closebell.store.observing import Trouble
from closebell.store.postgresql import CONNECTIONS, PostgresqlDatabase
from closebell.store.schema import migrate
from closebell.store.sqlite import SqliteDatabase


@dataclass
class Noted:
    """Everything that was told."""

    commits: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    retries: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    def committed(self, units: int, seconds: float) -> None:
        self.commits.append(units)
        self.seconds.append(seconds)

    def retried(self) -> None:
        self.retries += 1

    def unavailable(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
async def watched(database_url: str, noted: Noted) -> AsyncIterator[SqliteDatabase | PostgresqlDatabase]:
    migrate(database_url)
    database = open_database(database_url, observer=noted)
    yield database
    await database.close()


def nothing(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


async def test_a_commit_is_told_and_a_read_is_not(watched: SqliteDatabase | PostgresqlDatabase, noted: Noted) -> None:
    await watched.read(nothing)
    assert noted.commits == []
    await watched.write(nothing)
    assert noted.commits == [1]
    assert noted.seconds[0] > 0
    assert noted.troubles == []


async def test_what_fails_by_itself_is_no_trouble_of_the_database(
    watched: SqliteDatabase | PostgresqlDatabase, noted: Noted
) -> None:
    def wrong(_connection: Connection) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # nothing to match
        await watched.write(wrong)
    assert (noted.commits, noted.troubles) == ([], [])


async def test_units_that_share_a_commit_are_counted_together(sqlite_url: str, noted: Noted) -> None:
    migrate(sqlite_url)
    database = SqliteDatabase(sqlite_url, observer=noted)
    is_held, go_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        is_held.set()
        assert go_on.wait(30)

    first = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(is_held.wait, 30)
    others = [asyncio.create_task(database.write(nothing)) for _ in range(5)]
    await asyncio.sleep(0)  # each task runs up to where it waits for the writer
    assert database.waiting == len(others)
    go_on.set()
    await asyncio.gather(first, *others)
    assert noted.commits == [1, 5]
    assert database.waiting == 0
    await database.close()


async def test_a_lock_that_another_process_holds_is_told_as_busy(sqlite_url: str, noted: Noted) -> None:
    migrate(sqlite_url)
    database = SqliteDatabase(sqlite_url, busy_timeout_ms=1, observer=noted)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await database.write(nothing)
    other.execute("ROLLBACK")
    other.close()
    assert noted.troubles == [Trouble.BUSY]
    assert await database.write(nothing) == 1
    await database.close()


async def test_a_closed_database_is_no_trouble(watched: SqliteDatabase | PostgresqlDatabase, noted: Noted) -> None:
    await watched.close()
    for ask in (watched.write, watched.read):
        with pytest.raises(Unavailable):
            await ask(nothing)
    assert noted.troubles == []


async def test_a_lost_race_is_told_and_run_again(postgres_url: str, noted: Noted) -> None:
    migrate(postgres_url)
    database = PostgresqlDatabase(postgres_url, observer=noted)
    runs = 0

    def lose_once(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))

    await database.write(lose_once)
    assert (runs, noted.retries, noted.commits, noted.troubles) == (2, 1, [1], [])
    assert database.waiting == 0 < CONNECTIONS
    await database.close()


async def test_a_statement_that_took_too_long_is_told_as_busy(postgres_url: str, noted: Noted) -> None:
    migrate(postgres_url)
    database = PostgresqlDatabase(postgres_url, observer=noted)

    def wait(connection: Connection) -> None:
        connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'canceled' USING ERRCODE = '57014'; END $$"))

    with pytest.raises(Unavailable):
        await database.write(wait)
    assert noted.troubles == [Trouble.BUSY]
    await database.close()
