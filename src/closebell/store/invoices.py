"""Reading invoices with everything that hangs on them; writing them is `invoice_rows.py`.

Every function takes and returns many; one statement per table, whatever the number of invoices.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, select

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

T = TypeVar("T")

_INVOICES = select(tables.invoices).where(among(tables.invoices.c.id))
_LOCKED = _INVOICES.order_by(tables.invoices.c.id).with_for_update()
_GUESTS = select(tables.guests).where(among(tables.guests.c.id))


def _children_of(table: Table) -> Select[Any]:
    return select(table).where(among(table.c.invoice_id)).order_by(table.c.invoice_id, table.c.position)


_LINES = _children_of(tables.invoice_lines)
_APPOINTMENTS = _children_of(tables.appointments)
_TRANSACTIONS = _children_of(tables.transactions)
_TIPS = _children_of(tables.employee_tips)


def load_locked(connection: Connection, ids: Iterable[str]) -> dict[str, Invoice]:
    """The invoices, locked in id order until the transaction ends; everything is read after the lock.

    Shape: by id; an id that names no invoice is absent.
    """
    return _load(connection, ids, _LOCKED)


def load(connection: Connection, ids: Iterable[str]) -> dict[str, Invoice]:
    """The invoices as they are, by id; an id that names no invoice is absent."""
    return _load(connection, ids, _INVOICES)


def _load(connection: Connection, ids: Iterable[str], statement: Select[Any]) -> dict[str, Invoice]:
    rows = connection.execute(statement, {"ids": listed(ids)}).all()
    if not rows:
        return {}
    found = listed(row.id for row in rows)
    centres = centers.load(connection, {row.center_id for row in rows})
    guests = _guests(connection, {row.guest_id for row in rows if row.guest_id is not None})
    lines = _children(connection, _LINES, found, _line)
    booked = _children(connection, _APPOINTMENTS, found, _appointment)
    paid = _children(connection, _TRANSACTIONS, found, _transaction)
    tips = _children(connection, _TIPS, found, _tip)
    return {
        row.id: Invoice(
            id=row.id,
            centre=centres[row.center_id],
            guest=guests.get(row.guest_id),
            lines=tuple(lines.get(row.id, ())),
            appointments=tuple(booked.get(row.id, ())),
            transactions=tuple(paid.get(row.id, ())),
            employee_tips=tuple(tips.get(row.id, ())),
            additional_fields=_pairs(row.additional_fields),
            invoice_number=row.invoice_number,
            invoice_number_prefix=row.invoice_number_prefix,
            receipt_number=row.receipt_number,
            appointment_group_id=row.appointment_group_id,
            group_invoice_id=row.group_invoice_id,
            lock=row.lock,
            is_refund=row.is_refund,
            invoice_date=row.invoice_date,
            net_price=row.net_price,
            tax=row.tax,
            rounding_adjustment=row.rounding_adjustment,
            sum_total=row.sum_total,
            ssg_amount=row.ssg_amount,
            fee_amount=row.fee_amount,
            loyalty_cap_amount=row.loyalty_cap_amount,
            closed_at=row.closed_at,
            closed_by_id=row.closed_by_id,
            close_sequence=row.close_sequence,
        )
        for row in rows
    }


def _guests(connection: Connection, ids: Iterable[str]) -> dict[str | None, Guest]:
    return {
        row.id: Guest(
            id=row.id,
            first_name=row.first_name,
            last_name=row.last_name,
            gender=row.gender,
            code=row.code,
            mobile_phone=row.mobile_phone,
            email=row.email,
        )
        for row in connection.execute(_GUESTS, {"ids": listed(ids)}).all()
    }


def _children(
    connection: Connection, statement: Select[Any], ids: Iterable[str], build: Callable[[Row[Any]], T]
) -> dict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in connection.execute(statement, {"ids": ids}).all():
        found[row.invoice_id].append(build(row))
    return found


def _line(row: Row[Any]) -> Line:
    return Line(
        id=row.id,
        item_id=row.item_id,
        name=row.name,
        type=row.type,
        code=row.code,
        currency_id=row.currency_id,
        sales=row.sales,
        tax=row.tax,
        final=row.final,
        discount=row.discount,
        quantity=row.quantity,
        sale_by_id=row.sale_by_id,
        therapist_name=row.therapist_name,
    )


def _appointment(row: Row[Any]) -> Appointment:
    return Appointment(
        id=row.id,
        invoice_item_id=row.invoice_item_id,
        service_name=row.service_name,
        service_id=row.service_id,
        start_time=row.start_time,
        end_time=row.end_time,
        duration_minutes=row.duration_minutes,
        has_add_ons=row.has_add_ons,
        is_add_on=row.is_add_on,
        therapist_name=row.therapist_name,
        therapist_id=row.therapist_id,
        is_recurring=row.is_recurring,
        appointment_type=row.appointment_type,
        therapist_request_type=row.therapist_request_type,
        room_name=row.room_name,
        equipment_name=row.equipment_name,
    )


def _transaction(row: Row[Any]) -> Transaction:
    return Transaction(
        id=row.id,
        tender=Tender(row.tender),
        state=TransactionState(row.state),
        option_id=row.option_id,
        payment_mode=row.payment_mode,
        payment_name=row.payment_name,
        card_number=row.card_number,
        amount_paid=row.amount_paid,
        tip_amount=row.tip_amount,
        ssg_amount=row.ssg_amount,
        fee_amount=row.fee_amount,
        cash_back_amount=row.cash_back_amount,
        payment_date=row.payment_date,
        center_id=row.center_id,
        center_name=row.center_name,
    )


def _tip(row: Row[Any]) -> EmployeeTip:
    return EmployeeTip(employee_id=row.employee_id, amount=row.amount, transaction_id=row.transaction_id)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return () if text == "[]" else tuple((key, value) for key, value in json.loads(text))
