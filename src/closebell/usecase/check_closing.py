"""Check closing: everything that keeps an invoice from being closed, and not only the first of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import closing
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.closing import Blocker
from closebell.domain.invoice import Invoice
from closebell.usecase.read_invoice import read_invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingCheck:
    """The invoice and the rules it breaks, in rule order; none when it may close or is closed."""

    invoice: Invoice
    blockers: tuple[Blocker, ...]


def check_closing(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR, clock: Clock) -> ClosingCheck:
    """What a close would say now, in full; nothing is changed.

    Errors: Refusal 428 when there is no such invoice, 438 when its centre is not the caller's.
    """
    invoice = read_invoice(connection, invoice_id, caller=caller)
    if invoice.is_closed:
        return ClosingCheck(invoice=invoice, blockers=())
    today = invoice.centre.today(clock.now())
    return ClosingCheck(invoice=invoice, blockers=closing.check(invoice, today=today))
