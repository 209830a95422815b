"""Recover an endpoint: bring back what was exhausted while its receiver was down, as a job that survives a crash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.domain.recovery import RECOVERED_PER_S, RECOVERED_PER_S_MAX, Recovery, RecoveryState
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import events, exhausted, recoveries
from closebell.store.exhausted import Stretch
from closebell.store.wake import ring
from closebell.usecase import known_endpoint

RECOVERIES_SHOWN_MAX: Final = 100
"""Recoveries of one endpoint that are listed, the newest."""
_INSTANT: Final = timedelta(microseconds=1)
"""A period that ends with the last event, or now, covers that very instant too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPlan:
    """What somebody wants back: what was exhausted of the events from `since` up to and without `until`.

    Shape: without `until` the period ends with the last event there is.
    """

    since: datetime
    until: datetime | None = None
    rate_per_s: int = RECOVERED_PER_S

    def __post_init__(self) -> None:
        if not 1 <= self.rate_per_s <= RECOVERED_PER_S_MAX:
            raise InvalidInput("rate_per_s", f"{self.rate_per_s} is not a whole number from 1 to {RECOVERED_PER_S_MAX}")

    def stretch(self, endpoint_id: str, open_end: datetime) -> Stretch:
        """The deliveries that the plan is about; without `until` those before `open_end`.

        Errors: InvalidInput naming the field.
        """
        until = open_end if self.until is None else self.until
        if self.since >= until:
            told = "now, where the period ends" if self.until is None else "until"
            raise InvalidInput("since", f"is not earlier than {told}; write a period that ends after it begins")
        return Stretch(endpoint_id=endpoint_id, since=self.since, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoverable:
    """What a plan comes to: the deliveries it is about, and how many of them are exhausted."""

    stretch: Stretch
    count: int
    rate_per_s: int = RECOVERED_PER_S


def count_recoverable(connection: Connection, endpoint_id: str, plan: RecoveryPlan, *, clock: Clock) -> Recoverable:
    """How many deliveries the plan would bring back, were it carried out now. Run it as a read: there may be many.

    Errors: NotFound; InvalidInput naming the field.
    """
    now = clock.now()
    known_endpoint.find(connection, endpoint_id, now=now)
    stretch = plan.stretch(endpoint_id, _open_end(connection, now))
    return Recoverable(stretch=stretch, count=exhausted.count(connection, stretch), rate_per_s=plan.rate_per_s)


def start_recovery(connection: Connection, found: Recoverable, *, clock: Clock, luck: Luck) -> Recovery:
    """The job that brings back what was counted; it is carried out by whoever dispatches, and done if that was nothing.

    Errors: NotFound; Conflict naming the job that is running for the endpoint already.
    """
    now = clock.now()
    # Locked, so that two who ask at once do not start one each.
    endpoint = known_endpoint.find_locked(connection, found.stretch.endpoint_id, now=now)
    running = recoveries.running_locked(connection, endpoint.id)
    if running is not None:
        raise Conflict(
            f"recovery {running.id} is running for this endpoint ({running.recovered} of {running.matched}); "
            "wait for it, or cancel it"
        )
    recovery = _new(found, recovery_id=luck.guid(), now=now)
    recoveries.insert_one(connection, recovery)
    ring(connection)
    is_running = recovery.state is RecoveryState.RUNNING
    return replace(recovery, is_held=is_running and endpoint.state is not EndpointState.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What comes back when an endpoint is enabled, and how the endpoint stood when that was counted.

    Shape: `found` is None when nothing comes back; `standing` is another one once anything has changed that matters.
    """

    found: Recoverable | None
    standing: tuple[object, ...]


def count_missed(connection: Connection, endpoint_id: str, *, clock: Clock) -> Missed:
    """What enabling the endpoint now would bring back. Run it as a read: there may be many.

    Errors: NotFound.
    """
    now = clock.now()
    endpoint = known_endpoint.find(connection, endpoint_id, now=now)
    return _missed(connection, endpoint, recoveries.running(connection, endpoint_id), now)


def recover_what_failed(
    connection: Connection, endpoint: Endpoint, counted: Missed | None, *, clock: Clock, luck: Luck
) -> None:
    """Bring back what was exhausted since the last success of an endpoint that is locked and about to be enabled.

    A recovery that is running for it is widened: it begins anew, and covers both periods and what is between. What was
    `counted` before is believed unless something has happened since; it is then counted here.
    """
    if not _recovers(endpoint):
        return
    now = clock.now()
    running = recoveries.running_locked(connection, endpoint.id)
    if counted is None or counted.standing != _standing(endpoint, running):
        counted = _missed(connection, endpoint, running, now)
    found = counted.found
    if found is None:
        return
    if running is None:
        begun = _new(found, recovery_id=luck.guid(), now=now)
        recoveries.insert_one(connection, replace(begun, is_automatic=True))
    else:
        since, until, matched = found.stretch.since, found.stretch.until, running.recovered + found.count
        recoveries.save(connection, replace(running, since=since, until=until, position="", matched=matched))


def _recovers(endpoint: Endpoint) -> bool:
    """Whether enabling the endpoint brings back what was exhausted since its last success."""
    is_failing = endpoint.failing_since is not None
    return endpoint.recovers_when_enabled and endpoint.state is EndpointState.DEACTIVATED and is_failing


def _standing(endpoint: Endpoint, running: Recovery | None) -> tuple[object, ...]:
    """What changes with each failure that counts, with a success, and with a recovery that begins or ends."""
    job = None if running is None else (running.id, running.since, running.until)
    return endpoint.id, _recovers(endpoint), endpoint.failing_since, endpoint.consecutive_failures, job


def _missed(connection: Connection, endpoint: Endpoint, running: Recovery | None, now: datetime) -> Missed:
    nothing = Missed(found=None, standing=_standing(endpoint, running))
    if not _recovers(endpoint) or endpoint.failing_since is None:
        return nothing
    since = exhausted.earliest_since(connection, endpoint.id, endpoint.failing_since)
    if since is None:
        return nothing
    until = _open_end(connection, now)
    if running is not None:
        since, until = min(since, running.since), max(until, running.until)
    stretch = Stretch(endpoint_id=endpoint.id, since=since, until=until)
    return replace(nothing, found=Recoverable(stretch=stretch, count=exhausted.count(connection, stretch)))


def list_recoveries(connection: Connection, endpoint_id: str, *, clock: Clock) -> list[Recovery]:
    """The newest recoveries of an endpoint.

    Errors: NotFound.
    """
    known_endpoint.find(connection, endpoint_id, now=clock.now())
    return recoveries.page(connection, endpoint_id, limit=RECOVERIES_SHOWN_MAX)


def read_recovery(connection: Connection, endpoint_id: str, recovery_id: str) -> Recovery:
    """One recovery of an endpoint.

    Errors: NotFound.
    """
    found = recoveries.find(connection, endpoint_id, recovery_id)
    if found is None:
        raise _no_recovery(endpoint_id, recovery_id)
    return found


def cancel_recovery(connection: Connection, endpoint_id: str, recovery_id: str, *, clock: Clock) -> Recovery:
    """The recovery, which goes no further; what it brought back stays due. Cancelling it again changes nothing.

    Errors: NotFound; Conflict when it is done.
    """
    found = recoveries.find_locked(connection, endpoint_id, recovery_id)
    if found is None:
        raise _no_recovery(endpoint_id, recovery_id)
    if found.state is RecoveryState.DONE:
        raise Conflict(f"recovery {recovery_id} is done; there is nothing left to cancel")
    if found.state is RecoveryState.CANCELLED:
        return found
    cancelled = replace(found, state=RecoveryState.CANCELLED, finished_at=clock.now(), is_held=False)
    recoveries.save(connection, cancelled)
    return cancelled


def _open_end(connection: Connection, now: datetime) -> datetime:
    """Where a period without an end of its own ends: behind the last event, which may bear a later instant than now."""
    return max(now, events.head(connection).last_at) + _INSTANT


def _new(found: Recoverable, *, recovery_id: str, now: datetime) -> Recovery:
    """A job that has just begun; one with nothing to bring back is over, lest it be in the way of the next."""
    return Recovery(
        id=recovery_id,
        endpoint_id=found.stretch.endpoint_id,
        since=found.stretch.since,
        until=found.stretch.until,
        state=RecoveryState.RUNNING if found.count else RecoveryState.DONE,
        matched=found.count,
        recovered=0,
        position="",
        rate_per_s=found.rate_per_s,
        next_at=now,
        is_automatic=False,
        created_at=now,
        finished_at=None if found.count else now,
    )


def _no_recovery(endpoint_id: str, recovery_id: str) -> NotFound:
    return NotFound(f"Endpoint {endpoint_id} has no recovery with the id {recovery_id}")
