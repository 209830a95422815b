"""Taking money for an invoice: what one amount pays for, and how the wire numbers ways to pay.

Source: docs/closing.md; the contract, sections 2.3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from closebell.domain.invoice import Invoice, Tender
from closebell.domain.money import Currency, Minor
from closebell.errors import InvalidInput

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


def still_due(invoice: Invoice) -> Due:
    """What settled money has not covered yet. A pending payment covers nothing: it may still fail."""
    settled = invoice.settled
    return Due(
        balance=max(invoice.sum_total - sum(t.amount_paid for t in settled), 0),
        ssg=max(invoice.ssg_amount - sum(t.ssg_amount for t in settled), 0),
        fee=max(invoice.fee_amount - sum(t.fee_amount for t in settled), 0),
    )


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
