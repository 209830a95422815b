"""The feed: every event once, in a sequence without gaps, each linked to the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from closebell.domain import chain
from closebell.domain.endpoint import Endpoint
from closebell.domain.event import GUEST_ERASED
from closebell.store import tables
from closebell.store.statements import among, listed
from closebell.store.wake import ringing

_events = tables.events.c
_head = tables.feed_head.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the feed: the last event's sequence, hash and instant."""

    sequence: int
    hash: bytes
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event about to be told; the feed gives it its sequence and hash. `listeners` are the endpoints to be told."""

    event_id: str
    event_type: str
    invoice_id: str | None
    close_sequence: int | None
    center_id: str | None
    body: bytes
    listeners: tuple[Endpoint, ...]
    created_at: datetime
    traceparent: str | None = None
    guest_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as it stands in the feed.

    Shape: `body_hash` is that of the body as it was told. Since `redacted_at`, if it is set, `body` is another one,
           from which a guest was erased, or none at all.
    """

    sequence: int
    event_id: str
    event_type: str
    invoice_id: str | None
    center_id: str | None
    guest_id: str | None
    body: bytes | None
    body_hash: bytes
    previous_hash: bytes
    hash: bytes
    created_at: datetime
    redacted_at: datetime | None


_LOCK_HEAD = select(tables.feed_head).where(_head.id == 1).with_for_update()
_MOVE_HEAD = (
    update(tables.feed_head)
    .where(_head.id == 1)
    .values(sequence=bindparam("new_sequence"), hash=bindparam("new_hash"), last_at=bindparam("new_at"))
)
_INSERT = insert(tables.events)


def lock_head(connection: Connection) -> Head:
    """The end of the feed, locked until the transaction ends: the last lock a transaction takes."""
    row = connection.execute(_LOCK_HEAD).one()
    return Head(sequence=row.sequence, hash=row.hash, last_at=row.last_at)


def append(connection: Connection, head: Head, new: Sequence[NewEvent]) -> list[int]:
    """Put events at the end of the feed whose head this transaction has locked; their sequences, in order."""
    assert new, "nothing to append"
    rows: list[dict[str, Any]] = []
    sequence, digest = head.sequence, head.hash
    for event in new:
        sequence += 1
        body_hash = chain.body_hash(event.body)
        digest = chain.link(digest, sequence, body_hash)
        rows.append(
            {
                "sequence": sequence,
                "event_id": event.event_id,
                "event_type": event.event_type,
                "invoice_id": event.invoice_id,
                "close_sequence": event.close_sequence,
                "center_id": event.center_id,
                "body": event.body,
                "body_hash": body_hash,
                "hash": digest,
                "listeners": len(event.listeners),
                "created_at": event.created_at,
                "traceparent": event.traceparent,
                "guest_id": event.guest_id,
            }
        )
    connection.execute(_INSERT, rows)
    moved = {"new_sequence": sequence, "new_hash": digest, "new_at": max(head.last_at, new[-1].created_at)}
    connection.execute(ringing(_MOVE_HEAD, connection), moved)
    return [row["sequence"] for row in rows]


def head(connection: Connection) -> Head:
    """The end of the feed as it is now, without locking it."""
    row = connection.execute(select(tables.feed_head).where(_head.id == 1)).one()
    return Head(sequence=row.sequence, hash=row.hash, last_at=row.last_at)


def after(connection: Connection, sequence: int, limit: int) -> list[StoredEvent]:
    """Up to `limit` events that follow `sequence`, in sequence order."""
    rows = connection.execute(
        select(tables.events).where(_events.sequence > sequence).order_by(_events.sequence).limit(limit)
    ).all()
    if not rows:
        return []
    previous = _hash_before(connection, rows[0].sequence)
    found = []
    for row in rows:
        found.append(_stored(row, previous))
        previous = row.hash
    return found


def find(connection: Connection, event_id: str) -> StoredEvent | None:
    """The event with this id."""
    row = connection.execute(select(tables.events).where(_events.event_id == event_id)).one_or_none()
    return None if row is None else _stored(row, _hash_before(connection, row.sequence))


def _hash_before(connection: Connection, sequence: int) -> bytes:
    before: bytes | None = connection.execute(
        select(_events.hash).where(_events.sequence == sequence - 1)
    ).scalar_one_or_none()
    return chain.GENESIS if before is None else before


def _stored(row: Row[Any], previous_hash: bytes) -> StoredEvent:
    return StoredEvent(
        sequence=row.sequence,
        event_id=row.event_id,
        event_type=row.event_type,
        invoice_id=row.invoice_id,
        center_id=row.center_id,
        guest_id=row.guest_id,
        body=row.body or None,
        body_hash=row.body_hash,
        previous_hash=previous_hash,
        hash=row.hash,
        created_at=row.created_at,
        redacted_at=row.redacted_at,
    )


class ToSend(NamedTuple):
    """What of an event is sent: its id, its body as stored, the trace it belongs to, and when it was told."""

    event_id: str
    body: bytes
    traceparent: str | None
    told_at: datetime


_BODIES = select(_events.sequence, _events.event_id, _events.body, _events.traceparent, _events.created_at).where(
    among(_events.sequence)
)


def bodies(connection: Connection, sequences: Iterable[int]) -> dict[int, ToSend]:
    """What is sent of the event of each of these sequences; the body is empty when it is not kept any more."""
    wanted = listed(sequences)
    rows = connection.execute(_BODIES, {"ids": wanted}).all() if wanted else []
    return {sequence: ToSend(*rest) for sequence, *rest in rows}


# --- guests ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEvent:
    """An event about a guest; its body is empty when it is not kept any more."""

    sequence: int
    event_id: str
    event_type: str
    invoice_id: str | None
    body: bytes
    redacted_at: datetime | None


_OF_GUEST = (
    select(tables.events)
    .where(_events.guest_id == bindparam("guest"), _events.sequence > bindparam("after"))
    .order_by(_events.sequence)
    .limit(bindparam("most"))
    .with_for_update(key_share=True)
)
_REPLACE_BODY = (
    update(tables.events)
    .where(_events.sequence == bindparam("at"))
    .values(body=bindparam("new_body"), redacted_at=bindparam("new_redacted_at"))
)
_LAST_REDACTED = select(func.max(_events.redacted_at)).where(_events.guest_id == bindparam("guest"))
_ERASURES_TOLD = (
    select(_events.body).where(among(_events.guest_id), _events.event_type == GUEST_ERASED).order_by(_events.sequence)
)


def of_guest_locked(connection: Connection, guest_id: str, *, after: int, limit: int) -> list[GuestEvent]:
    """Up to `limit` events about a guest that follow a sequence, locked until the transaction ends."""
    return [
        GuestEvent(
            sequence=row.sequence,
            event_id=row.event_id,
            event_type=row.event_type,
            invoice_id=row.invoice_id,
            body=row.body,
            redacted_at=row.redacted_at,
        )
        for row in connection.execute(_OF_GUEST, {"guest": guest_id, "after": after, "most": limit})
    ]


def replace_bodies(connection: Connection, bodies: Mapping[int, bytes], *, now: datetime) -> None:
    """Put redacted bodies in the place of those that were told; the database lets it happen for an erasure alone."""
    rows = [{"at": at, "new_body": body, "new_redacted_at": now} for at, body in sorted(bodies.items())]
    if rows:
        connection.execute(_REPLACE_BODY, rows)


def last_redacted_at(connection: Connection, guest_id: str) -> datetime | None:
    """When a body about the guest was replaced or forgotten last; None if all are as they were told."""
    found: datetime | None = connection.execute(_LAST_REDACTED, {"guest": guest_id}).scalar_one()
    return found


def erasures_told(connection: Connection, guest_ids: Iterable[str]) -> list[bytes]:
    """The bodies that tell that these guests were erased, in the order in which they were told."""
    wanted = listed(guest_ids)
    return list(connection.execute(_ERASURES_TOLD, {"ids": wanted}).scalars()) if wanted else []


# --- periods -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How many events of a period there are, and how many deliveries were made of them when they were written."""

    events: int
    listeners: int


def count_between(connection: Connection, event_type: str, since: datetime, until: datetime) -> Told:
    """The events of a type made from `since` up to and without `until`."""
    row = connection.execute(
        select(func.count().label("events"), func.coalesce(func.sum(_events.listeners), 0).label("listeners")).where(
            _events.event_type == event_type, _events.created_at >= since, _events.created_at < until
        )
    ).one()
    return Told(events=row.events, listeners=int(row.listeners))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The stretch of the feed that a period covers: its first and last sequence, and how many events it holds."""

    first: int
    last: int
    count: int

    @property
    def missing(self) -> int:
        """How many sequences of the stretch have no event; never any, unless somebody reached around us."""
        return self.last - self.first + 1 - self.count if self.count else 0


def span(connection: Connection, since: datetime, until: datetime) -> Span:
    """The events of every type made from `since` up to and without `until`."""
    row = connection.execute(
        select(
            func.min(_events.sequence).label("first"), func.max(_events.sequence).label("last"), func.count().label("n")
        ).where(_events.created_at >= since, _events.created_at < until)
    ).one()
    return Span(first=row.first or 0, last=row.last or 0, count=row.n)
