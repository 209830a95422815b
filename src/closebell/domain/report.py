"""What reports say of invoices: each sold line with its share of what was paid, so that rows sum to their invoice.

Source: docs/reading.md; public page "sales-accrual-report".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import Currency, Minor, split
from closebell.domain.redemption import MODES

ITEM_TYPES: Final[dict[int, str]] = {
    ItemType.SERVICE: "Service",
    ItemType.PRODUCT: "Product",
    ItemType.MEMBERSHIP: "Membership",
    ItemType.PACKAGE: "Package",
    ItemType.DAY_PACKAGE: "Day package",
    ItemType.CARD: "Gift or prepaid card",
}
"""What reports call each type of item; any other goes by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One line of an invoice as a report counts it; `line` is None for an invoice that has none.

    Shape: `collected` is what money paid of it and `redeemed` what cards, points and packages did as tenders.
    """

    line: Line | None
    sales_exc_tax: Minor
    tax: Minor
    rounding_adjustment: Minor = 0
    collected: Minor = 0
    redeemed: Minor = 0

    @property
    def sales_inc_tax(self) -> Minor:
        """With tax, before rounding."""
        return self.sales_exc_tax + self.tax

    @property
    def due(self) -> Minor:
        """What is not paid of it, rounding included."""
        return self.sales_inc_tax + self.rounding_adjustment - self.collected - self.redeemed


def sales(invoice: Invoice) -> tuple[Sale, ...]:
    """The lines of an invoice, each with its share of what was paid: in proportion to what it comes to.

    Shape: the rows sum to the invoice, to the minor unit. Rounding, and what the invoice says beside its lines, stand
           with the first; an invoice without lines is one row.
    """
    sold = _sold(invoice)
    collected, redeemed = _shares(invoice, [abs(one.due) for one in sold])
    return tuple(
        replace(one, collected=money, redeemed=held) for one, money, held in zip(sold, collected, redeemed, strict=True)
    )


def _sold(invoice: Invoice) -> list[Sale]:
    """The rows before anything is paid."""
    rows = [Sale(line=line, sales_exc_tax=line.sales, tax=line.tax) for line in invoice.lines]
    first, *others = rows or [Sale(line=None, sales_exc_tax=0, tax=0)]
    beside_net = invoice.net_price - sum(line.sales for line in invoice.lines)
    beside_tax = invoice.tax - sum(line.tax for line in invoice.lines)
    first = replace(
        first,
        sales_exc_tax=first.sales_exc_tax + beside_net,
        tax=first.tax + beside_tax,
        rounding_adjustment=invoice.rounding_adjustment,
    )
    return [first, *others]


def _shares(invoice: Invoice, weights: list[int]) -> tuple[list[Minor], list[Minor]]:
    """What money paid of each row, and what redemptions did; a row that is paid in full has no cent over or missing."""
    paid = sum(one.amount_paid for one in invoice.settled)
    by_money = sum(one.amount_paid for one in invoice.settled if one.tender not in MODES)
    shares = split(paid, weights)
    collected = split(by_money, [abs(share) for share in shares])
    return collected, [share - money for share, money in zip(shares, collected, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesTotal:
    """All sales of a period in one currency."""

    currency: Currency
    invoices: int
    sales_exc_tax: Minor
    tax: Minor
    rounding_adjustment: Minor
    collected: Minor
    redeemed: Minor

    @property
    def sales_inc_tax(self) -> Minor:
        """With tax, before rounding."""
        return self.sales_exc_tax + self.tax

    @property
    def due(self) -> Minor:
        """What is not paid of them, rounding included."""
        return self.sales_inc_tax + self.rounding_adjustment - self.collected - self.redeemed


@dataclass(frozen=True, slots=True, kw_only=True)
class TenderTotal:
    """All that was taken in a period with one tender in one currency."""

    currency: Currency
    tender: str
    transactions: int
    amount_paid: Minor
    tip_amount: Minor
    ssg_amount: Minor
    fee_amount: Minor
    cash_back_amount: Minor

    @property
    def total_amount_paid(self) -> Minor:
        """Payments, tips, service charges and fees."""
        return self.amount_paid + self.tip_amount + self.ssg_amount + self.fee_amount
