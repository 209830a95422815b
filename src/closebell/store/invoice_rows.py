"""Writing invoices: import, pay, assign, close. Reading them is `invoices.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from closebell.domain.invoice import Appointment, EmployeeTip, Invoice, Line, Transaction
from closebell.store import tables
from closebell.store.statements import among, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An invoice that came from outside, with the digest of what it said."""

    invoice: Invoice
    digest: bytes


def import_digests(connection: Connection, ids: Iterable[str]) -> dict[str, bytes | None]:
    """What was imported under these ids before: its digest, or None for an invoice that was made here."""
    statement = select(tables.invoices.c.id, tables.invoices.c.import_digest).where(among(tables.invoices.c.id))
    return {row.id: row.import_digest for row in connection.execute(statement, {"ids": listed(ids)}).all()}


def insert_many(connection: Connection, imported: Sequence[Imported], *, now: datetime) -> None:
    """Store new invoices with all that hangs on them; one that is closed is stored open and then frozen."""
    if not imported:
        return
    invoices = [one.invoice for one in imported]
    connection.execute(insert(tables.invoices), [_invoice_row(one.invoice, now, digest=one.digest) for one in imported])
    _insert_all_children(connection, invoices)
    closed = [
        {"invoice": i.id, "at": i.closed_at, "receipt": i.receipt_number} for i in invoices if i.closed_at is not None
    ]
    if closed:
        connection.execute(_FREEZE, closed)


_FREEZE = (
    update(tables.invoices)
    .where(tables.invoices.c.id == bindparam("invoice"))
    .values(closed_at=bindparam("at"), receipt_number=bindparam("receipt"))
)


def insert_new(connection: Connection, invoice: Invoice, *, now: datetime) -> None:
    """Store an open invoice that is made here, with all that hangs on it."""
    assert not invoice.is_closed, "an invoice begins open"
    connection.execute(insert(tables.invoices), _invoice_row(invoice, now, digest=None))
    _insert_all_children(connection, [invoice])


def _insert_all_children(connection: Connection, invoices: Sequence[Invoice]) -> None:
    _insert_children(connection, tables.invoice_lines, invoices, _line_rows)
    _insert_children(connection, tables.appointments, invoices, _appointment_rows)
    _insert_children(connection, tables.transactions, invoices, _transaction_rows)
    _insert_children(connection, tables.employee_tips, invoices, _tip_rows)


def _insert_children(
    connection: Connection,
    table: Table,
    invoices: Iterable[Invoice],
    rows_of: Callable[[Invoice], list[dict[str, Any]]],
) -> None:
    rows = [row for invoice in invoices for row in rows_of(invoice)]
    if rows:
        connection.execute(insert(table), rows)


def _invoice_row(invoice: Invoice, now: datetime, *, digest: bytes | None) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "center_id": invoice.centre.id,
        "guest_id": None if invoice.guest is None else invoice.guest.id,
        "invoice_number": invoice.invoice_number,
        "invoice_number_prefix": invoice.invoice_number_prefix,
        "receipt_number": "0",
        "receipt_sequence": None,
        "appointment_group_id": invoice.appointment_group_id,
        "group_invoice_id": invoice.group_invoice_id,
        "lock": invoice.lock,
        "is_refund": invoice.is_refund,
        "invoice_date": invoice.invoice_date,
        "net_price": invoice.net_price,
        "tax": invoice.tax,
        "rounding_adjustment": invoice.rounding_adjustment,
        "sum_total": invoice.sum_total,
        "ssg_amount": invoice.ssg_amount,
        "fee_amount": invoice.fee_amount,
        "loyalty_cap_amount": invoice.loyalty_cap_amount,
        "additional_fields": json.dumps([list(pair) for pair in invoice.additional_fields]),
        "closed_at": None,
        "closed_by_id": invoice.closed_by_id,
        "close_sequence": 0,
        "import_digest": digest,
        "created_at": now,
        "notes": invoice.notes,
        "created_by_id": invoice.created_by_id,
        "cancelled_at": invoice.cancelled_at,
        "confirmed_at": invoice.confirmed_at,
        "refund_of_id": invoice.refund_of_id,
        "campaign_id": invoice.campaign_id,
    }


def _line_rows(invoice: Invoice) -> list[dict[str, Any]]:
    return [
        {"invoice_id": invoice.id, "position": position, **_fields(line)} for position, line in enumerate(invoice.lines)
    ]


def _appointment_rows(invoice: Invoice) -> list[dict[str, Any]]:
    return [
        {"invoice_id": invoice.id, "position": position, **_fields(appointment)}
        for position, appointment in enumerate(invoice.appointments)
    ]


def _transaction_rows(invoice: Invoice) -> list[dict[str, Any]]:
    return [
        {"invoice_id": invoice.id, "position": position, **_fields(transaction)}
        for position, transaction in enumerate(invoice.transactions)
    ]


def _tip_rows(invoice: Invoice) -> list[dict[str, Any]]:
    return [
        {"invoice_id": invoice.id, "position": position, **_fields(tip)}
        for position, tip in enumerate(invoice.employee_tips)
    ]


def _fields(value: Line | Appointment | Transaction | EmployeeTip) -> dict[str, Any]:
    """A value's fields under their own names, which are the columns' names too."""
    return {name: getattr(value, name) for name in value.__slots__}


def add_transaction(connection: Connection, invoice: Invoice, transaction: Transaction) -> None:
    """Store one more tender on an open invoice that this transaction has locked."""
    position = next_position(connection, tables.transactions, invoice.id)
    connection.execute(
        insert(tables.transactions), {"invoice_id": invoice.id, "position": position, **_fields(transaction)}
    )


def save(connection: Connection, before: Invoice, after: Invoice) -> None:
    """Write what has changed about an open invoice, its lines and its appointments included.

    Shape: `before` is what this transaction has read under the lock. Tenders and tips have functions of their own.
    """
    assert not after.is_closed, "closing is written by mark_closed"
    _save_rows(connection, tables.invoice_lines, after.id, before.lines, after.lines)
    _save_rows(connection, tables.appointments, after.id, before.appointments, after.appointments)
    changed = {name: getattr(after, name) for name in _EDITED if getattr(after, name) != getattr(before, name)}
    if changed:
        connection.execute(update(tables.invoices).where(tables.invoices.c.id == after.id).values(changed))


_EDITED = (
    *("net_price", "tax", "rounding_adjustment", "sum_total", "ssg_amount", "fee_amount", "loyalty_cap_amount"),
    *("lock", "notes", "group_invoice_id", "cancelled_at", "confirmed_at", "campaign_id"),
)


def _save_rows(
    connection: Connection,
    table: Table,
    invoice_id: str,
    before: Sequence[Line] | Sequence[Appointment],
    after: Sequence[Line] | Sequence[Appointment],
) -> None:
    was, now = {row.id: row for row in before}, {row.id: row for row in after}
    ours = table.c.invoice_id == invoice_id
    for row_id in was.keys() - now.keys():
        connection.execute(delete(table).where(ours, table.c.id == row_id))
    for row_id, row in now.items():
        if row_id in was and was[row_id] != row:
            connection.execute(update(table).where(ours, table.c.id == row_id).values(_fields(row)))
    added = [row for row_id, row in now.items() if row_id not in was]
    if added:
        first = next_position(connection, table, invoice_id)
        connection.execute(
            insert(table),
            [{"invoice_id": invoice_id, "position": first + index, **_fields(row)} for index, row in enumerate(added)],
        )


def next_position(connection: Connection, table: Table, invoice_id: str) -> int:
    """The position after the last row of the invoice, which this transaction has locked."""
    last = connection.execute(
        select(table.c.position).where(table.c.invoice_id == invoice_id).order_by(table.c.position.desc()).limit(1)
    ).scalar()
    return 0 if last is None else last + 1


def remove_transaction(connection: Connection, invoice_id: str, transaction_id: str) -> None:
    """Take a tender off an open invoice, and the tips that were assigned out of it."""
    tips, paid = tables.employee_tips.c, tables.transactions.c
    connection.execute(
        delete(tables.employee_tips).where(tips.invoice_id == invoice_id, tips.transaction_id == transaction_id)
    )
    connection.execute(delete(tables.transactions).where(paid.invoice_id == invoice_id, paid.id == transaction_id))


def replace_tips(connection: Connection, invoice: Invoice, tips: Sequence[EmployeeTip]) -> None:
    """Assign exactly these tips on an open invoice that this transaction has locked."""
    connection.execute(delete(tables.employee_tips).where(tables.employee_tips.c.invoice_id == invoice.id))
    rows = [{"invoice_id": invoice.id, "position": position, **_fields(tip)} for position, tip in enumerate(tips)]
    if rows:
        connection.execute(insert(tables.employee_tips), rows)


def leave_group(connection: Connection, invoice_id: str) -> None:
    """Take an open invoice out of its group."""
    connection.execute(update(tables.invoices).where(tables.invoices.c.id == invoice_id).values(group_invoice_id=None))


_CLOSE = (
    update(tables.invoices)
    .where(tables.invoices.c.id == bindparam("invoice"), tables.invoices.c.closed_at.is_(None))
    .values(
        closed_at=bindparam("at"),
        closed_by_id=bindparam("by"),
        close_sequence=bindparam("close"),
        receipt_number=bindparam("receipt"),
        receipt_sequence=bindparam("number"),
    )
)


def mark_closed(connection: Connection, closed: Sequence[tuple[Invoice, int]]) -> None:
    """Write the close of invoices that this transaction has locked, each with its receipt's number.

    The rows are compared and set; an event's uniqueness per closing refuses whatever would slip past.
    """
    connection.execute(
        _CLOSE,
        [
            {
                "invoice": invoice.id,
                "at": invoice.closed_at,
                "by": invoice.closed_by_id,
                "close": invoice.close_sequence,
                "receipt": invoice.receipt_number,
                "number": number,
            }
            for invoice, number in closed
        ],
    )


def count_closed_here(connection: Connection, since: datetime, until: datetime) -> int:
    """How many invoices were closed here from `since` up to and without `until`."""
    at = tables.invoices.c.closed_at
    return connection.execute(
        select(func.count()).where(tables.invoices.c.close_sequence > 0, at >= since, at < until)
    ).scalar_one()
