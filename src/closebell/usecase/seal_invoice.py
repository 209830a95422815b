"""Confirm an invoice, or lock it: once its receipt is printed, what is on it stays as it is."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.errors import InvalidInput
from closebell.store import directory, invoice_rows
from closebell.usecase.open_invoice import Change, find_locked, must_be_open


def confirm_invoice(
    connection: Connection,
    invoice_id: str,
    updated_by_id: str | None = None,
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
) -> Invoice:
    """The invoice, which the guest has said is right; one that was confirmed before stays so since then.

    Errors: Refusal 428, 438; InvalidInput for an unknown `updated_by_id`; Conflict when it is closed or cancelled.
    """
    invoice = find_locked(connection, invoice_id, caller)
    if updated_by_id is not None and not directory.known_employees(connection, [updated_by_id]):
        raise InvalidInput("updated_by_id", f"{updated_by_id} is not an employee Closebell knows; import it first")
    if invoice.confirmed_at is not None:
        return invoice
    must_be_open(invoice, Change.DETAILS)
    confirmed = replace(invoice, confirmed_at=clock.now())
    invoice_rows.save(connection, invoice, confirmed)
    return confirmed


def lock_invoice(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR) -> Invoice:
    """The invoice, whose items cannot be changed any more; it still takes money, and closes.

    Errors: Refusal 428, 438; Conflict when it was closed or cancelled without being locked.
    """
    invoice = find_locked(connection, invoice_id, caller)
    if invoice.lock:
        return invoice
    must_be_open(invoice, Change.DETAILS)
    locked = replace(invoice, lock=True)
    invoice_rows.save(connection, invoice, locked)
    return locked
