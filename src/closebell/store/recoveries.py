"""Recoveries: the jobs that bring exhausted deliveries back, each a row that says how far it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, case, func, insert, literal_column, or_, select, update

from closebell.domain.endpoint import EndpointState
from closebell.domain.recovery import Recovery, RecoveryState
from closebell.store import tables

_recoveries = tables.recoveries.c
_endpoints = tables.endpoints.c

_IS_RUNNING = _recoveries.state == literal_column(f"'{RecoveryState.RUNNING}'")
"""Written out rather than bound, because a prepared statement uses a partial index only for a constant."""
_IS_CALLED = _endpoints.state == EndpointState.ACTIVE.value
_ALL = select(tables.recoveries, _endpoints.state.label("endpoint_state")).join(
    tables.endpoints, _endpoints.id == _recoveries.endpoint_id
)


def insert_one(connection: Connection, recovery: Recovery) -> None:
    """Store a new recovery."""
    connection.execute(insert(tables.recoveries), {"id": recovery.id, **_values(recovery)})


def save(connection: Connection, recovery: Recovery) -> None:
    """Write a recovery that this transaction has locked."""
    connection.execute(update(tables.recoveries).where(_recoveries.id == recovery.id).values(**_values(recovery)))


def _values(recovery: Recovery) -> dict[str, Any]:
    return {
        "endpoint_id": recovery.endpoint_id,
        "since": recovery.since,
        "until": recovery.until,
        "state": recovery.state.value,
        "matched": recovery.matched,
        "recovered": recovery.recovered,
        "position": recovery.position,
        "rate_per_s": recovery.rate_per_s,
        "next_at": recovery.next_at,
        "is_automatic": recovery.is_automatic,
        "created_at": recovery.created_at,
        "finished_at": recovery.finished_at,
    }


def page(connection: Connection, endpoint_id: str, *, limit: int) -> list[Recovery]:
    """Up to `limit` recoveries of an endpoint, the newest first."""
    statement = (
        _ALL.where(_recoveries.endpoint_id == endpoint_id)
        .order_by(_recoveries.created_at.desc(), _recoveries.id)
        .limit(limit)
    )
    return [_recovery(row) for row in connection.execute(statement)]


def find(connection: Connection, endpoint_id: str, recovery_id: str) -> Recovery | None:
    """The recovery of this endpoint with this id."""
    statement = _ALL.where(_recoveries.id == recovery_id, _recoveries.endpoint_id == endpoint_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _recovery(row)


def find_locked(connection: Connection, endpoint_id: str, recovery_id: str) -> Recovery | None:
    """The same, locked until the transaction ends; a portion that is under way is waited for."""
    statement = _ALL.where(_recoveries.id == recovery_id, _recoveries.endpoint_id == endpoint_id)
    row = connection.execute(statement.with_for_update(of=tables.recoveries)).one_or_none()
    return None if row is None else _recovery(row)


def running(connection: Connection, endpoint_id: str) -> Recovery | None:
    """The recovery of this endpoint that is running."""
    row = connection.execute(_ALL.where(_recoveries.endpoint_id == endpoint_id, _IS_RUNNING)).one_or_none()
    return None if row is None else _recovery(row)


def running_locked(connection: Connection, endpoint_id: str) -> Recovery | None:
    """The same, locked until the transaction ends."""
    statement = _ALL.where(_recoveries.endpoint_id == endpoint_id, _IS_RUNNING)
    row = connection.execute(statement.with_for_update(of=tables.recoveries)).one_or_none()
    return None if row is None else _recovery(row)


def cancel_running(connection: Connection, endpoint_id: str, *, now: datetime) -> None:
    """End what is running for an endpoint that is gone."""
    running = running_locked(connection, endpoint_id)
    if running is not None:
        save(connection, replace(running, state=RecoveryState.CANCELLED, finished_at=now))


PUT_OFF_MAX: Final = timedelta(seconds=15)
"""How far ahead the next portion of a recovery can be, and how far apart the clocks of those who carry it out. One that
is further was put off by a clock that has been set back since, and is due."""

_NOW = bindparam("now", type_=_recoveries.next_at.type)
_LATEST = bindparam("latest", type_=_recoveries.next_at.type)
_NEXT_AT = (
    select(func.min(case((_recoveries.next_at > _LATEST, _NOW), else_=_recoveries.next_at)))
    .join(tables.endpoints, _endpoints.id == _recoveries.endpoint_id)
    .where(_IS_RUNNING, _IS_CALLED)
)
_DUE = (
    _ALL.where(_IS_RUNNING, _IS_CALLED, or_(_recoveries.next_at <= _NOW, _recoveries.next_at > _LATEST))
    .order_by(_recoveries.next_at)
    .limit(1)
    .with_for_update(of=tables.recoveries, skip_locked=True)
)


def next_at(connection: Connection, *, now: datetime) -> datetime | None:
    """When the next portion of any recovery is due; None while none runs, but for those that are held."""
    found: datetime | None = connection.execute(_NEXT_AT, {"now": now, "latest": now + PUT_OFF_MAX}).scalar_one()
    return found


def take_due(connection: Connection, *, now: datetime) -> Recovery | None:
    """The recovery whose portion is due the longest, locked; one that another dispatcher works on is passed over."""
    row = connection.execute(_DUE, {"now": now, "latest": now + PUT_OFF_MAX}).one_or_none()
    return None if row is None else _recovery(row)


def _recovery(row: Row[Any]) -> Recovery:
    state = RecoveryState(row.state)
    return Recovery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        since=row.since,
        until=row.until,
        state=state,
        matched=row.matched,
        recovered=row.recovered,
        position=row.position,
        rate_per_s=row.rate_per_s,
        next_at=row.next_at,
        is_automatic=row.is_automatic,
        created_at=row.created_at,
        finished_at=row.finished_at,
        is_held=state is RecoveryState.RUNNING and row.endpoint_state != EndpointState.ACTIVE,
    )
