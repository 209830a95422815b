"""Webhook endpoints and their signing secrets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, insert, select, update

from closebell.domain.condition import Condition
from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.retry import RetryPolicy
from closebell.domain.sealed import AuthorizationScheme, SealedSecret
from closebell.domain.signature import SignatureStyle
from closebell.store import secrets, tables
from closebell.store.statements import among, listed
from closebell.store.wake import ring

_endpoints = tables.endpoints.c
_KEPT = (
    select(tables.endpoints)
    .where(_endpoints.state != EndpointState.DELETED.value)
    .order_by(_endpoints.created_at, _endpoints.id)
)


_KEPT_SHARED = _KEPT.with_for_update(read=True, key_share=True)


def all_kept(connection: Connection, *, now: datetime) -> list[Endpoint]:
    """Every endpoint that is not deleted, oldest first, with the secrets that are live at `now`."""
    return _load(connection, _KEPT, now)


def find(connection: Connection, endpoint_id: str, *, now: datetime) -> Endpoint | None:
    """The endpoint with this id, unless it is deleted."""
    found = _load(connection, _KEPT.where(_endpoints.id == endpoint_id), now)
    return found[0] if found else None


def find_locked(connection: Connection, endpoint_id: str, *, now: datetime) -> Endpoint | None:
    """The same, locked until the transaction ends, so that what is decided from it still holds when written."""
    found = _load(connection, _KEPT.where(_endpoints.id == endpoint_id).with_for_update(key_share=True), now)
    return found[0] if found else None


def listeners(connection: Connection, *, now: datetime) -> list[Endpoint]:
    """Every endpoint that is not deleted, and none of them can be deleted until the transaction ends.

    Deliveries made in this transaction are thus seen by whoever deletes an endpoint later, and cancelled. The lock
    is the one that a delivery's foreign key takes anyway; it keeps nobody from changing the endpoint otherwise.
    """
    return _load(connection, _KEPT_SHARED, now)


def find_to_delete(connection: Connection, endpoint_id: str, *, now: datetime) -> Endpoint | None:
    """The same as `find_locked`, once no transaction is under way that makes deliveries for it."""
    found = _load(connection, _KEPT.where(_endpoints.id == endpoint_id).with_for_update(), now)
    return found[0] if found else None


def names(connection: Connection, endpoint_ids: Iterable[str]) -> dict[str, str]:
    """What these endpoints are called, by id; deleted ones too."""
    statement = select(_endpoints.id, _endpoints.name).where(among(_endpoints.id))
    return {row.id: row.name for row in connection.execute(statement, {"ids": listed(endpoint_ids)}).all()}


def _load(connection: Connection, statement: Select[Any], now: datetime) -> list[Endpoint]:
    rows = connection.execute(statement).all()
    if not rows:
        return []
    live = secrets.live(connection, (row.id for row in rows), now=now)
    return [_endpoint(row, tuple(live.get(row.id, ()))) for row in rows]


@functools.lru_cache(maxsize=1_024)
def _endpoint(row: Row[Any], live: tuple[SealedSecret, ...]) -> Endpoint:
    """The endpoint in a row. Every close reads all of them and they hardly change, so equal rows are read once."""
    stored = {name: getattr(row, name) for name in _COLUMNS}
    meant = {name: read(stored[name]) for name, (read, _) in _SPELLED.items()}
    return Endpoint(id=row.id, **{**stored, **meant}, secrets=live)


def _values(endpoint: Endpoint) -> dict[str, Any]:
    """What its row holds beside the id."""
    held = {name: getattr(endpoint, name) for name in _COLUMNS}
    spelled = {name: spell(held[name]) for name, (_, spell) in _SPELLED.items()}
    return {**held, **spelled}


def _texts(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


def _conditions(stored: str) -> tuple[Condition, ...]:
    asked = json.loads(stored, parse_float=Decimal, parse_int=Decimal)
    return tuple(Condition(field=one["field"], equals=one["equals"]) for one in asked)


def _stored_conditions(conditions: tuple[Condition, ...]) -> str:
    """As JSON, whose numbers are written with all their digits."""
    spelled = (f'{{"field": {json.dumps(one.field)}, "equals": {one.spelled}}}' for one in conditions)
    return f"[{', '.join(spelled)}]"


_COLUMNS: Final = tuple(field.name for field in fields(Endpoint) if field.name not in {"id", "secrets"})
_SPELLED: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], str]]]] = {
    "http_method": (HttpMethod, str),
    "event_types": (_texts, json.dumps),
    "center_ids": (_texts, json.dumps),
    "signature_styles": (lambda stored: tuple(map(SignatureStyle, _texts(stored))), json.dumps),
    "policy": (RetryPolicy, str),
    "state": (EndpointState, str),
    "conditions": (_conditions, _stored_conditions),
    "header_names": (_texts, json.dumps),
    "authorization_scheme": (lambda stored: AuthorizationScheme(stored or AuthorizationScheme.NONE), str),
}
"""Columns whose text stands for something else: how it is read, and how it is spelled. The others hold what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an endpoint is doing, as far as the outcome of a call depends on it.

    Shape: `failing_since` is when an attempt failed after the last success; `failed_at` when one was counted last.
    """

    policy: RetryPolicy
    consecutive_failures: int
    failing_since: datetime | None
    failed_at: datetime | None


_HEALTH = (
    select(
        _endpoints.id,
        _endpoints.policy,
        _endpoints.consecutive_failures,
        _endpoints.failing_since,
        _endpoints.failed_at,
    )
    .where(among(_endpoints.id))
    .order_by(_endpoints.id)
)


def health(connection: Connection, endpoint_ids: Iterable[str], *, lock: bool) -> dict[str, Health]:
    """How these endpoints are doing, by id; locked for whoever is going to change it."""
    statement = _HEALTH.with_for_update(key_share=True) if lock else _HEALTH
    return {
        row.id: Health(
            policy=RetryPolicy(row.policy),
            consecutive_failures=row.consecutive_failures,
            failing_since=row.failing_since,
            failed_at=row.failed_at,
        )
        for row in connection.execute(statement, {"ids": listed(endpoint_ids)}).all()
    }


def set_failures(
    connection: Connection,
    endpoint_id: str,
    consecutive_failures: int,
    *,
    failing_since: datetime | None,
    failed_at: datetime | None,
) -> None:
    """Write how many attempts in a row have failed, since when none has succeeded, and when one was counted last."""
    connection.execute(
        update(tables.endpoints)
        .where(_endpoints.id == endpoint_id)
        .values(consecutive_failures=consecutive_failures, failing_since=failing_since, failed_at=failed_at)
    )


def deactivate(connection: Connection, endpoint_id: str, *, reason: str, now: datetime) -> bool:
    """Stop calling an active endpoint, in every process; its deliveries wait until somebody enables it again.

    Shape: whether it was active until now.
    """
    ring(connection)
    result = connection.execute(
        update(tables.endpoints)
        .where(_endpoints.id == endpoint_id, _endpoints.state == EndpointState.ACTIVE.value)
        .values(state=EndpointState.DEACTIVATED.value, state_reason=reason, updated_at=now)
    )
    return result.rowcount > 0


def insert_one(connection: Connection, endpoint: Endpoint) -> None:
    """Store a new endpoint with its first secrets, and have every process look at the endpoints again."""
    ring(connection)
    connection.execute(insert(tables.endpoints), {"id": endpoint.id, **_values(endpoint)})
    secrets.add(connection, endpoint.id, *endpoint.secrets)


def save(connection: Connection, endpoint: Endpoint) -> None:
    """Write everything of a stored endpoint but its secrets, and have every process look at the endpoints again."""
    ring(connection)
    connection.execute(update(tables.endpoints).where(_endpoints.id == endpoint.id).values(**_values(endpoint)))
