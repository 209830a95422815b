"""Take a payment at the till: cash, a check, or a card that a terminal has charged already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment
from closebell.domain.invoice import Invoice, Tender, Transaction
from closebell.domain.money import Minor
from closebell.domain.text import bounded, name
from closebell.errors import InvalidInput
from closebell.usecase.record_tender import Paid, Tendered, drawn_up, payable, record

PAPER_CHARACTERS_MAX: Final = 100
"""Characters of a check's number, a bank's name, a kind of card or a terminal's reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashCommand(Tendered):
    """Somebody paid in cash; `amount_tendered` is what they put down, and the rest of it is given back."""

    amount_tendered: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCommand(Tendered):
    """Somebody paid by check."""

    check_number: str
    bank_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCommand(Tendered):
    """A terminal has charged a card; `card_number` is its last four digits, alone or behind a mask."""

    card_number: str = ""
    card_type: str = ""
    auth_code: str = ""
    terminal_reference: str = ""


def take_cash(connection: Connection, command: CashCommand, *, clock: Clock, luck: Luck) -> Paid:
    """Record cash, and how much of it goes back to the guest.

    Errors: as `take_custom_payment`.
    """
    invoice = payable(connection, command.invoice_id, command.caller)
    drawn = drawn_up(connection, invoice, command, Tender.CASH, clock=clock, luck=luck)
    made = replace(drawn, cash_back_amount=_given_back(invoice, drawn, command.amount_tendered))
    paid = record(connection, invoice, [made], caller=command.caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=made)


def _given_back(invoice: Invoice, drawn: Transaction, amount_tendered: Decimal | None) -> Minor:
    if amount_tendered is None:
        return 0
    money = invoice.currency
    tendered = money.minor(amount_tendered, field="amount_tendered")
    if tendered < drawn.total_amount_paid:
        raise InvalidInput(
            "amount_tendered",
            f"{money.digits(tendered)} is less than the amount of {money.text(drawn.total_amount_paid)}, "
            "which is taken from it",
        )
    return tendered - drawn.total_amount_paid


def take_check(connection: Connection, command: CheckCommand, *, clock: Clock, luck: Luck) -> Paid:
    """Record a check; its number and bank are kept beside the note.

    Errors: as `take_custom_payment`.
    """
    paper = {
        "check_number": name(command.check_number, "check_number", most=PAPER_CHARACTERS_MAX),
        "bank_name": bounded(command.bank_name, "bank_name", most=PAPER_CHARACTERS_MAX),
    }
    invoice = payable(connection, command.invoice_id, command.caller)
    drawn = drawn_up(connection, invoice, command, Tender.CHECK, clock=clock, luck=luck)
    made = replace(drawn, additional_data=_with_note(paper, drawn.additional_data))
    paid = record(connection, invoice, [made], caller=command.caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=made)


def record_card(connection: Connection, command: CardCommand, *, clock: Clock, luck: Luck) -> Paid:
    """Record what a terminal has taken; of the card's number the last four digits are kept.

    Errors: as `take_custom_payment`; InvalidInput on a number of more than four digits.
    """
    card_number = payment.last_four(command.card_number, field="card_number") if command.card_number else ""
    slip = {
        "auth_code": bounded(command.auth_code, "auth_code", most=PAPER_CHARACTERS_MAX),
        "terminal_reference": bounded(command.terminal_reference, "terminal_reference", most=PAPER_CHARACTERS_MAX),
    }
    kind = bounded(command.card_type, "card_type", most=PAPER_CHARACTERS_MAX).strip()
    invoice = payable(connection, command.invoice_id, command.caller)
    drawn = drawn_up(connection, invoice, command, Tender.CARD, clock=clock, luck=luck)
    made = replace(
        drawn,
        card_number=card_number,
        payment_name=kind or drawn.payment_name,
        additional_data=_with_note(slip, drawn.additional_data),
    )
    paid = record(connection, invoice, [made], caller=command.caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=made)


def _with_note(details: Mapping[str, str], note: str) -> str:
    """What is known beside the amount, as one text: the note alone, or with the details as JSON."""
    said = {key: value for key, value in details.items() if value}
    if not said:
        return note
    return json.dumps({**said, **({"note": note} if note else {})}, ensure_ascii=False)
