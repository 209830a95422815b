"""Report collections: every settled payment that was taken in a period, and what all of them sum to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice, Transaction
from closebell.domain.report import TenderTotal
from closebell.store import invoices, reports
from closebell.store.invoices import Part
from closebell.usecase.choose_centers import named_centers
from closebell.usecase.report_sales import ReportRequest, names_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A row of the report."""

    invoice: Invoice
    transaction: Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionsReport:
    """A page of the rows, what all rows of the period sum to, and how many there are; with who is named in them."""

    rows: tuple[Collected, ...]
    totals: tuple[TenderTotal, ...]
    count: int
    employees: Mapping[str, str]


def report_collections(
    connection: Connection, request: ReportRequest, *, caller: Caller = OPERATOR
) -> CollectionsReport:
    """The payments by their date, at the centre where each was taken; those of cancelled invoices are left out.

    Errors: Refusal 438 or 502 for a centre.
    """
    named = [centre.id for centre in named_centers(connection, request.center_ids, caller)]
    center_ids = named or _places(connection, caller)
    keys = reports.collection_keys(connection, center_ids, request.period, limit=request.limit, offset=request.offset)
    found = invoices.load(connection, {key for key, _ in keys}, frozenset({Part.TRANSACTIONS}))
    paid = {(invoice.id, one.id): one for invoice in found.values() for one in invoice.transactions}
    return CollectionsReport(
        rows=tuple(Collected(invoice=found[key[0]], transaction=paid[key]) for key in keys),
        totals=tuple(reports.tender_totals(connection, center_ids, request.period)),
        count=reports.count_collections(connection, center_ids, request.period),
        employees=names_of(connection, (paid[key].collected_by_id for key in keys)),
    )


def _places(connection: Connection, caller: Caller) -> list[str]:
    """Where the caller may see payments: anywhere, or at their centres."""
    if caller.center_ids is not None:
        return sorted(caller.center_ids)
    return reports.collecting_centers(connection)
