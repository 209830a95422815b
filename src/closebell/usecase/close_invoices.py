"""Close invoices: the whole story, for a batch; one close is a batch of one.

In one transaction: lock, read, decide, number, close, tell. Whoever gets an answer can rely on it being durable,
because the answer follows the commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import closing, event
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.endpoint import Endpoint
from closebell.domain.invoice import Invoice, ItemType
from closebell.errors import ClosebellError, InvalidInput, Refusal, RefusalCode
from closebell.store import accounts, centers, directory, endpoints, events, invoice_rows, invoices
from closebell.store.deliveries import LeaseOffer, NewDelivery
from closebell.usecase.tell import News, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCommand:
    """Somebody asks to close an invoice; `closed_by_id` is the employee who does it, if said."""

    invoice_id: str
    closed_by_id: str | None = None
    caller: Caller = OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The invoice is closed and its event is durable; `again` when it had been closed before."""

    invoice_id: str
    receipt_number: str
    closed_by_id: str | None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReport:
    """What became of a batch: one answer per command, in order, the deliveries it gave rise to, and who is told."""

    answers: tuple[Closed | ClosebellError, ...]
    deliveries: tuple[NewDelivery, ...] = ()
    listeners: tuple[Endpoint, ...] = ()


def close_invoices(
    connection: Connection,
    commands: Sequence[CloseCommand],
    *,
    clock: Clock,
    luck: Luck,
    offer: LeaseOffer = LeaseOffer.NONE,
) -> CloseReport:
    """Close what may be closed and say why the rest may not; a refusal changes nothing and takes no number.

    Shape: one answer per command, in the same order. Two commands for one invoice close it once and get one number.
    """
    found = invoices.load_locked(connection, {command.invoice_id for command in commands})
    known = directory.known_employees(connection, {c.closed_by_id for c in commands if c.closed_by_id is not None})
    now = clock.now()
    refused: dict[int, ClosebellError] = {}
    to_close: dict[str, CloseCommand] = {}
    closers: set[int] = set()
    for index, command in enumerate(commands):
        decision = _decide(command, found.get(command.invoice_id), known, now)
        if isinstance(decision, ClosebellError):
            refused[index] = decision
        elif not decision.is_closed and decision.id not in to_close:
            to_close[decision.id] = command
            closers.add(index)
    ready = [
        Ready(invoice=found[key], closed_by_id=command.closed_by_id, caller=command.caller)
        for key, command in to_close.items()
    ]
    done = settle(connection, ready, clock=clock, luck=luck, offer=offer)
    final = {**found, **{invoice.id: invoice for invoice in done.closed}}
    answers = tuple(
        refused.get(index) or _answer(command, final[command.invoice_id], again=index not in closers)
        for index, command in enumerate(commands)
    )
    return CloseReport(answers=answers, deliveries=done.deliveries, listeners=done.listeners)


def _decide(
    command: CloseCommand, invoice: Invoice | None, known_employees: frozenset[str], now: datetime
) -> Invoice | ClosebellError:
    """The invoice when it is closed or may be; otherwise the first thing that is in the way."""
    if invoice is None:
        return Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {command.invoice_id}.")
    if not command.caller.reaches(invoice.centre.id):
        return Refusal(RefusalCode.CANNOT_ACCESS, f"The caller is not bound to centre {invoice.centre.id}.")
    if command.closed_by_id is not None and command.closed_by_id not in known_employees:
        return InvalidInput(
            "closed_by_id", f"{command.closed_by_id} is not an employee Closebell knows; import it first"
        )
    today = invoice.centre.today(now)
    grouped = closing.must_not_be_grouped(invoice, today)
    if invoice.is_closed and grouped is None:
        return invoice
    blockers = (grouped,) if grouped is not None else closing.check(invoice, today=today)
    return Refusal(blockers[0].code, blockers[0].detail) if blockers else invoice


def _answer(command: CloseCommand, invoice: Invoice, *, again: bool) -> Closed:
    return Closed(
        invoice_id=command.invoice_id,
        receipt_number=invoice.receipt_number,
        closed_by_id=invoice.closed_by_id,
        again=again,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A locked invoice that may close, the employee who closes it, if said, and who asked."""

    invoice: Invoice
    closed_by_id: str | None
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was written: the invoices as they are now, the deliveries that were made, and for whom."""

    closed: Sequence[Invoice] = ()
    deliveries: tuple[NewDelivery, ...] = ()
    listeners: tuple[Endpoint, ...] = ()


def settle(
    connection: Connection,
    ready: Sequence[Ready],
    *,
    clock: Clock,
    luck: Luck,
    offer: LeaseOffer = LeaseOffer.NONE,
) -> Settled:
    """Number, freeze and tell locked invoices that may close; the counters are locked last."""
    if not ready:
        return Settled()
    _hand_over(connection, [one.invoice for one in ready], clock)
    listeners = endpoints.listeners(connection, now=clock.now())
    next_number = centers.take_receipt_numbers(connection, Counter(one.invoice.centre.id for one in ready))
    head = events.lock_head(connection)
    # Read after the last lock, and never before the previous close: receipts follow the order of `closed_at`.
    now = clock.now()
    told_at = max(now, head.last_at)
    numbered: list[tuple[Invoice, int]] = []
    for one in ready:
        number = next_number[one.invoice.centre.id]
        next_number[one.invoice.centre.id] += 1
        numbered.append((_closed(one.invoice, one.closed_by_id, number, told_at), number))
    closed = [invoice for invoice, _ in numbered]
    invoice_rows.mark_closed(connection, numbered)
    news = [_news(invoice, one.caller) for invoice, one in zip(closed, ready, strict=True)]
    made = tell(connection, head, news, listeners, told_at=told_at, now=now, luck=luck, offer=offer)
    return Settled(closed=closed, deliveries=tuple(made), listeners=tuple(listeners))


_GIVES_SOMETHING: Final = frozenset({ItemType.MEMBERSHIP, ItemType.PACKAGE, ItemType.DAY_PACKAGE, ItemType.CARD})


def _hand_over(connection: Connection, closing_now: Sequence[Invoice], clock: Clock) -> None:
    """What was sold to be held by the guest becomes usable: cards, package units, memberships."""
    giving = [i.id for i in closing_now if not i.is_refund and any(line.type in _GIVES_SOMETHING for line in i.lines)]
    if giving:
        accounts.activate(connection, accounts.issued_by(connection, giving), now=clock.now())


def _closed(invoice: Invoice, closed_by_id: str | None, number: int, now: datetime) -> Invoice:
    return replace(
        invoice,
        closed_by_id=closed_by_id,
        receipt_number=invoice.centre.receipt(number),
        closed_at=now,
        close_sequence=invoice.close_sequence + 1,
    )


def _news(invoice: Invoice, caller: Caller) -> News:
    return News(
        event_type=event.INVOICE_CLOSED,
        center_id=invoice.centre.id,
        body=lambda event_id: event.invoice_closed(invoice, event_id=event_id),
        invoice_id=invoice.id,
        close_sequence=invoice.close_sequence,
        guest_id=None if invoice.guest is None else invoice.guest.id,
        traceparent=caller.traceparent,
    )
