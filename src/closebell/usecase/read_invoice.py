"""Read an invoice as it is."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.invoice import Invoice
from closebell.errors import Refusal, RefusalCode
from closebell.store import invoices


def read_invoice(connection: Connection, invoice_id: str) -> Invoice:
    """The invoice with everything that hangs on it.

    Errors: Refusal 428 when there is none.
    """
    invoice = invoices.load(connection, [invoice_id]).get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    return invoice
