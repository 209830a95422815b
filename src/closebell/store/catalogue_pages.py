"""Pages of what there is to choose from: centres, their employees, what they sell, ways to pay.

Every list is read along an index, in the order of its ids, and is as long as one centre's at most where it is one's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, func, select

from closebell.domain.catalogue import Offer
from closebell.domain.invoice import Centre
from closebell.domain.people import CustomPayment, Employee
from closebell.store import catalogue, centers, tables
from closebell.store.statements import among, listed

T = TypeVar("T")

_centers = tables.centers.c
_employees = tables.employees.c
_items = tables.catalog_items.c
_terms = tables.center_items.c
_payments = tables.custom_payments.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which part of a list is wanted: so many, after so many."""

    limit: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[T]):
    """A part of a list, and how long the whole of it is."""

    rows: Sequence[T]
    total: int


def centers_page(connection: Connection, part: Slice, *, among_ids: Collection[str] | None) -> Found[Centre]:
    """Centres: those with the ids, or all of them."""
    statement = select(tables.centers).order_by(_centers.id)
    if among_ids is None:
        return _page(connection, statement, part, centers.centre_of)
    return _page(connection, statement.where(among(_centers.id)), part, centers.centre_of, ids=listed(among_ids))


def employees_page(connection: Connection, center_id: str, part: Slice) -> Found[Employee]:
    """Those who work at the centre."""
    statement = (
        select(tables.employees)
        .where(_employees.center_id == center_id, _employees.is_active.is_(True))
        .order_by(_employees.center_id, _employees.id)
    )
    return _page(connection, statement, part, _employee)


def offers_page(connection: Connection, center_id: str, types: Iterable[int], part: Slice) -> Found[Offer]:
    """What the centre sells of these types."""
    statement = (
        select(tables.catalog_items, _terms.price, _terms.tax_rate, _terms.is_tax_included, _terms.value)
        .join(tables.center_items, _terms.item_id == _items.id)
        .where(_terms.center_id == center_id, _items.type.in_(list(types)))
        .order_by(_terms.item_id)
    )
    found = _page(connection, statement, part, lambda row: row)
    benefits = catalogue.benefits_of(connection, [row.id for row in found.rows])
    return Found(
        rows=[catalogue.offer_of(row, benefits.get(row.id, ())) for row in found.rows],
        total=found.total,
    )


def custom_payments_page(connection: Connection, part: Slice) -> Found[CustomPayment]:
    """Ways to pay that the business named itself."""
    statement = select(tables.custom_payments).order_by(_payments.id)
    return _page(connection, statement, part, lambda row: CustomPayment(id=row.id, name=row.name))


def _page(
    connection: Connection, statement: Select[Any], part: Slice, make: Callable[[Row[Any]], T], **values: Any
) -> Found[T]:
    """The part of what the statement finds, and the number of all of it."""
    rows = connection.execute(statement.limit(part.limit).offset(part.offset), values).all()
    if part.offset == 0 and len(rows) < part.limit:
        return Found(rows=[make(row) for row in rows], total=len(rows))
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    return Found(rows=[make(row) for row in rows], total=connection.execute(counted, values).scalar_one())


def _employee(row: Row[Any]) -> Employee:
    return Employee(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        center_id=row.center_id,
        code=row.code,
        is_active=row.is_active,
    )
