"""What can be sold at a centre and at what terms, what can be taken off, and what points are worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from closebell.domain.money import Currency, Minor
from closebell.domain.people import CatalogItem
from closebell.domain.pricing import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something a centre sells.

    Shape: `value` is what a gift or prepaid card is worth, None for its price; `benefits` are the services that a
           package pays for, each with its number of units.
    """

    item: CatalogItem
    terms: Terms
    value: Minor | None = None
    benefits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A discount that whoever knows its code gets: `percent` of the items, or `amount` off them.

    Shape: the code is `offer_code`, or for one with vouchers any voucher's, which begins with `voucher_prefix`. No
           `center_ids` means every centre, no `item_ids` every item; `minimum` is what these must come to.
    Units: `amount` and `minimum` are minor units of `currency`.
    """

    id: str
    name: str = ""
    offer_code: str | None = None
    voucher_prefix: str | None = None
    percent: Decimal | None = None
    amount: Minor | None = None
    currency: Currency | None = None
    center_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    minimum: Minor | None = None
    redemptions_max: int | None = None
    redemptions: int = 0
    starts_on: date | None = None
    ends_on: date | None = None

    def runs_on(self, today: date) -> bool:
        """Whether this date is between its first and its last."""
        return (self.starts_on is None or self.starts_on <= today) and (self.ends_on is None or today <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """One code of a campaign, good once; `invoice_id` is where it was used."""

    code: str
    campaign_id: str
    invoice_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoyaltyProgram:
    """Points that guests can pay with; one point is worth `exchange_rate` of the currency's major unit."""

    id: str
    name: str = ""
    currency: Currency
    exchange_rate: Decimal
    points_min: int = 0

    def worth(self, points: int) -> Minor:
        """What so many points pay, rounded down.

        >>> usd = Currency.of("USD")
        >>> LoyaltyProgram(id="", currency=usd, exchange_rate=Decimal("0.015")).worth(3)
        4
        """
        return int(points * Fraction(self.exchange_rate) * 10**self.currency.decimals)

    def points_for(self, amount: Minor) -> int:
        """The fewest points that pay at least so much."""
        unit: int = 10**self.currency.decimals
        rate = Fraction(self.exchange_rate) * unit
        return math.ceil(amount / rate)
