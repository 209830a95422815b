"""Values in a database, and a database as a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from closebell.domain.catalogue import Offer
from closebell.domain.invoice import (
    Centre,
    Guest,
    Invoice,
)
from closebell.store import centers, invoice_rows, tables
from closebell.testing.time_and_luck import NOON


def put(
    connection: Connection, *invoices: Invoice, employees: Iterable[str] = (), first_receipt_number: int = 1
) -> None:
    """Store these invoices, and the centres, guests, employees and items that they mention; and further employees.

    Shape: a unit of work for `Database.write`. An invoice with `closed_at` is stored as one imported closed.
    """
    for centre in {invoice.centre.id: invoice.centre for invoice in invoices}.values():
        if not centers.load(connection, [centre.id]):
            centers.insert_one(connection, centre, first_receipt_number=first_receipt_number, is_stub=False)
    _add_missing(connection, tables.guests, (_guest_row(i.guest) for i in invoices if i.guest is not None))
    mentioned = {*employees, *(id_ for invoice in invoices for id_ in _employees_of(invoice))}
    _add_missing(connection, tables.employees, map(_employee_row, sorted(mentioned)))
    _add_missing(connection, tables.catalog_items, (row for invoice in invoices for row in _item_rows(invoice)))
    invoice_rows.insert_many(
        connection, [invoice_rows.Imported(invoice=invoice, digest=b"test") for invoice in invoices], now=NOON
    )


def put_offers(connection: Connection, centre: Centre, *offers: Offer) -> None:
    """Store offers of a centre that exists, and the things themselves; the services of a package come before it."""
    for offer in offers:
        item, terms = offer.item, offer.terms
        row = {name: getattr(item, name) for name in item.__slots__}
        is_new = _add_missing(connection, tables.catalog_items, [row])
        connection.execute(
            insert(tables.center_items),
            {
                "center_id": centre.id,
                "item_id": item.id,
                "price": terms.unit_price,
                "tax_rate": terms.tax_rate,
                "is_tax_included": terms.is_tax_included,
                "value": offer.value,
            },
        )
        for service_id, quantity in offer.benefits if is_new else ():
            connection.execute(
                insert(tables.package_benefits),
                {"package_id": item.id, "service_id": service_id, "quantity": quantity},
            )


def put_people(connection: Connection, *, guests: Iterable[Guest] = (), employees: Iterable[str] = ()) -> None:
    """Store guests and employees that no invoice mentions yet."""
    _add_missing(connection, tables.guests, map(_guest_row, guests))
    _add_missing(connection, tables.employees, map(_employee_row, sorted(employees)))


def put_centre(connection: Connection, centre: Centre, *, first_receipt_number: int = 1) -> None:
    """Store a centre that no invoice mentions yet."""
    centers.insert_one(connection, centre, first_receipt_number=first_receipt_number, is_stub=False)


def snapshot(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, to say that nothing has changed: equal before and after."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for table in tables.metadata.sorted_tables
    }


def _add_missing(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> int:
    wanted = {row["id"]: row for row in rows}
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_(list(wanted)))).scalars())
    missing = [row for id_, row in wanted.items() if id_ not in known]
    if missing:
        connection.execute(insert(table), missing)
    return len(missing)


def _guest_row(guest: Guest) -> dict[str, Any]:
    return {**{name: getattr(guest, name) for name in guest.__slots__}, "center_id": None, "is_stub": False}


def _employee_row(employee_id: str) -> dict[str, Any]:
    return {"id": employee_id, "first_name": "Ines", "last_name": "Staff", "center_id": None, "is_stub": False}


def _employees_of(invoice: Invoice) -> set[str]:
    found = {invoice.closed_by_id, *(tip.employee_id for tip in invoice.employee_tips)}
    found |= {line.sale_by_id for line in invoice.lines}
    found |= {appointment.therapist_id for appointment in invoice.appointments}
    return {id_ for id_ in found if id_ is not None}


def _item_rows(invoice: Invoice) -> list[dict[str, Any]]:
    sold = [{"id": line.item_id, "name": line.name, "type": line.type, "code": line.code} for line in invoice.lines]
    booked = [
        {"id": booking.service_id, "name": booking.service_name, "type": 0, "code": ""}
        for booking in invoice.appointments
        if booking.service_id is not None
    ]
    return [*booked, *sold]
