"""Cancel an invoice: everything on it is called off; it stays, and will never close."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice, TransactionState
from closebell.domain.sale import with_comment
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.store import invoice_rows
from closebell.usecase.change_lines import give_back_campaign, undo
from closebell.usecase.open_invoice import Change, find_locked, must_be_open
from closebell.usecase.refund_holdings import take_again


def cancel_invoice(
    connection: Connection, invoice_id: str, comments: str = "", *, clock: Clock, caller: Caller = OPERATOR
) -> Invoice:
    """The cancelled invoice; one that was cancelled before is as it was.

    What it sold is cancelled, what packages paid for goes back, and so do its campaign's redemption and voucher. Its
    lines stay as they are, to be seen. A refund that is called off undoes what its lines did to what guests hold.

    Errors: Refusal 428, 438, 492, and 502 while a payment is on it; Conflict when it is closed or locked, or a refund
            gave back what has been used meanwhile; InvalidInput naming `comments`.
    """
    invoice = find_locked(connection, invoice_id, caller, missing=RefusalCode.INVOICE_TO_CANCEL_NOT_FOUND)
    if invoice.is_cancelled:
        return invoice
    if invoice.is_closed:
        raise Conflict(
            f"Invoice {invoice.id} is closed, receipt {invoice.receipt_number}; a refund takes back what it sold"
        )
    if invoice.group_invoice_id is not None:
        raise Refusal(
            RefusalCode.GROUP_INVOICE,
            f"The invoice belongs to group invoice {invoice.group_invoice_id}; take it out of there first.",
        )
    must_be_open(invoice, Change.MONEY if invoice.is_refund else Change.ITEMS)
    _must_be_unpaid(invoice)
    now = clock.now()
    if invoice.is_refund:
        take_again(connection, invoice, now=now)
    else:
        undo(connection, invoice, invoice.lines, now=now)
    give_back_campaign(connection, invoice)
    cancelled = with_comment(replace(invoice, cancelled_at=now), "Cancelled", comments)
    invoice_rows.save(connection, invoice, cancelled)
    return cancelled


def _must_be_unpaid(invoice: Invoice) -> None:
    """Return if no money is on the invoice or on its way; a payment that failed is neither."""
    paid = [t for t in invoice.transactions if t.state is not TransactionState.FAILED]
    if paid:
        named = ", ".join(f"{t.id} ({invoice.currency.text(t.total_amount_paid)}, {t.state})" for t in paid)
        raise Refusal(RefusalCode.PAYMENTS_TO_DELETE, f"Remove first: {named}.")
