"""Webhook endpoints and their signing secrets."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import Secret, SignatureStyle
from closebell.store import tables

_endpoints = tables.endpoints.c
_secrets = tables.endpoint_secrets.c
_KEPT = (
    select(tables.endpoints)
    .where(_endpoints.state != EndpointState.DELETED)
    .order_by(_endpoints.created_at, _endpoints.id)
)


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


def _load(connection: Connection, statement: Select[Any], now: datetime) -> list[Endpoint]:
    rows = connection.execute(statement).all()
    if not rows:
        return []
    secrets: defaultdict[str, list[Secret]] = defaultdict(list)
    live = (
        select(_secrets.endpoint_id, _secrets.secret)
        .where(_secrets.endpoint_id.in_([row.id for row in rows]))
        .where(or_(_secrets.expires_at.is_(None), _secrets.expires_at > now))
        .order_by(_secrets.position.desc())
    )
    for row in connection.execute(live):
        secrets[row.endpoint_id].append(Secret.parse(row.secret))
    return [_endpoint(row, secrets[row.id]) for row in rows]


def _endpoint(row: Row[Any], secrets: Sequence[Secret]) -> Endpoint:
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
        secrets=tuple(secrets),
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
    }
