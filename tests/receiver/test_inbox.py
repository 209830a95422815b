from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closebell.receiver import Event, Inbox, InboxOutsideTransaction, MemoryInbox, SqliteInbox

AT = datetime(2022, 3, 11, tzinfo=UTC)


def event(number: int, *, at: datetime = AT) -> Event:
    return Event(
        event_id=f"{number:024x}",
        event_type="Invoice.Closed",
        timestamp=at,
        call_id=f"{number + 1:024x}",
        data={},
        body=b"{}",
    )


class CrashError(Exception):
    """The application dies between two statements."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "application.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as opened:
        SqliteInbox(opened).create_tables()
        opened.execute("CREATE TABLE applied (event_id TEXT NOT NULL)")
        opened.commit()
        yield opened


@pytest.fixture(params=["memory", "sqlite"])
def inbox(request: pytest.FixtureRequest, connection: sqlite3.Connection) -> Inbox:
    return MemoryInbox() if request.param == "memory" else SqliteInbox(connection)


def applied(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute("SELECT event_id FROM applied")]


def test_an_event_is_new_once(inbox: Inbox) -> None:
    assert [inbox.remember(event(1)), inbox.remember(event(2)), inbox.remember(event(1))] == [True, True, False]


def test_the_cursor_starts_at_0_and_never_moves_back(inbox: Inbox) -> None:
    seen = [inbox.cursor()]
    for sequence in (3, 7, 5, 8):
        inbox.advance(sequence)
        seen.append(inbox.cursor())

    assert seen == [0, 3, 7, 7, 8]


def test_a_crash_forgets_the_event_and_what_it_caused_together(connection: sqlite3.Connection, path: Path) -> None:
    inbox = SqliteInbox(connection)

    def apply(*, crash: bool) -> None:
        with connection:
            assert inbox.remember(event(1))
            inbox.advance(1)
            connection.execute("INSERT INTO applied VALUES (?)", (event(1).event_id,))
            if crash:
                raise CrashError

    with pytest.raises(CrashError):
        apply(crash=True)
    assert (applied(path), inbox.cursor()) == ([], 0)

    apply(crash=False)
    assert (applied(path), inbox.cursor()) == ([event(1).event_id], 1)


def test_a_connection_lost_before_the_commit_forgets_too(connection: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as lost:
        assert SqliteInbox(lost).remember(event(1))

    assert SqliteInbox(connection).remember(event(1))


def test_of_two_repeats_at_once_one_is_new(connection: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=0)) as other:
        assert SqliteInbox(connection).remember(event(1))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            SqliteInbox(other).remember(event(1))
        connection.commit()

        assert not SqliteInbox(other).remember(event(1))


def test_a_connection_that_commits_by_itself_is_refused_unless_begun(
    path: Path, connection: sqlite3.Connection
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as by_itself:
        inbox = SqliteInbox(by_itself)
        with pytest.raises(InboxOutsideTransaction):
            inbox.remember(event(1))
        with pytest.raises(InboxOutsideTransaction):
            inbox.advance(1)

        by_itself.execute("BEGIN IMMEDIATE")
        assert inbox.remember(event(1))
        by_itself.execute("ROLLBACK")

    assert SqliteInbox(connection).remember(event(1))


def test_tables_are_made_once_and_kept(connection: sqlite3.Connection) -> None:
    inbox = SqliteInbox(connection)
    with connection:
        inbox.remember(event(1))
        inbox.advance(4)

    SqliteInbox(connection).create_tables()

    assert (inbox.remember(event(1)), inbox.cursor()) == (False, 4)


def test_old_events_can_be_forgotten(connection: sqlite3.Connection) -> None:
    inbox = SqliteInbox(connection)
    for number in range(4):
        inbox.remember(event(number, at=AT + timedelta(days=number)))

    assert inbox.forget_before(AT + timedelta(days=2)) == 2
    assert [inbox.remember(event(number)) for number in range(4)] == [True, True, False, False]
