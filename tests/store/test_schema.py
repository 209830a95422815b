from __future__ import annotations

import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from closebell.errors import MisuseError, Unavailable
from closebell.store import schema, tables
from closebell.store.database import open_database
from closebell.store.schema import is_current, migrate, migrate_connection, revision
from closebell.store.sqlite import open_engine
from closebell.store.unit import Database

InTransaction = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


@pytest.fixture
def in_transaction(database_url: str) -> InTransaction:
    """Runs a function on a plain connection, whatever the schema is."""

    async def run(work: Callable[[Connection], Any]) -> Any:
        if database_url.startswith("sqlite"):
            with open_engine(database_url, begin="BEGIN IMMEDIATE", pool=NullPool).begin() as connection:
                return work(connection)
        url = make_url(database_url).set(drivername="postgresql+asyncpg")
        async_engine = create_async_engine(url, poolclass=NullPool)
        async with async_engine.begin() as async_connection:
            return await async_connection.run_sync(work)

    return run


async def test_the_migrations_build_the_tables(database_url: str, in_transaction: InTransaction) -> None:
    migrate(database_url)

    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, tables.metadata)

    assert await in_transaction(differences) == []


async def test_the_migrations_build_what_the_tables_would(database_url: str, in_transaction: InTransaction) -> None:
    migrate(database_url)
    migrated = await in_transaction(_definitions)

    await in_transaction(_start_again)
    await in_transaction(tables.metadata.create_all)

    assert await in_transaction(_definitions) == migrated
    assert len(migrated) > 10


def _start_again(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in reversed([table.name for table in tables.metadata.sorted_tables]):
            connection.exec_driver_sql(f"DROP TABLE {name}")
    else:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")


def _definitions(connection: Connection) -> set[Any]:
    """Every column, constraint and index in the database's own words; checks too, which Alembic does not compare."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL "
            "AND name <> 'alembic_version'"
        )
        return {(name, part) for name, sql in rows for part in _parts(sql)}
    columns = """
        SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable
        FROM information_schema.columns WHERE table_schema = 'public'
    """
    constraints = """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    return {
        tuple(row)
        for query in (columns, constraints, indexes)
        for row in connection.exec_driver_sql(query)
        if row[0] != "alembic_version"
    }


def _parts(sql: str) -> list[str]:
    """What a CREATE statement lists between its outer parentheses; in which order means nothing."""
    opening, _, rest = sql.partition("(")
    inside, _, closing = rest.rpartition(")")
    parts, depth = [""], 0
    for character in inside:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [re.sub(r"\s+", " ", part).strip() for part in (opening, *parts, closing)]


async def test_the_feed_begins_before_its_first_event(database: Database) -> None:
    rows = await database.read(lambda connection: connection.execute(select(tables.feed_head)).all())

    assert [(row.id, row.sequence, row.hash, row.last_at.timestamp()) for row in rows] == [(1, 0, bytes(32), 0)]


async def test_migrating_twice_changes_nothing(database_url: str, in_transaction: InTransaction) -> None:
    first = migrate(database_url)
    before = await in_transaction(_definitions)

    assert migrate(database_url) == first
    assert await in_transaction(_definitions) == before


async def test_an_empty_database_has_no_revision(database_url: str, in_transaction: InTransaction) -> None:
    assert await in_transaction(revision) is None
    assert await in_transaction(is_current) is False

    reached = migrate(database_url)

    assert await in_transaction(revision) == reached
    assert await in_transaction(is_current) is True


def test_migrating_works_without_a_running_loop(database_url: str) -> None:
    assert migrate(database_url) == migrate(database_url)


async def test_a_migration_that_fails_leaves_nothing(in_transaction: InTransaction) -> None:
    class StopError(Exception):
        pass

    def fail(connection: Connection) -> None:
        migrate_connection(connection)
        raise StopError

    with pytest.raises(StopError):
        await in_transaction(fail)

    assert await in_transaction(lambda connection: inspect(connection).get_table_names()) == []


async def test_a_database_in_memory_is_migrated_on_its_own_connection() -> None:
    with pytest.raises(MisuseError, match="in memory"):
        migrate("sqlite://")
    database = open_database("sqlite://")

    await database.write(migrate_connection)

    assert await database.read(is_current)
    await database.close()


async def test_the_database_of_a_newer_closebell_is_left_alone(
    database_url: str, in_transaction: InTransaction
) -> None:
    migrate(database_url)
    await in_transaction(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9'"))

    with pytest.raises(MisuseError, match="revision 9"):
        migrate(database_url)

    assert await in_transaction(revision) == "9"


def test_the_schema_never_goes_back(sqlite_url: str) -> None:
    migrate(sqlite_url)
    engine = create_engine(sqlite_url, poolclass=NullPool)
    config = schema._config()

    with engine.begin() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError, match="forward"):
            command.downgrade(config, "base")

        assert is_current(connection)


def test_migrating_leaves_logging_alone(sqlite_url: str) -> None:
    before = (logging.getLogger().level, list(logging.getLogger().handlers), logging.getLogger("alembic").handlers)

    migrate(sqlite_url)

    after = (logging.getLogger().level, list(logging.getLogger().handlers), logging.getLogger("alembic").handlers)
    assert after == before


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="nowhere is not a directory"):
        migrate(f"sqlite:///{tmp_path}/nowhere/closebell.db")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db"
    path.write_bytes(b"a letter to my aunt, and not a database" * 100)
    before = path.read_bytes()

    with pytest.raises(Unavailable, match="not a database"):
        migrate(f"sqlite:///{path}")

    assert path.read_bytes() == before


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be brought up to date"):
        migrate(f"postgresql://nobody@/closebell?host={tmp_path}")


PROGRAM = """
import sys
from closebell.store.schema import migrate
print("ready", flush=True)
sys.stdin.readline()
print(migrate(sys.argv[1]), flush=True)
"""


def test_ten_processes_may_migrate_at_once(database_url: str) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", PROGRAM, database_url],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(10)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0].strip() for process in processes]

    assert answers == [migrate(database_url)] * 10
    assert [process.returncode for process in processes] == [0] * 10


def test_a_file_is_left_in_write_ahead_mode(sqlite_url: str) -> None:
    migrate(sqlite_url)

    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
