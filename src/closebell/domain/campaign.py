"""What a campaign takes off an invoice: which lines it is for, how much in all, and how that is spread over them.

Source: docs/selling.md; docs/decisions/0015-what-a-campaign-takes-off.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from closebell.domain import pricing
from closebell.domain.catalogue import Campaign
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import Currency, Minor, split


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The lines of an invoice that a campaign is for, each with its terms, in an order that their own order has no
    say in; and what they come to without it.
    """

    lines: tuple[Line, ...]
    whole: Minor


def reach(campaign: Campaign, lines: Iterable[Line]) -> Reach:
    """What the campaign is for: lines of its items that cost something and that no package has paid for.

    Shape: without items of its own it is for everything but cards, which are money: it is for those it names.
    """
    known = [with_terms for line in lines if (with_terms := pricing.with_terms(line)) is not None]
    chosen = [
        line
        for line in known
        if line.redeemed_from_id is None and _names(campaign, line) and pricing.undiscounted(line) > 0
    ]
    # Equal remainders go to the earlier line: by what it costs and how it is taxed, so that no total depends on the
    # order in which things were rung up.
    chosen.sort(key=lambda line: (-pricing.undiscounted(line), line.tax_rate, line.is_tax_included, line.item_id))
    return Reach(lines=tuple(chosen), whole=sum(pricing.undiscounted(line) for line in chosen))


def missing(campaign: Campaign, found: Reach, money: Currency) -> str | None:
    """What keeps the campaign from taking something off, in words; None if nothing does."""
    if campaign.currency is not None and campaign.currency != money:
        return f"The campaign is in {campaign.currency.code}, and the centre's currency is {money.code}."
    if not found.lines:
        return "The invoice has no item that the campaign is for."
    if campaign.minimum is not None and found.whole < campaign.minimum:
        return (
            f"The items that the campaign is for come to {money.digits(found.whole)} of the "
            f"{money.text(campaign.minimum)} that it asks for."
        )
    if not discount(campaign, found):
        return f"The campaign takes nothing off {money.text(found.whole)}."
    return None


def discount(campaign: Campaign, found: Reach) -> Minor:
    """What it takes off in all: never more than there is."""
    if campaign.percent is not None:
        return min(pricing.percent_of(found.whole, campaign.percent), found.whole)
    assert campaign.amount is not None, "a campaign takes off a percentage or an amount"
    return min(campaign.amount, found.whole)


def with_campaign(invoice: Invoice, campaign: Campaign, found: Reach) -> Invoice:
    """The invoice with the campaign's discount spread over the lines that it reaches, and over no others.

    Shape: the parts sum to the whole, each within one minor unit of its share and none more than its line.
    """
    weights = [pricing.undiscounted(line) for line in found.lines]
    parts = dict(zip((line.id for line in found.lines), split(discount(campaign, found), weights), strict=True))
    reached = {line.id: line for line in found.lines}
    lines = [
        pricing.priced(reached[line.id], discount=parts[line.id]) if line.id in reached else full_price(line)
        for line in invoice.lines
    ]
    return pricing.with_lines(replace(invoice, campaign_id=campaign.id), lines)


def without_campaign(invoice: Invoice) -> Invoice:
    """The invoice with nothing taken off, and no campaign on it."""
    lines = [full_price(line) for line in invoice.lines]
    return pricing.with_lines(replace(invoice, campaign_id=None), lines)


def full_price(line: Line) -> Line:
    """The line without the discount that a campaign gave it; one that came with its own keeps it."""
    return pricing.priced(line) if line.discount else line


def runs_at(campaign: Campaign, center_id: str, today: date) -> bool:
    """Whether it is for this centre and this date."""
    return campaign.runs_on(today) and (not campaign.center_ids or center_id in campaign.center_ids)


def _names(campaign: Campaign, line: Line) -> bool:
    return line.item_id in campaign.item_ids if campaign.item_ids else line.type != ItemType.CARD
