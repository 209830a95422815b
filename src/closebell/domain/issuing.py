"""What a sold thing gives its buyer to hold: a card, the units of a package, a membership.

It is issued with the line that sells it and holds nothing until the invoice closes.
Source: docs/selling.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.catalogue import Offer
from closebell.domain.invoice import Invoice, Line
from closebell.domain.money import Minor
from closebell.domain.people import CatalogItem
from closebell.errors import InvalidInput

CARD_NUMBER_ENTROPY_BYTES: Final = 16
"""Bytes of luck that a card's number is made of."""
CARD_NUMBER_DIGITS: Final = 16
VALIDITY_DAYS_MAX: Final = 36_500
"""Days that a card may be good for: a hundred years."""

CARD_ITEMS: Final = {
    AccountKind.GIFT_CARD: CatalogItem(
        id="c105ebe1-0000-4000-8000-00000000ca4d", name="Gift card", type=6, code="GIFT-CARD"
    ),
    AccountKind.PREPAID_CARD: CatalogItem(
        id="c105ebe1-0000-4000-8000-00000000ca4e", name="Prepaid card", type=6, code="PREPAID-CARD"
    ),
}
"""What is sold when a card is sold without a template."""
_PREFIXES: Final = {AccountKind.GIFT_CARD: "GC", AccountKind.PREPAID_CARD: "PC"}


def card_number(kind: AccountKind, entropy: bytes) -> str:
    """A number that nobody guesses, in groups that can be read out.

    >>> card_number(AccountKind.GIFT_CARD, bytes(15) + bytes([1]))
    'GC-0000-0000-0000-0001'
    """
    assert len(entropy) == CARD_NUMBER_ENTROPY_BYTES, "the remainder of fewer bytes would favour some numbers"
    digits = f"{int.from_bytes(entropy) % 10**CARD_NUMBER_DIGITS:0{CARD_NUMBER_DIGITS}d}"
    return "-".join((_PREFIXES[kind], *(digits[start : start + 4] for start in range(0, CARD_NUMBER_DIGITS, 4))))


def expires_on(days: int | None, today: date, *, field: str) -> date | None:
    """The last date on which what is sold today is good; None for ever.

    Errors: InvalidInput naming the field when that is beyond the calendar.
    """
    try:
        return None if days is None else today + timedelta(days=days)
    except OverflowError:
        raise InvalidInput(field, f"{days} days after {today} is beyond the year 9999") from None


def card(
    invoice: Invoice,
    line: Line,
    kind: AccountKind,
    *,
    account_id: str,
    number: str,
    value: Minor,
    until: date | None,
    details: str,
) -> Account:
    """The card that a line sells."""
    issued = _issued(invoice, line, kind, account_id=account_id, until=until)
    return replace(issued, number=number, currency=invoice.currency, value=value, details=details)


def membership(invoice: Invoice, line: Line, *, account_id: str, until: date | None) -> Account:
    """The membership that a line sells."""
    return _issued(invoice, line, AccountKind.MEMBERSHIP, account_id=account_id, until=until)


def package(
    invoice: Invoice, line: Line, offer: Offer, *, new_id: Callable[[], str], until: date | None
) -> tuple[Account, ...]:
    """What the package that a line sells is good for: one account for each of its services, worth that many units."""
    return tuple(
        replace(
            _issued(invoice, line, AccountKind.PACKAGE, account_id=new_id(), until=until),
            service_id=service_id,
            value=units,
        )
        for service_id, units in offer.benefits
    )


def _issued(invoice: Invoice, line: Line, kind: AccountKind, *, account_id: str, until: date | None) -> Account:
    return Account(
        id=account_id,
        kind=kind,
        state=AccountState.ISSUED,
        guest_id=None if invoice.guest is None else invoice.guest.id,
        center_id=invoice.centre.id,
        item_id=line.item_id,
        expires_on=until,
        invoice_id=invoice.id,
        invoice_item_id=line.id,
    )
