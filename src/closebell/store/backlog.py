"""What still waits for each endpoint, at a price that does not grow with it: for those who look again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, func, literal_column, select

from closebell.domain.endpoint import EndpointState
from closebell.store import tables
from closebell.store.exhausted import IS_EXHAUSTED
from closebell.store.lanes import LANES

COUNTED_MAX: Final = 100_000
"""Entries of one index that are counted at one look, those of all endpoints together."""
LOOKED_AT_MAX: Final = 10_000
"""Deliveries of one index that are looked at for the oldest, those of all endpoints together."""

_deliveries = tables.deliveries.c
_endpoints = tables.endpoints.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Deliveries that have something in common.

    Shape: when `is_capped` there are at least `count` of them; `oldest_at` is when the oldest was made, None when there
           is none. It is the oldest of those that are due first, of as many as are looked at.
    """

    count: int
    is_capped: bool
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """An endpoint, and what has not reached it: what waits, held if it is not active, and what was given up."""

    endpoint_id: str
    name: str
    is_active: bool
    consecutive_failures: int
    waiting: Pile
    exhausted: Pile


_MOST: Final = bindparam("most", type_=_deliveries.attempts.type)
_FEW: Final = bindparam("few", type_=_deliveries.attempts.type)
_WAYS_WITHOUT_END: Final = ("enable_bitmapscan", "enable_sort", "enable_seqscan")
"""How PostgreSQL might go about it when it takes an endpoint's backlog for a small one: reading all of it before the
cap is looked at. What is left is to read along the index and stop."""


def _count(kind: ColumnElement[bool], order: ColumnElement[Any]) -> ScalarSelect[int]:
    """How many there are, up to `most`; in the order of the index, so that no plan goes another way."""
    some = (
        select(literal_column("1"))
        .where(_deliveries.endpoint_id == _endpoints.id, kind)
        .order_by(order)
        .limit(_MOST)
        .correlate(tables.endpoints)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _oldest(kind: ColumnElement[bool], order: ColumnElement[Any]) -> ScalarSelect[datetime]:
    some = (
        select(_deliveries.created_at)
        .where(_deliveries.endpoint_id == _endpoints.id, kind)
        .order_by(order)
        .limit(_FEW)
        .correlate(tables.endpoints)
        .subquery()
    )
    return select(func.min(some.c.created_at)).scalar_subquery()


_FRESH, _RETRIED = LANES
_KINDS: Final = (
    (_FRESH, _deliveries.due_at),
    (_RETRIED, _deliveries.due_at),
    (IS_EXHAUSTED, _deliveries.id),
)
_KEPT: Final = _endpoints.state != EndpointState.DELETED.value
_HOW_MANY: Final = select(func.count()).select_from(tables.endpoints).where(_KEPT)
_SURVEY: Final = select(
    _endpoints.id,
    _endpoints.name,
    _endpoints.state,
    _endpoints.consecutive_failures,
    *(measure(kind, order) for kind, order in _KINDS for measure in (_count, _oldest)),
).where(_KEPT)


def survey(connection: Connection, *, counted_max: int = COUNTED_MAX) -> list[Backlog]:
    """The backlog of every endpoint that is not deleted; each gets an equal share of what is counted."""
    endpoints: int = connection.execute(_HOW_MANY).scalar_one()
    if not endpoints:
        return []
    if connection.dialect.name == "postgresql":
        for way in _WAYS_WITHOUT_END:
            connection.exec_driver_sql(f"SET LOCAL {way} = off")
    most, few = max(counted_max // endpoints, 1), max(LOOKED_AT_MAX // endpoints, 1)
    return [_backlog(row, most) for row in connection.execute(_SURVEY, {"most": most, "few": few}).all()]


def _backlog(row: Any, most: int) -> Backlog:
    endpoint_id, name, state, consecutive_failures, *measured = row
    fresh, retried, exhausted = _piles(measured, most)
    return Backlog(
        endpoint_id=endpoint_id,
        name=name,
        is_active=state == EndpointState.ACTIVE.value,
        consecutive_failures=consecutive_failures,
        waiting=Pile(
            count=fresh.count + retried.count,
            is_capped=fresh.is_capped or retried.is_capped,
            oldest_at=min((at for at in (fresh.oldest_at, retried.oldest_at) if at is not None), default=None),
        ),
        exhausted=exhausted,
    )


def _piles(measured: list[Any], most: int) -> Iterator[Pile]:
    for count, oldest_at in zip(measured[::2], measured[1::2], strict=True):
        yield Pile(count=count, is_capped=count >= most, oldest_at=oldest_at)
