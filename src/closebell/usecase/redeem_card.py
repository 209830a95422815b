"""Redeem a gift card or a prepaid card, and read what one holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment, stored_value
from closebell.domain.account import Account, EntryReason
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.money import Currency
from closebell.store import accounts, centers
from closebell.store.accounts import Movement
from closebell.usecase.record_tender import Paid, Tendered, drawn_up, payable, record


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRedemption(Tendered):
    """Somebody pays with the card of this number; its kind decides the tender."""

    card_number: str


def redeem_card(connection: Connection, command: CardRedemption, *, clock: Clock, luck: Luck) -> Paid:
    """Pay an invoice from a card, no more than is due and the tip.

    Errors: Refusal 428, 436, 438, 460, 492, 502, 728 or 928; Conflict when the card cannot pay so much;
            InvalidInput naming the field.
    """
    number = stored_value.card_number(command.card_number)
    invoice = payable(connection, command.invoice_id, command.caller)
    found = stored_value.must_be_card(accounts.find_card(connection, number), command.caller)
    whole, tip = payment.handed_over(invoice.currency, command.amount, command.tip_amount)
    due = payment.must_be_due(invoice, whole - tip)
    drawn = drawn_up(connection, invoice, command, stored_value.TENDERS[found.kind], due=due, clock=clock, luck=luck)
    card = accounts.load_locked(connection, [found.id])[found.id]
    now = clock.now()
    stored_value.must_pay(card, whole, currency=invoice.currency, today=invoice.centre.today(now))
    made = replace(drawn, card_number=stored_value.shown(number), account_id=card.id)
    taken = Movement(account=card, amount=-whole, reason=EntryReason.REDEEMED, invoice_id=invoice.id, row_id=made.id)
    accounts.move(connection, [taken], now=now)
    paid = record(connection, invoice, [made], caller=command.caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRead:
    """A card, and whether it can be paid with no more since its last day has passed."""

    card: Account
    currency: Currency
    is_expired: bool


def read_card(connection: Connection, number: str, *, caller: Caller = OPERATOR, clock: Clock) -> CardRead:
    """The card with this number, if it has a balance to show.

    Errors: Refusal 436, 492 or 502.
    """
    found = accounts.find_card(connection, stored_value.card_number(number))
    card = stored_value.must_be_card(found, caller)
    stored_value.must_be_active(card)
    centre = None if card.center_id is None else centers.load(connection, [card.center_id])[card.center_id]
    today = clock.now().date() if centre is None else centre.today(clock.now())
    return CardRead(card=card, currency=stored_value.currency_of(card), is_expired=not card.is_usable(today))
