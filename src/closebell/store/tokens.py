"""Tokens of users who signed in: pairs of an access and a refresh token, of which only the hashes are kept.

Pairs that were refreshed one from the other are a chain, which began when somebody signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from closebell.domain.caller import Caller
from closebell.store import tables
from closebell.store.grants import grant_of

_tokens, _users = tables.tokens.c, tables.users.c


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """A pair as far as it is known here."""

    id: str
    user_id: str
    chain_id: str
    app_id: str
    access_expires_at: datetime
    refresh_expires_at: datetime
    created_at: datetime
    access_revoked_at: datetime | None = None
    refresh_revoked_at: datetime | None = None


def insert_one(connection: Connection, pair: TokenPair, *, access_hash: bytes, refresh_hash: bytes) -> None:
    """Store a new pair by its hashes."""
    connection.execute(
        insert(tables.tokens),
        {
            **{name: getattr(pair, name) for name in pair.__slots__},
            "access_hash": access_hash,
            "refresh_hash": refresh_hash,
        },
    )


def find_caller(connection: Connection, access_hash: bytes, *, now: datetime) -> Caller | None:
    """Who holds this access token, while it is good and they are not disabled."""
    row = connection.execute(
        select(_users.id, _users.role, _users.center_ids, _users.employee_id)
        .join(tables.tokens, _tokens.user_id == _users.id)
        .where(
            _tokens.access_hash == access_hash,
            _tokens.access_expires_at > now,
            _tokens.access_revoked_at.is_(None),
            _users.disabled_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else grant_of(row.role, row.center_ids).caller(row.id, employee_id=row.employee_id)


def find_by_refresh(connection: Connection, refresh_hash: bytes) -> TokenPair | None:
    """The pair with this refresh token, used up or not."""
    row = connection.execute(select(tables.tokens).where(_tokens.refresh_hash == refresh_hash)).one_or_none()
    return None if row is None else _pair(row)


def use_refresh(connection: Connection, pair: TokenPair, *, now: datetime) -> bool:
    """Use up a refresh token; whether it was still good."""
    result = connection.execute(
        update(tables.tokens)
        .where(_tokens.id == pair.id, _tokens.refresh_revoked_at.is_(None), _tokens.refresh_expires_at > now)
        .values(refresh_revoked_at=now)
    )
    return result.rowcount == 1


def revoke_access_of_chain(connection: Connection, pair: TokenPair, *, now: datetime) -> None:
    """Make the access tokens of the pair's chain worthless."""
    _revoke(connection, _of_chain(pair), access=now)


def revoke_chain(connection: Connection, pair: TokenPair, *, now: datetime) -> None:
    """Make everything of the pair's chain worthless."""
    _revoke(connection, _of_chain(pair), access=now, refresh=now)


def revoke_all(connection: Connection, user_id: str, *, now: datetime) -> None:
    """Make every token of a user worthless."""
    _revoke(connection, _tokens.user_id == user_id, access=now, refresh=now)


def drop_oldest(connection: Connection, user_id: str, *, keep: int) -> None:
    """Forget all but the newest `keep` pairs of a user."""
    newest = (
        select(_tokens.id)
        .where(_tokens.user_id == user_id)
        .order_by(_tokens.created_at.desc(), _tokens.id.desc())
        .limit(keep)
    )
    connection.execute(delete(tables.tokens).where(_tokens.user_id == user_id, _tokens.id.not_in(newest)))


def purge(connection: Connection, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` pairs that nothing can be done with any more; how many there were."""
    expired = (
        select(_tokens.id).where(_tokens.refresh_expires_at <= now).order_by(_tokens.refresh_expires_at).limit(limit)
    )
    return connection.execute(delete(tables.tokens).where(_tokens.id.in_(expired))).rowcount


def _of_chain(pair: TokenPair) -> ColumnElement[bool]:
    # The user is named too, because that is what the index is on.
    return (_tokens.user_id == pair.user_id) & (_tokens.chain_id == pair.chain_id)


def _revoke(
    connection: Connection, which: ColumnElement[bool], *, access: datetime, refresh: datetime | None = None
) -> None:
    """What was revoked before keeps the instant at which it was."""
    connection.execute(
        update(tables.tokens).where(which, _tokens.access_revoked_at.is_(None)).values(access_revoked_at=access)
    )
    if refresh is not None:
        connection.execute(
            update(tables.tokens).where(which, _tokens.refresh_revoked_at.is_(None)).values(refresh_revoked_at=refresh)
        )


def _pair(row: Row[Any]) -> TokenPair:
    return TokenPair(**{name: getattr(row, name) for name in TokenPair.__slots__})
