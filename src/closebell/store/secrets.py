"""What endpoints keep secret, as sealed texts: this package moves them and cannot open them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, tuple_, update

from closebell.domain.sealed import (
    AuthorizationScheme,
    SealedSecret,
    SecretKind,
    authorization_place,
    headers_place,
    secret_place,
)
from closebell.store import tables
from closebell.store.statements import among, listed

_secrets = tables.endpoint_secrets.c
_endpoints = tables.endpoints.c

_NO_AUTHORIZATION: Final = {
    "authorization_scheme": AuthorizationScheme.NONE.value,
    "authorization_username": "",
    "sealed_authorization": "",
}
_LIVE: Final = (
    select(tables.endpoint_secrets)
    .where(among(_secrets.endpoint_id))
    .where(or_(_secrets.expires_at.is_(None), _secrets.expires_at > bindparam("now")))
    .order_by(_secrets.position.desc())
)


def live(connection: Connection, endpoint_ids: Iterable[str], *, now: datetime) -> Mapping[str, Sequence[SealedSecret]]:
    """The secrets of these endpoints that sign at `now`, newest first."""
    found: defaultdict[str, list[SealedSecret]] = defaultdict(list)
    for row in connection.execute(_LIVE, {"ids": listed(endpoint_ids), "now": now}).all():
        found[row.endpoint_id].append(
            SealedSecret(
                position=row.position,
                kind=SecretKind(row.kind),
                text=row.secret,
                public_key=row.public_key,
                created_at=row.created_at,
                expires_at=row.expires_at,
            )
        )
    return found


def next_position(connection: Connection, endpoint_id: str) -> int:
    """The position of an endpoint's next secret; the endpoint is locked."""
    last = connection.execute(
        select(func.max(_secrets.position)).where(_secrets.endpoint_id == endpoint_id)
    ).scalar_one_or_none()
    return 0 if last is None else last + 1


def add(connection: Connection, endpoint_id: str, *secrets: SealedSecret) -> None:
    """Store new secrets of an endpoint."""
    if not secrets:
        return
    connection.execute(
        insert(tables.endpoint_secrets),
        [
            {
                "endpoint_id": endpoint_id,
                "position": secret.position,
                "secret": secret.text,
                "created_at": secret.created_at,
                "expires_at": secret.expires_at,
                "kind": secret.kind.value,
                "public_key": secret.public_key,
            }
            for secret in secrets
        ],
    )


def expire(connection: Connection, endpoint_id: str, secrets: Iterable[SealedSecret]) -> None:
    """Write when these secrets of an endpoint cease to sign."""
    for secret in secrets:
        connection.execute(
            update(tables.endpoint_secrets)
            .where(_secrets.endpoint_id == endpoint_id, _secrets.position == secret.position)
            .values(expires_at=secret.expires_at)
        )


def purge(connection: Connection, *, now: datetime, limit: int) -> int:
    """Forget up to `limit` secrets that have ceased to sign; how many there were."""
    key = (_secrets.endpoint_id, _secrets.position)
    old = select(*key).where(_secrets.expires_at <= now).order_by(*key).limit(limit)
    return connection.execute(delete(tables.endpoint_secrets).where(tuple_(*key).in_(old))).rowcount


def forget(connection: Connection, endpoint_id: str) -> None:
    """Destroy everything secret of an endpoint that is gone."""
    connection.execute(delete(tables.endpoint_secrets).where(_secrets.endpoint_id == endpoint_id))
    _write(connection, endpoint_id, header_names="[]", sealed_headers="", **_NO_AUTHORIZATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedText:
    """One text as it is stored, where, and for which place it is sealed."""

    place: str
    text: str = field(repr=False)
    endpoint_id: str
    column: str
    position: int | None = None


def endpoint_ids_after(connection: Connection, after: str, *, limit: int) -> list[str]:
    """The next endpoints in the order of their ids, deleted ones too."""
    statement = select(_endpoints.id).where(_endpoints.id > after).order_by(_endpoints.id).limit(limit)
    return list(connection.execute(statement).scalars())


def texts_of(connection: Connection, endpoint_ids: Iterable[str]) -> Iterator[SealedText]:
    """Every secret text of these endpoints, also those that sign no longer."""
    ids = {"ids": listed(endpoint_ids)}
    columns = (_secrets.endpoint_id, _secrets.position, _secrets.kind, _secrets.secret)
    for one in connection.execute(select(*columns).where(among(_secrets.endpoint_id)), ids).all():
        place = secret_place(one.endpoint_id, SecretKind(one.kind), one.position)
        yield SealedText(
            place=place, text=one.secret, endpoint_id=one.endpoint_id, column="secret", position=one.position
        )
    both = (_endpoints.id, _endpoints.sealed_headers, _endpoints.sealed_authorization)
    for row in connection.execute(select(*both).where(among(_endpoints.id)), ids).all():
        for column, place in (
            ("sealed_headers", headers_place(row.id)),
            ("sealed_authorization", authorization_place(row.id)),
        ):
            if text := getattr(row, column):
                yield SealedText(place=place, text=text, endpoint_id=row.id, column=column)


def replace_text(connection: Connection, old: SealedText, new: str) -> bool:
    """Write the text anew, unless somebody has changed it meanwhile; whether it was written."""
    if old.position is None:
        column: Any = _endpoints[old.column]
        statement = update(tables.endpoints).where(and_(_endpoints.id == old.endpoint_id, column == old.text))
    else:
        statement = update(tables.endpoint_secrets).where(
            _secrets.endpoint_id == old.endpoint_id,
            _secrets.position == old.position,
            _secrets.secret == old.text,
        )
    return connection.execute(statement.values({old.column: new})).rowcount == 1


def give_up(connection: Connection, lost: SealedText) -> None:
    """Destroy one text that nobody can open any more."""
    if lost.position is not None:
        connection.execute(
            delete(tables.endpoint_secrets).where(
                _secrets.endpoint_id == lost.endpoint_id, _secrets.position == lost.position
            )
        )
    elif lost.column == "sealed_headers":
        _write(connection, lost.endpoint_id, header_names="[]", sealed_headers="")
    else:
        _write(connection, lost.endpoint_id, **_NO_AUTHORIZATION)


def _write(connection: Connection, endpoint_id: str, **values: str) -> None:
    connection.execute(update(tables.endpoints).where(_endpoints.id == endpoint_id).values(**values))
