"""Tenders of open invoices beyond storing and removing them, which `invoice_rows.py` does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, literal_column, select, update

from closebell.domain import payment_page
from closebell.domain.invoice import Transaction, TransactionState
from closebell.store import tables

_paid = tables.transactions.c


def change(connection: Connection, invoice_id: str, before: Transaction, after: Transaction) -> None:
    """Write what has changed about a tender of an open invoice that this transaction has locked."""
    assert before.id == after.id, "it is the same tender"
    changed = {name: getattr(after, name) for name in after.__slots__ if getattr(after, name) != getattr(before, name)}
    if changed:
        connection.execute(
            update(tables.transactions).where(_paid.invoice_id == invoice_id, _paid.id == after.id).values(changed)
        )


_IS_PENDING = _paid.state == literal_column(f"'{TransactionState.PENDING}'")
"""As the partial index says it; a parameter would not be seen to mean the same."""

_OVERDUE = (
    select(_paid.invoice_id)
    .where(
        _IS_PENDING,
        _paid.processor_reference.startswith(payment_page.MARK),
        _paid.processor_reference < bindparam("now"),
    )
    .distinct()
    .order_by(_paid.invoice_id)
)


def invoices_with_overdue_pages(connection: Connection, *, now: datetime, limit: int) -> list[str]:
    """Some of the invoices with a page that nobody paid on in time."""
    found = connection.execute(_OVERDUE.limit(limit), {"now": payment_page.opened_before(now)})
    return list(found.scalars())
