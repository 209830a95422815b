"""Sell cards, from a template of the catalogue or for any amount: each becomes a line, and a card to pay with once
the invoice closes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import intake_values as values
from closebell.domain import issuing
from closebell.domain.account import ONE_USE, Account, AccountKind
from closebell.domain.catalogue import Offer
from closebell.domain.intake_accounts import card_number
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import Currency, Minor
from closebell.domain.pricing import Terms
from closebell.domain.sale import Staff, line_of, must_be_something
from closebell.errors import Conflict, InvalidInput
from closebell.store import accounts, directory
from closebell.usecase.begin_invoice import seller, staff
from closebell.usecase.change_lines import Sold
from closebell.usecase.find_offers import find_offers

TEMPLATES: Final = (ItemType.CARD,)
CUSTOM_AMOUNT: Final = 0
"""The contract's `type` of a card for any amount; 1 is for a service and 2 from a template."""
MESSAGE_CHARACTERS_MAX: Final = 4_000
"""Characters of what a card says, and of the notes beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a card is for and what it says, to whom and when; kept as it is said, nothing is sent."""

    id: str | None = None
    image_id: str | None = None
    message: str | None = None
    recipient_name: str | None = None
    recipient_email: str | None = None
    recipient_phone: str | None = None
    schedule_time: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCard:
    """A card from the catalogue, as the request says it."""

    template_id: str | None
    sale_by_id: str | None = None
    occasion: Occasion = field(default_factory=Occasion)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomCard:
    """A card for any amount, as the request says it; without a `code` its number is made here."""

    price: Decimal | None
    value: Decimal | None = None
    type: int | None = None
    kind: str | None = None
    code: str | None = None
    is_onetime_use: bool = False
    expires_after_days: int | None = None
    expires_on: str | None = None
    sale_by_id: str | None = None
    occasion: Occasion = field(default_factory=Occasion)


@dataclass(frozen=True, slots=True)
class TemplateCards:
    """A basket of cards from the catalogue."""

    cards: tuple[TemplateCard, ...]

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line and a card for each.

        Errors: InvalidInput naming the field; Refusal 502 Invalid sale_by_employee_id.
        """
        must_be_something(self.cards, "giftcards")
        shelf = find_offers(connection, invoice.centre, (card.template_id for card in self.cards))
        known = staff(connection, (card.sale_by_id for card in self.cards))
        today = invoice.centre.today(clock.now())
        made = []
        for index, card in enumerate(self.cards):
            where = f"giftcards[{index}]"
            offer = shelf.offer(card.template_id, f"{where}.template_id", TEMPLATES, "a card")
            sold_by = seller(known, card.sale_by_id, f"{where}.sale_by_id")
            until = issuing.expires_on(offer.item.validity_days, today, field=f"{where}.template_id")
            details = _details(card.occasion, where)
            issue = _Issue(offer=offer, kind=AccountKind.GIFT_CARD, until=until, details=details)
            made.append(_made(invoice, issue, sold_by, luck))
        return _sold(made)


@dataclass(frozen=True, slots=True)
class CustomCards:
    """A basket of cards for any amount."""

    cards: tuple[CustomCard, ...]

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line and a card for each.

        Errors: InvalidInput naming the field; Refusal 502 Invalid sale_by_employee_id.; Conflict for a code that
                another card has.
        """
        must_be_something(self.cards, "gift_cards")
        known = staff(connection, (card.sale_by_id for card in self.cards))
        today = invoice.centre.today(clock.now())
        made = []
        for index, card in enumerate(self.cards):
            where = f"gift_cards[{index}]"
            issue = _custom(card, where, invoice.currency, today)
            sold_by = seller(known, card.sale_by_id, f"{where}.sale_by_id")
            made.append(_made(invoice, issue, sold_by, luck))
        _must_be_new(connection, [account.number for _, account in made if account.number is not None])
        directory.insert_catalog_items(connection, list(issuing.CARD_ITEMS.values()))
        return _sold(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issue:
    """A card about to be made."""

    offer: Offer
    kind: AccountKind
    until: date | None
    details: dict[str, Any]
    code: str | None = None


def _custom(card: CustomCard, where: str, money: Currency, today: date) -> _Issue:
    if card.type not in (None, CUSTOM_AMOUNT):
        raise InvalidInput(
            f"{where}.type", f"is {card.type}; without a template only {CUSTOM_AMOUNT}, a custom amount, is sold"
        )
    kind = card.kind or AccountKind.GIFT_CARD
    if kind not in issuing.CARD_ITEMS:
        raise InvalidInput(f"{where}.kind", f"{kind!r:.60} is no card; write {' or '.join(issuing.CARD_ITEMS)}")
    item = issuing.CARD_ITEMS[AccountKind(kind)]
    price = _amount(card.price, f"{where}.custom_amount.price", money)
    value = price if card.value is None else _amount(card.value, f"{where}.custom_amount.value", money)
    if value == 0:
        raise InvalidInput(f"{where}.custom_amount.value", "is zero; a card is worth something")
    terms = Terms(unit_price=price, tax_rate=Decimal(0), is_tax_included=False)
    details = _details(card.occasion, where)
    return _Issue(
        offer=Offer(item=item, terms=terms, value=value),
        kind=AccountKind(kind),
        until=_until(card, where, today),
        details={**details, ONE_USE: True} if card.is_onetime_use else details,
        code=card_number(card.code.strip(), f"{where}.code") if card.code else None,
    )


def _amount(said: Decimal | None, field: str, money: Currency) -> Minor:
    if said is None:
        raise InvalidInput(field, "is missing; say what the card costs")
    amount = money.minor(said, field=field)
    if amount < 0:
        raise InvalidInput(field, f"{money.text(amount)} is negative")
    return amount


def _until(card: CustomCard, where: str, today: date) -> date | None:
    """The last date on which it is good: so many days from today, or a date, which agree if both are said."""
    days = card.expires_after_days
    if days is not None and not 1 <= days <= issuing.VALIDITY_DAYS_MAX:
        raise InvalidInput(f"{where}.expiry.days", f"is {days}; write a number from 1 to {issuing.VALIDITY_DAYS_MAX}")
    after = issuing.expires_on(days, today, field=f"{where}.expiry.days")
    if card.expires_on is None:
        return after
    field = f"{where}.expiry.date"
    until = date.fromisoformat(values.wall_time(card.expires_on, field)[: len("YYYY-MM-DD")])
    if until < today:
        raise InvalidInput(field, f"{until} is over; today is {today} at the centre")
    if after not in (None, until):
        raise InvalidInput(field, f"is {until}, and expiry.days says {after}; say one of them")
    return until


def _details(occasion: Occasion, where: str) -> dict[str, Any]:
    """What only the card knows, without what was not said."""
    said = {
        "schedule_time": values.text(occasion.schedule_time, f"{where}.schedule_time"),
        "occasion_id": values.text(occasion.id, f"{where}.occasion.id"),
        "image_id": values.text(occasion.image_id, f"{where}.occasion.image_id"),
        "message": values.text(occasion.message, f"{where}.occasion.message", length=MESSAGE_CHARACTERS_MAX),
        "recipient_name": values.text(occasion.recipient_name, f"{where}.recepient.name"),
        "recipient_email": values.text(occasion.recipient_email, f"{where}.recepient.email"),
        "recipient_phone": values.text(occasion.recipient_phone, f"{where}.recepient.phone"),
        "notes": values.text(occasion.notes, f"{where}.notes", length=MESSAGE_CHARACTERS_MAX),
    }
    return {key: text for key, text in said.items() if text}


def _made(invoice: Invoice, issue: _Issue, sold_by: Staff | None, luck: Luck) -> tuple[Line, Account]:
    line = line_of(issue.offer, invoice.centre, line_id=luck.guid(), seller=sold_by)
    value = issue.offer.value
    account = issuing.card(
        invoice,
        line,
        issue.kind,
        account_id=luck.guid(),
        number=issue.code or issuing.card_number(issue.kind, luck.entropy(issuing.CARD_NUMBER_ENTROPY_BYTES)),
        value=issue.offer.terms.unit_price if value is None else value,
        until=issue.until,
        details=json.dumps(issue.details),
    )
    return line, account


def _must_be_new(connection: Connection, numbers: list[str]) -> None:
    taken = accounts.taken_numbers(connection, numbers)
    for index, number in enumerate(numbers):
        if number in taken:
            raise Conflict(f"gift_cards[{index}].code: {number} is another card's")
        taken.add(number)


def _sold(made: list[tuple[Line, Account]]) -> Sold:
    return Sold(lines=tuple(line for line, _ in made), accounts=tuple(account for _, account in made))
