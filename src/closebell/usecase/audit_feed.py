"""Audit the feed: compute every hash anew, and name the first record that was altered or removed.

A body that was redacted is no longer the one that was told. Its link holds as before; an empty body must be one that
was old enough, and one from which a guest was erased must be the one that the feed itself tells of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from closebell.domain import chain, event
from closebell.store import erasures, events, retention
from closebell.store.events import StoredEvent

PORTION: Final = 1_000
"""Events that are looked at in one read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an audit has come: the last event that holds, and its hash; `problem` is what is wrong after it."""

    sequence: int = 0
    hash: bytes = chain.GENESIS
    problem: str = ""
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redactions:
    """What may have been redacted: empty bodies up to a sequence, and others as the feed tells.

    Shape: `told` has the hash of a redacted body by its sequence; `erased` are the guests whom somebody had erased.
    """

    emptied_through: int
    told: Mapping[int, str]
    erased: frozenset[str]


def audit_portion(connection: Connection, before: Progress) -> Progress:
    """The progress after one more portion of the feed; an audit begins with `Progress()` and runs until it is done.

    Shape: what is linked is never changed, and what is redacted is told of in one transaction, so the portions of one
           audit need no common snapshot.
    """
    found = events.after(connection, before.sequence, PORTION)
    redactions = _redactions(connection, found)
    sequence, digest = before.sequence, before.hash
    for one in found:
        problem = next(_problems(one, sequence + 1, digest, redactions), "")
        if problem:
            return Progress(sequence=sequence, hash=digest, problem=problem, is_done=True)
        sequence, digest = one.sequence, one.hash
    if len(found) == PORTION:
        return Progress(sequence=sequence, hash=digest)
    return Progress(sequence=sequence, hash=digest, problem=_end(connection, sequence, digest), is_done=True)


def _redactions(connection: Connection, found: Sequence[StoredEvent]) -> _Redactions:
    """What explains the redactions among these events."""
    guest_ids = {one.guest_id for one in found if one.redacted_at is not None and one.body}
    guest_ids |= {one.guest_id for one in found if one.event_type == event.GUEST_ERASED}
    concerned = {guest_id for guest_id in guest_ids if guest_id is not None}
    told: dict[int, str] = {}
    for body in events.erasures_told(connection, concerned):
        told.update(_told_by(body))
    return _Redactions(
        emptied_through=retention.bodies_through(connection),
        told=told,
        erased=erasures.asked_for(connection, concerned),
    )


def _told_by(body: bytes) -> Iterator[tuple[int, str]]:
    """The hash of each body that an erasure tells of; one that was made unreadable says nothing."""
    try:
        for one in json.loads(body)["data"]["redacted_events"]:
            yield one["sequence"], one["redacted_body_hash"]
    except (ValueError, LookupError, TypeError):
        return


def _problems(one: StoredEvent, expected: int, previous: bytes, redactions: _Redactions) -> Iterator[str]:
    """What is wrong with an event that should have this sequence and follow this hash."""
    if one.sequence != expected:
        last = one.sequence - 1
        missing = f"event {expected} was" if last == expected else f"events {expected} to {last} were"
        yield f"{missing} removed: event {one.sequence} follows event {expected - 1}"
    if len(one.body_hash) != chain.HASH_BYTES or chain.link(previous, one.sequence, one.body_hash) != one.hash:
        yield f"event {one.sequence} was altered: its hash or the hash of its body is not what was told"
    yield from _body_problems(one, redactions)
    if one.body is not None:
        for name, (stored, told) in _described(one, one.body).items():
            if stored != told:
                yield f"event {one.sequence} was altered: its {name} is {stored} and its body says {told}"
    if one.event_type == event.GUEST_ERASED and one.guest_id not in redactions.erased:
        yield f"event {one.sequence} was forged: it tells that guest {one.guest_id} was erased, and nobody asked for it"


def _body_problems(one: StoredEvent, redactions: _Redactions) -> Iterator[str]:
    """What is wrong with a body: it is the one that was told, or there is a reason why it is not."""
    body: object = one.body  # whoever edits it by hand in SQLite leaves a text in its place
    if body is None:
        if one.redacted_at is None or one.sequence > redactions.emptied_through:
            yield (
                f"event {one.sequence} was emptied by hand: "
                f"only the bodies up to event {redactions.emptied_through} have been old enough"
            )
        return
    if not isinstance(body, bytes):
        yield f"event {one.sequence} was altered: its body is not what was told"
    elif one.redacted_at is None:
        if chain.body_hash(body) != one.body_hash:
            yield f"event {one.sequence} was altered: its body is not what was told"
    elif one.sequence not in redactions.told:
        yield f"event {one.sequence} was altered: its body was replaced, and no {event.GUEST_ERASED} tells of it"
    elif chain.body_hash(body).hex() != redactions.told[one.sequence]:
        yield f"event {one.sequence} was altered: its body is not the one that {event.GUEST_ERASED} tells of"


def _described(one: StoredEvent, body: bytes) -> Mapping[str, tuple[Any, Any]]:
    """The columns that repeat what the body says: as stored, and as told."""
    told = json.loads(body)
    described: dict[str, tuple[Any, Any]] = {
        "event_id": (one.event_id, told["event_id"]),
        "event_type": (one.event_type, told["event_type"]),
        "created_at": (event.timestamp(one.created_at), told["event_timestamp"]),
    }
    match told["event_type"]:
        case event.INVOICE_CLOSED:
            invoice = told["data"]["invoice"]
            described["invoice_id"] = (one.invoice_id, invoice["id"])
            described["center_id"] = (one.center_id, invoice["center_id"])
            described["guest_id"] = (one.guest_id, None if invoice["guest"] is None else invoice["guest"]["id"])
        case event.GUEST_CREATED | event.GUEST_UPDATED:
            described["guest_id"] = (one.guest_id, told["data"]["id"])
        case event.GUEST_ERASED:
            described["guest_id"] = (one.guest_id, told["data"]["guest_id"])
    return described


def _end(connection: Connection, sequence: int, digest: bytes) -> str:
    """What is wrong with the end of the feed; nothing when the last event is the one its head names."""
    head = events.head(connection)
    if (head.sequence, head.hash) == (sequence, digest):
        return ""
    if head.sequence > sequence:
        return f"events {sequence + 1} to {head.sequence} were removed: the feed's head names the last of them"
    return f"the head of the feed was altered: it names event {head.sequence}, and the last one is {sequence}"
