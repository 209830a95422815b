"""Redeem loyalty points: how many a guest may pay an invoice with, and paying with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import loyalty, payment
from closebell.domain.account import Account, AccountKind, EntryReason
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Guest, Invoice, Tender, Transaction
from closebell.domain.loyalty import Draw, Holding, Room
from closebell.errors import Conflict, InvalidInput
from closebell.store import accounts, catalogue
from closebell.store.accounts import Movement
from closebell.usecase import open_invoice
from closebell.usecase.record_tender import blank, payable, record

POINTS_MAX: Final = 10**12
"""Points in one redemption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCommand:
    """A guest pays with points of the programme, and of their others of the same currency when they say so.

    Shape: without `program_id` it is the guest's only programme of the invoice's currency.
    """

    invoice_id: str
    points: int
    program_id: str | None = None
    center_id: str | None = None
    cash_register_id: str | None = None
    across_programs: bool = False
    caller: Caller = OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPaid:
    """The invoice, and one tender for each programme that points were taken from."""

    invoice: Invoice
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemable:
    """What a guest holds, and the most of it that can be redeemed on an invoice."""

    invoice: Invoice
    holdings: tuple[Holding, ...]
    draws: tuple[Draw, ...]


def redeem_points(connection: Connection, command: PointsCommand, *, clock: Clock, luck: Luck) -> PointsPaid:
    """Pay an open invoice of a guest with points, no more than is due and the cap allows.

    Errors: Refusal 428, 438, 459, 460, 502, 728 or 928; Conflict when nobody's name is on the invoice;
            InvalidInput naming the field.
    """
    if command.points > POINTS_MAX:
        raise InvalidInput("points", f"is over {POINTS_MAX}, which is the most at once")
    invoice = payable(connection, command.invoice_id, command.caller)
    if command.center_id not in {None, invoice.centre.id}:
        raise InvalidInput("center_id", f"{command.center_id} is not the invoice's centre, {invoice.centre.id}")
    register_id = optional_guid(command.cash_register_id, "cash_register_id")
    found = _accounts_of(connection, _guest(invoice))
    locked = accounts.load_locked(connection, [account.id for account in found])
    holdings = _holdings(connection, invoice, list(locked.values()), command, clock)
    draws = loyalty.draw(holdings, command.points, Room.on(invoice))
    made = [replace(t, cash_register_id=register_id) for t in _drawn_up(invoice, draws, clock, luck)]
    taken = [
        Movement(
            account=locked[draw.holding.account_id],
            amount=-draw.points,
            reason=EntryReason.REDEEMED,
            invoice_id=invoice.id,
            row_id=transaction.id,
        )
        for draw, transaction in zip(draws, made, strict=True)
    ]
    accounts.move(connection, taken, now=clock.now())
    paid = record(connection, invoice, made, caller=command.caller, clock=clock, luck=luck)
    return PointsPaid(invoice=paid, transactions=tuple(made))


def read_redeemable(
    connection: Connection,
    invoice_id: str,
    program_id: str | None,
    *,
    across_programs: bool = False,
    caller: Caller = OPERATOR,
    clock: Clock,
) -> Redeemable:
    """What could be redeemed on the invoice now; nothing without a guest.

    Errors: Refusal 428 or 438; InvalidInput naming `lp_program_id`.
    """
    invoice = open_invoice.find(connection, invoice_id, caller)
    held = [] if invoice.guest is None else _accounts_of(connection, invoice.guest)
    asked = PointsCommand(
        invoice_id=invoice_id, points=0, program_id=program_id, across_programs=across_programs, caller=caller
    )
    holdings = _holdings(connection, invoice, held, asked, clock, field="lp_program_id")
    takes_payments = not (invoice.is_closed or invoice.is_cancelled or invoice.is_refund)
    draws = loyalty.redeemable(holdings, Room.on(invoice)) if takes_payments else []
    return Redeemable(invoice=invoice, holdings=tuple(holdings), draws=tuple(draws))


def _guest(invoice: Invoice) -> Guest:
    if invoice.guest is None:
        raise Conflict(f"Invoice {invoice.id} is nobody's in particular, so nobody's points can pay it")
    return invoice.guest


def _accounts_of(connection: Connection, guest: Guest) -> list[Account]:
    return accounts.of_guest(connection, guest.id, [AccountKind.LOYALTY_POINTS])


def _holdings(
    connection: Connection,
    invoice: Invoice,
    held: Sequence[Account],
    asked: PointsCommand,
    clock: Clock,
    *,
    field: str = "program_id",
) -> list[Holding]:
    """The guest's points that are asked for, those of the named programme first.

    Errors: InvalidInput naming `field` when it names no programme of the invoice's currency, or is needed.
    """
    named = [] if asked.program_id is None else [asked.program_id]
    programs = catalogue.loyalty_programs(connection, [*named, *(a.program_id for a in held if a.program_id)])
    fitting = {id_: p for id_, p in programs.items() if p.currency == invoice.currency and p.exchange_rate > 0}
    if asked.program_id is not None and asked.program_id not in fitting:
        raise InvalidInput(field, f"{asked.program_id} is no programme whose points pay {invoice.currency.code}")
    today = invoice.centre.today(clock.now())
    found = [
        Holding(account_id=account.id, program=fitting[account.program_id], points=account.balance)
        for account in sorted(held, key=lambda one: (one.program_id != asked.program_id, one.program_id or ""))
        if account.program_id in fitting and account.is_usable(today)
    ]
    if asked.across_programs:
        return found
    if asked.program_id is not None:
        return [holding for holding in found if holding.program.id == asked.program_id]
    if len(found) > 1:
        raise InvalidInput(field, f"is missing, and the guest has points in {len(found)} programmes; name one")
    return found


def _drawn_up(invoice: Invoice, draws: Sequence[Draw], clock: Clock, luck: Luck) -> list[Transaction]:
    """One tender for each programme, divided over what the ones before leave due."""
    due, made = payment.left_to_take(invoice), []
    for draw in draws:
        parts = payment.divide(draw.amount, tip=0, due=due)
        due = due.less(parts)
        transaction = blank(invoice, Tender.LOYALTY_POINTS, clock=clock, luck=luck)
        made.append(
            replace(
                transaction,
                option_id=draw.holding.program.id,
                payment_name=draw.holding.program.name or transaction.payment_name,
                amount_paid=parts.amount_paid,
                ssg_amount=parts.ssg_amount,
                fee_amount=parts.fee_amount,
                account_id=draw.holding.account_id,
                points=draw.points,
            )
        )
    return made
