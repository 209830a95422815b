"""The invoice that somebody wants to read or change: found, theirs, and still open to that change."""

from __future__ import annotations

import enum

from sqlalchemy import Connection

from closebell.domain.caller import Caller
from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.store import invoices


class Change(enum.Enum):
    """What is to be changed; a locked invoice still takes money, and a refund is made whole."""

    ITEMS = "its items"
    MONEY = "its payments"
    TIPS = "its tips"
    DETAILS = "its details"


def find(
    connection: Connection,
    invoice_id: str,
    caller: Caller,
    *,
    missing: RefusalCode = RefusalCode.INVOICE_NOT_FOUND,
) -> Invoice:
    """The invoice as it is.

    Errors: Refusal `missing` when there is none, 438 when its centre is not the caller's.
    """
    return _theirs(invoices.load(connection, [invoice_id]).get(invoice_id), invoice_id, caller, missing)


def find_locked(
    connection: Connection,
    invoice_id: str,
    caller: Caller,
    *,
    missing: RefusalCode = RefusalCode.INVOICE_NOT_FOUND,
) -> Invoice:
    """The invoice, locked until the transaction ends, whatever its state.

    Errors: as `find`.
    """
    return _theirs(invoices.load_locked(connection, [invoice_id]).get(invoice_id), invoice_id, caller, missing)


def find_open(
    connection: Connection,
    invoice_id: str,
    caller: Caller,
    change: Change,
    *,
    missing: RefusalCode = RefusalCode.INVOICE_NOT_FOUND,
) -> Invoice:
    """The invoice, locked until the transaction ends, if this may still be changed about it.

    Errors: Refusal `missing`, 438; Conflict when it is closed, cancelled, locked or a refund.
    """
    invoice = find_locked(connection, invoice_id, caller, missing=missing)
    must_be_open(invoice, change)
    return invoice


def must_be_open(invoice: Invoice, change: Change) -> None:
    """Return if this may still be changed about the invoice.

    Errors: Conflict when it is closed, cancelled, locked or a refund.
    """
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice.id} is closed, receipt {invoice.receipt_number}; {change.value} are final")
    if invoice.is_cancelled:
        raise Conflict(f"Invoice {invoice.id} is cancelled; {change.value} cannot be changed")
    if change is Change.ITEMS and invoice.lock:
        raise Conflict(f"Invoice {invoice.id} is locked; {change.value} cannot be changed")
    if change is Change.ITEMS and invoice.is_refund:
        raise Conflict(f"Invoice {invoice.id} is a refund; {change.value} are those that were given back")


def _theirs(invoice: Invoice | None, invoice_id: str, caller: Caller, missing: RefusalCode) -> Invoice:
    if invoice is None:
        raise Refusal(missing, f"No invoice has the id {invoice_id}.")
    caller.must_reach(invoice.centre.id)
    return invoice
