"""Brings a database's schema up to date, and tells whether it is."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from closebell.errors import MisuseError, Unavailable
from closebell.store.database import dialect
from closebell.store.sqlite import names_no_file, open_engine

_MIGRATIONS = Path(__file__).parent / "migrations"

_ADVISORY_LOCK = 0x636C6F7365  # "close"
"""What processes that migrate the same PostgreSQL database wait for."""

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration under way in module globals, so threads of one process take turns."""


def migrate(url: str) -> str:
    """Bring the database at this URL up to date, creating it if it is a SQLite file that does not exist.

    Shape:  the revision it is at afterwards. Any number of processes may do this at once; one does the work.
            May be called where an event loop runs, which it blocks.
    Errors: MisuseError when the URL names no place for a database, or one of a newer Closebell; Unavailable when
            the database is locked, full or gone. Nothing is half-migrated.
    """
    try:
        return _migrate_sqlite(url) if dialect(url) == "sqlite" else _migrate_postgresql(url)
    except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise Unavailable(f"the database cannot be brought up to date just now: {reason}") from error


def migrate_connection(connection: Connection) -> str:
    """Bring the schema up to date within the transaction under way; a unit of work like any other.

    Errors: MisuseError when a newer Closebell has migrated this database.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    if not is_current(connection):
        before = revision(connection)
        with _ONE_AT_A_TIME:
            config = _config()
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise MisuseError(
                    f"the database is at revision {before}, which this Closebell does not know; "
                    "run the newer Closebell that wrote it"
                ) from error
    return _head()


def revision(connection: Connection) -> str | None:
    """The revision the schema is at; None when the database is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one that this code was written for."""
    return revision(connection) == _head()


@functools.cache
def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _migrate_sqlite(url: str) -> str:
    if names_no_file(url):
        raise MisuseError("a database in memory is migrated by its owner: await db.write(migrate_connection)")
    path = Path(make_url(url).database or "").absolute()
    if not path.parent.is_dir():
        raise MisuseError(f"database_url names {path}, and {path.parent} is not a directory")
    # A migration that rebuilds a table drops the old one, which references to it would forbid.
    engine = open_engine(url, begin="BEGIN IMMEDIATE", pool=NullPool, pragmas=("foreign_keys = OFF",))
    with _directory_locked(path.parent), engine.begin() as connection:
        before = revision(connection)
        after = migrate_connection(connection)
        if before != after:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            assert not broken, f"the migration from {before} to {after} left references to nothing: {broken[:5]}"
    return after


@contextmanager
def _directory_locked(directory: Path) -> Iterator[None]:
    """Processes that start at once take turns.

    SQLite's own locks do not suffice: turning on the write-ahead log fails at once where another process does the
    same. The directory is locked and not the file, because closing a file that SQLite has open drops its locks.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate_postgresql(url: str) -> str:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_migrate_over_asyncpg(url))
    with ThreadPoolExecutor(1, thread_name_prefix="closebell-migration") as elsewhere:
        return elsewhere.submit(lambda: asyncio.run(_migrate_over_asyncpg(url))).result()


async def _migrate_over_asyncpg(url: str) -> str:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(migrate_connection)
    finally:
        await engine.dispose()
