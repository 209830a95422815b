"""Record a tender: what every way to pay has in common, from the locked invoice to the event.

Locks are taken in this order: the invoice (`payable`), the guest's accounts by whoever moves them, the feed (`record`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import event, payment
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.identifiers import guid
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.payment import Due
from closebell.domain.text import bounded
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import directory, invoice_rows, invoices
from closebell.usecase.tell import News, announce

PAYMENTS_MAX: Final = 1_000
"""Payments on one invoice; as many as an import may bring along."""
ADDITIONAL_DATA_CHARACTERS_MAX: Final = 4_000
"""Characters of the note that a till may put beside a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tendered:
    """Somebody handed something over for an invoice; `amount` is all of it, the tip included."""

    invoice_id: str
    amount: Decimal
    tip_amount: Decimal = Decimal(0)
    cash_register_id: str | None = None
    collected_by_id: str | None = None
    additional_data: str = ""
    caller: Caller = OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The invoice with the payment on it, and the payment."""

    invoice: Invoice
    transaction: Transaction


def payable(
    connection: Connection,
    invoice_id: str,
    caller: Caller,
    *,
    missing: RefusalCode = RefusalCode.INVOICE_NOT_FOUND,
    denied: RefusalCode = RefusalCode.CANNOT_ACCESS,
) -> Invoice:
    """The invoice, locked until the transaction ends, if a payment can be put on it.

    Errors: Refusal `missing`, `denied`, 728 or 928; Conflict when it is a refund, cancelled, or full of payments.
    """
    invoice = invoices.load_locked(connection, [invoice_id]).get(invoice_id)
    if invoice is None:
        raise Refusal(missing, f"No invoice has the id {invoice_id}.")
    if not caller.reaches(invoice.centre.id):
        raise Refusal(denied, f"The caller is not bound to centre {invoice.centre.id}.")
    _must_take_payments(invoice)
    return invoice


def _must_take_payments(invoice: Invoice) -> None:
    if invoice.is_closed:
        raise Refusal(RefusalCode.PAYMENT_ON_CLOSED, f"The invoice was closed with receipt {invoice.receipt_number}.")
    if invoice.group_invoice_id is not None:
        raise Refusal(
            RefusalCode.IN_GROUP,
            f"The invoice belongs to group invoice {invoice.group_invoice_id}; remove it from there to pay it alone.",
        )
    if invoice.is_refund:
        raise Conflict(
            f"Invoice {invoice.id} is a refund of {invoice.currency.text(invoice.sum_total)}: "
            "its money goes to the guest, and a payment cannot be taken for it"
        )
    if invoice.is_cancelled:
        raise Conflict(f"Invoice {invoice.id} is cancelled; no payment can be taken for it")
    if len(invoice.transactions) >= PAYMENTS_MAX:
        raise Conflict(f"Invoice {invoice.id} has {PAYMENTS_MAX} payments, which is the most that one can have")


def drawn_up(
    connection: Connection,
    invoice: Invoice,
    tendered: Tendered,
    tender: Tender,
    *,
    due: Due | None = None,
    clock: Clock,
    luck: Luck,
) -> Transaction:
    """The tender that this makes of what was handed over: settled, and divided over what is due.

    Shape:  `due` is what may be paid with it, without it all that no settled money covers.
    Errors: InvalidInput naming the field.
    """
    whole, tip = payment.handed_over(invoice.currency, tendered.amount, tendered.tip_amount)
    parts = payment.divide(whole, tip=tip, due=payment.still_due(invoice) if due is None else due)
    return replace(
        blank(invoice, tender, clock=clock, luck=luck),
        amount_paid=parts.amount_paid,
        tip_amount=parts.tip_amount,
        ssg_amount=parts.ssg_amount,
        fee_amount=parts.fee_amount,
        additional_data=bounded(tendered.additional_data, "additional_data", most=ADDITIONAL_DATA_CHARACTERS_MAX),
        collected_by_id=_collector(connection, tendered),
        cash_register_id=optional_guid(tendered.cash_register_id, "cash_register_id"),
    )


def blank(invoice: Invoice, tender: Tender, *, clock: Clock, luck: Luck) -> Transaction:
    """A settled tender of nothing, taken here and now."""
    return Transaction(
        id=luck.guid(),
        tender=tender,
        state=TransactionState.SETTLED,
        option_id=None,
        payment_mode=payment.PAYMENT_MODES[tender],
        payment_name=payment.PAYMENT_NAMES[tender],
        card_number="",
        amount_paid=0,
        tip_amount=0,
        ssg_amount=0,
        fee_amount=0,
        cash_back_amount=0,
        payment_date=invoice.centre.wall_time(clock.now()),
        center_id=invoice.centre.id,
        center_name=invoice.centre.name,
    )


def _collector(connection: Connection, tendered: Tendered) -> str | None:
    """The employee who took the money: the one who is said, else the caller, if they are one."""
    if tendered.collected_by_id is None:
        return tendered.caller.employee_id
    collected_by_id = guid(tendered.collected_by_id, field="collected_by_id")
    if not directory.known_employees(connection, [collected_by_id]):
        raise InvalidInput("collected_by_id", f"{collected_by_id} is not an employee Closebell knows; import it first")
    return collected_by_id


def record(
    connection: Connection,
    invoice: Invoice,
    transactions: Sequence[Transaction],
    *,
    caller: Caller,
    clock: Clock,
    luck: Luck,
) -> Invoice:
    """The locked invoice with these tenders on it; those who listen are told once, of all its tenders."""
    for transaction in transactions:
        invoice_rows.add_transaction(connection, invoice, transaction)
    paid = replace(invoice, transactions=(*invoice.transactions, *transactions))
    tell_payments(connection, event.PAYMENTS_ADDED, paid, caller=caller, clock=clock, luck=luck)
    return paid


def tell_payments(
    connection: Connection, event_type: str, invoice: Invoice, *, caller: Caller, clock: Clock, luck: Luck
) -> None:
    """Tell that the tenders of the locked invoice have changed; nothing else is locked after this."""
    announce(
        connection,
        lambda now: [
            News(
                event_type=event_type,
                center_id=invoice.centre.id,
                invoice_id=invoice.id,
                guest_id=None if invoice.guest is None else invoice.guest.id,
                body=lambda event_id: event.payments_changed(event_type, invoice, event_id=event_id, at=now),
            )
        ],
        caller=caller,
        clock=clock,
        luck=luck,
    )
