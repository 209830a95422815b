"""Deliveries as people ask about them: what became of each, and of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from closebell.domain.delivery import DeliveryState
from closebell.domain.endpoint import EndpointState
from closebell.store import tables
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
    """A delivery as a person asks about it; `held` when its endpoint is deactivated while it waits."""

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
    )
    .join(tables.events, tables.events.c.sequence == _deliveries.sequence)
    .join(tables.endpoints, _endpoints.id == _deliveries.endpoint_id)
)


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
            return statement.where(_deliveries.state == state)


def _attempts(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, tuple[Attempt, ...]]:
    columns = tables.attempts.c
    found: dict[str, tuple[Attempt, ...]] = {}
    statement = select(tables.attempts).where(among(columns.delivery_id)).order_by(columns.delivery_id, columns.number)
    for row in connection.execute(statement, {"ids": listed(delivery_ids)}).all():
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), _attempt(row))
    return found


def _attempt(row: Row[Any]) -> Attempt:
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
    is_pending = row.state == DeliveryState.PENDING
    is_held = is_pending and row.endpoint_state == EndpointState.DEACTIVATED
    return DeliveryRecord(
        id=row.id,
        sequence=row.sequence,
        event_id=row.event_id,
        event_type=row.event_type,
        invoice_id=row.invoice_id,
        endpoint_id=row.endpoint_id,
        state=HELD if is_held else row.state,
        due_at=row.due_at if is_pending and not is_held else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        reason=_reason(row),
        attempts=tried,
    )


def _reason(row: Row[Any]) -> str:
    """Why it ended; of one that nobody took and that cannot be sent again, also that."""
    if row.state != DeliveryState.EXHAUSTED or row.body_bytes or row.reason == BODY_FORGOTTEN:
        return str(row.reason)
    return f"{row.reason} {BODY_FORGOTTEN}".lstrip()


def count_by_state(
    connection: Connection, event_type: str, since: datetime, until: datetime
) -> dict[str, dict[str, int]]:
    """How many deliveries of the period's events each endpoint has in each state; `held` is counted apart."""
    rows = connection.execute(
        select(_deliveries.endpoint_id, _endpoints.state.label("endpoint_state"), _deliveries.state, func.count())
        .join(tables.events, tables.events.c.sequence == _deliveries.sequence)
        .join(tables.endpoints, _endpoints.id == _deliveries.endpoint_id)
        .where(
            tables.events.c.event_type == event_type,
            tables.events.c.created_at >= since,
            tables.events.c.created_at < until,
        )
        .group_by(_deliveries.endpoint_id, _endpoints.state, _deliveries.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for endpoint_id, endpoint_state, state, number in rows:
        is_held = state == DeliveryState.PENDING and endpoint_state == EndpointState.DEACTIVATED
        counts.setdefault(endpoint_id, {})[HELD if is_held else state] = number
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
