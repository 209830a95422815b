"""Take a payment: money is recorded against an open invoice and pays what is due on it, in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment
from closebell.domain.identifiers import NO_GUID, guid
from closebell.domain.invoice import Centre, Invoice, Tender, Transaction, TransactionState
from closebell.domain.text import bounded
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import directory, invoice_rows, invoices

PAYMENTS_MAX: Final = 1_000
"""Payments on one invoice; as many as an import may bring along."""
ADDITIONAL_DATA_CHARACTERS_MAX: Final = 4_000
"""Characters of the note that a till may put beside a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCommand:
    """Somebody paid with a custom payment type; `amount` is everything handed over, the tip included.

    Shape: `cash_register_id` is accepted because clients send it; nothing is kept of it.
    """

    invoice_id: str
    amount: Decimal
    tip_amount: Decimal = Decimal(0)
    custom_payment_id: str
    cash_register_id: str | None = None
    additional_data: str = ""
    collected_by_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The invoice with the payment on it, and the payment."""

    invoice: Invoice
    transaction: Transaction


def take_custom_payment(connection: Connection, command: PaymentCommand, *, clock: Clock, luck: Luck) -> Paid:
    """Record a payment on an open invoice that belongs to no group.

    Errors: Refusal 428, 728 or 928; Conflict on a refund; InvalidInput naming the field.
    """
    invoice = _payable(invoices.load_locked(connection, [command.invoice_id]).get(command.invoice_id), command)
    whole, tip = payment.handed_over(invoice.currency, command.amount, command.tip_amount)
    note = bounded(command.additional_data, "additional_data", most=ADDITIONAL_DATA_CHARACTERS_MAX)
    collected_by_id = _collector(connection, command)
    option_id, option_name = _option(connection, _payment_type(command.custom_payment_id))
    parts = payment.divide(whole, tip=tip, due=payment.still_due(invoice))
    transaction = Transaction(
        id=luck.guid(),
        tender=Tender.CUSTOM,
        state=TransactionState.SETTLED,
        option_id=option_id,
        payment_mode=payment.PAYMENT_MODES[Tender.CUSTOM],
        payment_name=option_name,
        card_number="",
        amount_paid=parts.amount_paid,
        tip_amount=parts.tip_amount,
        ssg_amount=parts.ssg_amount,
        fee_amount=parts.fee_amount,
        cash_back_amount=0,
        payment_date=_on_the_wall(invoice.centre, clock.now()),
        center_id=invoice.centre.id,
        center_name=invoice.centre.name,
    )
    invoice_rows.add_transaction(
        connection, invoice, transaction, additional_data=note, collected_by_id=collected_by_id
    )
    return Paid(invoice=replace(invoice, transactions=(*invoice.transactions, transaction)), transaction=transaction)


def _payable(invoice: Invoice | None, command: PaymentCommand) -> Invoice:
    """The invoice, unless no payment can be put on it."""
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {command.invoice_id}.")
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
    if len(invoice.transactions) >= PAYMENTS_MAX:
        raise Conflict(f"Invoice {invoice.id} has {PAYMENTS_MAX} payments, which is the most that one can have")
    return invoice


def _collector(connection: Connection, command: PaymentCommand) -> str | None:
    """The employee who took the money, if said."""
    if command.collected_by_id is None:
        return None
    collected_by_id = guid(command.collected_by_id, field="collected_by_id")
    if not directory.known_employees(connection, [collected_by_id]):
        raise InvalidInput("collected_by_id", f"{collected_by_id} is not an employee Closebell knows; import it first")
    return collected_by_id


def _payment_type(custom_payment_id: str) -> str:
    found = guid(custom_payment_id, field="custom_payment_id")
    if found == NO_GUID:
        raise InvalidInput("custom_payment_id", "is all zeros, which names nothing; write the id of a payment type")
    return found


def _option(connection: Connection, custom_payment_id: str) -> tuple[str, str]:
    """The custom payment type and its name; one that is used for the first time is registered."""
    name = directory.custom_payment_names(connection, [custom_payment_id]).get(custom_payment_id)
    if name is None:
        name = payment.CUSTOM_PAYMENT_NAME
        directory.register_custom_payment(connection, custom_payment_id, name)
    return custom_payment_id, name


def _on_the_wall(centre: Centre, now: datetime) -> str:
    """What the centre's clock shows, without its zone."""
    return now.astimezone(centre.zone).replace(tzinfo=None).isoformat(timespec="seconds")
