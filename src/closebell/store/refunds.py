"""What was given back of an invoice, and what its lines took from packages."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from closebell.domain.invoice import Invoice
from closebell.store import invoices, tables

_invoices = tables.invoices.c
_entries = tables.account_entries.c


def of_invoice(connection: Connection, invoice_id: str) -> list[Invoice]:
    """The refunds of an invoice that were not called off; lock the invoice first, and none is added meanwhile."""
    statement = select(_invoices.id).where(_invoices.refund_of_id == invoice_id, _invoices.cancelled_at.is_(None))
    found = invoices.load(connection, connection.execute(statement).scalars())
    return [found[key] for key in sorted(found)]


def moved_by(connection: Connection, invoice_id: str) -> dict[tuple[str, str], int]:
    """What an invoice has done to accounts in all, by the account and the row that did it."""
    statement = (
        select(_entries.account_id, _entries.row_id, func.sum(_entries.amount).label("amount"))
        .where(_entries.invoice_id == invoice_id, _entries.row_id.is_not(None))
        .group_by(_entries.account_id, _entries.row_id)
    )
    return {(row.account_id, row.row_id): int(row.amount) for row in connection.execute(statement)}
