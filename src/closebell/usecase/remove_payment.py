"""Remove a payment: a tender is taken off an open invoice, and with it the tips that were assigned out of it."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, NotFound, Refusal, RefusalCode
from closebell.store import invoice_rows, invoices


def remove_payment(connection: Connection, invoice_id: str, transaction_id: str) -> Invoice:
    """The invoice without that payment; once no tender brings a tip any more, no tip is assigned either.

    Errors: Refusal 428; NotFound when the invoice has no such payment; Conflict when it is closed.
    """
    invoice = invoices.load_locked(connection, [invoice_id]).get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    if all(transaction.id != transaction_id for transaction in invoice.transactions):
        raise NotFound(f"Invoice {invoice_id} has no payment {transaction_id}")
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice_id} is closed, receipt {invoice.receipt_number}; its payments are final")
    invoice_rows.remove_transaction(connection, invoice_id, transaction_id)
    if not any(t.tip_amount for t in invoice.transactions if t.id != transaction_id):
        invoice_rows.replace_tips(connection, invoice, ())
    return invoices.load(connection, [invoice_id])[invoice_id]
