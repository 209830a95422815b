"""What an import says guests hold, the cards they have saved and the groups of invoices, read and checked.

Source: docs/api.md, "Import".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from closebell.domain import intake_values as values
from closebell.domain.account import Account, AccountKind
from closebell.domain.intake_catalogue_shapes import AccountShape, GroupInvoiceShape, SavedCardShape
from closebell.domain.intake_values import optional_guid, required_guid, text
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency, Minor
from closebell.errors import InvalidInput

CARD_NUMBER_LENGTH: Final = 40
PROCESSOR_LENGTH: Final = 40
TOKEN_LENGTH: Final = 200
NOTES_LENGTH: Final = 4_000
SHOWN_DIGITS_MAX: Final = 10
"""Digits of a saved card's number that may be kept: its first six and last four, as receipts show them."""

_CARDS: Final = frozenset({AccountKind.GIFT_CARD, AccountKind.PREPAID_CARD})
_NEEDED: Final = {
    AccountKind.GIFT_CARD: ("number", "currency", "balance"),
    AccountKind.PREPAID_CARD: ("number", "currency", "balance"),
    AccountKind.LOYALTY_POINTS: ("guest_id", "program_id", "balance"),
    AccountKind.PACKAGE: ("guest_id", "item_id", "service_id", "balance"),
    AccountKind.MEMBERSHIP: ("guest_id", "item_id"),
}
_ALSO: Final = {
    AccountKind.GIFT_CARD: ("guest_id", "item_id", "value"),
    AccountKind.PREPAID_CARD: ("guest_id", "item_id", "value"),
    AccountKind.LOYALTY_POINTS: (),
    AccountKind.PACKAGE: ("value",),
    AccountKind.MEMBERSHIP: (),
}
_DEPENDING: Final = ("guest_id", "number", "currency", "item_id", "service_id", "program_id", "value", "balance")
ITEM_TYPES: Final = {
    AccountKind.GIFT_CARD: frozenset({ItemType.CARD}),
    AccountKind.PREPAID_CARD: frozenset({ItemType.CARD}),
    AccountKind.PACKAGE: frozenset({ItemType.PACKAGE, ItemType.DAY_PACKAGE}),
    AccountKind.MEMBERSHIP: frozenset({ItemType.MEMBERSHIP}),
}
"""The types of item that an account of each kind can come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCard:
    """A guest's card, as its processor knows it: `card_number` is what may be shown of it."""

    id: str
    guest_id: str
    processor: str
    token: str
    card_number: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """A group of invoices at a centre; `host_id` is the guest whose group it is."""

    id: str
    center_id: str
    name: str
    notes: str
    host_id: str | None


def account(said: AccountShape) -> Account:
    """The account that is brought along, with its balance."""
    kind = _kind(said.kind)
    for name in _DEPENDING:
        if getattr(said, name) is None and name in _NEEDED[kind]:
            raise InvalidInput(name, f"is missing, and a {_shown(kind)} has one")
        if getattr(said, name) is not None and name not in (*_NEEDED[kind], *_ALSO[kind]):
            raise InvalidInput(name, f"is said, and a {_shown(kind)} has none")
    currency = None if said.currency is None else Currency.of(said.currency)
    balance = _quantity(said.balance, currency, "balance")
    return Account(
        id=required_guid(said.id, "id"),
        kind=kind,
        guest_id=_guid(said.guest_id, "guest_id", needed="guest_id" in _NEEDED[kind]),
        center_id=optional_guid(said.center_id, "center_id"),
        number=None if said.number is None else card_number(said.number, "number"),
        currency=currency,
        item_id=_guid(said.item_id, "item_id", needed="item_id" in _NEEDED[kind]),
        service_id=_guid(said.service_id, "service_id", needed=kind is AccountKind.PACKAGE),
        program_id=_guid(said.program_id, "program_id", needed=kind is AccountKind.LOYALTY_POINTS),
        value=balance if said.value is None else _quantity(said.value, currency, "value"),
        balance=balance,
        expires_on=values.optional_date(said.expires_on, "expires_on"),
    )


def _kind(said: str | None) -> AccountKind:
    if said is None:
        raise InvalidInput("kind", f"is missing; write one of {', '.join(AccountKind)}")
    return values.choice(said, "kind", AccountKind, default=AccountKind.GIFT_CARD)


def _shown(kind: AccountKind) -> str:
    return {AccountKind.LOYALTY_POINTS: "balance of points"}.get(kind, kind.replace("_", " "))


def _guid(said: str | None, field: str, *, needed: bool) -> str | None:
    return required_guid(said, field) if needed else optional_guid(said, field)


def _quantity(said: Decimal | None, currency: Currency | None, field: str) -> Minor:
    """Money on a card, else a whole number of points or units."""
    if currency is None or said is None:
        return values.whole(said, field)
    minor = currency.minor(said, field=field) if said else 0
    if minor < 0:
        raise InvalidInput(field, f"{currency.text(minor)} is negative; this is never below zero")
    return minor


_CARD_NUMBER: Final = re.compile(r"[!-.0-~]{1,40}", re.ASCII)


def card_number(said: str, field: str) -> str:
    """The number printed on a card, which also stands in a path.

    Errors: InvalidInput naming the field.
    """
    if not _CARD_NUMBER.fullmatch(said):
        problem = f"is no card number; write up to {CARD_NUMBER_LENGTH} visible characters, but no slash"
        raise InvalidInput(field, problem)
    return said


def saved_card(said: SavedCardShape) -> SavedCard:
    """The saved card that is brought along."""
    for name in ("processor", "token"):
        if not getattr(said, name):
            raise InvalidInput(name, "is missing")
    shown = text(said.card_number, "card_number", length=CARD_NUMBER_LENGTH)
    if sum(character.isdigit() for character in shown) > SHOWN_DIGITS_MAX:
        raise InvalidInput(
            "card_number", "looks like a whole card number, which is not kept here; write ************4242"
        )
    return SavedCard(
        id=required_guid(said.id, "id"),
        guest_id=required_guid(said.guest_id, "guest_id"),
        processor=text(said.processor, "processor", length=PROCESSOR_LENGTH),
        token=text(said.token, "token", length=TOKEN_LENGTH),
        card_number=shown,
        name=text(said.name, "name"),
    )


def group_invoice(said: GroupInvoiceShape) -> GroupEntry:
    """The group that is brought along."""
    return GroupEntry(
        id=required_guid(said.id, "id"),
        center_id=required_guid(said.center_id, "center_id"),
        name=text(said.name, "name"),
        notes=text(said.notes, "notes", length=NOTES_LENGTH),
        host_id=optional_guid(said.host_id, "host_id"),
    )
