"""Answers that are given again to a repeated call: the rows behind `Idempotency-Key`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.store import tables

KEPT_FOR: Final = timedelta(hours=24)
"""How long an answer is given again; after that its key is free."""

_kept = tables.kept_answers.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that carries a key: whose, and what was asked.

    Shape: `route` is for people; `digest` tells one request from another.
    """

    caller_id: str
    key: str
    route: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer as it went out; an empty `body` says that there was one which is not kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a call; no answer means that it was begun and has not ended, or never will."""

    call: Call
    begun_at: datetime
    answer: KeptAnswer | None


def claim(connection: Connection, call: Call, *, now: datetime) -> bool:
    """Take the key for this call; whether it was free.

    Where another transaction has just taken it, this waits until that one ends.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.kept_answers).values(
        caller_id=call.caller_id,
        key=call.key,
        route=call.route,
        request_digest=call.digest,
        status=None,
        headers="[]",
        body=None,
        created_at=now,
    )
    fresh = {name: statement.excluded[name] for name in ("route", "request_digest", "created_at")}
    statement = statement.on_conflict_do_update(
        index_elements=["caller_id", "key"],
        set_={**fresh, "status": None, "headers": "[]", "body": None},
        where=_kept.created_at <= now - KEPT_FOR,
    ).returning(_kept.key)
    return connection.execute(statement).one_or_none() is not None


def answer(connection: Connection, call: Call, kept: KeptAnswer) -> None:
    """Keep the answer to a call whose key is claimed, in the place of one that was kept before."""
    connection.execute(
        update(tables.kept_answers)
        .where(_kept.caller_id == call.caller_id, _kept.key == call.key)
        .values(status=kept.status, headers=json.dumps(kept.headers), body=kept.body)
    )


def find(connection: Connection, call: Call, *, now: datetime) -> Kept | None:
    """What the caller used this key for; None when it is free."""
    row = connection.execute(
        select(tables.kept_answers).where(
            _kept.caller_id == call.caller_id, _kept.key == call.key, _kept.created_at > now - KEPT_FOR
        )
    ).one_or_none()
    return None if row is None else _from_row(row)


def purge(connection: Connection, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` calls whose keys are free; how many there were."""
    key = (_kept.caller_id, _kept.key)
    old = select(*key).where(_kept.created_at <= now - KEPT_FOR).order_by(_kept.created_at).limit(limit)
    return connection.execute(delete(tables.kept_answers).where(tuple_(*key).in_(old))).rowcount


def _from_row(row: Row[Any]) -> Kept:
    call = Call(caller_id=row.caller_id, key=row.key, route=row.route, digest=row.request_digest)
    if row.status is None:
        return Kept(call=call, begun_at=row.created_at, answer=None)
    headers = tuple((name, value) for name, value in json.loads(row.headers))
    return Kept(
        call=call,
        begun_at=row.created_at,
        answer=KeptAnswer(status=row.status, headers=headers, body=row.body),
    )
