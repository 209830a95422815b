"""Claiming: who may have what is due.

A claim leases a delivery: it names the lease and moves `due_at` to the lease's end, so a lease whose holder died is
due again by itself.

What waits stands in one of two lanes, fresh until its first attempt is recorded and retried from then on, each with an
index of its own. A claim takes from both in turn, so that neither waits for the other's backlog.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from closebell.domain.delivery import DeliveryState
from closebell.domain.endpoint import EndpointState
from closebell.store import events, tables
from closebell.store.statements import among, listed

_deliveries = tables.deliveries.c
_endpoints = tables.endpoints.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery under lease, with all that is needed to send it.

    Shape: `is_retry` says that it stood in the retried lane. `traceparent` is the trace that its event belongs to;
           `told_at` is when the event was, None when what comes of the delivery says nothing about how long telling
           takes, because somebody asked for it anew.
    """

    id: str
    lease_id: str
    sequence: int
    event_id: str
    endpoint_id: str
    body: bytes
    is_retry: bool = False
    traceparent: str | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When the first of each lane is due for an endpoint; None where nothing waits."""

    fresh_at: datetime | None
    retried_at: datetime | None


_NO_ATTEMPTS: ColumnElement[int] = literal_column("0", Integer)
_IS_PENDING = _deliveries.state == literal_column(f"'{DeliveryState.PENDING}'")
"""Written out rather than bound, because a prepared statement uses a partial index only for a constant."""
_IS_FRESH = and_(_IS_PENDING, _deliveries.attempts == _NO_ATTEMPTS)
_IS_RETRIED = and_(_IS_PENDING, _deliveries.attempts > _NO_ATTEMPTS)
LANES = (_IS_FRESH, _IS_RETRIED)
"""What waits, lane by lane. Whoever asks for both has to ask twice, or with `IS_PENDING`."""
IS_PENDING = or_(*LANES)
"""By its lanes, because the index of each holds what is pending and nothing else does."""


def _first_due(lane: ColumnElement[bool]) -> ScalarSelect[datetime]:
    return (
        select(_deliveries.due_at)
        .where(_deliveries.endpoint_id == _endpoints.id, lane)
        .order_by(_deliveries.due_at)
        .limit(1)
        .scalar_subquery()
    )


_EARLIEST = select(
    _endpoints.id, _first_due(_IS_FRESH).label("fresh_at"), _first_due(_IS_RETRIED).label("retried_at")
).where(_endpoints.state == EndpointState.ACTIVE.value)

_IS_CALLED = (
    select(_endpoints.id)
    .where(_endpoints.id == bindparam("endpoint"), _endpoints.state == EndpointState.ACTIVE.value)
    .exists()
)
"""Whether the endpoint is called at all: asked here, where it counts; whoever wants a claim may not know yet."""


def _due(lane: ColumnElement[bool], name: str) -> CTE:
    return (
        select(_deliveries.id, _deliveries.due_at)
        .where(_deliveries.endpoint_id == bindparam("endpoint"), lane, _deliveries.due_at <= bindparam("now"))
        .where(_IS_CALLED)
        .order_by(_deliveries.due_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte(name)
    )


def _in_turn(due: CTE, rank: ColumnElement[int]) -> Select[Any]:
    """What is due of a lane, with its place: the lane of rank 0 has the places 0, 2, 4, the other's are between."""
    return select(due.c.id, (2 * func.row_number().over(order_by=due.c.due_at) + rank).label("place"))


_FRESH_RANK: BindParameter[int] = bindparam("fresh_rank", type_=Integer)
_PLACES = union_all(
    _in_turn(_due(_IS_FRESH, "fresh"), _FRESH_RANK), _in_turn(_due(_IS_RETRIED, "retried"), 1 - _FRESH_RANK)
).cte("places")
_CLAIM = (
    update(tables.deliveries)
    .where(_deliveries.id.in_(select(_PLACES.c.id).order_by(_PLACES.c.place).limit(bindparam("most"))))
    .values(lease_id=bindparam("lease"), due_at=bindparam("until"))
    .returning(_deliveries.id, _deliveries.sequence, _deliveries.attempts, _deliveries.attempts_before)
)


_EARLIEST_OF = _EARLIEST.where(among(_endpoints.id))


def earliest_due(connection: Connection, endpoint_ids: Iterable[str] | None = None) -> dict[str, Due]:
    """When the next delivery of these active endpoints is due, or of all; one with nothing pending is absent.

    One look into the index of each lane per endpoint, whatever the backlog.
    """
    if endpoint_ids is None:
        rows = connection.execute(_EARLIEST)
    else:
        rows = connection.execute(_EARLIEST_OF, {"ids": listed(endpoint_ids)})
    return {
        row.id: Due(fresh_at=row.fresh_at, retried_at=row.retried_at)
        for row in rows
        if row.fresh_at is not None or row.retried_at is not None
    }


def claim(
    connection: Connection,
    wanted: Mapping[str, int],
    *,
    now: datetime,
    lease_id: str,
    leased_until: datetime,
    retried_first: Collection[str] = (),
) -> list[Claimed]:
    """Lease up to so many due deliveries per active endpoint, of both lanes in turn, the oldest due of each first.

    What one lane cannot use goes to the other. A delivery that another dispatcher claims at the same moment is
    skipped, not waited for.

    Shape: of the endpoints in `retried_first` the retried lane has the first turn, of the others the fresh one; whoever
           claims one at a time lets them take turns. The answer has the older events first.
    """
    lease = {"lease": lease_id, "until": leased_until, "now": now}
    rows: list[tuple[str, Row[Any]]] = []
    for endpoint_id in sorted(wanted):
        rank = int(endpoint_id in retried_first)
        parameters = {"endpoint": endpoint_id, "most": wanted[endpoint_id], "fresh_rank": rank, **lease}
        # An UPDATE returns its rows in no order.
        taken = sorted(connection.execute(_CLAIM, parameters), key=attrgetter("sequence"))
        rows.extend((endpoint_id, row) for row in taken)
    bodies = events.bodies(connection, (row.sequence for _, row in rows))
    rows = _sendable(connection, rows, bodies, now=now)
    return [
        Claimed(
            id=row.id,
            lease_id=lease_id,
            sequence=row.sequence,
            event_id=bodies[row.sequence].event_id,
            endpoint_id=endpoint_id,
            body=bodies[row.sequence].body,
            is_retry=row.attempts > 0,
            traceparent=bodies[row.sequence].traceparent,
            told_at=None if row.attempts_before else bodies[row.sequence].told_at,
        )
        for endpoint_id, row in rows
    ]


_GIVE_UP = (
    update(tables.deliveries)
    .where(among(_deliveries.id))
    .values(
        state=DeliveryState.EXHAUSTED.value, lease_id=None, finished_at=bindparam("at"), reason=bindparam("new_reason")
    )
)
BODY_FORGOTTEN = "The body of the event is no longer kept, so it cannot be sent."
"""Why a delivery ended of which nothing is left to send."""


def _sendable(
    connection: Connection, rows: list[tuple[str, Row[Any]]], bodies: Mapping[int, events.ToSend], *, now: datetime
) -> list[tuple[str, Row[Any]]]:
    """The claimed rows that have a body; the others end here, made due again just as retention came to their event."""
    forgotten = [row.id for _, row in rows if not bodies[row.sequence].body]
    if not forgotten:
        return rows
    connection.execute(_GIVE_UP, {"ids": listed(forgotten), "at": now, "new_reason": BODY_FORGOTTEN})
    return [one for one in rows if bodies[one[1].sequence].body]


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
