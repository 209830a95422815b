"""Reports."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "ReportBody.center_ids": "GUIDs of the centres; left out, all that the caller may reach.",
    "start_date": "The first day, by the clock of each centre.",
    "end_date": "The last day, included, by the clock of each centre.",
    "SalesAnswer.sales": "A row for every line sold, of the page.",
    "SalesAnswer.total": "The only one of `totals`; null where there are several currencies.",
    "totals": "What all rows of the period come to, by currency.",
    "collections": "A row for every settled payment, of the page.",
    "tenders": "What all rows of the period come to, by currency and tender.",
    # a line sold
    "SalesRow.sale_date": "Date of the invoice, by the centre's wall clock.",
    "SalesRow.invoice_item_id": "GUID of the line; null where the invoice has none.",
    "SalesRow.guest_id": "GUID of the guest, or null.",
    "guest_name": "Name of the guest; may be empty.",
    "guest_code": "Code of the guest; may be empty.",
    "item_name": "Name of what was sold.",
    "item_code": "Code of what was sold.",
    "item_type": "What was sold: `Service`, `Product`, `Membership`, `Package`, `Day package`, `Gift or prepaid card`.",
    "qty": "How many, as an exact decimal; negative on a refund.",
    "sales_exc_tax": "What it comes to without tax, net of the discount, in major units.",
    "sales_inc_tax": "What it comes to with tax, in major units.",
    "SalesRow.rounding_adjustment": "That of the invoice, with its first row, in major units.",
    "collected": "What money paid of it, in major units.",
    "redeemed": "What cards, points and packages paid of it, in major units.",
    "due": "`sales_inc_tax` + `rounding_adjustment` - `collected` - `redeemed`, in major units.",
    "payment_type": "Names of what was paid with, with commas between.",
    "sale_type": "`Sale` or `Refund`.",
    "SalesRow.status": "`Open` or `Closed`.",
    "base_invoice_no": "Number of the invoice that a refund takes back, or null.",
    "provider": "Name of whoever served; may be empty.",
    "sold_by_id": "GUID of the employee who sold it, or null.",
    "sold_by": "Name of the employee who sold it; may be empty.",
    "created_by": "Name of the employee who made the invoice; may be empty.",
    "closed_by": "Name of the employee who closed the invoice; may be empty.",
    "SalesRow.created_by_id": "GUID of the employee who made the invoice, or null.",
    "SalesRow.closed_by_id": "GUID of the employee who closed the invoice, or null.",
    "invoice_notes": "Notes on the invoice.",
    "SalesTotalDocument.invoices": "How many invoices there are.",
    # a payment
    "CollectionRow.guest_id": "GUID of the guest, or null.",
    "CollectionRow.center_id": "GUID of the centre where it was taken.",
    "CollectionRow.payment_type": "Name of what was paid with.",
    "collected_by": "Name of the employee who took it; may be empty.",
    "CollectionRow.processor": "Name of the processor that moved the money; may be empty.",
    "processor_reference": "What the processor knows the payment by; may be empty.",
    "CollectionTotalDocument.tender": "What was paid with; null over all tenders.",
    "CollectionTotalDocument.transactions": "How many payments there are.",
}
