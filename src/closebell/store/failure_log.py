"""The failure log: each time an endpoint was deactivated because of its receiver, and the mail that tells of it."""

from __future__ import annotations

import enum
import heapq
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from closebell.domain.endpoint import EndpointState
from closebell.store import tables
from closebell.store.delivery_log import Attempt, attempt_of
from closebell.store.exhausted import IS_EXHAUSTED
from closebell.store.lanes import LANES
from closebell.store.statements import among, listed

HELD_COUNTED_MAX: Final = 10_000
"""Waiting deliveries of an endpoint that are counted; beyond it there are more."""
RECENT_DELIVERIES_MAX: Final = 1_000
"""Deliveries of an endpoint, of those that wait and of those given up, among which its last attempts are sought."""

_failures = tables.endpoint_failures.c
_endpoints = tables.endpoints.c
_deliveries = tables.deliveries.c
_attempts = tables.attempts.c


class MailState(enum.StrEnum):
    """What became of the mail about a deactivated endpoint."""

    NONE = "none"
    """Nobody was to be mailed."""
    DUE = "due"
    """It will be sent, or sent again."""
    SENT = "sent"
    """The mail server took it for at least one address, and those it did not take it for are named."""
    GIVEN_UP = "given_up"
    """The last try failed like those before it; the error says why, or for whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFailure:
    """An endpoint that is deactivated, and the attempt that was the last straw."""

    endpoint_id: str
    failing_since: datetime | None
    consecutive_failures: int
    delivery_id: str | None
    status: int | None
    error: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(NewFailure):
    """An entry of the log."""

    id: str
    at: datetime
    mail_due_at: datetime | None
    mail_attempts: int
    mailed_at: datetime | None
    mail_error: str

    @property
    def mail_state(self) -> MailState:
        """What became of its mail."""
        if self.mailed_at is not None:
            return MailState.SENT
        if self.mail_due_at is not None:
            return MailState.DUE
        return MailState.GIVEN_UP if self.mail_attempts else MailState.NONE


def insert_one(connection: Connection, failure: NewFailure, *, id_: str, now: datetime, is_mailed: bool) -> None:
    """Write into the log that an endpoint was deactivated, and have it mailed if somebody wants to know."""
    connection.execute(
        insert(tables.endpoint_failures),
        {
            "id": id_,
            **asdict(failure),
            "at": now,
            "mail_to": "",
            "mail_due_at": now if is_mailed else None,
            "mail_attempts": 0,
            "mailed_at": None,
            "mail_error": "",
            "mail_refused": "",
        },
    )


# --- reading -----------------------------------------------------------------------------------------------------


def exists(connection: Connection, endpoint_id: str) -> bool:
    """Whether there is such an endpoint, or was: the log outlives it."""
    return connection.execute(select(_endpoints.id).where(_endpoints.id == endpoint_id)).first() is not None


def count(connection: Connection, endpoint_id: str) -> int:
    """How many entries the endpoint has."""
    number = select(func.count()).select_from(tables.endpoint_failures).where(_failures.endpoint_id == endpoint_id)
    return connection.execute(number).scalar_one()


def page(connection: Connection, endpoint_id: str, *, limit: int, offset: int) -> list[Failure]:
    """The endpoint's entries, the newest first."""
    statement = (
        select(tables.endpoint_failures)
        .where(_failures.endpoint_id == endpoint_id)
        .order_by(_failures.at.desc(), _failures.id)
        .limit(limit)
        .offset(offset)
    )
    return [_failure(row) for row in connection.execute(statement).all()]


_IS_LAST = (_attempts.delivery_id == _deliveries.id) & (_attempts.number == _deliveries.attempts)
# Sorted by us: an index by time would have the attempts of everybody looked through.
_LAST = (
    select(_attempts.delivery_id, _attempts.started_at)
    .join(tables.deliveries, _IS_LAST)
    .where(among(_deliveries.id), _attempts.error.is_not(None))
)
_LAST_WHOLE = select(tables.attempts).join(tables.deliveries, _IS_LAST).where(among(_deliveries.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """The last attempt of a delivery, which failed."""

    delivery_id: str
    attempt: Attempt


def recent_attempts(connection: Connection, endpoint_id: str, *, limit: int) -> list[FailedAttempt]:
    """The last attempts of deliveries that wait to be sent again or were given up, the newest first.

    Where more than RECENT_DELIVERIES_MAX wait, those that are due last are looked at.
    """
    _, retried = LANES
    waiting = select(_deliveries.id).where(_deliveries.endpoint_id == endpoint_id, retried)
    given_up = select(_deliveries.id).where(_deliveries.endpoint_id == endpoint_id, IS_EXHAUSTED)
    ids = [
        *connection.execute(waiting.order_by(_deliveries.due_at.desc()).limit(RECENT_DELIVERIES_MAX)).scalars(),
        *connection.execute(given_up.order_by(_deliveries.id.desc()).limit(RECENT_DELIVERIES_MAX)).scalars(),
    ]
    if not ids:
        return []
    newest = heapq.nlargest(
        limit, connection.execute(_LAST, {"ids": listed(ids)}).all(), key=lambda row: row.started_at
    )
    found = connection.execute(_LAST_WHOLE, {"ids": listed(row.delivery_id for row in newest)}).all()
    failed = [FailedAttempt(delivery_id=row.delivery_id, attempt=attempt_of(row)) for row in found]
    return sorted(failed, key=lambda one: one.attempt.started_at, reverse=True)


def _failure(row: Row[Any]) -> Failure:
    return Failure(**{field.name: getattr(row, field.name) for field in fields(Failure)})


# --- the mail ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMail:
    """An entry whose mail is to be sent by whoever has claimed it.

    Shape: `to` is empty where everybody is to get it; `refused` names those for whom it was refused for good.
    """

    failure: Failure
    to: tuple[str, ...]
    refused: str


_NEXT = select(_failures.mail_due_at).where(_failures.mail_due_at.is_not(None)).order_by(_failures.mail_due_at).limit(1)


def next_mail_at(connection: Connection) -> datetime | None:
    """When the next mail is due: one look into an index that holds what is due and nothing else."""
    return connection.execute(_NEXT).scalar_one_or_none()


def claim_mail(connection: Connection, *, now: datetime, until: datetime) -> DueMail | None:
    """The mail that has been due longest; nobody else gets it before `until`, when it is due again by itself."""
    due = (
        select(tables.endpoint_failures)
        .where(_failures.mail_due_at.is_not(None), _failures.mail_due_at <= now)
        .order_by(_failures.mail_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(due).one_or_none()
    if row is None:
        return None
    claimed = (
        update(tables.endpoint_failures)
        .where(_failures.id == row.id)
        .values(mail_due_at=until, mail_attempts=_failures.mail_attempts + 1)
        .returning(tables.endpoint_failures)
    )
    after = connection.execute(claimed).one()
    return DueMail(failure=_failure(after), to=tuple(json.loads(after.mail_to or "[]")), refused=after.mail_refused)


def mark_mailed(connection: Connection, failure: Failure, *, now: datetime, error: str) -> None:
    """The mail is out; `error` names those it did not reach."""
    _settle(connection, failure, {"mail_due_at": None, "mailed_at": now, "mail_error": error})


def mark_not_mailed(
    connection: Connection, failure: Failure, *, error: str, due_at: datetime | None, to: Sequence[str], refused: str
) -> None:
    """A try failed, or reached some: it is due again for the others, or given up."""
    still = json.dumps(list(to)) if to else ""
    _settle(
        connection, failure, {"mail_due_at": due_at, "mail_error": error, "mail_to": still, "mail_refused": refused}
    )


def _settle(connection: Connection, failure: Failure, values: dict[str, Any]) -> None:
    """Write what became of a try, unless somebody else has made another since, because this one took too long."""
    connection.execute(
        update(tables.endpoint_failures)
        .where(_failures.id == failure.id, _failures.mail_attempts == failure.mail_attempts)
        .where(_failures.mailed_at.is_(None))
        .values(**values)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How an endpoint stands now: what waits for it is counted up to HELD_COUNTED_MAX, and one more if there is."""

    name: str
    url: str
    state: EndpointState
    held: int


def situation(connection: Connection, endpoint_id: str) -> Situation:
    """How an endpoint that was deactivated stands now."""
    row = connection.execute(
        select(_endpoints.name, _endpoints.url, _endpoints.state).where(_endpoints.id == endpoint_id)
    ).one()
    held = 0
    for lane in LANES if row.state != EndpointState.DELETED.value else ():
        # In the order of the lane's index, so that no plan goes another way.
        waiting = (
            select(_deliveries.id).where(_deliveries.endpoint_id == endpoint_id, lane).order_by(_deliveries.due_at)
        )
        held += connection.execute(
            select(func.count()).select_from(waiting.limit(HELD_COUNTED_MAX + 1).subquery())
        ).scalar_one()
    return Situation(name=row.name, url=row.url, state=EndpointState(row.state), held=min(held, HELD_COUNTED_MAX + 1))
