"""What an open invoice comes to, as the list of a day's open invoices says it: from the price to what is left to pay.

Source: docs/reading.md; public page "retrieve-open-invoices".
"""

from __future__ import annotations

from dataclasses import dataclass

from closebell.domain.invoice import Invoice
from closebell.domain.money import Minor
from closebell.domain.redemption import MODES, redeemed_lines, unredeemed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The way from the price of everything to what is left to pay after redemptions.

    Shape: `price` is before discounts and without tax, `redemptions` what cards, points and packages paid of it;
           `final_price` = `price` - `discount` - `redemptions`; with `taxes` and `rounding_adjustment` it is
           `final_price_tax`, which is `sum_total` less what cards and points paid.
    """

    price: Minor
    discount: Minor
    redemptions: Minor
    taxes: Minor
    rounding_adjustment: Minor
    unassigned_tip: Minor

    @property
    def final_price(self) -> Minor:
        """After discounts and redemptions, without tax."""
        return self.price - self.discount - self.redemptions

    @property
    def final_price_tax(self) -> Minor:
        """The same with tax and rounding."""
        return self.final_price + self.taxes + self.rounding_adjustment


def bill(invoice: Invoice) -> Bill:
    """What the invoice comes to; it has all its parts."""
    by_package = sum(unredeemed(line).sales for line in redeemed_lines(invoice))
    tendered = sum(paid.amount_paid for paid in invoice.settled if paid.tender in MODES)
    discount = sum(line.discount for line in invoice.lines)
    tips = sum(paid.tip_amount for paid in invoice.settled)
    return Bill(
        price=invoice.net_price + discount + by_package,
        discount=discount,
        redemptions=by_package + tendered,
        taxes=invoice.tax,
        rounding_adjustment=invoice.rounding_adjustment,
        unassigned_tip=tips - sum(tip.amount for tip in invoice.employee_tips),
    )
