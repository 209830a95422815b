"""Reading invoices with everything that hangs on them; writing them is `invoice_rows.py`.

Every function takes and returns many; one statement per table, whatever the number of invoices.
"""

from __future__ import annotations

import enum
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select, Table, select

from closebell.domain.invoice import (
    Appointment,
    EmployeeTip,
    Guest,
    Invoice,
    Line,
    Tender,
    Transaction,
    TransactionState,
)
from closebell.store import centers, tables
from closebell.store.statements import among, listed

Child = TypeVar("Child", Line, Appointment, Transaction, EmployeeTip)


class Part(enum.Enum):
    """What hangs on an invoice and may be left unread by whoever only shows it."""

    LINES = "lines"
    APPOINTMENTS = "appointments"
    TRANSACTIONS = "transactions"
    TIPS = "tips"


EVERYTHING: Final = frozenset(Part)
"""Every part: what whoever decides or changes something needs."""

_invoices, _guests = tables.invoices.c, tables.guests.c
# A value's fields are stored under their own names, so rows become values by name: `invoice_rows.py` writes them so.
_OWN: Final = tuple(name for name in Invoice.__slots__ if name in _invoices)
_INVOICES = select(_invoices.center_id, _invoices.guest_id, *(_invoices[name] for name in _OWN)).where(
    among(_invoices.id)
)
_LOCKED = _INVOICES.order_by(_invoices.id).with_for_update()
_GUESTS = select(*(_guests[name] for name in Guest.__slots__)).where(among(_guests.id))


def _children_of(table: Table, kind: type[Child]) -> Select[Any]:
    columns = table.c
    return (
        select(columns.invoice_id, *(columns[name] for name in kind.__slots__))
        .where(among(columns.invoice_id))
        .order_by(columns.invoice_id, columns.position)
    )


_LINES = _children_of(tables.invoice_lines, Line)
_APPOINTMENTS = _children_of(tables.appointments, Appointment)
_TRANSACTIONS = _children_of(tables.transactions, Transaction)
_TIPS = _children_of(tables.employee_tips, EmployeeTip)


def load_locked(connection: Connection, ids: Iterable[str]) -> dict[str, Invoice]:
    """The invoices, locked in id order until the transaction ends; everything is read after the lock.

    Shape: by id; an id that names no invoice is absent.
    """
    return _load(connection, ids, _LOCKED)


def load(connection: Connection, ids: Iterable[str], parts: frozenset[Part] = EVERYTHING) -> dict[str, Invoice]:
    """The invoices as they are, by id; an id that names no invoice is absent.

    Shape: a part that is not asked for is not read, and is empty on each of them.
    """
    return _load(connection, ids, _INVOICES, parts)


def _load(
    connection: Connection, ids: Iterable[str], statement: Select[Any], parts: frozenset[Part] = EVERYTHING
) -> dict[str, Invoice]:
    rows = connection.execute(statement, {"ids": listed(ids)}).all()
    if not rows:
        return {}
    own = [dict(zip(_OWN, values, strict=True)) for _, _, *values in rows]
    found = listed(values["id"] for values in own)
    centres = centers.load(connection, {center_id for center_id, *_ in rows})
    guests = _guests_of(connection, {guest_id for _, guest_id, *_ in rows if guest_id is not None})
    lines = _children(connection, _LINES, Line, found) if Part.LINES in parts else {}
    booked = _children(connection, _APPOINTMENTS, Appointment, found) if Part.APPOINTMENTS in parts else {}
    paid = _children(connection, _TRANSACTIONS, Transaction, found) if Part.TRANSACTIONS in parts else {}
    tips = _children(connection, _TIPS, EmployeeTip, found) if Part.TIPS in parts else {}
    invoices = {}
    for (center_id, guest_id, *_), values in zip(rows, own, strict=True):
        invoice_id = values["id"]
        values["additional_fields"] = _pairs(values["additional_fields"])
        invoices[invoice_id] = Invoice(
            centre=centres[center_id],
            guest=guests.get(guest_id),
            lines=tuple(lines.get(invoice_id, ())),
            appointments=tuple(booked.get(invoice_id, ())),
            transactions=tuple(paid.get(invoice_id, ())),
            employee_tips=tuple(tips.get(invoice_id, ())),
            **values,
        )
    return invoices


def _guests_of(connection: Connection, ids: Iterable[str]) -> dict[str | None, Guest]:
    rows = connection.execute(_GUESTS, {"ids": listed(ids)}).all()
    return {row[0]: Guest(**dict(zip(Guest.__slots__, row, strict=True))) for row in rows}


def _children(
    connection: Connection, statement: Select[Any], kind: type[Child], ids: Iterable[str]
) -> dict[str, list[Child]]:
    names: tuple[str, ...] = kind.__slots__
    found: defaultdict[str, list[Child]] = defaultdict(list)
    for invoice_id, *fields in connection.execute(statement, {"ids": ids}).all():
        values = dict(zip(names, fields, strict=True))
        if kind is Transaction:
            values["tender"], values["state"] = Tender(values["tender"]), TransactionState(values["state"])
        found[invoice_id].append(kind(**values))
    return found


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return () if text == "[]" else tuple((key, value) for key, value in json.loads(text))
