"""What the receiver has applied already, remembered in the very transaction that applied it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Final, Protocol

from closebell.errors import ClosebellError
from closebell.receiver.event import Event

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS closebell_inbox (
        event_id TEXT PRIMARY KEY,
        event_at TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS closebell_cursor (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        sequence INTEGER NOT NULL
    )""",
)


class InboxOutsideTransaction(ClosebellError):
    """The connection commits each statement by itself, so the event and what it causes could come apart."""


class Inbox(Protocol):
    """The memory of one receiver: which events it applied, and how far it has read the feed.

    Both are written by the caller's transaction: when it rolls back, the event counts as never seen.
    """

    def remember(self, event: Event) -> bool:
        """Whether the event is new; from now on it is not."""
        ...

    def cursor(self) -> int:
        """The sequence up to which the feed has been read; 0 before the first."""
        ...

    def advance(self, sequence: int) -> None:
        """The feed has been read up to `sequence`; the cursor never moves back."""
        ...


class MemoryInbox:
    """An inbox for tests and scripts: it forgets everything with the process.

    >>> inbox = MemoryInbox()
    >>> inbox.advance(7); inbox.advance(3); inbox.cursor()
    7
    """

    def __init__(self) -> None:
        self._event_ids: set[str] = set()
        self._cursor = 0

    def remember(self, event: Event) -> bool:
        """Whether the event is new; from now on it is not."""
        if event.event_id in self._event_ids:
            return False
        self._event_ids.add(event.event_id)
        return True

    def cursor(self) -> int:
        """The sequence up to which the feed has been read; 0 before the first."""
        return self._cursor

    def advance(self, sequence: int) -> None:
        """The feed has been read up to `sequence`."""
        self._cursor = max(self._cursor, sequence)


class SqliteInbox:
    """An inbox in the application's own SQLite database, on the application's own connection.

    Never commits, except for `create_tables`. Remember first and apply second, in one transaction:

        with connection:
            if inbox.remember(event):
                apply(connection, event)

    The insert takes the write lock, so of two repeats that arrive at once the second waits and then finds the first.
    Errors: InboxOutsideTransaction when the connection commits by itself and no BEGIN was given; sqlite3's own.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create_tables(self) -> None:
        """Make the two tables unless they exist, and commit. Once, when the application starts."""
        for statement in _TABLES:
            self._connection.execute(statement)
        self._connection.commit()

    def remember(self, event: Event) -> bool:
        """Whether the event is new; from the caller's commit on it is not."""
        self._must_not_commit_by_itself()
        event_at = event.timestamp.astimezone(UTC).isoformat(timespec="microseconds")
        inserted = self._connection.execute(
            "INSERT INTO closebell_inbox (event_id, event_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (event.event_id, event_at),
        )
        return inserted.rowcount == 1

    def cursor(self) -> int:
        """The sequence up to which the feed has been read; 0 before the first."""
        row = self._connection.execute("SELECT sequence FROM closebell_cursor").fetchone()
        return int(row[0]) if row else 0

    def advance(self, sequence: int) -> None:
        """The feed has been read up to `sequence`; the cursor never moves back."""
        self._must_not_commit_by_itself()
        self._connection.execute(
            "INSERT INTO closebell_cursor (only, sequence) VALUES (1, ?)"
            " ON CONFLICT (only) DO UPDATE SET sequence = max(sequence, excluded.sequence)",
            (sequence,),
        )

    def forget_before(self, instant: datetime) -> int:
        """Forget events that happened before `instant`; how many. A later repeat of one of them will count as new."""
        event_at = instant.astimezone(UTC).isoformat(timespec="microseconds")
        return self._connection.execute("DELETE FROM closebell_inbox WHERE event_at < ?", (event_at,)).rowcount

    def _must_not_commit_by_itself(self) -> None:
        # Python 3.12 added `autocommit`; before it, isolation_level None was the only such mode.
        by_itself = self._connection.isolation_level is None or getattr(self._connection, "autocommit", None) is True
        if by_itself and not self._connection.in_transaction:
            raise InboxOutsideTransaction("Give BEGIN first: this connection commits each statement by itself.")
