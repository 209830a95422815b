"""The one database of a world: the real schema and the real statements, in memory, one transaction after another."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool

from closebell.store.schema import migrate_connection
from closebell.store.sqlite import open_engine
from simulation.population import populate


@functools.cache
def _engine() -> Engine:
    """One connection for all worlds of this process, because what it has compiled is worth keeping."""
    return open_engine("sqlite://", begin="BEGIN IMMEDIATE", pool=StaticPool)


@functools.cache
def _beginning() -> sqlite3.Connection:
    """A database as every world finds it."""
    with _engine().begin() as connection:
        migrate_connection(connection)
        populate(connection)
    beginning = sqlite3.connect(":memory:", check_same_thread=False)
    _held().backup(beginning)
    return beginning


@functools.cache
def _held() -> sqlite3.Connection:
    with _engine().connect() as connection:
        held: Any = connection.connection.dbapi_connection
    assert isinstance(held, sqlite3.Connection), "SQLite's own connection"
    return held


class Store:
    """The database of one world; a world begins with it as it was before any other."""

    def __init__(self) -> None:
        _beginning().backup(_held())

    def commit(self, run: Callable[[Connection], Any]) -> Any:
        """Run it in a transaction of its own; what it raises undoes it."""
        with _engine().begin() as connection:
            return run(connection)

    def undo(self, run: Callable[[Connection], Any]) -> Any:
        """Run it in a transaction that does not last."""
        with _engine().connect() as connection, connection.begin() as transaction:
            result = run(connection)
            transaction.rollback()
        return result

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query, as they are stored."""
        return _held().execute(statement).fetchall()


def forget_engine() -> None:
    """Close the one connection, at the end of the process that used it."""
    if _beginning.cache_info().currsize:
        _beginning().close()
        _engine().dispose()
        for cached in (_beginning, _held, _engine):
            cached.cache_clear()
