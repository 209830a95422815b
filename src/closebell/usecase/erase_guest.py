"""Erase a guest: everywhere they are known by the id alone from now on, and what was told and paid stays provable.

The request anonymises the guest at once and works off the first portion of their events; the rest follows in portions,
each of which is one transaction. A portion replaces bodies, blanks what belongs to them, and tells in the feed which
body stands where another stood: the chain covers what replaced what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import chain, event, guest_profile
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.event import RedactedEvent
from closebell.domain.redaction import redacted
from closebell.errors import NotFound
from closebell.store import erasures, events, guests, personal_data
from closebell.store.erasures import Erasure
from closebell.store.events import GuestEvent
from closebell.usecase import known_guest
from closebell.usecase.tell import News, announce

PORTION: Final = 100
"""Events, or invoices, of a guest that one transaction redacts: nobody else waits long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Where a guest's id stands in texts that no index leads to: kept answers, and profiles of others."""

    answers: Sequence[tuple[str, str]]
    profiles: Sequence[str]


def erase_guest(
    connection: Connection, guest_id: str, *, clock: Clock, luck: Luck, caller: Caller = OPERATOR
) -> Erasure:
    """Where the erasure of the guest stands: asked for now, or as it is if it was asked for before.

    Errors: NotFound; Refusal 438.
    """
    guest = known_guest.find_locked(connection, guest_id, caller)
    before = erasures.find(connection, guest_id)
    if before is not None:
        return before
    now = clock.now()
    erasure = Erasure(id=luck.guid(), guest_id=guest_id, created_at=now)
    erasures.insert_one(connection, erasure)
    guests.save(connection, guest_profile.erased(guest, now=now))
    _forget_beside_invoices(connection, guest_id)
    return _events_redacted(connection, erasure, is_first=True, caller=caller, clock=clock, luck=luck)


def read_erasure(connection: Connection, guest_id: str, *, caller: Caller = OPERATOR) -> Erasure:
    """Where the erasure of the guest stands.

    Errors: NotFound, of the guest or because nobody has asked for it; Refusal 438.
    """
    known_guest.find(connection, guest_id, caller)
    found = erasures.find(connection, guest_id)
    if found is None:
        raise NotFound(f"Nobody has asked to erase guest {guest_id}")
    return found


def find_named(connection: Connection, guest_id: str) -> Named:
    """Where the guest's id stands in texts; a read, because it looks at many of them."""
    return Named(
        answers=personal_data.answers_that_name(connection, guest_id, limit=PORTION),
        profiles=personal_data.profiles_that_name(connection, guest_id, limit=PORTION),
    )


def forget_named(connection: Connection, guest_id: str, named: Named) -> None:
    """Blank what was found."""
    personal_data.forget_kept_answers(connection, named.answers)
    personal_data.forget_referrals(connection, named.profiles, guest_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An erasure after a portion, and whether there is more to do at once."""

    erasure: Erasure
    goes_on: bool


def erase_portion(connection: Connection, guest_id: str, *, clock: Clock, luck: Luck) -> Step:
    """The erasure after one more portion: of events, then of invoices and of answers that were recorded meanwhile."""
    erasure = erasures.find(connection, guest_id, lock=True)
    assert erasure is not None, "only what was asked for is carried out"
    if erasure.finished_at is not None:
        return Step(erasure=erasure, goes_on=False)
    after = _events_redacted(connection, erasure, is_first=False, caller=OPERATOR, clock=clock, luck=luck)
    if after.position != erasure.position:
        return Step(erasure=after, goes_on=True)
    left = personal_data.invoices_with_texts(connection, guest_id, limit=PORTION)
    personal_data.forget_invoice_texts(connection, left)
    echoed = personal_data.still_echoed(connection, guest_id, limit=PORTION)
    after = replace(after, attempts=after.attempts + personal_data.forget_answers_of_receivers(connection, echoed))
    erasures.save(connection, after)
    return Step(erasure=after, goes_on=bool(left or echoed))


def last_changed_at(connection: Connection, erasure: Erasure) -> datetime:
    """When a body of the guest was replaced last; when it was asked for, if none was since."""
    return max(erasure.created_at, events.last_redacted_at(connection, erasure.guest_id) or erasure.created_at)


def finish_erasure(
    connection: Connection, guest_id: str, *, settled_after: timedelta, clock: Clock, luck: Luck
) -> Erasure:
    """The erasure, finished if nothing is left to do and `settled_after` has passed since the last change.

    Shape: `settled_after` is how long a call may be on its way with a body from before, or a transaction under way
           which has read the guest as they were.
    """
    _forget_beside_invoices(connection, guest_id)
    step = erase_portion(connection, guest_id, clock=clock, luck=luck)
    now = clock.now()
    is_over = step.goes_on or step.erasure.finished_at is not None
    if is_over or now < last_changed_at(connection, step.erasure) + settled_after:
        return step.erasure
    personal_data.forget_old_hints(connection)
    finished = replace(step.erasure, finished_at=now)
    erasures.save(connection, finished)
    return finished


def _forget_beside_invoices(connection: Connection, guest_id: str) -> None:
    """At the request, and before the end again: what came in between may name them."""
    personal_data.forget_saved_cards(connection, guest_id)
    personal_data.forget_groups(connection, guest_id)
    personal_data.forget_card_texts(connection, guest_id)


def _events_redacted(
    connection: Connection, erasure: Erasure, *, is_first: bool, caller: Caller, clock: Clock, luck: Luck
) -> Erasure:
    """The erasure after the next events of the guest; the first time it is told even if there are none."""
    found = events.of_guest_locked(connection, erasure.guest_id, after=erasure.position, limit=PORTION)
    bodies = {one.sequence: without for one in found if (without := _without_guest(one)) is not None}
    events.replace_bodies(connection, bodies, now=clock.now())
    closed = [one.invoice_id for one in found if one.event_type == event.INVOICE_CLOSED and one.invoice_id is not None]
    personal_data.forget_invoice_texts(connection, closed)
    blanked = personal_data.forget_answers_of_receivers(connection, [one.sequence for one in found])
    after = replace(
        erasure,
        position=found[-1].sequence if found else erasure.position,
        events=erasure.events + len(bodies),
        attempts=erasure.attempts + blanked,
    )
    erasures.save(connection, after)
    if bodies or is_first:
        told = [_told(one, bodies) for one in found if one.sequence in bodies]
        announce(connection, lambda now: [_news(erasure.guest_id, told, now)], caller=caller, clock=clock, luck=luck)
    return after


def _without_guest(one: GuestEvent) -> bytes | None:
    """The body without the guest; None when it is not kept any more or holds nothing of them."""
    if one.event_type == event.GUEST_ERASED or not one.body or one.redacted_at is not None:
        return None
    without = redacted(one.body)
    return None if without == one.body else without


def _told(one: GuestEvent, bodies: Mapping[int, bytes]) -> RedactedEvent:
    body_hash = chain.body_hash(bodies[one.sequence]).hex()
    return RedactedEvent(sequence=one.sequence, event_id=one.event_id, redacted_body_hash=body_hash)


def _news(guest_id: str, told: Sequence[RedactedEvent], now: datetime) -> News:
    return News(
        event_type=event.GUEST_ERASED,
        center_id=None,
        guest_id=guest_id,
        body=lambda event_id: event.guest_erased(guest_id, told, event_id=event_id, at=now),
    )
