"""The queue: one row per event and endpoint, from the moment the event exists until the receiver has it.

A pending row is due at `due_at`. A claim leases it: it names the lease and moves `due_at` to the lease's end, so a
lease whose holder died is due again by itself and one index serves every question. What is held for a deactivated
endpoint is pending like the rest; only its endpoint says that it waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from closebell.clock import Luck
from closebell.domain.delivery import DeliveryState, Outcome
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.domain.identifiers import object_id
from closebell.store import events, tables
from closebell.store.statements import among, listed

CLAIM_MAX = 256
"""Deliveries of one endpoint claimed at once."""

_deliveries = tables.deliveries.c
_endpoints = tables.endpoints.c


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOffer:
    """What a dispatcher of this process can send at once: so many deliveries per endpoint, under its lease."""

    NONE: ClassVar[LeaseOffer]

    lease_id: str
    leased_until: datetime | None
    slots: Mapping[str, int] = field(default_factory=dict)


LeaseOffer.NONE = LeaseOffer(lease_id="", leased_until=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery that was just made; with the offered lease when the dispatcher that offered it may send it now."""

    id: str
    sequence: int
    event_id: str
    endpoint_id: str
    body: bytes
    lease_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery under lease, with all that is needed to send it."""

    id: str
    lease_id: str
    sequence: int
    event_id: str
    endpoint_id: str
    body: bytes


_INSERT = insert(tables.deliveries)


def fan_out(
    connection: Connection,
    told: Iterable[tuple[int, events.NewEvent]],
    endpoints: Sequence[Endpoint],
    *,
    now: datetime,
    luck: Luck,
    offer: LeaseOffer,
) -> list[NewDelivery]:
    """Make one delivery per event and listening endpoint; the offered slots are leased, the rest is due at once."""
    slots = dict(offer.slots)
    rows: list[dict[str, Any]] = []
    made: list[NewDelivery] = []
    at_s = int(now.timestamp())
    for sequence, event in told:
        for endpoint in endpoints:
            if not endpoint.listens(event.event_type, event.center_id):
                continue
            leased = endpoint.state is EndpointState.ACTIVE and slots.get(endpoint.id, 0) > 0
            if leased:
                slots[endpoint.id] -= 1
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
                    "created_at": now,
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
                )
            )
    if rows:
        connection.execute(_INSERT, rows)
    return made


# --- claiming ----------------------------------------------------------------------------------------------------

IS_PENDING = _deliveries.state == literal_column(f"'{DeliveryState.PENDING}'")
"""Written out rather than bound, because a prepared statement uses a partial index only for a constant."""

_FIRST_DUE = (
    select(_deliveries.due_at)
    .where(_deliveries.endpoint_id == _endpoints.id, IS_PENDING)
    .order_by(_deliveries.due_at)
    .limit(1)
    .scalar_subquery()
)
_EARLIEST = select(_endpoints.id, _FIRST_DUE.label("due_at")).where(_endpoints.state == EndpointState.ACTIVE.value)

_IS_CALLED = (
    select(_endpoints.id)
    .where(_endpoints.id == bindparam("endpoint"), _endpoints.state == EndpointState.ACTIVE.value)
    .exists()
)
"""Whether the endpoint is called at all: asked here, where it counts; whoever wants a claim may not know yet."""

_DUE = (
    select(_deliveries.id)
    .where(_deliveries.endpoint_id == bindparam("endpoint"), IS_PENDING, _deliveries.due_at <= bindparam("now"))
    .where(_IS_CALLED)
    .order_by(_deliveries.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = (
    update(tables.deliveries)
    .where(_deliveries.id.in_(select(_DUE.c.id)))
    .values(lease_id=bindparam("lease"), due_at=bindparam("until"))
    .returning(_deliveries.id, _deliveries.sequence)
)


def earliest_due(connection: Connection) -> dict[str, datetime]:
    """When each active endpoint's next delivery is due; an endpoint with nothing pending is absent.

    One look into an index per endpoint, whatever the backlog.
    """
    return {row.id: row.due_at for row in connection.execute(_EARLIEST) if row.due_at is not None}


def claim(
    connection: Connection, wanted: Mapping[str, int], *, now: datetime, lease_id: str, leased_until: datetime
) -> list[Claimed]:
    """Lease up to so many due deliveries per active endpoint, the oldest due first.

    A delivery that another dispatcher claims at the same moment is skipped, not waited for.
    """
    lease = {"lease": lease_id, "until": leased_until}
    rows: list[tuple[str, int, str]] = []
    for endpoint_id in sorted(wanted):
        taken = connection.execute(
            _CLAIM,
            {
                "endpoint": endpoint_id,
                "now": now,
                "most": wanted[endpoint_id],
                **lease,
            },
        )
        rows.extend((row.id, row.sequence, endpoint_id) for row in taken)
    bodies = events.bodies(connection, (sequence for _, sequence, _ in rows))
    return [
        Claimed(
            id=delivery_id,
            lease_id=lease_id,
            sequence=sequence,
            event_id=bodies[sequence][0],
            endpoint_id=endpoint_id,
            body=bodies[sequence][1],
        )
        for delivery_id, sequence, endpoint_id in rows
    ]


_RELEASE = (
    update(tables.deliveries)
    .where(_deliveries.id == bindparam("delivery"), _deliveries.lease_id == bindparam("lease"))
    .values(lease_id=None, due_at=bindparam("at"))
)


def release(connection: Connection, leases: Mapping[str, str], *, now: datetime) -> None:
    """Give back deliveries that were leased and not sent; they are due at once. `leases` has lease by delivery id."""
    rows = [{"delivery": delivery_id, "lease": lease, "at": now} for delivery_id, lease in sorted(leases.items())]
    if rows:
        connection.execute(_RELEASE, rows)


# --- recording ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A delivery that is still under the lease of whoever asks, as it stands before its attempt is recorded."""

    id: str
    endpoint_id: str
    attempts: int


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
    select(_deliveries.id, _deliveries.endpoint_id, _deliveries.attempts, _deliveries.lease_id)
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


def still_held(connection: Connection, leases: Mapping[str, str]) -> dict[str, Held]:
    """Those of the deliveries that their lease still covers, locked; a lease that was lost has no say any more.

    Shape: `leases` has the lease id by delivery id; so has the answer, for those that are held.
    """
    return {
        row.id: Held(id=row.id, endpoint_id=row.endpoint_id, attempts=row.attempts)
        for row in connection.execute(_LEASED, {"ids": listed(leases)}).all()
        if row.lease_id == leases[row.id]
    }


def record(connection: Connection, recorded: Sequence[Recorded]) -> None:
    """Write attempts and what they made of deliveries that this transaction knows to be held; end the leases."""
    if not recorded:
        return
    connection.execute(_INSERT_ATTEMPT, [_attempt_row(one) for one in recorded])
    connection.execute(_RECORD, [_record_row(one) for one in recorded])


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


def cancel_strays(connection: Connection, *, now: datetime) -> int:
    """End what a close still made for an endpoint that was being deleted at that moment; how many there were."""
    deleted = select(_endpoints.id).where(_endpoints.state == EndpointState.DELETED.value)
    ids = [row.id for row in connection.execute(deleted)]
    return sum(cancel_pending(connection, endpoint_id, reason=ENDPOINT_DELETED, now=now) for endpoint_id in ids)


ENDPOINT_DELETED = "The endpoint was deleted."
"""Why a cancelled delivery ended."""


def cancel_pending(connection: Connection, endpoint_id: str, *, reason: str, now: datetime) -> int:
    """End every pending delivery of an endpoint that is gone; how many there were."""
    result = connection.execute(
        update(tables.deliveries)
        .where(_deliveries.endpoint_id == endpoint_id, IS_PENDING)
        .values(state=DeliveryState.CANCELLED.value, lease_id=None, finished_at=now, reason=reason)
    )
    return result.rowcount
