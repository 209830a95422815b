"""PostgreSQL: several connections over asyncpg, each unit in a transaction of its own, retried when it lost a race."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from closebell.errors import Unavailable
from closebell.store.unit import P, R, Unit

CONNECTIONS = 10
"""Connections that this process holds at most."""

CONNECTION_WAIT_S = 10
"""How long a unit waits for a connection before it is told to come back later."""

TRIES_MAX = 5
"""How often a unit runs that loses to another transaction, the first time included."""

STATEMENT_TIMEOUT_MS = 30_000
"""After this a statement is cancelled, so that no lock can hold a caller for ever."""

_UNREACHABLE = (OSError, TimeoutError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_LOST_A_RACE = {"40001", "40P01"}
_PASSING = {"53", "57", "58", "08", "55", "25006"}


class PostgresqlDatabase:
    """A PostgreSQL database, reached through a pool of connections."""

    engine_name = "postgresql"
    writers = 2

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=CONNECTION_WAIT_S,
            pool_pre_ping=False,
            connect_args={
                "timeout": CONNECTION_WAIT_S,
                "server_settings": {"application_name": "closebell", "statement_timeout": str(STATEMENT_TIMEOUT_MS)},
            },
        )

    @property
    def engine(self) -> AsyncEngine:
        """The engine behind the units, for listening to notifications."""
        return self._engine

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a transaction; it returns once that is committed.

        Errors: what the unit raises, its changes undone; Unavailable when the server is gone, full or overloaded.
        """
        result: R = await self._run(unit, args, kwargs)
        return result

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a read-only snapshot."""
        result: R = await self._run(unit, args, kwargs, postgresql_readonly=True, isolation_level="REPEATABLE READ")
        return result

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _run(self, unit: Any, args: Any, kwargs: Any, **options: Any) -> Any:
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                async with self._engine.connect() as connection:
                    if options:
                        await connection.execution_options(**options)
                    async with connection.begin():
                        return await connection.run_sync(unit, *args, **kwargs)
            except DBAPIError as error:
                if _sqlstate(error) in _LOST_A_RACE and tries_left:
                    continue
                raise _explained(error) from error
            except _UNREACHABLE as error:
                raise Unavailable(f"the database cannot be reached: {error}") from error
        raise AssertionError("the last try returns or raises")


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""


def _explained(error: DBAPIError) -> Exception:
    """What a caller can act on: a passing condition becomes Unavailable, a bug stays what it is."""
    state = _sqlstate(error)
    if error.connection_invalidated or state in _LOST_A_RACE or state[:2] in _PASSING or state in _PASSING or not state:
        return Unavailable(f"the database cannot do this just now: {error.orig}")
    return error
