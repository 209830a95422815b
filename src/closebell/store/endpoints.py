"""Webhook endpoints and their signing secrets."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, or_, select, update

from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import Secret, SignatureStyle
from closebell.store import tables
from closebell.store.statements import among, listed

_endpoints = tables.endpoints.c
_secrets = tables.endpoint_secrets.c
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


_LIVE_SECRETS = (
    select(_secrets.endpoint_id, _secrets.secret)
    .where(among(_secrets.endpoint_id))
    .where(or_(_secrets.expires_at.is_(None), _secrets.expires_at > bindparam("now")))
    .order_by(_secrets.position.desc())
)


def _load(connection: Connection, statement: Select[Any], now: datetime) -> list[Endpoint]:
    rows = connection.execute(statement).all()
    if not rows:
        return []
    secrets: defaultdict[str, list[str]] = defaultdict(list)
    for endpoint_id, secret in connection.execute(
        _LIVE_SECRETS, {"ids": listed(row.id for row in rows), "now": now}
    ).all():
        secrets[endpoint_id].append(secret)
    return [_endpoint(row, tuple(secrets[row.id])) for row in rows]


@functools.lru_cache(maxsize=1_024)
def _endpoint(row: Row[Any], secrets: tuple[str, ...]) -> Endpoint:
    """The endpoint in a row. Every close reads all of them and they hardly change, so equal rows are read once."""
    return Endpoint(
        id=row.id,
        name=row.name,
        description=row.description,
        url=row.url,
        http_method=HttpMethod(row.http_method),
        event_types=tuple(json.loads(row.event_types)),
        center_ids=tuple(json.loads(row.center_ids)),
        signature_styles=tuple(SignatureStyle(style) for style in json.loads(row.signature_styles)),
        policy=RetryPolicy(row.policy),
        state=EndpointState(row.state),
        state_reason=row.state_reason,
        consecutive_failures=row.consecutive_failures,
        created_at=row.created_at,
        updated_at=row.updated_at,
        secrets=tuple(Secret.parse(secret) for secret in secrets),
        rate_per_s=row.rate_per_s,
        recovers_when_enabled=row.recovers_when_enabled,
        enabled_at=row.enabled_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an endpoint is doing, as far as the outcome of a call depends on it."""

    policy: RetryPolicy
    state: EndpointState
    consecutive_failures: int


_HEALTH = (
    select(_endpoints.id, _endpoints.policy, _endpoints.state, _endpoints.consecutive_failures)
    .where(among(_endpoints.id))
    .order_by(_endpoints.id)
)


def health(connection: Connection, endpoint_ids: Iterable[str], *, lock: bool) -> dict[str, Health]:
    """How these endpoints are doing, by id; locked for whoever is going to change it."""
    statement = _HEALTH.with_for_update(key_share=True) if lock else _HEALTH
    return {
        row.id: Health(
            policy=RetryPolicy(row.policy),
            state=EndpointState(row.state),
            consecutive_failures=row.consecutive_failures,
        )
        for row in connection.execute(statement, {"ids": listed(endpoint_ids)}).all()
    }


def set_failures(connection: Connection, endpoint_id: str, consecutive_failures: int) -> None:
    """Write how many attempts in a row have failed."""
    connection.execute(
        update(tables.endpoints).where(_endpoints.id == endpoint_id).values(consecutive_failures=consecutive_failures)
    )


def deactivate(connection: Connection, endpoint_id: str, *, reason: str, now: datetime) -> None:
    """Stop calling an active endpoint; its deliveries wait until somebody enables it again."""
    connection.execute(
        update(tables.endpoints)
        .where(_endpoints.id == endpoint_id, _endpoints.state == EndpointState.ACTIVE.value)
        .values(state=EndpointState.DEACTIVATED.value, state_reason=reason, updated_at=now)
    )


def insert_one(connection: Connection, endpoint: Endpoint) -> None:
    """Store a new endpoint with its first secret."""
    (secret,) = endpoint.secrets
    connection.execute(insert(tables.endpoints), {"id": endpoint.id, **_values(endpoint)})
    connection.execute(
        insert(tables.endpoint_secrets),
        {
            "endpoint_id": endpoint.id,
            "position": 0,
            "secret": secret.reveal(),
            "created_at": endpoint.created_at,
            "expires_at": None,
        },
    )


def save(connection: Connection, endpoint: Endpoint) -> None:
    """Write everything of a stored endpoint but its secrets."""
    connection.execute(update(tables.endpoints).where(_endpoints.id == endpoint.id).values(**_values(endpoint)))


def _values(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "description": endpoint.description,
        "url": endpoint.url,
        "http_method": endpoint.http_method.value,
        "event_types": json.dumps(endpoint.event_types),
        "center_ids": json.dumps(endpoint.center_ids),
        "signature_styles": json.dumps(endpoint.signature_styles),
        "policy": endpoint.policy.value,
        "state": endpoint.state.value,
        "state_reason": endpoint.state_reason,
        "consecutive_failures": endpoint.consecutive_failures,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "rate_per_s": endpoint.rate_per_s,
        "recovers_when_enabled": endpoint.recovers_when_enabled,
        "enabled_at": endpoint.enabled_at,
    }
