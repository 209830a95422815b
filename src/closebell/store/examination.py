"""What an examination of live data counts: rows that should not be there, each by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select

from closebell.domain.event import INVOICE_CLOSED
from closebell.store import tables

FOUND_MAX = 10
"""Rows of one kind that are named; one is enough to look into, and a thousand are no clearer."""

_invoices = tables.invoices.c
_events = tables.events.c
_deliveries = tables.deliveries.c
_attempts = tables.attempts.c
_counters = tables.receipt_counters.c
_centers = tables.centers.c
_accounts = tables.accounts.c
_entries = tables.account_entries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """The receipts that a centre has given: the first and the next by its counter, and those that are there."""

    center_id: str
    first: int
    next: int
    lowest: int | None
    highest: int | None
    count: int


def numberings(connection: Connection) -> list[Numbering]:
    """Every centre's receipts."""
    statement = (
        select(
            _centers.id,
            _centers.first_receipt_number,
            _counters.next_number,
            func.min(_invoices.receipt_sequence).label("lowest"),
            func.max(_invoices.receipt_sequence).label("highest"),
            func.count(_invoices.receipt_sequence).label("receipts"),
        )
        .join(tables.receipt_counters, _counters.center_id == _centers.id)
        .outerjoin(tables.invoices, and_(_invoices.center_id == _centers.id, _invoices.close_sequence > 0))
        .group_by(_centers.id, _centers.first_receipt_number, _counters.next_number)
        .order_by(_centers.id)
    )
    return [
        Numbering(
            center_id=row.id,
            first=row.first_receipt_number,
            next=row.next_number,
            lowest=row.lowest,
            highest=row.highest,
            count=row.receipts,
        )
        for row in connection.execute(statement)
    ]


def closed_out_of_order(connection: Connection) -> Sequence[Any]:
    """Receipts that are older than the one before them: centre, number."""
    before = func.lag(_invoices.closed_at).over(partition_by=_invoices.center_id, order_by=_invoices.receipt_sequence)
    numbered = (
        select(_invoices.center_id, _invoices.receipt_number, _invoices.closed_at, before.label("before"))
        .where(_invoices.close_sequence > 0)
        .subquery()
    )
    statement = select(numbered.c.center_id, numbered.c.receipt_number)
    return _some(connection, statement.where(numbered.c.closed_at < numbered.c.before))


def closed_here(connection: Connection, after: str, limit: int) -> list[str]:
    """Up to `limit` invoices that were closed here, in the order of their ids."""
    statement = select(_invoices.id).where(_invoices.close_sequence > 0, _invoices.id > after)
    return list(connection.execute(statement.order_by(_invoices.id).limit(limit)).scalars())


def closing_bodies(connection: Connection, invoice_ids: Sequence[str]) -> dict[str, list[bytes]]:
    """The stored bodies of the closings of these invoices."""
    found: dict[str, list[bytes]] = {invoice_id: [] for invoice_id in invoice_ids}
    statement = select(_events.invoice_id, _events.body).where(
        _events.invoice_id.in_(invoice_ids), _events.event_type == INVOICE_CLOSED
    )
    for row in connection.execute(statement):
        found[row.invoice_id].append(row.body)
    return found


def told_but_open(connection: Connection) -> Sequence[Any]:
    """Events of a closing whose invoice is not closed: sequence, invoice."""
    return _some(
        connection,
        select(_events.sequence, _events.invoice_id)
        .join(tables.invoices, _invoices.id == _events.invoice_id)
        .where(_events.event_type == INVOICE_CLOSED, _invoices.close_sequence == 0),
    )


def without_their_deliveries(connection: Connection) -> Sequence[Any]:
    """Events that do not have the deliveries that were made of them: sequence, made, there."""
    there = select(func.count()).where(_deliveries.sequence == _events.sequence).scalar_subquery()
    return _some(
        connection,
        select(_events.sequence, _events.listeners, there.label("there")).where(_events.listeners != there),
    )


def without_their_attempts(connection: Connection) -> Sequence[Any]:
    """Deliveries whose attempts are not numbered on to as many as were made: id, made, forgotten, there.

    The oldest may have been forgotten, and are counted; those that are there follow on them.
    """
    ours = _attempts.delivery_id == _deliveries.id
    count = select(func.count()).where(ours).scalar_subquery()
    last = select(func.coalesce(func.max(_attempts.number), 0)).where(ours).scalar_subquery()
    first = select(func.min(_attempts.number)).where(ours).scalar_subquery()
    forgotten = _deliveries.attempts_forgotten
    follow_on = and_(last == _deliveries.attempts, first == forgotten + 1)
    are_numbered = and_(_deliveries.attempts == forgotten + count, or_(count == 0, follow_on))
    return _some(
        connection,
        select(_deliveries.id, _deliveries.attempts, forgotten, count.label("there")).where(~are_numbered),
    )


def with_another_balance(connection: Connection) -> Sequence[Any]:
    """Accounts whose balance is not the sum of their entries: id, balance, sum.

    What stands above and below a digit is summed apart: amounts that somebody altered may come to more than 64 bits,
    and must be told of all the same.
    """
    digit: ColumnElement[int] = literal_column("1000000000")
    high, low = func.sum(_entries.amount.op("/")(digit)), func.sum(_entries.amount.op("%")(digit))
    moved = select(func.coalesce(high * digit + low, 0)).where(_entries.account_id == _accounts.id)
    total: ColumnElement[Any] = moved.scalar_subquery()
    return _some(
        connection,
        select(_accounts.id, _accounts.balance, total.label("total")).where(_accounts.balance != total),
    )


def _some(connection: Connection, statement: Select[Any]) -> Sequence[Any]:
    return connection.execute(statement.limit(FOUND_MAX)).all()
