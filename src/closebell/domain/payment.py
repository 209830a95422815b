"""Taking money for an invoice: what one amount pays for, and how the wire numbers ways to pay.

Source: docs/closing.md; the contract, sections 2.3 and 4.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from closebell.domain import payment_page
from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import Currency, Minor
from closebell.errors import InvalidInput, Refusal, RefusalCode

PAYMENT_MODES: Final[Mapping[Tender, int]] = MappingProxyType(
    {
        Tender.CASH: 0,
        Tender.CARD: 1,
        Tender.CHECK: 2,
        Tender.CUSTOM: 3,
        Tender.GIFT_CARD: 4,
        Tender.PREPAID_CARD: 5,
        Tender.LOYALTY_POINTS: 6,
        Tender.PACKAGE: 7,
    }
)
"""The `payment_mode` of each tender. The public contract names the field and not its numbers: these are our choice."""

CUSTOM_PAYMENT_NAME: Final = "Custom payment"
"""What a way to pay is called that was only ever seen as an id."""

PAYMENT_NAMES: Final[Mapping[Tender, str]] = MappingProxyType(
    {
        Tender.CASH: "Cash",
        Tender.CARD: "Card",
        Tender.CHECK: "Check",
        Tender.CUSTOM: CUSTOM_PAYMENT_NAME,
        Tender.GIFT_CARD: "Gift card",
        Tender.PREPAID_CARD: "Prepaid card",
        Tender.LOYALTY_POINTS: "Loyalty points",
        Tender.PACKAGE: "Package",
    }
)
"""The `payment_name` of each tender that has no name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What one amount of money pays for; the parts sum to it."""

    amount_paid: Minor
    tip_amount: Minor
    ssg_amount: Minor
    fee_amount: Minor

    @property
    def whole(self) -> Minor:
        """The amount that was divided."""
        return self.amount_paid + self.tip_amount + self.ssg_amount + self.fee_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What an invoice still waits for; nothing of it is negative."""

    balance: Minor
    ssg: Minor
    fee: Minor

    @property
    def whole(self) -> Minor:
        """All of it."""
        return self.balance + self.ssg + self.fee

    def less(self, parts: Parts) -> Due:
        """What is still waited for once these parts have come, which are no more than is due."""
        return Due(
            balance=self.balance - parts.amount_paid, ssg=self.ssg - parts.ssg_amount, fee=self.fee - parts.fee_amount
        )


def still_due(invoice: Invoice) -> Due:
    """What settled money has not covered yet. A pending payment covers nothing: it may still fail."""
    return _uncovered(invoice, invoice.settled)


def left_to_take(invoice: Invoice) -> Due:
    """What neither settled money covers nor money on its way would; a page that nobody has paid on promises nothing."""
    pending = (t for t in invoice.transactions if t.state is TransactionState.PENDING and not payment_page.is_open(t))
    return _uncovered(invoice, (*invoice.settled, *pending))


def _uncovered(invoice: Invoice, paid: tuple[Transaction, ...]) -> Due:
    return Due(
        balance=max(invoice.sum_total - sum(t.amount_paid for t in paid), 0),
        ssg=max(invoice.ssg_amount - sum(t.ssg_amount for t in paid), 0),
        fee=max(invoice.fee_amount - sum(t.fee_amount for t in paid), 0),
    )


def must_be_due(invoice: Invoice, amount: Minor) -> Due:
    """What is left to take, once it is known that `amount`, without its tip, is no more.

    Errors: Refusal 460 when nothing is left; InvalidInput naming `amount` when less is.
    """
    left, money = left_to_take(invoice), invoice.currency
    if amount > 0 and left.whole == 0:
        raise Refusal(RefusalCode.ALREADY_PAID, f"Nothing is due; {money.text(amount)} was to be taken.")
    if amount > left.whole:
        raise InvalidInput(
            "amount",
            f"{money.digits(amount)} without the tip is more than the {money.text(left.whole)} that is due; "
            "no more than that is taken this way",
        )
    return left


def divide(amount: Minor, *, tip: Minor, due: Due) -> Parts:
    """What `amount` pays for: the tip, then the balance, the environment fee and the service charge.

    This is the order of the closing rules, so that paying what one rule misses clears that rule.

    Shape: what is left beyond everything due is overpaid and counts as `amount_paid`; the close will refuse it.

    >>> divide(10000, tip=1000, due=Due(balance=7000, ssg=1500, fee=900))
    Parts(amount_paid=7000, tip_amount=1000, ssg_amount=1100, fee_amount=900)
    """
    assert 0 <= tip <= amount, "the tip is part of the amount"
    left = amount - tip
    balance = min(left, due.balance)
    fee = min(left - balance, due.fee)
    ssg = min(left - balance - fee, due.ssg)
    return Parts(amount_paid=left - ssg - fee, tip_amount=tip, ssg_amount=ssg, fee_amount=fee)


def handed_over(currency: Currency, amount: Decimal, tip_amount: Decimal) -> tuple[Minor, Minor]:
    """The amount, tip included, and the tip, in minor units.

    Errors: InvalidInput naming `amount` or `tip_amount` when it has too many decimals, is huge, or makes no sense.
    """
    whole = currency.minor(amount, field="amount")
    tip = currency.minor(tip_amount, field="tip_amount")
    if whole <= 0:
        raise InvalidInput("amount", f"{currency.text(whole)} pays nothing; write what was handed over, tip included")
    if tip < 0:
        raise InvalidInput("tip_amount", f"{currency.text(tip)} is negative; write 0 where there is no tip")
    if tip > whole:
        raise InvalidInput(
            "tip_amount", f"{currency.digits(tip)} is more than the amount of {currency.text(whole)}, which includes it"
        )
    return whole, tip


_LAST_FOUR: Final = re.compile(r"[\s*xX.#\u2022-]{0,40}([0-9]{4})", re.ASCII)


def last_four(written: str, *, field: str) -> str:
    """The last four digits of a card's number, written alone or behind a mask. A whole number is never kept.

    Errors: InvalidInput naming the field and never repeating what was sent.

    >>> last_four("************1111", field="card_number")
    '1111'
    """
    found = _LAST_FOUR.fullmatch(written.strip())
    if found is None:
        raise InvalidInput(
            field, "is not the last four digits of a card; send these alone, a whole number is never kept"
        )
    return found[1]


def shown_digits(number: str) -> str:
    """The last four digits of a number, which may be shown and kept.

    >>> shown_digits("4242 4242 4242 4242")
    '4242'
    """
    return "".join(character for character in number if character in string.digits)[-4:]


_WHOLE: Final = re.compile(r"[0-9]{12,19}", re.ASCII)


def whole_number(written: str, *, field: str) -> str:
    """The digits of a whole card number, which go to the processor and are kept nowhere.

    Errors: InvalidInput naming the field and never repeating what was sent.
    """
    digits = re.sub(r"[ -]", "", written)
    if not _WHOLE.fullmatch(digits):
        raise InvalidInput(field, "is not the number of a card; write its 12 to 19 digits")
    return digits
