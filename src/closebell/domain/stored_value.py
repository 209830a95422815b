"""Paying with a gift card or a prepaid card: what its number may look like, and whether it can pay.

Source: docs/payments.md; the contract, section 4.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.caller import Caller
from closebell.domain.invoice import Tender
from closebell.domain.money import Currency, Minor
from closebell.errors import Conflict, Refusal, RefusalCode

NUMBER_CHARACTERS_MAX: Final = 40
"""Characters of a card's number."""

TENDERS: Final[Mapping[AccountKind, Tender]] = MappingProxyType(
    {AccountKind.GIFT_CARD: Tender.GIFT_CARD, AccountKind.PREPAID_CARD: Tender.PREPAID_CARD}
)
"""The tender of each kind of card."""

_NUMBER: Final = re.compile(rf"[!-~]{{1,{NUMBER_CHARACTERS_MAX}}}", re.ASCII)
_SHOWN: Final = 4


def card_number(written: str) -> str:
    """The number as it is printed, without white space around it.

    Errors: Refusal 436 when no card can have it.
    """
    number = written.strip()
    if not _NUMBER.fullmatch(number):
        raise Refusal(
            RefusalCode.GIFT_CARD_INVALID,
            f"A card's number has 1 to {NUMBER_CHARACTERS_MAX} visible ASCII characters and no spaces.",
        )
    return number


def shown(number: str) -> str:
    """What may be shown of a number: whoever knows all of it can pay with the card.

    >>> shown("GC-100200300")
    '0300'
    """
    return number[-_SHOWN:] if len(number) > _SHOWN else ""


def must_be_card(account: Account | None, caller: Caller) -> Account:
    """The card that was found under a number, if there is one and it is theirs to see.

    Errors: Refusal 436 or 502.
    """
    if account is None or account.kind not in TENDERS:
        raise Refusal(RefusalCode.GIFT_CARD_UNKNOWN, "No gift card or prepaid card has this number.")
    if account.center_id is not None and not caller.reaches(account.center_id):
        raise Refusal(RefusalCode.GIFT_CARD_DENIED, f"The caller is not bound to centre {account.center_id}.")
    return account


def must_be_active(card: Account) -> None:
    """Return if the card has a balance that means something.

    Errors: Refusal 492.
    """
    if card.state is AccountState.ISSUED:
        raise Refusal(
            RefusalCode.GIFT_CARD_UNREADABLE, f"The card is sold by invoice {card.invoice_id}, which is still open."
        )
    if card.state is AccountState.CANCELLED:
        raise Refusal(RefusalCode.GIFT_CARD_UNREADABLE, "The card was cancelled.")


def must_pay(card: Account, amount: Minor, *, currency: Currency, today: date) -> None:
    """Return if the card, which is locked, can pay so much of this currency today.

    Errors: Refusal 492 when it is not active; Conflict when it is of another currency, expired, or holds less.
    """
    must_be_active(card)
    held = currency_of(card)
    if held != currency:
        raise Conflict(f"The card holds {held.code}, and the invoice is in {currency.code}")
    if card.is_spent:
        raise Conflict("The card was good for one payment, and has paid")
    if not card.is_usable(today):
        raise Conflict(f"The card expired on {card.expires_on}; today is {today} at the centre")
    if amount > card.balance:
        raise Conflict(
            f"The card holds {currency.text(card.balance)} and cannot pay {currency.digits(amount)}; "
            f"{currency.digits(amount - card.balance)} is missing"
        )


def currency_of(card: Account) -> Currency:
    """The currency of what a card holds."""
    assert card.currency is not None, "a card holds money"
    return card.currency
