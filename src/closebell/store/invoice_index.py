"""Finding invoices: which of them a list shows, each by way of an index and never by looking at all of them.

A list goes in by one way (a number, a guest, or centres with a period) and drops what its other conditions do not
want. These others are written so that no engine takes one of them for the way in.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, bindparam, func, select

from closebell.domain.period import Period
from closebell.store import tables
from closebell.store.statements import among, listed

SHAPES_KEPT: Final = 256
"""Shapes of lists whose statements are kept; there are hardly as many."""

_invoices = tables.invoices.c
NEWEST_FIRST: Final = (_invoices.invoice_date.desc(), _invoices.id.desc())


class InvoiceState(enum.StrEnum):
    """What a list can be asked for; a refund may be open or closed."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REFUND = "refund"


IS_OPEN: Final = and_(_invoices.closed_at.is_(None), _invoices.cancelled_at.is_(None))
"""Still to be closed: what the index of open invoices holds."""

_STATES: Final[dict[InvoiceState, ColumnElement[bool]]] = {
    InvoiceState.OPEN: IS_OPEN,
    InvoiceState.CLOSED: _invoices.closed_at.is_not(None),
    InvoiceState.CANCELLED: _invoices.cancelled_at.is_not(None),
    InvoiceState.REFUND: _invoices.is_refund,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which invoices a list shows.

    Shape: no `center_ids` means any centre, which needs one of the other ways in; `since` and `until` are wall-clock
           times that both belong to it.
    """

    center_ids: tuple[str, ...] | None = None
    guest_id: str | None = None
    invoice_numbers: tuple[str, ...] = ()
    receipt_number: str | None = None
    since: str | None = None
    until: str | None = None
    state: InvoiceState | None = None

    def __post_init__(self) -> None:
        assert self.by_number or self.guest_id or self.center_ids is not None, "a list without a way in is a scan"

    @property
    def by_number(self) -> bool:
        """Whether numbers are the way in."""
        return bool(self.invoice_numbers) or self.receipt_number is not None

    @classmethod
    def during(cls, period: Period, center_ids: Iterable[str], state: InvoiceState | None = None) -> Wanted:
        """The invoices of centres in a period."""
        return cls(center_ids=tuple(center_ids), since=period.since, until=period.until, state=state)


def count(connection: Connection, wanted: Wanted) -> int:
    """How many there are."""
    found: int = connection.execute(_counting(_shape(wanted)), _values(wanted)).scalar_one()
    return found


def page(connection: Connection, wanted: Wanted, *, limit: int, offset: int = 0) -> list[str]:
    """The ids of so many of them, the newest first."""
    values = {**_values(wanted), "limit": limit, "offset": offset}
    return list(connection.execute(_listing(_shape(wanted)), values).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Which conditions a list has, whatever they ask for: lists of one shape share their statements."""

    numbers: int
    by_receipt: bool
    by_guest: bool
    centers: int | None
    since: bool
    until: bool
    state: InvoiceState | None

    @property
    def by_number(self) -> bool:
        return bool(self.numbers) or self.by_receipt


_MANY: Final = 2
"""Centres from which on they travel as a list; a single one lets the index give its order too."""


def _shape(wanted: Wanted) -> _Shape:
    return _Shape(
        numbers=len(wanted.invoice_numbers),
        by_receipt=wanted.receipt_number is not None,
        by_guest=wanted.guest_id is not None,
        centers=None if wanted.center_ids is None else _MANY if len(wanted.center_ids) != 1 else 1,
        since=wanted.since is not None,
        until=wanted.until is not None,
        state=wanted.state,
    )


def _values(wanted: Wanted) -> dict[str, Any]:
    """What the conditions ask for, by the names of the statements' parameters; those of others are not looked at."""
    values: dict[str, Any] = {f"number_{index}": number for index, number in enumerate(wanted.invoice_numbers)}
    if wanted.center_ids is not None:
        is_one = len(wanted.center_ids) == 1
        values["center" if is_one else "ids"] = wanted.center_ids[0] if is_one else listed(wanted.center_ids)
    values |= {"receipt": wanted.receipt_number, "guest": wanted.guest_id}
    values |= {"since": wanted.since, "until": wanted.until}
    return {name: value for name, value in values.items() if value is not None}


@functools.lru_cache(maxsize=SHAPES_KEPT)
def _counting(shape: _Shape) -> Select[Any]:
    return _filtered(select(func.count()).select_from(tables.invoices), shape)


@functools.lru_cache(maxsize=SHAPES_KEPT)
def _listing(shape: _Shape) -> Select[Any]:
    return (
        _filtered(select(_invoices.id), shape)
        .order_by(*NEWEST_FIRST)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


def _filtered(statement: Select[Any], shape: _Shape) -> Select[Any]:
    dated = _beside(_invoices.invoice_date) if shape.by_number else _invoices.invoice_date
    statement = statement.where(*_way_in(shape))
    if shape.since:
        statement = statement.where(dated >= bindparam("since"))
    if shape.until:
        statement = statement.where(dated <= bindparam("until"))
    return statement if shape.state is None else statement.where(_STATES[shape.state])


def _way_in(shape: _Shape) -> Iterable[ColumnElement[bool]]:
    """The condition that an index serves, and what it leaves of numbers, guest and centres."""
    if shape.numbers:
        yield _invoices.invoice_number.in_([bindparam(f"number_{index}") for index in range(shape.numbers)])
    if shape.by_receipt:
        receipt = _beside(_invoices.receipt_number) if shape.numbers else _invoices.receipt_number
        yield and_(receipt == bindparam("receipt"), _invoices.closed_at.is_not(None))
    if shape.by_guest:
        yield (_beside(_invoices.guest_id) if shape.by_number else _invoices.guest_id) == bindparam("guest")
    if shape.centers is not None:
        is_led = shape.by_guest and not shape.by_number
        center_id = _beside(_invoices.center_id) if is_led else _invoices.center_id
        yield center_id == bindparam("center") if shape.centers == 1 else among(center_id)


def _beside(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column's value, such that no index is used for it."""
    return column.concat("")
