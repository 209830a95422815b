"""Remove a payment of a group: the share of one invoice on the bill is taken off it."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import processor
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, NotFound
from closebell.usecase import group_invoice
from closebell.usecase.remove_payment import remove_payment


def remove_group_payment(
    connection: Connection,
    group_invoice_id: str,
    transaction_id: str,
    *,
    caller: Caller = OPERATOR,
    clock: Clock,
    luck: Luck,
) -> Invoice:
    """The member without that payment; what the same amount paid on other members stays.

    Errors: NotFound when no member has it; Refusal 438; Conflict when the member is closed, when several have a
            payment of this id, or when a processor holds the money.
    """
    found = group_invoice.find_locked(connection, group_invoice_id, caller, now=clock.now())
    paid = [(one, tender) for one in found.members for tender in one.transactions if tender.id == transaction_id]
    if not paid:
        raise NotFound(f"Group invoice {group_invoice_id} has no payment {transaction_id}")
    (member, tender), *others = paid
    if others or processor.is_held(tender):
        why = f"{len(paid)} invoices have it" if others else f"processor {tender.processor} holds it"
        raise Conflict(
            f"Payment {transaction_id} cannot be removed here, {why}; "
            f"use DELETE /v1/invoices/{member.id}/payments/{transaction_id}"
        )
    return remove_payment(connection, member.id, transaction_id, caller=caller, clock=clock, luck=luck)
