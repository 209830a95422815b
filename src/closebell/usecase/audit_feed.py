"""Audit the feed: compute every hash anew, and name the first record that was altered or removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from closebell.domain import chain, event
from closebell.store import events
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


def audit_portion(connection: Connection, before: Progress) -> Progress:
    """The progress after one more portion of the feed; an audit begins with `Progress()` and runs until it is done.

    Shape: what is told is never changed, so the portions of one audit need no common snapshot.
    """
    found = events.after(connection, before.sequence, PORTION)
    sequence, digest = before.sequence, before.hash
    for one in found:
        problem = next(_problems(one, sequence + 1, digest), "")
        if problem:
            return Progress(sequence=sequence, hash=digest, problem=problem, is_done=True)
        sequence, digest = one.sequence, one.hash
    if len(found) == PORTION:
        return Progress(sequence=sequence, hash=digest)
    return Progress(sequence=sequence, hash=digest, problem=_end(connection, sequence, digest), is_done=True)


def _problems(one: StoredEvent, expected: int, previous: bytes) -> Iterator[str]:
    """What is wrong with an event that should have this sequence and follow this hash."""
    if one.sequence != expected:
        last = one.sequence - 1
        missing = f"event {expected} was" if last == expected else f"events {expected} to {last} were"
        yield f"{missing} removed: event {one.sequence} follows event {expected - 1}"
    body: object = one.body  # whoever edits it by hand in SQLite leaves a text in its place
    if not isinstance(body, bytes) or chain.link(previous, one.sequence, body) != one.hash:
        yield f"event {one.sequence} was altered: its body or its hash is not what was told"
    for name, (stored, told) in _described(one).items():
        if stored != told:
            yield f"event {one.sequence} was altered: its {name} is {stored} and its body says {told}"


def _described(one: StoredEvent) -> Mapping[str, tuple[Any, Any]]:
    """The columns that repeat what the body says: as stored, and as told."""
    told = json.loads(one.body)
    described: dict[str, tuple[Any, Any]] = {
        "event_id": (one.event_id, told["event_id"]),
        "event_type": (one.event_type, told["event_type"]),
        "created_at": (event.timestamp(one.created_at), told["event_timestamp"]),
    }
    if told["event_type"] == event.INVOICE_CLOSED:
        invoice = told["data"]["invoice"]
        described["invoice_id"] = (one.invoice_id, invoice["id"])
        described["center_id"] = (one.center_id, invoice["center_id"])
    return described


def _end(connection: Connection, sequence: int, digest: bytes) -> str:
    """What is wrong with the end of the feed; nothing when the last event is the one its head names."""
    head = events.head(connection)
    if (head.sequence, head.hash) == (sequence, digest):
        return ""
    if head.sequence > sequence:
        return f"events {sequence + 1} to {head.sequence} were removed: the feed's head names the last of them"
    return f"the head of the feed was altered: it names event {head.sequence}, and the last one is {sequence}"
