"""Leave a group: an open invoice is taken out of its group invoice, so that it can be paid and closed alone."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.group import Group
from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, NotFound
from closebell.store import invoice_rows
from closebell.usecase import group_invoice, open_invoice


def leave_group(
    connection: Connection, group_invoice_id: str, invoice_id: str, *, clock: Clock, caller: Caller = OPERATOR
) -> Invoice:
    """The invoice, which belongs to no group any more; what was paid for it goes with it, and the group stays.

    Errors: Refusal 428, 438; NotFound when it is not in that group; Conflict when it is closed.
    """
    seen = open_invoice.find(connection, invoice_id, caller)
    _must_be_in(seen, group_invoice_id)
    group_invoice.lock(connection, Group(id=group_invoice_id, center_id=seen.centre.id), now=clock.now())
    invoice = open_invoice.find_locked(connection, invoice_id, caller)
    _must_be_in(invoice, group_invoice_id)
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice_id} is closed, receipt {invoice.receipt_number}; it stays in its group")
    invoice_rows.leave_group(connection, invoice_id)
    return replace(invoice, group_invoice_id=None)


def _must_be_in(invoice: Invoice, group_invoice_id: str) -> None:
    if invoice.group_invoice_id != group_invoice_id:
        raise NotFound(f"Group invoice {group_invoice_id} has no member {invoice.id}")
