"""Campaigns: what they reach, what they take off, and that the parts are the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from closebell.domain import campaign as campaigns
from closebell.domain.catalogue import Campaign
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import AMOUNT_MINOR_MAX, Currency
from closebell.domain.pricing import priced, redeemed, undiscounted, with_lines
from closebell.testing import a_line, an_invoice, guid_of

USD = Currency.of("USD")


def a_campaign(**fields: Any) -> Campaign:
    if not fields.keys() & {"percent", "amount"}:
        fields["percent"] = Decimal(20)
    return Campaign(id=guid_of("campaign"), name="Spring", **fields)


def a_sold_line(name: str, price: int, *, rate: str = "0", included: bool = False, kind: int = 0) -> Line:
    bare = replace(a_line(name), type=kind, unit_price=price, tax_rate=Decimal(rate), is_tax_included=included)
    return priced(bare)


def an_open_invoice(*lines: Line) -> Invoice:
    return with_lines(an_invoice(lines=()), lines)


def applied(invoice: Invoice, campaign: Campaign) -> Invoice:
    return campaigns.with_campaign(invoice, campaign, campaigns.reach(campaign, invoice.lines))


PRICES = st.one_of(st.sampled_from([100, 200]), st.integers(0, 500), st.integers(0, AMOUNT_MINOR_MAX // 10))
LINES = st.lists(
    st.builds(
        a_sold_line,
        st.uuids().map(str),
        PRICES,
        rate=st.sampled_from(["0", "7.25", "20"]),
        included=st.booleans(),
        kind=st.sampled_from([ItemType.SERVICE, ItemType.PRODUCT, ItemType.CARD]),
    ),
    min_size=1,
    max_size=6,
)
CAMPAIGNS = st.one_of(
    st.builds(lambda percent: a_campaign(percent=percent), st.decimals(0, 100, places=2)),
    st.builds(
        lambda amount: a_campaign(amount=amount),
        st.one_of(st.integers(1, 9), st.integers(1, 600), st.integers(1, 10**18)),
    ),
)


@given(lines=LINES, campaign=CAMPAIGNS)
def test_the_parts_are_the_whole_and_none_is_more_than_its_line(lines: list[Line], campaign: Campaign) -> None:
    invoice = an_open_invoice(*lines)
    reach = campaigns.reach(campaign, invoice.lines)
    assume(reach.lines)
    whole = campaigns.discount(campaign, reach)
    cut = applied(invoice, campaign)
    assert sum(line.discount for line in cut.lines) == whole
    if campaign.percent is not None:
        assert abs(whole - Fraction(reach.whole) * Fraction(campaign.percent) / 100) <= Fraction(1, 2)
    else:
        assert whole == min(campaign.amount or 0, reach.whole)
    for line in cut.lines:
        full = undiscounted(line)
        is_reached = line.type != ItemType.CARD and full > 0
        assert 0 <= line.discount <= (full if is_reached else 0)
        if is_reached:
            assert abs(line.discount - Fraction(whole * full, reach.whole)) < 1
    assert cut.sum_total == sum(line.final for line in cut.lines) >= 0
    assert campaigns.without_campaign(cut) == invoice


@given(lines=LINES, campaign=CAMPAIGNS, order=st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_rung_up_changes_no_total(
    lines: list[Line], campaign: Campaign, order: Any
) -> None:
    assume(campaigns.reach(campaign, lines).lines)
    shuffled = [replace(line, id=guid_of(f"again {line.id}")) for line in lines]
    order.shuffle(shuffled)
    one, other = (applied(an_open_invoice(*some), campaign) for some in (lines, shuffled))
    assert (one.net_price, one.tax, one.sum_total) == (other.net_price, other.tax, other.sum_total)


@given(lines=LINES, campaign=CAMPAIGNS)
def test_applying_it_again_changes_nothing(lines: list[Line], campaign: Campaign) -> None:
    assume(campaigns.reach(campaign, lines).lines)
    cut = applied(an_open_invoice(*lines), campaign)
    assert applied(cut, campaign) == cut


def test_equal_remainders_go_by_price_and_tax_and_not_by_place() -> None:
    taxed, untaxed = a_sold_line("Oil", 100, rate="20"), a_sold_line("Soap", 100)
    one = applied(an_open_invoice(taxed, untaxed), a_campaign(amount=1))
    other = applied(an_open_invoice(untaxed, taxed), a_campaign(amount=1))
    assert [line.discount for line in one.lines] == [0, 1]
    assert [line.discount for line in other.lines] == [1, 0]
    assert one.sum_total == other.sum_total == 219


def test_it_reaches_its_own_items_only() -> None:
    oil, soap = a_sold_line("Oil", 1000), a_sold_line("Soap", 1000)
    cut = applied(an_open_invoice(oil, soap), a_campaign(item_ids=(soap.item_id,)))
    assert [line.discount for line in cut.lines] == [0, 200]


def test_cards_are_money_and_discounted_only_by_name() -> None:
    card = a_sold_line("Card", 5000, kind=ItemType.CARD)
    assert campaigns.reach(a_campaign(), [card]).lines == ()
    assert campaigns.reach(a_campaign(item_ids=(card.item_id,)), [card]).whole == 5000


def test_what_a_package_paid_for_is_reached_by_nothing() -> None:
    line = redeemed(a_sold_line("Massage", 9000), guid_of("account"))
    assert campaigns.reach(a_campaign(), [line]).lines == ()
    assert campaigns.without_campaign(an_open_invoice(line)).lines == (line,)


def test_an_imported_line_takes_part_and_gets_its_price_back() -> None:
    came = an_invoice(lines=(replace(a_line(final=10725), sales=10000, tax=725),))
    cut = applied(came, a_campaign())
    assert (cut.lines[0].sales, cut.lines[0].tax, cut.lines[0].discount) == (8000, 580, 2000)
    back = campaigns.without_campaign(cut)
    assert (back.lines[0].sales, back.lines[0].tax, back.sum_total) == (10000, 725, 10725)


def test_a_line_that_came_with_its_own_discount_keeps_it() -> None:
    own = replace(a_line(final=8800), discount=1200)
    came = an_invoice(lines=(own, a_line("Facial", final=10000)))
    cut = applied(came, a_campaign())
    assert [line.discount for line in cut.lines] == [1200, 2000]
    assert campaigns.without_campaign(cut).lines[0] == own


@pytest.mark.parametrize(
    ("campaign", "says"),
    [
        (
            a_campaign(amount=100, currency=Currency.of("EUR")),
            "The campaign is in EUR, and the centre's currency is USD",
        ),
        (a_campaign(item_ids=(guid_of("nothing"),)), "no item that the campaign is for"),
        (a_campaign(minimum=10001), "come to 100.00 of the 100.01 USD"),
        (a_campaign(percent=Decimal("0.001")), "takes nothing off 100.00 USD"),
    ],
)
def test_it_says_what_it_lacks(campaign: Campaign, says: str) -> None:
    found = campaigns.reach(campaign, [a_sold_line("Massage", 10000)])
    problem = campaigns.missing(campaign, found, USD)
    assert problem is not None
    assert says in problem


def test_it_lacks_nothing_at_exactly_its_minimum() -> None:
    campaign = a_campaign(minimum=10000, amount=100, currency=USD)
    assert campaigns.missing(campaign, campaigns.reach(campaign, [a_sold_line("Massage", 10000)]), USD) is None


@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ({}, True),
        ({"center_ids": (guid_of("here"),)}, True),
        ({"center_ids": (guid_of("there"),)}, False),
        ({"starts_on": date(2026, 1, 5), "ends_on": date(2026, 1, 5)}, True),
        ({"starts_on": date(2026, 1, 6)}, False),
        ({"ends_on": date(2026, 1, 4)}, False),
    ],
)
def test_it_runs_where_and_when_it_says(fields: dict[str, Any], runs: bool) -> None:
    assert campaigns.runs_at(a_campaign(**fields), guid_of("here"), date(2026, 1, 5)) is runs
