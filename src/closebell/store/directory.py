"""Who and what invoices refer to: centres, employees, guests, things sold, ways to pay; many at a time.

A row that was only referred to is a stub until a definition of its own completes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, exists, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.center_book import CenterEntry
from closebell.domain.people import CatalogItem, CustomPayment, Employee, GuestEntry
from closebell.store import centers, tables
from closebell.store.statements import among, listed

V = TypeVar("V", Employee, GuestEntry, CatalogItem, CustomPayment)

_IMPORT_LOCK = 0x436C6F7365
"""The key of PostgreSQL's advisory lock that lets one import decide at a time."""


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A stored value, and whether it was only referred to so far."""

    value: V
    is_stub: bool


def lock_imports(connection: Connection) -> None:
    """One import at a time from here to the end of the transaction; SQLite has a single writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})


# --- employees, guests, items, ways to pay -----------------------------------------------------------------------


def employees(connection: Connection, ids: Iterable[str]) -> dict[str, Kept[Employee]]:
    """The stored employees, by id."""
    return _people(connection, tables.employees, Employee, ids)


def guests(connection: Connection, ids: Iterable[str]) -> dict[str, Kept[GuestEntry]]:
    """The stored guests, by id."""
    return _people(connection, tables.guests, GuestEntry, ids)


def insert_employees(connection: Connection, values: Sequence[Employee], *, is_stub: bool) -> None:
    """Store employees; one that exists by now stays as it is."""
    _insert_missing(connection, tables.employees, values, is_stub=is_stub)


def insert_guests(connection: Connection, values: Sequence[GuestEntry], *, is_stub: bool) -> None:
    """Store guests; one that exists by now stays as it is."""
    _insert_missing(connection, tables.guests, values, is_stub=is_stub)


def insert_catalog_items(connection: Connection, values: Sequence[CatalogItem]) -> None:
    """Store things sold; one that exists stays as it is."""
    _insert_missing(connection, tables.catalog_items, values)


def insert_custom_payments(connection: Connection, values: Sequence[CustomPayment]) -> None:
    """Store ways to pay; one that exists stays as it is."""
    _insert_missing(connection, tables.custom_payments, values)


def define_employees(connection: Connection, values: Sequence[Employee]) -> None:
    """Complete employees that were stubs."""
    _define(connection, tables.employees, values)


def define_guests(connection: Connection, values: Sequence[GuestEntry]) -> None:
    """Complete guests that were stubs."""
    _define(connection, tables.guests, values)


def known_employees(connection: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that name an employee, stub or not."""
    wanted = listed(ids)
    if not wanted:
        return frozenset()  # most closes name nobody
    statement = select(tables.employees.c.id).where(among(tables.employees.c.id))
    return frozenset(row.id for row in connection.execute(statement, {"ids": wanted}).all())


def custom_payment_names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """What these ways to pay are called, by id; an id that names none is absent."""
    return {row.id: row.name for row in _rows(connection, tables.custom_payments, ids)}


def register_custom_payment(connection: Connection, payment_id: str, name: str) -> None:
    """Store a way to pay; one that exists by now keeps its name."""
    insert_custom_payments(connection, [CustomPayment(id=payment_id, name=name)])


def _rows(connection: Connection, table: Table, ids: Iterable[str]) -> Iterable[Row[Any]]:
    statement = select(table).where(among(table.c.id))
    return connection.execute(statement, {"ids": listed(ids)}).all()


def _people(connection: Connection, table: Table, make: Callable[..., V], ids: Iterable[str]) -> dict[str, Kept[V]]:
    found = {}
    for row in _rows(connection, table, ids):
        values = dict(row._mapping)  # noqa: SLF001 (the public name of a row's mapping)
        is_stub = values.pop("is_stub")
        found[row.id] = Kept(make(**values), is_stub)
    return found


def _insert_missing(connection: Connection, table: Table, values: Sequence[V], **more: bool) -> None:
    if not values:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=["id"])
    connection.execute(statement, [{**_fields(value), **more} for value in values])


def _define(connection: Connection, table: Table, values: Sequence[V]) -> None:
    if not values:
        return
    names = [field.name for field in fields(values[0]) if field.name != "id"]
    statement = (
        update(table)
        .where(table.c.id == bindparam("known_id"))
        .values({name: bindparam(f"new_{name}") for name in names} | {"is_stub": False})
    )
    connection.execute(
        statement,
        [{"known_id": value.id, **{f"new_{name}": getattr(value, name) for name in names}} for value in values],
    )


def _fields(value: V) -> dict[str, Any]:
    """A value's fields under their own names, which are the columns' names too."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


# --- centres -----------------------------------------------------------------------------------------------------

_centers, _counters = tables.centers.c, tables.receipt_counters.c
_CENTERS = (
    select(
        tables.centers,
        _counters.next_number,
        exists().where(tables.invoices.c.center_id == _centers.id).label("has_invoices"),
    )
    .join(tables.receipt_counters, _counters.center_id == _centers.id)
    .where(among(_centers.id))
    .order_by(_centers.id)
)
_CENTERS_LOCKED = _CENTERS.with_for_update(of=tables.receipt_counters)


def center_entries(connection: Connection, ids: Iterable[str]) -> dict[str, CenterEntry]:
    """The centres with their numbering, by id.

    Those whose numbering an import may still move are locked until the transaction ends. The others, which give
    receipts already, are not: what is decided from them no longer changes, and their closes need not wait.
    """
    entries = _entries(connection, _CENTERS, ids)
    movable = [center_id for center_id, entry in entries.items() if entry.is_stub or not entry.has_issued]
    return entries | _entries(connection, _CENTERS_LOCKED, movable)


def _entries(connection: Connection, statement: Select[Any], ids: Iterable[str]) -> dict[str, CenterEntry]:
    return {row.id: _entry(row) for row in connection.execute(statement, {"ids": listed(ids)}).all()}


def _entry(row: Row[Any]) -> CenterEntry:
    return CenterEntry(
        centre=centers.centre_of(row),
        first=row.first_receipt_number,
        next=row.next_number,
        is_stub=row.is_stub,
        has_invoices=row.has_invoices,
    )


_BROUGHT_ALONG = select(tables.invoices.c.center_id, tables.invoices.c.receipt_number).where(
    among(tables.invoices.c.center_id),
    tables.invoices.c.closed_at.is_not(None),
    tables.invoices.c.close_sequence == 0,
)


def receipts_brought_along(connection: Connection, center_ids: Iterable[str]) -> Mapping[str, list[str]]:
    """The receipt numbers of invoices that were closed elsewhere, by centre."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(_BROUGHT_ALONG, {"ids": listed(center_ids)}).all():
        found[row.center_id].append(row.receipt_number)
    return found


def insert_centers(connection: Connection, entries: Sequence[CenterEntry]) -> None:
    """Store new centres and the counters of their receipts."""
    if not entries:
        return
    connection.execute(insert(tables.centers), [{"id": entry.centre.id, **_center_values(entry)} for entry in entries])
    connection.execute(
        insert(tables.receipt_counters),
        [{"center_id": entry.centre.id, "next_number": entry.next} for entry in entries],
    )


def rewrite_centers(connection: Connection, entries: Sequence[CenterEntry]) -> None:
    """Give centres what is now known of them; the counters of their receipts stay."""
    if not entries:
        return
    rows = [
        {"known_id": entry.centre.id, **{f"new_{name}": value for name, value in _center_values(entry).items()}}
        for entry in entries
    ]
    names = [name.removeprefix("new_") for name in rows[0] if name != "known_id"]
    connection.execute(
        update(tables.centers)
        .where(_centers.id == bindparam("known_id"))
        .values({name: bindparam(f"new_{name}") for name in names}),
        rows,
    )


def restart_receipts(connection: Connection, entries: Sequence[CenterEntry]) -> None:
    """Begin the receipts of centres that this transaction has locked, and that have given none, elsewhere."""
    if not entries:
        return
    connection.execute(
        update(tables.receipt_counters)
        .where(_counters.center_id == bindparam("known_id"))
        .values(next_number=bindparam("next")),
        [{"known_id": entry.centre.id, "next": entry.next} for entry in entries],
    )


def _center_values(entry: CenterEntry) -> dict[str, Any]:
    return {
        **centers.columns_of(entry.centre),
        "first_receipt_number": entry.first,
        "is_stub": entry.is_stub,
    }
