"""SQLite: one writer thread that commits in groups, and readers with connections of their own."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, Pool, QueuePool, StaticPool

from closebell.errors import Unavailable
from closebell.store.observing import NOBODY, Observer, trouble_of
from closebell.store.unit import P, R, Unit

GROUP_UNITS_MAX = 128
"""Units that share one commit; more wait for the next."""

QUEUE_UNITS_MAX = 10_000
"""Units that may wait for the writer; one more is told to come back later."""

READERS = 4
"""Threads that read, each with a connection of its own."""

LOOK_EVERY_S = 1
"""Seconds between two looks at whether a command has changed something beside the process that serves."""

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process that holds the file's write lock."""

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
"""What is the matter with the file or the machine, and not with the statement."""


@dataclass(slots=True)
class _Task:
    """One unit on its way through the writer."""

    run: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """A SQLite file, or a database in memory when the URL names no file."""

    engine_name = "sqlite"
    writers = 2  # one commits; the next is ready the moment it has

    def __init__(self, url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, observer: Observer = NOBODY) -> None:
        self._observer = observer
        self._in_memory = names_no_file(url)
        self._path = Path(make_url(url).database or "").absolute()
        self._file = _identity(self._path)
        patience = f"busy_timeout = {busy_timeout_ms}"
        self._write_engine = open_engine(
            url, begin="BEGIN IMMEDIATE", pool=StaticPool if self._in_memory else NullPool, pragmas=(patience,)
        )
        self._read_engine = (
            self._write_engine
            if self._in_memory
            else open_engine(url, begin="BEGIN", pool=QueuePool, pragmas=(patience, "query_only = ON"))
        )
        self._closed = False
        self._tasks: queue.Queue[_Task | None] = queue.Queue(QUEUE_UNITS_MAX)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="closebell-reader")
        self._writer = threading.Thread(target=self._write_groups, name="closebell-writer", daemon=True)
        self._writer.start()

    @property
    def write_engine(self) -> Engine:
        """The engine behind the writer, for work that runs before anything is served."""
        return self._write_engine

    @property
    def waiting(self) -> int:
        """How many units wait for the writer."""
        return self._tasks.qsize()

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in the writer; it returns once the group it was in is committed.

        Errors: what the unit raises, its own changes undone; Unavailable when the file is locked, full or gone.
        """
        self._must_be_open()
        try:
            return await self._write(unit, *args, **kwargs)
        except Unavailable as error:
            self._observer.unavailable(trouble_of(error))
            raise

    async def _write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        task = _Task(run=lambda c: unit(c, *args, **kwargs), loop=loop, future=loop.create_future())
        try:
            self._tasks.put_nowait(task)
        except queue.Full:
            raise Unavailable(f"more than {QUEUE_UNITS_MAX} changes are waiting to be written") from None
        result: R = await task.future
        return result

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a snapshot, beside the writer."""
        if self._in_memory:
            return await self.write(unit, *args, **kwargs)
        self._must_be_open()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, lambda: self._read(lambda c: unit(c, *args, **kwargs)))
        except Unavailable as error:
            self._observer.unavailable(trouble_of(error))
            raise

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` when a command has touched the mark: one look at a file's time, and none at the database."""
        if self._in_memory:
            return
        mark = serving_mark(self._path)
        known = _touched_ns(mark)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if (found := _touched_ns(mark)) != known:
                known = found
                heard()

    async def close(self) -> None:
        """Finish the waiting units and close every connection."""
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._stop)

    def _must_be_in_place(self) -> None:
        """A file that was moved, removed or replaced still takes writes, and nobody would find them again."""
        if not self._in_memory and _identity(self._path) != self._file:
            raise Unavailable(
                f"the database file {self._path.name} is gone or is another one than was opened; "
                "put it back, or restart"
            )

    def _must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed")

    def _stop(self) -> None:
        if self._writer.is_alive():
            self._tasks.put(None)
            self._writer.join()
        self._readers.shutdown()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _read(self, run: Callable[[Connection], R]) -> R:
        self._must_be_in_place()
        try:
            with self._read_engine.begin() as connection:
                return run(connection)
        except DBAPIError as error:
            raise _explained(error) from error

    def _write_groups(self) -> None:
        """The writer thread: take what waits, run it, commit once, answer; until told to stop."""
        connection: Connection | None = None
        while (first := self._tasks.get()) is not None:
            group, stopping = self._group(first)
            connection = self._commit(connection, group)
            _answer(group)
            if stopping:
                break
        if connection is not None:
            connection.close()

    def _group(self, first: _Task) -> tuple[list[_Task], bool]:
        group = [first]
        while len(group) < GROUP_UNITS_MAX:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                break
            if task is None:
                return group, True
            group.append(task)
        return group, False

    def _commit(self, connection: Connection | None, group: list[_Task]) -> Connection | None:
        """Run the group in one transaction; the connection is kept only while it is known to be sound."""
        began_s = time.perf_counter()
        try:
            self._must_be_in_place()
            connection = connection or self._write_engine.connect()
            with connection.begin():
                for task in group:
                    _run(connection, task, alone=len(group) == 1)
                _must_be_in_transaction(connection)
                self._must_be_in_place()
        except _Aborted:
            return connection
        except _Undone:
            _fail(group, Unavailable("the database undid this change, because one beside it met a full disk or worse"))
            return connection
        except DBAPIError as error:
            _fail(group, _explained(error))
        except BaseException as error:  # noqa: BLE001 (whatever it is, nobody may be left waiting)
            _fail(group, error)
        else:
            self._observer.committed(len(group), time.perf_counter() - began_s)
            return connection
        if connection is None or self._in_memory:
            return connection  # in memory, the connection is the database
        connection.invalidate()
        connection.close()
        return None


class _Aborted(Exception):
    """The only unit of a group failed, so its transaction is undone as a whole."""


class _Undone(Exception):
    """SQLite ended the transaction by itself, as it does when the disk is full: nothing of the group is left."""


def _must_be_in_transaction(connection: Connection) -> None:
    held: Any = connection.connection.dbapi_connection
    if not held.in_transaction:
        raise _Undone


def _run(connection: Connection, task: _Task, *, alone: bool) -> None:
    """Run one unit inside a savepoint, so that its failure undoes it and nothing else."""
    if alone:
        try:
            task.result = task.run(connection)
        except DBAPIError as error:
            task.error = _explained(error)
            raise _Aborted from error
        except Exception as error:
            task.error = error
            raise _Aborted from error
        return
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        task.result = task.run(connection)
    except Exception as error:  # noqa: BLE001 (the unit's own error goes back to its caller)
        task.error = _explained(error) if isinstance(error, DBAPIError) else error
        _must_be_in_transaction(connection)
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
    connection.exec_driver_sql("RELEASE SAVEPOINT unit")


def _fail(group: Iterable[_Task], error: BaseException) -> None:
    """Nothing of the group was committed: every unit fails with its own error or with the group's."""
    for task in group:
        task.error = task.error or error


def _answer(group: list[_Task]) -> None:
    """Hand each result to the loop it was asked from, waking each loop once."""
    for loop in {task.loop for task in group}:
        answers = [task for task in group if task.loop is loop]
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:
            continue  # that loop is closed; nobody is left to hear


def _resolve(answers: list[_Task]) -> None:
    for task in answers:
        if task.future.done():
            continue
        if task.error is not None:
            task.future.set_exception(task.error)
        else:
            task.future.set_result(task.result)


def _explained(error: DBAPIError) -> Exception:
    """What a caller can act on: a passing condition becomes Unavailable, a bug stays what it is."""
    # Extended codes (SQLITE_IOERR_FSYNC) keep the plain one in their lowest byte.
    code = getattr(error.orig, "sqlite_errorcode", None)
    if error.connection_invalidated or (code is not None and code & 0xFF in _PASSING):
        unavailable = Unavailable(f"the database cannot be written or read just now: {error.orig}")
        # Here too, because a unit's error is handed to its caller rather than raised from what it came from.
        unavailable.__cause__ = error
        return unavailable
    return error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at this path; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def serving_mark(database: Path) -> Path:
    """The file beside a database by which those who work on it know of each other, however its path is spelled."""
    real = database.resolve()
    return real.with_name(f"{real.name}.serving")


def _touched_ns(mark: Path) -> int:
    """When it was touched last; 0 when it is not there."""
    try:
        return mark.stat().st_mtime_ns
    except OSError:
        return 0


def names_no_file(url: str) -> bool:
    """Whether the URL means a database in memory, which lives as long as its one connection."""
    return make_url(url).database in {None, "", ":memory:"}


def open_engine(url: str, *, begin: str, pool: type[Pool], pragmas: Iterable[str] = ()) -> Engine:
    """An engine whose transactions start with `begin` and whose connections are set up as Closebell needs them.

    Shape: `pragmas` are set last, so they may override.
    """
    engine = create_engine(
        url,
        poolclass=pool,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,  # values are personal data, and some are secrets
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "recursive_triggers = ON",  # otherwise REPLACE removes rows behind the back of the delete triggers
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "cache_size = -32768",
            "temp_store = MEMORY",
            "secure_delete = ON",  # what is forgotten is overwritten, and not left until its place is needed
            *pragmas,
        ):
            dbapi_connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
