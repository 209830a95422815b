"""Read the tips as they are assigned, of an invoice or of every member of a group."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.errors import Refusal, RefusalCode
from closebell.store import groups, invoices
from closebell.store.invoices import Part
from closebell.usecase import group_invoice


def read_tips(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR) -> tuple[Invoice, ...]:
    """The invoice with this id, or the members of the group with it, each with its tips.

    Errors: Refusal 428 when nothing has the id, 438 when a centre of it is not the caller's.
    """
    found = invoices.load(connection, [invoice_id], frozenset({Part.TIPS})).get(invoice_id)
    if found is not None:
        caller.must_reach(found.centre.id)
        return (found,)
    if groups.find(connection, invoice_id) is None and not groups.member_ids(connection, invoice_id):
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice and no group invoice has the id {invoice_id}.")
    return group_invoice.find(connection, invoice_id, caller).members
