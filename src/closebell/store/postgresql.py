"""PostgreSQL: several connections over asyncpg, each unit in a transaction of its own, retried when it lost a race."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from closebell.errors import InDoubt, Unavailable
from closebell.store.observing import NOBODY, Observer, trouble_of
from closebell.store.unit import P, R, Unit
from closebell.store.wake import CHANNEL, ORIGIN_OPTION

log = structlog.get_logger()

CONNECTIONS = 10
"""Connections that this process holds at most."""

CONNECTION_WAIT_S = 10
"""How long a unit waits for a connection before it is told to come back later."""

TRIES_MAX = 5
"""How often a unit runs that loses to another transaction, the first time included."""

RACE_PAUSE_S = 0.005
"""How long a unit that lost waits before it runs again; twice as long the second time, and so on."""

LISTENER_PAUSE_S = 1
"""How long to wait before listening again on a new connection."""

STATEMENT_TIMEOUT_MS = 30_000
"""After this a statement is cancelled, so that no lock can hold a caller for ever."""

SILENCE_S = 35
"""After this a server that has not even said so is taken for gone: a network that drops everything says nothing."""

_UNREACHABLE = (OSError, TimeoutError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_IN_DOUBT = "The database went away before it said whether this was done. Ask again to see."

_LOST_A_RACE = {"40001", "40P01"}
"""Serialization failure and deadlock: the same unit may well succeed when it runs again."""

_PASSING = {"08", "28", "3D", "53", "55", "57", "58", "25006"}
"""Classes and codes of what is the matter with the server, and not with the statement."""


class PostgresqlDatabase:
    """A PostgreSQL database, reached through a pool of connections."""

    engine_name = "postgresql"
    writers = 2

    def __init__(self, url: str, *, observer: Observer = NOBODY, silence_s: float = SILENCE_S) -> None:
        self._observer = observer
        self._url = url
        self._origin = uuid.uuid4().hex
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,  # values are personal data, and some are secrets
            pool_timeout=CONNECTION_WAIT_S,
            pool_pre_ping=False,
            execution_options={ORIGIN_OPTION: self._origin},
            connect_args={
                "timeout": CONNECTION_WAIT_S,
                "command_timeout": silence_s,
                "server_settings": {"application_name": "closebell", "statement_timeout": str(STATEMENT_TIMEOUT_MS)},
            },
        )
        self._closed = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def engine(self) -> AsyncEngine:
        """The engine behind the units, for listening to notifications."""
        return self._engine

    @property
    def waiting(self) -> int:
        """How many units wait for a connection."""
        return max(self._under_way - CONNECTIONS, 0)

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a transaction; it returns once that is committed.

        Errors: what the unit raises, its changes undone; Unavailable when the server is gone, full or overloaded;
                InDoubt when it went away during the commit.
        """
        began_s = time.perf_counter()
        result: R = await self._run(unit, args, kwargs)
        self._observer.committed(1, time.perf_counter() - began_s)
        return result

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a read-only snapshot."""
        result: R = await self._run(unit, args, kwargs, postgresql_readonly=True, isolation_level="REPEATABLE READ")
        return result

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever another process rings, and once for all that happened before it was listened for.

        A lost connection is made anew.
        """
        while True:
            try:
                await self._hear(heard)
            except _UNREACHABLE as error:
                log.warning("listener.lost", error=str(error))
            await asyncio.sleep(LISTENER_PAUSE_S)

    async def _hear(self, heard: Callable[[], None]) -> None:
        """Listen on one connection until it ends."""

        def rung(_connection: Any, _pid: int, _channel: str, origin: object) -> None:
            if origin != self._origin:
                heard()

        ended = asyncio.Event()
        url = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url, timeout=CONNECTION_WAIT_S)
        try:
            connection.add_termination_listener(lambda _connection: ended.set())
            await connection.add_listener(CHANNEL, rung)
            heard()
            await ended.wait()
        finally:
            await connection.close(timeout=1)

    async def close(self) -> None:
        """Finish the units under way and close every connection."""
        self._closed = True
        await self._idle.wait()
        await self._engine.dispose()

    async def _run(self, unit: Any, args: Any, kwargs: Any, **options: Any) -> Any:
        if self._closed:
            raise Unavailable("the database is closed")
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._try(unit, args, kwargs, **options)
        except Unavailable as error:
            self._observer.unavailable(trouble_of(error))
            raise
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    async def _try(self, unit: Any, args: Any, kwargs: Any, **options: Any) -> Any:
        reads = "postgresql_readonly" in options
        for tries_left in reversed(range(TRIES_MAX)):
            has_ended = False
            try:
                async with self._engine.connect() as connection:
                    if options:
                        await connection.execution_options(**options)
                    async with connection.begin():
                        result = await connection.run_sync(unit, *args, **kwargs)
                        has_ended = True
            except DBAPIError as error:
                # A connection that was lost before the commit, most often while it lay idle, left nothing behind.
                is_undone = error.connection_invalidated and (not has_ended or reads)
                if error.connection_invalidated and not is_undone:
                    raise InDoubt(_IN_DOUBT) from error
                if not tries_left or not (is_undone or _sqlstate(error) in _LOST_A_RACE):
                    raise _explained(error) from error
                self._observer.retried()
                # Whoever won needs a moment to go on, or the two meet in the same place again.
                await asyncio.sleep(RACE_PAUSE_S * (TRIES_MAX - tries_left))
            except _UNREACHABLE as error:
                if has_ended and not reads:
                    raise InDoubt(_IN_DOUBT) from error
                raise Unavailable(f"the database cannot be reached: {error}") from error
            else:
                return result
        raise AssertionError("the last try returns or raises")


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""


def _explained(error: DBAPIError) -> Exception:
    """What a caller can act on: a passing condition becomes Unavailable, a bug stays what it is."""
    state = _sqlstate(error)
    if error.connection_invalidated or {state, state[:2]} & (_PASSING | _LOST_A_RACE):
        return Unavailable(f"the database cannot do this just now: {error.orig}")
    return error
