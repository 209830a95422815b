"""Read the feed: every event in sequence order, so that a receiver that missed some heals itself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.errors import NotFound
from closebell.store import events
from closebell.store.events import StoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Events in sequence order without gaps; `next_after` is where the next page begins."""

    events: list[StoredEvent]
    next_after: int
    has_more: bool


def read_feed(connection: Connection, *, after: int, limit: int) -> FeedPage:
    """Up to `limit` events that follow the sequence `after`; 0 begins at the first."""
    assert limit >= 1, "a page has room for something"
    found = events.after(connection, after, limit + 1)
    page = found[:limit]
    return FeedPage(events=page, next_after=page[-1].sequence if page else after, has_more=len(found) > limit)


def read_event(connection: Connection, event_id: str) -> StoredEvent:
    """The event with this id.

    Errors: NotFound.
    """
    event = events.find(connection, event_id)
    if event is None:
        raise NotFound(f"No event has the id {event_id}")
    return event
