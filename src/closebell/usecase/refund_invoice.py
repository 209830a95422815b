"""Refund an invoice: what a closed invoice sold and took comes back on an invoice of its own.

The original is locked, so that two refunds of it follow each other and the second sees what the first gave back. The
original itself stays as it is for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import closing, event
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.domain.refund import NOTES_CHARACTERS_MAX, Wish, refund_of
from closebell.domain.refund_tenders import Paper
from closebell.domain.text import bounded
from closebell.errors import InvalidInput, Refusal
from closebell.store import centers, directory, invoice_rows, refunds
from closebell.usecase import open_invoice
from closebell.usecase.close_invoices import Closed, CloseReport, Ready, settle
from closebell.usecase.record_tender import tell_payments
from closebell.usecase.refund_holdings import give_back, lock_holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCommand:
    """Somebody gives something back; with `closes` the refund is closed as it is made."""

    invoice_id: str
    wish: Wish
    comments: str = ""
    created_by_id: str | None = None
    cash_register_id: str | None = None
    closes: bool = False
    caller: Caller = OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """The refund, open or closed, the original it belongs to, and the close if it was closed."""

    refund: Invoice
    original: Invoice
    report: CloseReport | None = None


def refund_invoice(connection: Connection, command: RefundCommand, *, clock: Clock, luck: Luck) -> Refunded:
    """Make the refund, move what guests hold, and close it if that is asked for; all of it or nothing.

    Errors: Refusal 428, 429, 438, or with `closes` the first broken rule; NotFound; Conflict for more than is left;
            InvalidInput naming the field.
    """
    original = open_invoice.find_locked(connection, command.invoice_id, command.caller)
    earlier = refunds.of_invoice(connection, original.id)
    paper = Paper(
        id=luck.guid(),
        made_at=original.centre.wall_time(clock.now()),
        notes=bounded(command.comments, "comments", most=NOTES_CHARACTERS_MAX),
        created_by_id=_maker(connection, command),
        cash_register_id=command.cash_register_id,
    )
    drawn = refund_of(original, earlier, command.wish, paper, new_id=luck.guid)
    holdings = lock_holdings(connection, original, drawn)
    number = centers.take_invoice_number(connection, original.centre.id)
    refund = replace(drawn, invoice_number=str(number))
    now = clock.now()
    invoice_rows.insert_new(connection, refund, now=now)
    give_back(connection, refund, holdings, now=now)
    if command.closes:
        return _closed(connection, refund, original, caller=command.caller, clock=clock, luck=luck)
    if refund.transactions:
        tell_payments(connection, event.PAYMENTS_ADDED, refund, caller=command.caller, clock=clock, luck=luck)
    return Refunded(refund=refund, original=original)


def _maker(connection: Connection, command: RefundCommand) -> str | None:
    """The employee who gives it back, if said."""
    employee_id = command.created_by_id or command.caller.employee_id
    if employee_id is not None and not directory.known_employees(connection, [employee_id]):
        raise InvalidInput("created_by_id", f"{employee_id} is not an employee Closebell knows; import it first")
    return employee_id


def _closed(
    connection: Connection, refund: Invoice, original: Invoice, *, caller: Caller, clock: Clock, luck: Luck
) -> Refunded:
    """The refund once it is closed; its one event shows its tenders as well."""
    blockers = closing.check(refund, today=refund.centre.today(clock.now()))
    if blockers:
        raise Refusal(blockers[0].code, blockers[0].detail)
    ready = Ready(invoice=refund, closed_by_id=refund.created_by_id, caller=caller)
    done = settle(connection, [ready], clock=clock, luck=luck)
    (closed,) = done.closed
    answer = Closed(invoice_id=closed.id, receipt_number=closed.receipt_number, closed_by_id=closed.closed_by_id)
    report = CloseReport(answers=(answer,), deliveries=done.deliveries, listeners=done.listeners)
    return Refunded(refund=closed, original=original, report=report)
