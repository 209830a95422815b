"""What the rows and the sums of reports look like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from closebell.api.paging import Page, PageInfo
from closebell.domain.invoice import Guest, Invoice
from closebell.domain.money import Currency
from closebell.domain.report import ITEM_TYPES, SalesTotal, TenderTotal
from closebell.usecase.report_collections import Collected, CollectionsReport
from closebell.usecase.report_sales import SalesReport, SoldLine


class SalesRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line that was sold, with its share of what was paid for the invoice."""

    sale_date: str
    invoice_date: str
    invoice_id: str
    invoice_no: str
    receipt_no: str
    invoice_item_id: str | None
    guest_id: str | None
    guest_name: str
    guest_code: str
    center_id: str
    center_name: str
    center_code: str
    item_id: str | None
    item_name: str
    item_code: str
    item_type: str
    qty: Decimal
    currency_code: str
    sales_exc_tax: Decimal
    discount: Decimal
    tax: Decimal
    sales_inc_tax: Decimal
    rounding_adjustment: Decimal
    collected: Decimal
    redeemed: Decimal
    due: Decimal
    payment_type: str
    sale_type: str
    status: str
    base_invoice_no: str | None
    provider: str
    sold_by_id: str | None
    sold_by: str
    created_by_id: str | None
    created_by: str
    closed_by_id: str | None
    closed_by: str
    invoice_notes: str


class SalesTotalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows of the period sum to in one currency."""

    currency_code: str
    invoices: int
    sales_exc_tax: Decimal
    tax: Decimal
    sales_inc_tax: Decimal
    rounding_adjustment: Decimal
    collected: Decimal
    redeemed: Decimal
    due: Decimal


class SalesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sales; `total` is the one of `totals` where all is in one currency, else null."""

    sales: list[SalesRow]
    total: SalesTotalDocument | None
    totals: list[SalesTotalDocument]
    page_info: PageInfo
    error: None = None


class CollectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One settled payment."""

    payment_date: str
    transaction_id: str
    invoice_id: str
    invoice_no: str
    receipt_no: str
    guest_id: str | None
    guest_name: str
    center_id: str
    center_name: str
    tender: str
    payment_type: str
    sale_type: str
    currency_code: str
    amount_paid: Decimal
    tip_amount: Decimal
    ssg_amount: Decimal
    fee_amount: Decimal
    total_amount_paid: Decimal
    cash_back_amount: Decimal
    collected_by_id: str | None
    collected_by: str
    processor: str
    processor_reference: str
    additional_data: str


class CollectionTotalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What all payments of the period with one tender sum to in one currency; `tender` is null over all tenders."""

    currency_code: str
    tender: str | None
    transactions: int
    amount_paid: Decimal
    tip_amount: Decimal
    ssg_amount: Decimal
    fee_amount: Decimal
    total_amount_paid: Decimal
    cash_back_amount: Decimal


class CollectionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of payments, and what all of the period sum to: by currency, and by currency and tender."""

    collections: list[CollectionRow]
    totals: list[CollectionTotalDocument]
    tenders: list[CollectionTotalDocument]
    page_info: PageInfo
    error: None = None


def sales_answer(report: SalesReport, page: Page) -> SalesAnswer:
    """The report as it is answered."""
    totals = [_sales_total(total) for total in report.totals]
    return SalesAnswer(
        sales=sales_rows(report),
        total=totals[0] if len(totals) == 1 else None,
        totals=totals,
        page_info=PageInfo.of(page, report.count),
    )


def sales_rows(report: SalesReport) -> list[SalesRow]:
    """The rows of the page."""
    return [_sales_row(row, report.employees) for row in report.rows]


def _sales_row(row: SoldLine, employees: Mapping[str, str]) -> SalesRow:
    invoice, sale, line = row.invoice, row.sale, row.sale.line
    guest, centre, wire = invoice.guest, invoice.centre, invoice.currency.wire
    sold_by_id = None if line is None else line.sale_by_id
    return SalesRow(
        sale_date=invoice.invoice_date,
        invoice_date=invoice.invoice_date,
        invoice_id=invoice.id,
        invoice_no=invoice_no(invoice),
        receipt_no=invoice.receipt_number,
        invoice_item_id=None if line is None else line.id,
        guest_id=None if guest is None else guest.id,
        guest_name=full_name(guest),
        guest_code="" if guest is None else guest.code,
        center_id=centre.id,
        center_name=centre.name,
        center_code=centre.code,
        item_id=None if line is None else line.item_id,
        item_name="" if line is None else line.name,
        item_code="" if line is None else line.code,
        item_type="" if line is None else ITEM_TYPES.get(line.type, str(line.type)),
        qty=Decimal(0) if line is None else line.quantity,
        currency_code=invoice.currency.code,
        sales_exc_tax=wire(sale.sales_exc_tax),
        discount=wire(0 if line is None else line.discount),
        tax=wire(sale.tax),
        sales_inc_tax=wire(sale.sales_inc_tax),
        rounding_adjustment=wire(sale.rounding_adjustment),
        collected=wire(sale.collected),
        redeemed=wire(sale.redeemed),
        due=wire(sale.due),
        payment_type=", ".join(dict.fromkeys(paid.payment_name or paid.tender.value for paid in invoice.settled)),
        sale_type=_sale_type(invoice),
        status="Closed" if invoice.is_closed else "Open",
        base_invoice_no=None if row.base is None else invoice_no(row.base),
        provider="" if line is None else line.therapist_name,
        sold_by_id=sold_by_id,
        sold_by=employees.get(sold_by_id or "", ""),
        created_by_id=invoice.created_by_id,
        created_by=employees.get(invoice.created_by_id or "", ""),
        closed_by_id=invoice.closed_by_id,
        closed_by=employees.get(invoice.closed_by_id or "", ""),
        invoice_notes=invoice.notes,
    )


def _sales_total(total: SalesTotal) -> SalesTotalDocument:
    wire = total.currency.wire
    return SalesTotalDocument(
        currency_code=total.currency.code,
        invoices=total.invoices,
        sales_exc_tax=wire(total.sales_exc_tax),
        tax=wire(total.tax),
        sales_inc_tax=wire(total.sales_inc_tax),
        rounding_adjustment=wire(total.rounding_adjustment),
        collected=wire(total.collected),
        redeemed=wire(total.redeemed),
        due=wire(total.due),
    )


def collections_answer(report: CollectionsReport, page: Page) -> CollectionsAnswer:
    """The report as it is answered."""
    by_currency: dict[Currency, list[TenderTotal]] = {}
    for total in report.totals:
        by_currency.setdefault(total.currency, []).append(total)
    return CollectionsAnswer(
        collections=collection_rows(report),
        totals=[_collection_total(totals, tender=None) for totals in by_currency.values()],
        tenders=[_collection_total([total], tender=total.tender) for total in report.totals],
        page_info=PageInfo.of(page, report.count),
    )


def collection_rows(report: CollectionsReport) -> list[CollectionRow]:
    """The rows of the page."""
    return [_collection_row(row, report.employees) for row in report.rows]


def _collection_row(row: Collected, employees: Mapping[str, str]) -> CollectionRow:
    invoice, paid, wire = row.invoice, row.transaction, row.invoice.currency.wire
    return CollectionRow(
        payment_date=paid.payment_date,
        transaction_id=paid.id,
        invoice_id=invoice.id,
        invoice_no=invoice_no(invoice),
        receipt_no=invoice.receipt_number,
        guest_id=None if invoice.guest is None else invoice.guest.id,
        guest_name=full_name(invoice.guest),
        center_id=paid.center_id,
        center_name=paid.center_name,
        tender=paid.tender.value,
        payment_type=paid.payment_name,
        sale_type=_sale_type(invoice),
        currency_code=invoice.currency.code,
        amount_paid=wire(paid.amount_paid),
        tip_amount=wire(paid.tip_amount),
        ssg_amount=wire(paid.ssg_amount),
        fee_amount=wire(paid.fee_amount),
        total_amount_paid=wire(paid.total_amount_paid),
        cash_back_amount=wire(paid.cash_back_amount),
        collected_by_id=paid.collected_by_id,
        collected_by=employees.get(paid.collected_by_id or "", ""),
        processor=paid.processor,
        processor_reference=paid.processor_reference,
        additional_data=paid.additional_data,
    )


def _collection_total(totals: list[TenderTotal], *, tender: str | None) -> CollectionTotalDocument:
    """The sum of these, which are in one currency."""
    wire = totals[0].currency.wire
    return CollectionTotalDocument(
        currency_code=totals[0].currency.code,
        tender=tender,
        transactions=sum(total.transactions for total in totals),
        amount_paid=wire(sum(total.amount_paid for total in totals)),
        tip_amount=wire(sum(total.tip_amount for total in totals)),
        ssg_amount=wire(sum(total.ssg_amount for total in totals)),
        fee_amount=wire(sum(total.fee_amount for total in totals)),
        total_amount_paid=wire(sum(total.total_amount_paid for total in totals)),
        cash_back_amount=wire(sum(total.cash_back_amount for total in totals)),
    )


def _sale_type(invoice: Invoice) -> str:
    return "Refund" if invoice.is_refund else "Sale"


def invoice_no(invoice: Invoice) -> str:
    """The number of an invoice as people see it: the centre's prefix before it."""
    return invoice.invoice_number_prefix + invoice.invoice_number


def full_name(guest: Guest | None) -> str:
    """First and last name; empty for nobody in particular."""
    return "" if guest is None else f"{guest.first_name} {guest.last_name}".strip()
