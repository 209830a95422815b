"""Deliveries as people ask about them: what became of each, and of all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from closebell.domain.delivery import DeliveryState
from closebell.domain.endpoint import EndpointState
from closebell.store import tables
from closebell.store.deliveries import ENDPOINT_DELETED
from closebell.store.exhausted import IS_EXHAUSTED
from closebell.store.lanes import BODY_FORGOTTEN, IS_PENDING
from closebell.store.statements import among, listed

_deliveries = tables.deliveries.c
_endpoints = tables.endpoints.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to a receiver, as recorded."""

    number: int
    started_at: datetime
    duration_us: int
    status: int | None
    error: str | None
    detail: str
    response_excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery as a person asks about it; `held` when its endpoint is deactivated while it waits.

    What still waits for a deleted endpoint is shown as what upkeep is about to make of it.
    """

    id: str
    sequence: int
    event_id: str
    event_type: str
    invoice_id: str | None
    endpoint_id: str
    state: str
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    reason: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries to read; None asks for any. `before` is the id the previous page ended with."""

    endpoint_id: str | None = None
    state: str | None = None
    event_id: str | None = None
    invoice_id: str | None = None
    before: str | None = None


HELD = "held"
"""The state shown for a pending delivery whose endpoint is deactivated."""


_RECORDS = (
    select(
        tables.deliveries,
        tables.events.c.event_id,
        tables.events.c.event_type,
        tables.events.c.invoice_id,
        func.length(tables.events.c.body).label("body_bytes"),
        _endpoints.state.label("endpoint_state"),
        _endpoints.updated_at.label("endpoint_updated_at"),
    )
    .join(tables.events, tables.events.c.sequence == _deliveries.sequence)
    .join(tables.endpoints, _endpoints.id == _deliveries.endpoint_id)
)
_WAS_DELIVERED = _deliveries.first_delivered_at.is_not(None)
_IS_LEFT_OVER = and_(IS_PENDING, _endpoints.state == EndpointState.DELETED.value)
_LEFT_OVER_AS: dict[str, ColumnElement[bool]] = {
    DeliveryState.CANCELLED: and_(_IS_LEFT_OVER, ~_WAS_DELIVERED),
    DeliveryState.DELIVERED: and_(_IS_LEFT_OVER, _WAS_DELIVERED),
}


def _shown(state: str, *, endpoint_state: str, was_delivered: bool) -> str:
    """The state that people are told: held while the endpoint is deactivated, ended once it is deleted."""
    if state != DeliveryState.PENDING or endpoint_state == EndpointState.ACTIVE:
        return state
    if endpoint_state == EndpointState.DEACTIVATED:
        return HELD
    return DeliveryState.DELIVERED if was_delivered else DeliveryState.CANCELLED


def page(connection: Connection, wanted: DeliveryFilter, *, limit: int) -> list[DeliveryRecord]:
    """Up to `limit` deliveries, the newest first, with their attempts."""
    return _records(connection, _filtered(_RECORDS, wanted).order_by(_deliveries.id.desc()).limit(limit))


def find(connection: Connection, delivery_id: str) -> DeliveryRecord | None:
    """The delivery with this id, with its attempts."""
    found = _records(connection, _RECORDS.where(_deliveries.id == delivery_id))
    return found[0] if found else None


def _records(connection: Connection, statement: Select[Any]) -> list[DeliveryRecord]:
    rows = connection.execute(statement).all()
    tried = _attempts(connection, [row.id for row in rows])
    return [_delivery(row, tried.get(row.id, ())) for row in rows]


def _filtered(statement: Select[Any], wanted: DeliveryFilter) -> Select[Any]:
    if wanted.endpoint_id is not None:
        statement = statement.where(_deliveries.endpoint_id == wanted.endpoint_id)
    if wanted.event_id is not None:
        statement = statement.where(tables.events.c.event_id == wanted.event_id)
    if wanted.invoice_id is not None:
        statement = statement.where(tables.events.c.invoice_id == wanted.invoice_id)
    if wanted.before is not None:
        statement = statement.where(_deliveries.id < wanted.before)
    match wanted.state:
        case None:
            return statement
        case "held":
            return statement.where(IS_PENDING, _endpoints.state == EndpointState.DEACTIVATED.value)
        case DeliveryState.PENDING:
            return statement.where(IS_PENDING, _endpoints.state == EndpointState.ACTIVE.value)
        case DeliveryState.EXHAUSTED:
            return statement.where(IS_EXHAUSTED)
        case state:
            return statement.where(or_(_deliveries.state == state, _LEFT_OVER_AS[state]))


def _attempts(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, tuple[Attempt, ...]]:
    columns = tables.attempts.c
    found: dict[str, tuple[Attempt, ...]] = {}
    statement = select(tables.attempts).where(among(columns.delivery_id)).order_by(columns.delivery_id, columns.number)
    for row in connection.execute(statement, {"ids": listed(delivery_ids)}).all():
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), attempt_of(row))
    return found


def attempt_of(row: Row[Any]) -> Attempt:
    """The attempt in a row of its table."""
    return Attempt(
        number=row.number,
        started_at=row.started_at,
        duration_us=row.duration_us,
        status=row.status,
        error=row.error,
        detail=row.detail,
        response_excerpt=row.response_excerpt,
    )


def _delivery(row: Row[Any], tried: tuple[Attempt, ...]) -> DeliveryRecord:
    state = _shown(row.state, endpoint_state=row.endpoint_state, was_delivered=row.first_delivered_at is not None)
    is_left_over = row.state == DeliveryState.PENDING and state not in {DeliveryState.PENDING, HELD}
    return DeliveryRecord(
        id=row.id,
        sequence=row.sequence,
        event_id=row.event_id,
        event_type=row.event_type,
        invoice_id=row.invoice_id,
        endpoint_id=row.endpoint_id,
        state=state,
        due_at=row.due_at if state == DeliveryState.PENDING else None,
        created_at=row.created_at,
        finished_at=row.endpoint_updated_at if is_left_over else row.finished_at,
        reason=ENDPOINT_DELETED if is_left_over else _reason(row),
        attempts=tried,
    )


def _reason(row: Row[Any]) -> str:
    """Why it ended; of one that nobody took and that cannot be sent again, also that."""
    if row.state != DeliveryState.EXHAUSTED or row.body_bytes or row.reason == BODY_FORGOTTEN:
        return str(row.reason)
    return f"{row.reason} {BODY_FORGOTTEN}".lstrip()


def count_by_state(
    connection: Connection, event_type: str, since: datetime, until: datetime
) -> Mapping[str, Mapping[str, int]]:
    """How many deliveries of the period's events each endpoint has in each state that people are told."""
    rows = connection.execute(
        select(_deliveries.endpoint_id, _endpoints.state, _deliveries.state, _WAS_DELIVERED, func.count())
        .join(tables.events, tables.events.c.sequence == _deliveries.sequence)
        .join(tables.endpoints, _endpoints.id == _deliveries.endpoint_id)
        .where(
            tables.events.c.event_type == event_type,
            tables.events.c.created_at >= since,
            tables.events.c.created_at < until,
        )
        .group_by(_deliveries.endpoint_id, _endpoints.state, _deliveries.state, _WAS_DELIVERED)
    )
    counts: dict[str, Counter[str]] = {}
    for endpoint_id, endpoint_state, state, was_delivered, number in rows:
        shown = _shown(state, endpoint_state=endpoint_state, was_delivered=was_delivered)
        counts.setdefault(endpoint_id, Counter())[shown] += number
    return counts


def count_by_endpoint(connection: Connection, event_type: str, since: datetime, until: datetime) -> dict[str, int]:
    """How many deliveries of the period's events there are for each endpoint, whatever their state."""
    rows = connection.execute(
        select(_deliveries.endpoint_id, func.count())
        .join(tables.events, tables.events.c.sequence == _deliveries.sequence)
        .where(
            tables.events.c.event_type == event_type,
            tables.events.c.created_at >= since,
            tables.events.c.created_at < until,
        )
        .group_by(_deliveries.endpoint_id)
    )
    return {endpoint_id: number for endpoint_id, number in rows}  # noqa: C416 (a Result is no mapping)
