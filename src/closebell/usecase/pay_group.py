"""Pay a group: one amount of money is divided over what the invoices on the bill still wait for.

Each invoice gets a payment of its own, so that it stays exact by itself, closes by its own rules, and takes what was
paid for it along when it leaves the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.group import GroupInvoice, shares
from closebell.domain.invoice import Invoice, Tender
from closebell.domain.payment import Parts
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.usecase import group_invoice
from closebell.usecase.record_tender import PAYMENTS_MAX, Paid, Tendered, drawn_up, record
from closebell.usecase.take_payment import payment_type


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPaymentCommand:
    """Somebody paid for a group; `amount` is everything handed over, the tip included.

    Shape: without `custom_payment_id` it was cash.
    """

    group_invoice_id: str
    amount: Decimal
    tip_amount: Decimal = Decimal(0)
    custom_payment_id: str | None = None
    cash_register_id: str | None = None
    collected_by_id: str | None = None
    additional_data: str = ""
    caller: Caller = OPERATOR


def pay_group(connection: Connection, command: GroupPaymentCommand, *, clock: Clock, luck: Luck) -> list[Paid]:
    """Record the share of every invoice that gets one, in the order of their ids.

    Errors: NotFound; Refusal 438, 459, 460 or 728; Conflict when the group is empty or of several currencies, or an
            invoice is full of payments; InvalidInput naming the field.
    """
    found = group_invoice.find_locked(connection, command.group_invoice_id, command.caller, now=clock.now())
    members = _payable(found)
    whole, tip = payment.handed_over(members[0].currency, command.amount, command.tip_amount)
    paying = [
        (member, parts)
        for member, parts in zip(members, shares(members, money=whole - tip, tip=tip), strict=True)
        if parts.whole
    ]
    tender = Tender.CASH if command.custom_payment_id is None else Tender.CUSTOM
    drawn = [
        drawn_up(
            connection,
            member,
            _share(command, member, parts),
            tender,
            due=payment.left_to_take(member),
            clock=clock,
            luck=luck,
        )
        for member, parts in paying
    ]
    if command.custom_payment_id is not None:
        option_id, name = payment_type(connection, command.custom_payment_id)
        drawn = [replace(one, option_id=option_id, payment_name=name) for one in drawn]
    return [
        Paid(
            invoice=record(connection, member, [made], caller=command.caller, clock=clock, luck=luck), transaction=made
        )
        for (member, _), made in zip(paying, drawn, strict=True)
    ]


def _payable(found: GroupInvoice) -> Sequence[Invoice]:
    """The members that can be paid, of which there is at least one."""
    members = found.open_members
    if not found.members:
        raise Conflict(f"Group invoice {found.group.id} has no invoices; there is nothing to pay for")
    if not members:
        raise Refusal(RefusalCode.PAYMENT_ON_CLOSED, "Every invoice of the group is closed or cancelled.")
    currencies = sorted({member.currency.code for member in members})
    if len(currencies) > 1:
        # Only an import can bring a group together whose members are of several centres.
        raise Conflict(
            f"Group invoice {found.group.id} is in {' and '.join(currencies)}; "
            "take the invoices of one currency out of it"
        )
    for member in members:
        if len(member.transactions) >= PAYMENTS_MAX:
            raise Conflict(f"Invoice {member.id} has {PAYMENTS_MAX} payments, which is the most that one can have")
    return members


def _share(command: GroupPaymentCommand, member: Invoice, parts: Parts) -> Tendered:
    """What of the payment was handed over for one invoice."""
    wire = member.currency.wire
    return Tendered(
        invoice_id=member.id,
        amount=wire(parts.whole),
        tip_amount=wire(parts.tip_amount),
        cash_register_id=command.cash_register_id,
        collected_by_id=command.collected_by_id,
        additional_data=command.additional_data,
        caller=command.caller,
    )
