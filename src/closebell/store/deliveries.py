"""The queue: one row per event and endpoint, from the moment the event exists until the receiver has it.

A pending row is due at `due_at`, and is claimed as `lanes.py` says. What is held for a deactivated endpoint is pending
like the rest; only its endpoint says that it waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Update, bindparam, case, insert, select, update

from closebell.clock import Luck
from closebell.domain.delivery import DeliveryState, Outcome
from closebell.domain.endpoint import EndpointState
from closebell.domain.identifiers import object_id
from closebell.store import events, tables
from closebell.store.lanes import LANES
from closebell.store.statements import among, listed

_deliveries = tables.deliveries.c
_endpoints = tables.endpoints.c


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOffer:
    """What a dispatcher of this process has room for: so many deliveries per endpoint, under its lease."""

    NONE: ClassVar[LeaseOffer]

    lease_id: str
    leased_until: datetime | None
    room: Mapping[str, int] = field(default_factory=dict)


LeaseOffer.NONE = LeaseOffer(lease_id="", leased_until=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery that was just made; with the offered lease when the dispatcher that offered it will send it."""

    id: str
    sequence: int
    event_id: str
    endpoint_id: str
    body: bytes
    lease_id: str | None
    traceparent: str | None = None
    told_at: datetime | None = None


_INSERT = insert(tables.deliveries)


def fan_out(
    connection: Connection,
    told: Iterable[tuple[int, events.NewEvent]],
    *,
    now: datetime,
    luck: Luck,
    offer: LeaseOffer,
) -> list[NewDelivery]:
    """Make one delivery per event and endpoint it is for; what there is room for is leased, the rest is due at once.

    Units: `now` is what the clock of who tells shows. The event may bear a later instant, of a clock that was ahead;
           its delivery bears the same, and does not wait for it.
    """
    room = dict(offer.room)
    rows: list[dict[str, Any]] = []
    made: list[NewDelivery] = []
    for sequence, event in told:
        at_s = int(event.created_at.timestamp())
        for endpoint in event.listeners:
            leased = endpoint.state is EndpointState.ACTIVE and room.get(endpoint.id, 0) > 0
            if leased:
                room[endpoint.id] -= 1
            delivery_id = object_id(at_s=at_s, entropy=luck.entropy(8))
            rows.append(
                {
                    "id": delivery_id,
                    "sequence": sequence,
                    "endpoint_id": endpoint.id,
                    "state": DeliveryState.PENDING.value,
                    "due_at": offer.leased_until if leased else now,
                    "attempts": 0,
                    "lease_id": offer.lease_id if leased else None,
                    "created_at": event.created_at,
                    "finished_at": None,
                    "reason": "",
                }
            )
            made.append(
                NewDelivery(
                    id=delivery_id,
                    sequence=sequence,
                    event_id=event.event_id,
                    endpoint_id=endpoint.id,
                    body=event.body,
                    lease_id=offer.lease_id if leased else None,
                    traceparent=event.traceparent,
                    told_at=event.created_at,
                )
            )
    if rows:
        connection.execute(_INSERT, rows)
    return made


# --- recording ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A delivery that is still under the lease of whoever asks, as it stands before its attempt is recorded."""

    id: str
    endpoint_id: str
    attempts: int
    attempts_before: int
    was_delivered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What an attempt made of a delivery: its new state, when it is due again, and why it ended."""

    id: str
    lease_id: str
    attempt_number: int
    outcome: Outcome
    state: DeliveryState
    due_at: datetime
    reason: str


_LEASED = (
    select(
        _deliveries.id,
        _deliveries.endpoint_id,
        _deliveries.attempts,
        _deliveries.attempts_before,
        _deliveries.first_delivered_at,
        _deliveries.lease_id,
    )
    .where(among(_deliveries.id))
    .order_by(_deliveries.id)
    .with_for_update()
)
_INSERT_ATTEMPT = insert(tables.attempts)
_RECORD = (
    update(tables.deliveries)
    .where(_deliveries.id == bindparam("delivery"), _deliveries.lease_id == bindparam("lease"))
    .values(
        state=bindparam("new_state"),
        due_at=bindparam("new_due_at"),
        attempts=bindparam("new_attempts"),
        finished_at=bindparam("new_finished_at"),
        reason=bindparam("new_reason"),
        lease_id=None,
    )
)
_RECEIVED = (
    update(tables.deliveries)
    .where(among(_deliveries.id))
    .values(
        state=DeliveryState.DELIVERED.value,
        due_at=bindparam("at"),
        attempts=_deliveries.attempts + 1,
        finished_at=bindparam("at"),
        reason="",
        lease_id=None,
    )
)
"""What most calls come to, for many deliveries at once: sending it row by row took twice the time on PostgreSQL."""


def still_held(connection: Connection, leases: Collection[tuple[str, str]]) -> dict[tuple[str, str], Held]:
    """Those of the deliveries that their lease still covers, locked; a lease that was lost has no say any more.

    Shape: `leases` are pairs of delivery id and lease id, several for a delivery if it was leased anew meanwhile; the
           answer has at most one of these.
    """
    rows = connection.execute(_LEASED, {"ids": listed({delivery_id for delivery_id, _ in leases})}).all()
    return {
        (row.id, row.lease_id): Held(
            id=row.id,
            endpoint_id=row.endpoint_id,
            attempts=row.attempts,
            attempts_before=row.attempts_before,
            was_delivered=row.first_delivered_at is not None,
        )
        for row in rows
        if (row.id, row.lease_id) in leases
    }


def record(connection: Connection, recorded: Sequence[Recorded]) -> None:
    """Write attempts and what they made of deliveries that this transaction knows to be held; end the leases."""
    if not recorded:
        return
    connection.execute(_INSERT_ATTEMPT, [_attempt_row(one) for one in recorded])
    received = [one for one in recorded if one.state is DeliveryState.DELIVERED and not one.reason]
    others = [one for one in recorded if one.state is not DeliveryState.DELIVERED or one.reason]
    if received:
        assert len({one.due_at for one in received}) == 1, "a batch is recorded at one instant"
        connection.execute(_RECEIVED, {"ids": listed(one.id for one in received), "at": received[0].due_at})
    if others:
        connection.execute(_RECORD, [_record_row(one) for one in others])


def _attempt_row(one: Recorded) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "delivery_id": one.id,
        "number": one.attempt_number,
        "started_at": outcome.started_at,
        "duration_us": outcome.duration_us,
        "status": outcome.status,
        "error": None if outcome.error is None else outcome.error.value,
        "detail": outcome.detail,
        "response_excerpt": outcome.response_excerpt,
    }


def _record_row(one: Recorded) -> dict[str, Any]:
    is_over = one.state is not DeliveryState.PENDING
    return {
        "delivery": one.id,
        "lease": one.lease_id,
        "new_state": one.state.value,
        "new_due_at": one.due_at,
        "new_attempts": one.attempt_number,
        "new_finished_at": one.due_at if is_over else None,
        "new_reason": one.reason,
    }


ENDPOINT_DELETED = "The endpoint was deleted."
"""Why a cancelled delivery ended."""
_DELETED = (
    select(_endpoints.id, _endpoints.updated_at)
    .where(_endpoints.state == EndpointState.DELETED.value)
    .order_by(_endpoints.updated_at, _endpoints.id)
)
"""An endpoint that is deleted does not change any more, so this is also when it was."""


def cancel_left_over(connection: Connection, *, limit: int) -> int:
    """End up to `limit` deliveries that still wait for an endpoint that is deleted; how many there were.

    They ended when the endpoint was deleted, as readers were told all along.
    """
    left = limit
    for row in connection.execute(_DELETED).all():
        left -= cancel_pending(connection, row.id, reason=ENDPOINT_DELETED, now=row.updated_at, limit=left)
        if left <= 0:
            break
    return limit - left


_CANCELLED = case(
    (_deliveries.first_delivered_at.is_(None), DeliveryState.CANCELLED.value), else_=DeliveryState.DELIVERED.value
)


def _cancel(lane: ColumnElement[bool]) -> Update:
    some = (
        select(_deliveries.id)
        .where(_deliveries.endpoint_id == bindparam("endpoint"), lane)
        .order_by(_deliveries.due_at)
        .limit(bindparam("most", type_=_deliveries.attempts.type))
        .with_for_update(skip_locked=True)
        .cte("some")
    )
    return (
        update(tables.deliveries)
        .where(_deliveries.id.in_(select(some.c.id)))
        .values(state=_CANCELLED, lease_id=None, finished_at=bindparam("at"), reason=bindparam("new_reason"))
        .returning(_deliveries.id)
    )


_CANCELS = tuple(_cancel(lane) for lane in LANES)


def cancel_pending(connection: Connection, endpoint_id: str, *, reason: str, now: datetime, limit: int) -> int:
    """End up to `limit` pending deliveries of an endpoint that is gone; how many there were.

    What its receiver had, and was only sent again, stays delivered. One that somebody is recording is left to the next
    time: who records locks deliveries before endpoints, and who deletes does it the other way round.
    """
    cancelled = 0
    for cancel in _CANCELS:
        parameters = {"endpoint": endpoint_id, "most": limit - cancelled, "at": now, "new_reason": reason}
        cancelled += len(connection.execute(cancel, parameters).all())
    return cancelled
