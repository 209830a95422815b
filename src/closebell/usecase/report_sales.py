"""Report sales: every line sold in a period with what was paid of it, and what all of them sum to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.domain import report
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.domain.people import Employee
from closebell.domain.period import Period
from closebell.domain.report import Sale, SalesTotal
from closebell.store import directory, invoices, reports
from closebell.store.invoices import Part
from closebell.usecase.choose_centers import named_centers, reachable_centers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """What somebody asks for; no `center_ids` means all that they may reach."""

    center_ids: tuple[str, ...] = ()
    period: Period
    limit: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """A row of the report.

    Shape: `base` is the invoice that a refund takes back, None on any other and where it is not known.
    """

    invoice: Invoice
    sale: Sale
    base: Invoice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesReport:
    """A page of the rows, what all rows of the period sum to, and how many there are; with who is named in them."""

    rows: tuple[SoldLine, ...]
    totals: tuple[SalesTotal, ...]
    count: int
    employees: Mapping[str, str]


def report_sales(connection: Connection, request: ReportRequest, *, caller: Caller = OPERATOR) -> SalesReport:
    """The invoices of the period by their date, open ones included and cancelled ones left out.

    Errors: Refusal 438 or 502 for a centre.
    """
    named = [centre.id for centre in named_centers(connection, request.center_ids, caller)]
    center_ids = named or reachable_centers(connection, caller)
    keys = reports.sale_keys(connection, center_ids, request.period, limit=request.limit, offset=request.offset)
    found = invoices.load(connection, {key for key, _ in keys}, frozenset({Part.LINES, Part.TRANSACTIONS}))
    bases = invoices.load(
        connection, {one.refund_of_id for one in found.values() if one.refund_of_id is not None}, frozenset()
    )
    return SalesReport(
        rows=_rows(keys, found, bases),
        totals=tuple(reports.sales_totals(connection, center_ids, request.period)),
        count=reports.count_sales(connection, center_ids, request.period),
        employees=names_of(connection, _mentioned(found.values())),
    )


def _rows(
    keys: Sequence[tuple[str, str | None]], found: Mapping[str, Invoice], bases: Mapping[str, Invoice]
) -> tuple[SoldLine, ...]:
    sold = {
        (invoice.id, None if sale.line is None else sale.line.id): sale
        for invoice in found.values()
        for sale in report.sales(invoice)
    }
    return tuple(
        SoldLine(invoice=found[key[0]], sale=sold[key], base=bases.get(found[key[0]].refund_of_id or ""))
        for key in keys
    )


def _mentioned(found: Iterable[Invoice]) -> Iterable[str | None]:
    for invoice in found:
        yield from (invoice.closed_by_id, invoice.created_by_id)
        yield from (line.sale_by_id for line in invoice.lines)


def names_of(connection: Connection, employee_ids: Iterable[str | None]) -> dict[str, str]:
    """What these employees are called, by id; who is not known is absent."""
    wanted = {employee_id for employee_id in employee_ids if employee_id is not None}
    if not wanted:
        return {}
    return {employee_id: _name(kept.value) for employee_id, kept in directory.employees(connection, wanted).items()}


def _name(employee: Employee) -> str:
    return f"{employee.first_name} {employee.last_name}".strip()
