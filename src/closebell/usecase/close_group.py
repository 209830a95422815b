"""Close a group: all invoices on the bill are closed, or none is.

Each member has to keep every closing rule but the one that it be in no group, and is told of by an event of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import closing
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, InvalidInput, Refusal
from closebell.store import directory
from closebell.usecase import group_invoice
from closebell.usecase.close_invoices import Closed, CloseReport, Ready, settle


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseGroupCommand:
    """Somebody asks to close a group; `closed_by_id` is the employee who does it, if said."""

    group_invoice_id: str
    closed_by_id: str | None = None
    caller: Caller = OPERATOR


def close_group(connection: Connection, command: CloseGroupCommand, *, clock: Clock, luck: Luck) -> CloseReport:
    """Close every member that is not closed yet, in the order of their ids; a second time nobody is told again.

    Shape:  one answer per member, each a success.
    Errors: NotFound; Refusal 438, or the first broken rule of the first member that breaks one; Conflict when the
            group is empty; InvalidInput naming `closed_by_id`.
    """
    now = clock.now()
    found = group_invoice.find_locked(connection, command.group_invoice_id, command.caller, now=now)
    if not found.members:
        raise Conflict(f"Group invoice {command.group_invoice_id} has no invoices; there is nothing to close")
    _must_be_known(connection, command.closed_by_id)
    ready = [
        Ready(invoice=member, closed_by_id=command.closed_by_id, caller=command.caller)
        for member in found.members
        if not member.is_closed
    ]
    for one in ready:
        _must_be_ready(one.invoice, now)
    done = settle(connection, ready, clock=clock, luck=luck)
    closed = {invoice.id: invoice for invoice in done.closed}
    answers = tuple(
        Closed(
            invoice_id=member.id,
            receipt_number=closed.get(member.id, member).receipt_number,
            closed_by_id=closed.get(member.id, member).closed_by_id,
            again=member.is_closed,
        )
        for member in found.members
    )
    return CloseReport(answers=answers, deliveries=done.deliveries, listeners=done.listeners)


def _must_be_known(connection: Connection, closed_by_id: str | None) -> None:
    if closed_by_id is not None and not directory.known_employees(connection, [closed_by_id]):
        raise InvalidInput("closed_by_id", f"{closed_by_id} is not an employee Closebell knows; import it first")


def _must_be_ready(member: Invoice, now: datetime) -> None:
    """Every rule holds for the member as for an invoice that is in no group."""
    alone = replace(member, group_invoice_id=None)
    blockers = closing.check(alone, today=member.centre.today(now))
    if blockers:
        raise Refusal(blockers[0].code, f"Invoice {member.id}: {blockers[0].detail}")
