"""What no receiver took, and how it is sent again: it waits as before, and its policy's retries are counted anew.

Identifiers of deliveries begin with the second they were made in, which is that of their event. So a period is a
stretch of the index of exhausted deliveries, and what lies before or behind it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, update

from closebell.domain.delivery import DeliveryState
from closebell.domain.endpoint import EndpointState
from closebell.domain.identifiers import object_id_floor
from closebell.store import tables
from closebell.store.statements import among, listed

_deliveries = tables.deliveries.c
_events = tables.events.c
_endpoints = tables.endpoints.c

IS_EXHAUSTED = _deliveries.state == literal_column(f"'{DeliveryState.EXHAUSTED}'")
"""Written out rather than bound, because a prepared statement uses a partial index only for a constant."""
_HAS_BODY = or_(_events.redacted_at.is_(None), func.length(_events.body) > 0)
"""Whether there is anything to send: retention forgets bodies, erasing a guest only what is personal in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The deliveries to one endpoint of events from `since` up to and without `until`, those after `position`."""

    endpoint_id: str
    since: datetime
    until: datetime
    position: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements below are filled with."""
        return {
            "endpoint": self.endpoint_id,
            "begins": max(self.position, object_id_floor(int(self.since.timestamp()))),
            "ends": object_id_floor(int(self.until.timestamp()) + 1),
            "since": self.since,
            "until": self.until,
        }


_IN_STRETCH = (
    _deliveries.endpoint_id == bindparam("endpoint"),
    IS_EXHAUSTED,
    _deliveries.id > bindparam("begins"),
    _deliveries.id < bindparam("ends"),
    _deliveries.created_at >= bindparam("since"),
    _deliveries.created_at < bindparam("until"),
    _HAS_BODY,
)
_COUNT = (
    select(func.count())
    .select_from(tables.deliveries)
    .join(tables.events, _events.sequence == _deliveries.sequence)
    .where(*_IN_STRETCH)
)
_NEXT = (
    select(_deliveries.id, _deliveries.sequence)
    .join(tables.events, _events.sequence == _deliveries.sequence)
    .where(*_IN_STRETCH)
    .order_by(_deliveries.id)
    .limit(bindparam("most"))
)
_EARLIEST = select(func.min(_deliveries.created_at)).where(
    _deliveries.endpoint_id == bindparam("endpoint"), IS_EXHAUSTED, _deliveries.finished_at >= bindparam("from")
)


def count(connection: Connection, stretch: Stretch) -> int:
    """How many exhausted deliveries there are that can be sent again."""
    found: int = connection.execute(_COUNT, stretch.parameters).scalar_one()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An exhausted delivery, and the event it is of."""

    id: str
    sequence: int


def following(connection: Connection, stretch: Stretch, limit: int) -> list[Found]:
    """Up to `limit` of them, in the order of their ids."""
    rows = connection.execute(_NEXT, {**stretch.parameters, "most": limit}).all()
    return [Found(id=row.id, sequence=row.sequence) for row in rows]


def earliest_since(connection: Connection, endpoint_id: str, at: datetime) -> datetime | None:
    """When the oldest of the events was told whose delivery to this endpoint has been exhausted since `at`."""
    found: datetime | None = connection.execute(_EARLIEST, {"endpoint": endpoint_id, "from": at}).scalar_one()
    return found


_SEND_AGAIN: dict[str, Any] = {
    "state": DeliveryState.PENDING.value,
    "due_at": bindparam("at"),
    "lease_id": None,
    "finished_at": None,
    "reason": "",
    "attempts_before": _deliveries.attempts,
}
_KEEP_BODIES = (
    select(_events.sequence)
    .where(among(_events.sequence), _HAS_BODY)
    .order_by(_events.sequence)
    .with_for_update(read=True)
)
_BRING_BACK = update(tables.deliveries).where(among(_deliveries.id), IS_EXHAUSTED).values(_SEND_AGAIN)


def bring_back(connection: Connection, found: Sequence[Found], *, now: datetime) -> int:
    """Make those of these deliveries due at once that are still exhausted and can still be sent; how many they were.

    Their events are locked first: whoever forgets a body looks who waits for it once it has the same lock.
    """
    if not found:
        return 0
    kept = set(connection.execute(_KEEP_BODIES, {"ids": listed(one.sequence for one in found)}).scalars())
    ids = listed(one.id for one in found if one.sequence in kept)
    return connection.execute(_BRING_BACK, {"ids": ids, "at": now}).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class Resendable:
    """A delivery that somebody wants sent again, locked; `has_body` unless its event's body was forgotten."""

    id: str
    state: DeliveryState
    due_at: datetime
    lease_id: str | None
    endpoint_id: str
    endpoint_state: EndpointState
    has_body: bool


_ENDPOINT = (
    select(_endpoints.id, _endpoints.state)
    .where(
        _endpoints.id
        == select(_deliveries.endpoint_id).where(_deliveries.id == bindparam("delivery")).scalar_subquery()
    )
    .with_for_update(read=True, key_share=True)
)
"""Locked against being deleted, which would not see a delivery that is made pending meanwhile."""
_DELIVERY = (
    select(_deliveries.id, _deliveries.state, _deliveries.due_at, _deliveries.lease_id, _deliveries.sequence)
    .where(_deliveries.id == bindparam("delivery"))
    .with_for_update()
)
_BODY = select(_HAS_BODY).where(_events.sequence == bindparam("sequence")).with_for_update(read=True)
"""Locked against being forgotten meanwhile."""


def find_locked(connection: Connection, delivery_id: str) -> Resendable | None:
    """The delivery with this id, locked with all that decides whether it can be sent again."""
    endpoint = connection.execute(_ENDPOINT, {"delivery": delivery_id}).one_or_none()
    if endpoint is None:
        return None
    row = connection.execute(_DELIVERY, {"delivery": delivery_id}).one()
    return Resendable(
        id=row.id,
        state=DeliveryState(row.state),
        due_at=row.due_at,
        lease_id=row.lease_id,
        endpoint_id=endpoint.id,
        endpoint_state=EndpointState(endpoint.state),
        has_body=bool(connection.execute(_BODY, {"sequence": row.sequence}).scalar_one()),
    )


_RESEND = update(tables.deliveries).where(_deliveries.id == bindparam("delivery")).values(_SEND_AGAIN)
_RESEND_DELIVERED = _RESEND.values(
    first_delivered_at=func.coalesce(_deliveries.first_delivered_at, _deliveries.finished_at)
)


def send_again(connection: Connection, delivery: Resendable, *, now: datetime) -> None:
    """Make a delivery that was found locked due at once; that it was delivered is remembered."""
    statement = _RESEND_DELIVERED if delivery.state is DeliveryState.DELIVERED else _RESEND
    at = min(now, delivery.due_at) if delivery.state is DeliveryState.PENDING else now
    connection.execute(statement, {"delivery": delivery.id, "at": at})
