from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from closebell.receiver import Event, Feed, FeedUnavailable, SqliteInbox, heal

TOLD = 9


class CrashError(Exception):
    """The application dies while it applies an event."""


def item(sequence: int, *, body: bool = True) -> dict[str, Any]:
    event_id, at = f"{sequence:024x}", "2022-03-11T14:22:43.3847049Z"
    told = {"id": event_id, "event_id": event_id, "event_type": "Guest.Updated", "event_timestamp": at, "data": {}}
    return {
        "sequence": sequence,
        "event_id": event_id,
        "event_type": "Guest.Updated",
        "created_at": at,
        "hash": "00" * 32,
        "previous_hash": "00" * 32,
        "body_hash": "00" * 32,
        "redacted_at": None if body else at,
        "body": json.dumps(told) if body else None,
    }


ITEMS = [item(sequence) for sequence in range(1, TOLD + 1)]


def feed_of(items: list[dict[str, Any]]) -> Feed:
    def fetch(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(url).query).items()}
        later = [one for one in items if one["sequence"] > query["after"]]
        page = later[: query["limit"]]
        next_after = page[-1]["sequence"] if page else query["after"]
        answer = {"events": page, "next_after": next_after, "has_more": len(later) > len(page)}
        return 200, json.dumps(answer).encode()

    return Feed(base_url="https://closebell.example", api_key="key", limit=2, fetch=fetch)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        SqliteInbox(opened).create_tables()
        opened.execute("CREATE TABLE applied (sequence INTEGER NOT NULL)")
        yield opened


def healed(connection: sqlite3.Connection, feed: Feed, *, dies_at: int = 0) -> int:
    def apply(event: Event) -> None:
        connection.execute("INSERT INTO applied VALUES (?)", (event.sequence,))
        if event.sequence == dies_at:
            raise CrashError

    return heal(feed, SqliteInbox(connection), apply, transaction=lambda: connection)


def applied(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT sequence FROM applied")]


def test_what_no_push_brought_is_applied_in_order_and_counted(connection: sqlite3.Connection) -> None:
    with connection:
        SqliteInbox(connection).remember(Event.parse(ITEMS[4]["body"].encode()))

    assert healed(connection, feed_of(ITEMS)) == TOLD - 1
    assert applied(connection) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert SqliteInbox(connection).cursor() == TOLD
    assert healed(connection, feed_of(ITEMS)) == 0


@pytest.mark.parametrize("dies_at", range(1, TOLD + 1))
def test_whoever_dies_half_way_goes_on_there(connection: sqlite3.Connection, dies_at: int) -> None:
    with pytest.raises(CrashError):
        healed(connection, feed_of(ITEMS), dies_at=dies_at)

    assert applied(connection) == list(range(1, dies_at)), "what was half applied is undone"
    assert SqliteInbox(connection).cursor() == dies_at - 1
    assert healed(connection, feed_of(ITEMS)) == TOLD - dies_at + 1
    assert applied(connection) == list(range(1, TOLD + 1))


def test_what_is_kept_no_longer_is_passed_over(connection: sqlite3.Connection) -> None:
    items = [*(item(sequence, body=False) for sequence in (1, 2, 3)), *ITEMS[3:]]

    assert healed(connection, feed_of(items)) == TOLD - 3
    assert applied(connection) == [4, 5, 6, 7, 8, 9]


def test_a_feed_that_fails_half_way_costs_nothing(connection: sqlite3.Connection) -> None:
    whole = feed_of(ITEMS).fetch

    def fetch(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        return (503, b"{}") if "after=4" in url else whole(url, headers, timeout_s)

    with pytest.raises(FeedUnavailable):
        healed(connection, Feed(base_url="https://closebell.example", api_key="key", limit=2, fetch=fetch))

    assert applied(connection) == [1, 2, 3, 4]
    assert healed(connection, feed_of(ITEMS)) == TOLD - 4
