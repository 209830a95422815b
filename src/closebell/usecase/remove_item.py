"""Remove an item: its line goes, with its appointment, with what it sold, and with what paid for it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.domain.sale import with_comment
from closebell.errors import Refusal, RefusalCode
from closebell.store import invoice_rows
from closebell.usecase.change_lines import undo, with_lines
from closebell.usecase.open_invoice import Change, find_open


def remove_item(
    connection: Connection,
    invoice_id: str,
    invoice_item_id: str,
    comments: str = "",
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
) -> Invoice:
    """The open invoice without that line.

    Errors: Refusal 428, 438, 429; Conflict when it cannot be changed; InvalidInput naming `comments`.
    """
    invoice = find_open(connection, invoice_id, caller, Change.ITEMS)
    line = next((line for line in invoice.lines if line.id == invoice_item_id), None)
    if line is None:
        raise Refusal(RefusalCode.ITEM_TO_REMOVE_NOT_FOUND, f"Invoice {invoice_id} has no item {invoice_item_id}.")
    undo(connection, invoice, [line], now=clock.now())
    left = with_lines(connection, invoice, (other for other in invoice.lines if other.id != line.id))
    booked = tuple(one for one in invoice.appointments if one.invoice_item_id != line.id)
    changed = with_comment(replace(left, appointments=booked), f"{line.name or 'Item'} removed", comments)
    invoice_rows.save(connection, invoice, changed)
    return changed
