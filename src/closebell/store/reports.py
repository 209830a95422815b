"""What reports count and sum: ranges of an index, per centre and period, in one snapshot.

Sums are exact however large the amounts are: each is made of two, of which neither can leave 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal_column, select, text

from closebell.domain.invoice import TransactionState
from closebell.domain.money import Currency, Minor
from closebell.domain.period import Period
from closebell.domain.redemption import MODES
from closebell.domain.report import SalesTotal, TenderTotal
from closebell.store import tables
from closebell.store.statements import among, listed

_invoices = tables.invoices.c
_lines = tables.invoice_lines.c
_paid = tables.transactions.c
_centers = tables.centers.c

_HIGH: Final = 1_000_000_000
"""Sums of what stands above this digit and of what stands below it are made apart."""


def _sum_parts(column: ColumnElement[Any], name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    base: ColumnElement[int] = literal_column(str(_HIGH))
    return (
        func.sum(column.op("/")(base)).label(f"{name}_high"),
        func.sum(column.op("%")(base)).label(f"{name}_low"),
    )


def _sum(row: Row[Any], name: str) -> Minor:
    values = row._mapping  # noqa: SLF001 (the public name of a row's mapping)
    return int(values[f"{name}_high"]) * _HIGH + int(values[f"{name}_low"])


def _ids(center_ids: Iterable[str]) -> dict[str, Any]:
    return {"ids": listed(center_ids)}


# --- sales: invoices by their date -------------------------------------------------------------------------------


def _sold(period: Period) -> ColumnElement[bool]:
    dated = _invoices.invoice_date
    return and_(
        among(_invoices.center_id), dated >= period.since, dated <= period.until, _invoices.cancelled_at.is_(None)
    )


def sale_keys(
    connection: Connection, center_ids: Iterable[str], period: Period, *, limit: int, offset: int
) -> Sequence[tuple[str, str | None]]:
    """Invoice and line of so many rows, centre by centre in the order of time; an invoice without lines has one."""
    statement = (
        select(_invoices.id, _lines.id)
        .join_from(tables.invoices, tables.invoice_lines, _lines.invoice_id == _invoices.id, isouter=True)
        .where(_sold(period))
        .order_by(_invoices.center_id, _invoices.invoice_date, _invoices.id, _lines.position)
        .limit(limit)
        .offset(offset)
    )
    return [(invoice_id, line_id) for invoice_id, line_id in connection.execute(statement, _ids(center_ids))]


def count_sales(connection: Connection, center_ids: Iterable[str], period: Period) -> int:
    """How many rows there are."""
    statement = (
        select(func.count())
        .select_from(tables.invoices)
        .join(tables.invoice_lines, _lines.invoice_id == _invoices.id, isouter=True)
        .where(_sold(period))
    )
    found: int = connection.execute(statement, _ids(center_ids)).scalar_one()
    return found


_SOLD_AMOUNTS: Final = ("net_price", "tax", "rounding_adjustment")


def sales_totals(connection: Connection, center_ids: Iterable[str], period: Period) -> list[SalesTotal]:
    """What all the rows sum to, by currency."""
    sums = [part for name in _SOLD_AMOUNTS for part in _sum_parts(_invoices[name], name)]
    statement = (
        select(_centers.currency, func.count().label("invoices"), *sums)
        .select_from(tables.invoices)
        .join(tables.centers, _centers.id == _invoices.center_id)
        .where(_sold(period))
        .group_by(_centers.currency)
        .order_by(_centers.currency)
    )
    paid = _paid_for(connection, center_ids, period)
    return [
        SalesTotal(
            currency=Currency.of(row.currency),
            invoices=row.invoices,
            sales_exc_tax=_sum(row, "net_price"),
            tax=_sum(row, "tax"),
            rounding_adjustment=_sum(row, "rounding_adjustment"),
            collected=paid.get((row.currency, False), 0),
            redeemed=paid.get((row.currency, True), 0),
        )
        for row in connection.execute(statement, _ids(center_ids))
    ]


def _paid_for(connection: Connection, center_ids: Iterable[str], period: Period) -> dict[tuple[str, bool], Minor]:
    """What the invoices were paid with: by currency, and whether it was redeemed."""
    statement: Select[Any] = (
        select(_centers.currency, _paid.tender, *_sum_parts(_paid.amount_paid, "amount_paid"))
        .select_from(tables.invoices)
        .join(tables.transactions, _paid.invoice_id == _invoices.id)
        .join(tables.centers, _centers.id == _invoices.center_id)
        .where(_sold(period), _paid.state == TransactionState.SETTLED)
        .group_by(_centers.currency, _paid.tender)
    )
    found: dict[tuple[str, bool], Minor] = {}
    for row in connection.execute(statement, _ids(center_ids)):
        key = (row.currency, row.tender in MODES)
        found[key] = found.get(key, 0) + _sum(row, "amount_paid")
    return found


# --- collections: payments by their date -------------------------------------------------------------------------


def _taken(statement: Select[Any], period: Period) -> Select[Any]:
    """Settled payments that were taken at the centres in the period, with their invoices and these's centres."""
    dated = _paid.payment_date
    return (
        statement.select_from(tables.transactions)
        .join(tables.invoices, _invoices.id == _paid.invoice_id)
        .join(tables.centers, _centers.id == _invoices.center_id)
        .where(
            *(among(_paid.center_id), dated >= period.since, dated <= period.until),
            *(_paid.state == TransactionState.SETTLED, _invoices.cancelled_at.is_(None)),
        )
    )


def collection_keys(
    connection: Connection, center_ids: Iterable[str], period: Period, *, limit: int, offset: int
) -> Sequence[tuple[str, str]]:
    """Invoice and transaction of so many rows, centre by centre in the order of time."""
    statement = (
        _taken(select(_paid.invoice_id, _paid.id), period)
        .order_by(_paid.center_id, _paid.payment_date, _paid.invoice_id, _paid.id)
        .limit(limit)
        .offset(offset)
    )
    return [(invoice_id, paid_id) for invoice_id, paid_id in connection.execute(statement, _ids(center_ids))]


def count_collections(connection: Connection, center_ids: Iterable[str], period: Period) -> int:
    """How many rows there are."""
    found: int = connection.execute(_taken(select(func.count()), period), _ids(center_ids)).scalar_one()
    return found


_TAKEN_AMOUNTS: Final = ("amount_paid", "tip_amount", "ssg_amount", "fee_amount", "cash_back_amount")


def tender_totals(connection: Connection, center_ids: Iterable[str], period: Period) -> list[TenderTotal]:
    """What all the rows sum to, by currency and tender."""
    sums = [part for name in _TAKEN_AMOUNTS for part in _sum_parts(_paid[name], name)]
    statement = _taken(select(_centers.currency, _paid.tender, func.count().label("transactions"), *sums), period)
    order = (_centers.currency, _paid.tender)
    return [
        TenderTotal(
            currency=Currency.of(row.currency),
            tender=row.tender,
            transactions=row.transactions,
            **{name: _sum(row, name) for name in _TAKEN_AMOUNTS},
        )
        for row in connection.execute(statement.group_by(*order).order_by(*order), _ids(center_ids))
    ]


_PLACES: Final = text("""
    WITH RECURSIVE places (id) AS (
        SELECT min(center_id) FROM transactions
        UNION ALL
        SELECT (SELECT min(center_id) FROM transactions WHERE center_id > places.id) FROM places WHERE id IS NOT NULL
    )
    SELECT id FROM places WHERE id IS NOT NULL
""")


def collecting_centers(connection: Connection) -> list[str]:
    """Where payments were ever taken: the ids of centres, some of which may be known by their payments alone."""
    return list(connection.execute(_PLACES).scalars())
