"""Deliveries that no receiver took: made in a moment, as days of failing would have left them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from closebell.clock import SystemLuck
from closebell.store import tables
from closebell.testing import FixedClock, a_paid_invoice, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices

ATTEMPTS = 6
"""What the policy `zenoti` allows."""


def close(connection: Connection, names: Iterable[str], *, clock: FixedClock, apart: timedelta = timedelta(0)) -> None:
    """Close an invoice for each name, so much time apart."""
    for name in names:
        invoice = a_paid_invoice(name)
        put(connection, invoice)
        close_invoices(connection, [CloseCommand(invoice_id=invoice.id)], clock=clock, luck=SystemLuck())
        clock.advance(apart)


def exhaust(connection: Connection, *, at: datetime, attempts: int = ATTEMPTS) -> list[str]:
    """Let every delivery that waits have failed as often as it may; their ids, in order."""
    columns = tables.deliveries.c
    waiting = connection.execute(
        select(columns.id, columns.attempts).where(columns.state == "pending").order_by(columns.id)
    ).all()
    for row in waiting:
        ended = {"state": "exhausted", "finished_at": at, "lease_id": None, "reason": "It failed."}
        made = row.attempts + attempts
        connection.execute(update(tables.deliveries).where(columns.id == row.id).values(attempts=made, **ended))
        connection.execute(
            insert(tables.attempts), [_attempt(row.id, number, at) for number in range(row.attempts + 1, made + 1)]
        )
    return [row.id for row in waiting]


def _attempt(delivery_id: str, number: int, at: datetime) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "number": number,
        "started_at": at,
        "duration_us": 1,
        "status": 500,
        "error": "http_status",
        "detail": "answered 500",
        "response_excerpt": "",
    }


def rows(connection: Connection) -> list[Any]:
    """Every delivery, in the order of their ids."""
    return list(connection.execute(select(tables.deliveries).order_by(tables.deliveries.c.id)))
