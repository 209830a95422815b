"""Prices: what a line and an invoice come to, exactly, in every currency, and in whatever order things are rung up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.invoice import Centre, Invoice, ItemType, Line
from closebell.domain.money import AMOUNT_MINOR_MAX, Currency
from closebell.domain.pricing import (
    Terms,
    gross,
    nearest,
    percent_of,
    priced,
    redeemed,
    to_the_coin,
    undiscounted,
    with_lines,
    with_terms,
)
from closebell.testing import a_centre, a_line, an_invoice, guid_of

CURRENCIES = [Currency.of("JPY"), Currency.of("USD"), Currency.of("KWD")]
RATES = st.decimals(min_value=0, max_value=100, places=3)
QUANTITIES = st.decimals(min_value=Decimal("0.001"), max_value=100_000, places=3)
PRICES = st.one_of(st.integers(0, 10**6), st.integers(0, AMOUNT_MINOR_MAX // 100_000))
AMOUNTS = st.one_of(st.integers(0, 10**6), st.integers(0, AMOUNT_MINOR_MAX))


def a_sold_line(
    name: str = "Massage",
    *,
    price: int = 10000,
    quantity: str | Decimal = "1",
    rate: str | Decimal = "0",
    included: bool = False,
    kind: ItemType = ItemType.SERVICE,
) -> Line:
    line = replace(
        a_line(name),
        type=kind,
        unit_price=price,
        quantity=Decimal(quantity),
        tax_rate=Decimal(rate),
        is_tax_included=included,
    )
    return priced(line)


SOLD = st.builds(
    a_sold_line,
    st.uuids().map(str),
    price=PRICES,
    quantity=QUANTITIES,
    rate=RATES,
    included=st.booleans(),
    kind=st.sampled_from(ItemType),
)


@st.composite
def imported_lines(draw: st.DrawFn) -> Line:
    quantity = draw(st.integers(1, 1000))
    price = draw(st.integers(0, AMOUNT_MINOR_MAX // quantity))
    tax = draw(AMOUNTS) if price else 0
    sales = price * quantity
    return replace(a_line(), sales=sales, tax=tax, final=sales + tax, quantity=Decimal(quantity))


def at(centre: Centre, *lines: Line, **fields: Any) -> Invoice:
    """An invoice of this centre on which these lines were put one after the other."""
    return with_lines(an_invoice(centre=centre, lines=(), **fields), lines)


# --- one line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sales", "tax"),
    [
        ({"price": 10000, "rate": "7.25"}, 10000, 725),
        ({"price": 1999, "quantity": "2", "rate": "8.875"}, 3998, 355),  # 354.8225
        # 499.5 is 500, of which 416.67 is without tax
        ({"price": 333, "quantity": "1.5", "rate": "20", "included": True}, 417, 83),
        ({"price": 12345, "rate": "10", "included": True}, 11223, 1122),
        ({"price": 1, "quantity": "0.5"}, 1, 0),  # half a cent goes away from zero
        ({"price": 1, "quantity": "0.499"}, 0, 0),
        ({"price": 488, "included": True}, 488, 0),
        ({"price": 100, "rate": "100", "included": True}, 50, 50),
        ({"price": AMOUNT_MINOR_MAX}, AMOUNT_MINOR_MAX, 0),
    ],
)
def test_a_line_costs_what_its_terms_say(terms: dict[str, Any], sales: int, tax: int) -> None:
    line = a_sold_line(**terms)
    assert (line.sales, line.tax, line.final, line.discount) == (sales, tax, sales + tax, 0)


@given(line=SOLD, share=st.fractions(0, 1))
def test_sales_tax_and_discount_add_up_within_half_a_minor_unit(line: Line, share: Fraction) -> None:
    whole = undiscounted(line)
    discount = int(whole * share)
    cut = priced(line, discount=discount)
    assert line.tax_rate is not None
    rate = Fraction(line.tax_rate) / 100
    assert cut.final == cut.sales + cut.tax
    if line.is_tax_included:
        assert cut.final == whole - discount
        assert abs(Fraction(cut.sales) - (whole - discount) / (1 + rate)) <= Fraction(1, 2)
    else:
        assert cut.sales == whole - discount
        assert abs(Fraction(cut.tax) - cut.sales * rate) <= Fraction(1, 2)
    assert priced(cut) == line


@given(line=SOLD)
def test_a_discount_of_everything_leaves_nothing(line: Line) -> None:
    free = priced(line, discount=undiscounted(line))
    assert (free.sales, free.tax, free.final) == (0, 0, 0)
    assert free.discount == undiscounted(line)


@given(price=PRICES, quantity=QUANTITIES)
def test_the_price_of_many_is_within_half_a_minor_unit(price: int, quantity: Decimal) -> None:
    terms = Terms(unit_price=price, tax_rate=Decimal(0), is_tax_included=False)
    assert abs(gross(terms, quantity) - Fraction(price) * Fraction(quantity)) <= Fraction(1, 2)


@given(exact=st.fractions(max_denominator=10**6))
def test_nearest_is_symmetric_and_near(exact: Fraction) -> None:
    assert nearest(-exact) == -nearest(exact)
    assert abs(nearest(exact) - exact) <= Fraction(1, 2)


@given(amount=AMOUNTS, rate=RATES)
def test_a_percentage_is_symmetric_and_never_more_than_the_whole(amount: int, rate: Decimal) -> None:
    assert percent_of(-amount, rate) == -percent_of(amount, rate)
    assert 0 <= percent_of(amount, rate) <= amount


# --- lines that were imported ------------------------------------------------------------------------------------


@given(line=imported_lines())
def test_the_terms_told_from_an_imported_line_give_back_its_figures(line: Line) -> None:
    known = with_terms(line)
    assert known is not None
    assert known.unit_price is not None
    assert known.unit_price * known.quantity == line.sales
    assert priced(known) == known
    assert (known.sales, known.tax, known.final) == (line.sales, line.tax, line.final)
    assert len(f"{known.tax_rate:f}") <= 40, "it fits its column"


@given(line=imported_lines(), share=st.fractions(0, 1))
def test_what_was_taken_off_an_imported_line_can_be_put_back(line: Line, share: Fraction) -> None:
    cut = priced(line, discount=int(undiscounted(line) * share))
    assert priced(cut) == with_terms(line)
    used = redeemed(line, guid_of("account"))
    assert (used.sales, used.tax, used.final) == (0, 0, 0)
    assert priced(replace(used, redeemed_from_id=None)) == with_terms(line)


@pytest.mark.parametrize(
    "changes",
    [
        {"discount": 1200},
        {"quantity": Decimal(3)},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1), "sales": -100, "final": -100},
        {"sales": 0, "tax": 5, "final": 5},
    ],
)
def test_an_imported_line_whose_terms_cannot_be_told_keeps_its_price(changes: dict[str, Any]) -> None:
    line = replace(a_line(final=10000), **changes)
    assert with_terms(line) is None
    assert priced(line) == line
    assert undiscounted(line) == line.sales + line.discount


def test_a_line_that_is_sold_here_has_its_terms() -> None:
    line = a_sold_line(quantity="3", rate="7.25")
    assert with_terms(line) is line
    assert redeemed(line, "x").unit_price == line.unit_price


# --- an invoice --------------------------------------------------------------------------------------------------


@given(
    lines=st.lists(SOLD, max_size=6),
    order=st.randoms(use_true_random=False),
    centre=st.builds(
        lambda **fields: replace(a_centre(), **fields),
        currency=st.sampled_from(CURRENCIES),
        rounding_unit=st.sampled_from([1, 5, 10, 100]),
        ssg_rate=RATES,
        fee_rate=RATES,
        loyalty_cap_rate=st.one_of(st.none(), RATES),
    ),
)
def test_the_order_of_lines_changes_no_total_and_the_totals_add_up(
    lines: list[Line], order: Any, centre: Centre
) -> None:
    unit = centre.rounding_unit
    one = at(centre, *lines)
    shuffled = list(lines)
    order.shuffle(shuffled)
    other = at(centre, *shuffled)
    assert totals(one) == totals(other)
    assert one.net_price == sum(line.sales for line in lines)
    assert one.tax == sum(line.tax for line in lines)
    assert one.sum_total == one.net_price + one.tax + one.rounding_adjustment
    assert 2 * abs(one.rounding_adjustment) <= unit
    assert one.sum_total % unit == one.ssg_amount % unit == one.fee_amount % unit == 0
    assert min(one.sum_total, one.ssg_amount, one.fee_amount) >= 0
    assert one.loyalty_cap_amount is None or 0 <= one.loyalty_cap_amount <= one.sum_total


@given(lines=st.lists(SOLD, min_size=1, max_size=5), which=st.integers(0, 4), unit=st.sampled_from([1, 5]))
def test_adding_one_by_one_and_removing_again_is_as_if_it_had_never_been(
    lines: list[Line], which: int, unit: int
) -> None:
    centre = replace(a_centre(), rounding_unit=unit, ssg_rate=Decimal("12.5"), fee_rate=Decimal("1.1"))
    at_once = at(centre, *lines)
    grown = at(centre)
    for line in lines:
        grown = with_lines(grown, (*grown.lines, line))
    assert grown == at_once
    gone = lines[which % len(lines)]
    left = [line for line in lines if line is not gone]
    assert with_lines(at_once, left) == at(centre, *left)
    assert totals(with_lines(at_once, ())) == totals(at(centre))


def totals(invoice: Invoice) -> tuple[int | None, ...]:
    return (
        invoice.net_price,
        invoice.tax,
        invoice.rounding_adjustment,
        invoice.sum_total,
        invoice.ssg_amount,
        invoice.fee_amount,
        invoice.loyalty_cap_amount,
    )


def test_charges_are_of_the_services_and_rounded_to_the_coin() -> None:
    centre = replace(
        a_centre(),
        rounding_unit=5,
        ssg_rate=Decimal(10),
        fee_rate=Decimal("1.5"),
        loyalty_cap_rate=Decimal(50),
    )
    invoice = at(centre, a_sold_line(price=10333), a_sold_line("Oil", price=1000, rate="10", kind=ItemType.PRODUCT))
    assert (invoice.net_price, invoice.tax) == (11333, 100)
    assert (invoice.rounding_adjustment, invoice.sum_total) == (2, 11435)
    assert (invoice.ssg_amount, invoice.fee_amount) == (1035, 155)  # of 103.33: 10.333 and 1.54995
    assert invoice.loyalty_cap_amount == 5717  # rounded down


def test_a_charge_is_rounded_once() -> None:
    centre = replace(a_centre(), rounding_unit=100, ssg_rate=Decimal(5), fee_rate=Decimal(10))
    invoice = at(centre, a_sold_line(price=994))
    assert invoice.ssg_amount == 0, "49.7 is nearer to no coin than to one, though 50 is not"
    assert invoice.fee_amount == 100


def test_half_a_coin_goes_away_from_zero_and_refunds_mirror_sales() -> None:
    for exact, expected in ((1225, 1225), (1227, 1225), (1228, 1230), (1250, 1250)):
        assert to_the_coin(exact, 5) == expected
        assert to_the_coin(-exact, 5) == -expected
    assert to_the_coin(25, 10) == 30
    assert to_the_coin(-25, 10) == -30


def test_what_an_import_said_beside_its_lines_stays() -> None:
    came = an_invoice(
        lines=(replace(a_line(final=370), tax=0, sales=370),),
        rounding_adjustment=-1,
        sum_total=369,
        ssg_amount=30,
        fee_amount=7,
        loyalty_cap_amount=100,
    )
    more = with_lines(came, (*came.lines, a_sold_line(price=100)))
    assert (more.sum_total, more.rounding_adjustment) == (469, -1)
    assert (more.ssg_amount, more.fee_amount, more.loyalty_cap_amount) == (30, 7, 100)
    assert totals(with_lines(more, came.lines)) == totals(came)
    assert totals(with_lines(came, ())) == (0, 0, 0, 0, 0, 0, 100)


def test_an_imported_rounding_never_makes_a_total_negative() -> None:
    came = an_invoice(lines=(a_line(final=400), a_line("Tip jar", final=0)), rounding_adjustment=-80, sum_total=320)
    left = with_lines(came, [line for line in came.lines if line.name == "Tip jar"])
    assert (left.net_price, left.rounding_adjustment, left.sum_total) == (0, 0, 0)


def test_an_invoice_that_came_without_items_keeps_what_it_said() -> None:
    came = an_invoice(lines=(), net_price=300, rounding_adjustment=5, sum_total=305, ssg_amount=10)
    there_and_back = with_lines(with_lines(came, [a_sold_line()]), ())
    assert totals(there_and_back) == totals(came)


def test_what_a_package_paid_for_costs_nothing_and_is_charged_nothing() -> None:
    centre = replace(a_centre(), ssg_rate=Decimal(10))
    line = a_sold_line(price=5000, rate="20")
    invoice = at(centre, redeemed(line, guid_of("account")))
    assert (invoice.sum_total, invoice.ssg_amount) == (0, 0)


@given(total=AMOUNTS, cap=RATES)
def test_the_cap_on_points_is_exact_and_rounded_down(total: int, cap: Decimal) -> None:
    centre = replace(a_centre(), loyalty_cap_rate=cap)
    most = at(centre, a_sold_line(price=total, kind=ItemType.PRODUCT)).loyalty_cap_amount
    assert most is not None
    assert 0 <= Fraction(total) * Fraction(cap) / 100 - most < 1
