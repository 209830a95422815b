"""Leave a group: an open invoice is taken out of its group invoice, so that it can be paid and closed alone."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, NotFound, Refusal, RefusalCode
from closebell.store import invoice_rows, invoices


def leave_group(connection: Connection, group_invoice_id: str, invoice_id: str) -> Invoice:
    """The invoice, which belongs to no group any more.

    Errors: Refusal 428; NotFound when it is not in that group; Conflict when it is closed.
    """
    invoice = invoices.load_locked(connection, [invoice_id]).get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    if invoice.group_invoice_id != group_invoice_id:
        raise NotFound(f"Group invoice {group_invoice_id} has no member {invoice_id}")
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice_id} is closed, receipt {invoice.receipt_number}; it stays in its group")
    invoice_rows.leave_group(connection, invoice_id)
    return replace(invoice, group_invoice_id=None)
