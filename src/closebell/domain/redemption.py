"""What of an invoice was paid with something the guest held: a card, points, or a package.

A card and points pay as tenders do. A package pays for a line, which then costs nothing; what it redeemed is what the
line would have cost.
Source: docs/reading.md; the contract, sections 2.1 and 2.5.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from closebell.domain import pricing
from closebell.domain.invoice import Invoice, Line, Tender
from closebell.domain.money import Minor


class RedemptionMode(enum.IntEnum):
    """The `mode` of what was redeemed. The public contract has the numbers 0 to 2 and no names: these are ours."""

    CARD = 0
    POINTS = 1
    PACKAGE = 2


MODES: Final[Mapping[Tender, RedemptionMode]] = MappingProxyType(
    {
        Tender.GIFT_CARD: RedemptionMode.CARD,
        Tender.PREPAID_CARD: RedemptionMode.CARD,
        Tender.LOYALTY_POINTS: RedemptionMode.POINTS,
        Tender.PACKAGE: RedemptionMode.PACKAGE,
    }
)
"""The tenders that redeem something; every other brings money in."""

PACKAGE_NAME: Final = "Package"
"""What a package is called that paid for a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Something the guest held that paid, or paid for a line.

    Shape: `row_id` is the transaction, or the line that a package paid for; `option_id` the card, the points or the
           package, if known.
    """

    row_id: str
    option_id: str | None
    mode: RedemptionMode
    name: str
    amount: Minor
    on: str


def redemptions(invoice: Invoice) -> tuple[Redemption, ...]:
    """Everything redeemed on the invoice: settled tenders first, then the lines that packages paid for."""
    tendered = (
        Redemption(
            row_id=paid.id,
            option_id=paid.account_id or paid.option_id,
            mode=MODES[paid.tender],
            name=paid.payment_name or paid.tender.replace("_", " ").capitalize(),
            amount=paid.total_amount_paid,
            on=paid.payment_date,
        )
        for paid in invoice.transactions
        if paid.tender in MODES and paid.is_settled
    )
    served = (
        Redemption(
            row_id=line.id,
            option_id=line.redeemed_from_id,
            mode=RedemptionMode.PACKAGE,
            name=PACKAGE_NAME,
            amount=unredeemed(line).final,
            on=invoice.invoice_date,
        )
        for line in redeemed_lines(invoice)
    )
    return (*tendered, *served)


def redeemed_lines(invoice: Invoice) -> tuple[Line, ...]:
    """The lines that packages paid for."""
    return tuple(line for line in invoice.lines if line.redeemed_from_id is not None)


def unredeemed(line: Line) -> Line:
    """The line as it would stand if no package had paid for it; one whose terms nobody knows stays at nothing."""
    return pricing.priced(line)
