"""Take a custom payment: money that came in a way the business named itself pays what is due, in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment
from closebell.domain.identifiers import NO_GUID, guid
from closebell.domain.invoice import Tender
from closebell.errors import InvalidInput
from closebell.store import directory
from closebell.usecase.record_tender import Paid, Tendered, drawn_up, payable, record


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCommand(Tendered):
    """Somebody paid with a custom payment type."""

    custom_payment_id: str


def take_custom_payment(connection: Connection, command: PaymentCommand, *, clock: Clock, luck: Luck) -> Paid:
    """Record a payment on an open invoice that belongs to no group.

    Errors: Refusal 428, 438, 728 or 928; Conflict on a refund; InvalidInput naming the field.
    """
    invoice = payable(connection, command.invoice_id, command.caller)
    drawn = drawn_up(connection, invoice, command, Tender.CUSTOM, clock=clock, luck=luck)
    option_id, option_name = payment_type(connection, command.custom_payment_id)
    made = replace(drawn, option_id=option_id, payment_name=option_name)
    paid = record(connection, invoice, [made], caller=command.caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=made)


def payment_type(connection: Connection, custom_payment_id: str) -> tuple[str, str]:
    """The custom payment type and its name; one that is used for the first time is registered.

    Errors: InvalidInput naming `custom_payment_id`.
    """
    found = guid(custom_payment_id, field="custom_payment_id")
    if found == NO_GUID:
        raise InvalidInput("custom_payment_id", "is all zeros, which names nothing; write the id of a payment type")
    name = directory.custom_payment_names(connection, [found]).get(found)
    if name is None:
        name = payment.CUSTOM_PAYMENT_NAME
        directory.register_custom_payment(connection, found, name)
    return found, name
