"""API keys, of which only the hash is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from closebell.domain.grant import Grant
from closebell.store import tables
from closebell.store.grants import columns_of, grant_of

_keys = tables.api_keys.c


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as far as it is known here: `hint` is how it begins, so that a person can tell keys apart."""

    id: str
    name: str
    hint: str
    grant: Grant
    created_at: datetime
    revoked_at: datetime | None


def digest(key: str) -> bytes:
    """What is kept of a key or a token. They are 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(key.encode()).digest()


def insert_one(connection: Connection, api_key: ApiKey, *, key: str) -> None:
    """Store a new key by its hash."""
    connection.execute(
        insert(tables.api_keys),
        {
            "id": api_key.id,
            "name": api_key.name,
            "key_hash": digest(key),
            "hint": api_key.hint,
            **columns_of(api_key.grant),
            "created_at": api_key.created_at,
            "revoked_at": api_key.revoked_at,
        },
    )


def find_live(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """The key with this hash, unless it is revoked."""
    row = connection.execute(
        select(tables.api_keys).where(_keys.key_hash == key_hash, _keys.revoked_at.is_(None))
    ).one_or_none()
    return None if row is None else _api_key(row)


def all_keys(connection: Connection) -> list[ApiKey]:
    """Every key there ever was, oldest first."""
    return [_api_key(row) for row in connection.execute(select(tables.api_keys).order_by(_keys.created_at, _keys.id))]


def count_live(connection: Connection) -> int:
    """How many keys are good."""
    return connection.execute(select(func.count()).where(_keys.revoked_at.is_(None))).scalar_one()


def revoke(connection: Connection, key_id: str, *, now: datetime) -> bool:
    """Make a key worthless; whether there was such a live key."""
    result = connection.execute(
        update(tables.api_keys).where(_keys.id == key_id, _keys.revoked_at.is_(None)).values(revoked_at=now)
    )
    return result.rowcount == 1


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        grant=grant_of(row.role, row.center_ids),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
