"""What a line comes to and what an invoice comes to: exact, and rounded in one named place each.

Source: docs/selling.md; the contract, sections 2.3 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import Minor

_PERCENT: Final = 100
_RATE_DECIMALS: Final = 17
"""Decimals of a tax rate told from figures: so many that it gives back the tax of the largest amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one unit of a thing costs at a centre, and the tax on it.

    Units: `tax_rate` is in percent, of the price without the tax.
    """

    unit_price: Minor
    tax_rate: Decimal
    is_tax_included: bool


def nearest(exact: Fraction) -> Minor:
    """The nearest whole number; a half goes away from zero.

    >>> nearest(Fraction(5, 2)), nearest(Fraction(-5, 2)), nearest(Fraction(7, 3))
    (3, -3, 2)
    """
    whole = (abs(exact) * 2 + 1) // 2
    return -whole if exact < 0 else whole


def percent_of(amount: Minor, rate: Decimal) -> Minor:
    """That many percent of an amount, to the nearest minor unit.

    >>> percent_of(1050, Decimal("7.25"))
    76
    """
    return nearest(Fraction(amount) * Fraction(rate) / _PERCENT)


def to_the_coin(exact: Minor | Fraction, unit: Minor) -> Minor:
    """The nearest amount that can be paid in coins of `unit` minor units; a half goes away from zero.

    >>> to_the_coin(1233, 5), to_the_coin(1232, 5), to_the_coin(-1233, 5), to_the_coin(1233, 1)
    (1235, 1230, -1235, 1233)
    """
    return nearest(Fraction(exact) / unit) * unit


def gross(terms: Terms, quantity: Decimal) -> Minor:
    """What so many units cost before any discount."""
    return nearest(Fraction(terms.unit_price) * Fraction(quantity))


def with_terms(line: Line) -> Line | None:
    """The line with the terms it is sold at; those of a line that was imported are told from its figures.

    Shape: None where they cannot be told: it came with a discount of its own, or its quantity does not divide its
           price. Such a line keeps its price.
    """
    if line.unit_price is not None and line.tax_rate is not None:
        return line
    if line.discount or line.quantity <= 0 or line.sales < 0 or (line.tax and not line.sales):
        return None
    unit_price = Fraction(line.sales) / Fraction(line.quantity)
    if unit_price.denominator != 1:
        return None
    return replace(line, unit_price=unit_price.numerator, tax_rate=_rate_of(line), is_tax_included=False)


def of_one(terms: Terms) -> tuple[Minor, Minor]:
    """Sales and tax of one unit without a discount.

    >>> of_one(Terms(unit_price=5000, tax_rate=Decimal("10.1"), is_tax_included=False))
    (5000, 505)
    """
    return _taxed(terms.unit_price, terms)


def priced(line: Line, *, discount: Minor = 0) -> Line:
    """The line at its terms, less a discount; one whose terms cannot be told keeps its price.

    Shape: `final` = `sales` + `tax`, and `sales` is net of the discount, which is taken off the price as it is
           written: with the tax in it where the terms include it.
    """
    assert not discount or 0 < discount <= undiscounted(line), "a discount takes off no more than there is"
    known = with_terms(line)
    if known is None:
        assert not discount, "a line without terms is not discounted"
        return line
    terms = _terms(known)
    sales, tax = _taxed(gross(terms, line.quantity) - discount, terms)
    return replace(known, sales=sales, tax=tax, final=sales + tax, discount=discount)


def undiscounted(line: Line) -> Minor:
    """The amount that a discount on the line is taken off."""
    known = with_terms(line)
    return line.sales + line.discount if known is None else gross(_terms(known), line.quantity)


def redeemed(line: Line, account_id: str) -> Line:
    """The line once a guest's package has paid for it: it costs nothing any more, and keeps its terms."""
    known = with_terms(line) or line
    return replace(known, sales=0, tax=0, final=0, discount=0, redeemed_from_id=account_id)


def with_lines(invoice: Invoice, lines: Iterable[Line]) -> Invoice:
    """The invoice with these lines in the place of its own, and its totals moved by the difference.

    What an imported invoice says beside its lines thus stays. The total is rounded to the centre's smallest coin,
    and so are service charge and environment fee, which follow the centre's rates where it has any, as does the cap
    on points.
    """
    new = tuple(lines)
    net = invoice.net_price + _sum("sales", new) - _sum("sales", invoice.lines)
    tax = invoice.tax + _sum("tax", new) - _sum("tax", invoice.lines)
    is_empty = not new and net == tax == 0
    rounding = 0 if is_empty else _rounding(invoice, net + tax)
    total = net + tax + rounding
    centre = invoice.centre
    services = max(sum(line.sales for line in new if line.type == ItemType.SERVICE), 0)
    charge, fee = (
        to_the_coin(Fraction(services) * Fraction(rate) / _PERCENT, centre.rounding_unit) if rate or is_empty else kept
        for rate, kept in ((centre.ssg_rate, invoice.ssg_amount), (centre.fee_rate, invoice.fee_amount))
    )
    return replace(
        invoice,
        lines=new,
        net_price=net,
        tax=tax,
        rounding_adjustment=rounding,
        sum_total=total,
        ssg_amount=charge,
        fee_amount=fee,
        loyalty_cap_amount=_cap(invoice, total),
    )


def _terms(line: Line) -> Terms:
    assert line.unit_price is not None, "the line has terms: with_terms tells those of an imported one"
    assert line.tax_rate is not None, "a price comes with its tax rate"
    return Terms(unit_price=line.unit_price, tax_rate=line.tax_rate, is_tax_included=line.is_tax_included)


def _rate_of(line: Line) -> Decimal:
    """The tax rate that makes the line's tax of its sales."""
    if not line.tax:
        return Decimal(0)
    return Decimal(nearest(Fraction(line.tax * _PERCENT * 10**_RATE_DECIMALS, line.sales))).scaleb(-_RATE_DECIMALS)


def _taxed(net: Minor, terms: Terms) -> tuple[Minor, Minor]:
    """Sales and tax of an amount that has the tax in it, or gets it on top."""
    if not terms.is_tax_included:
        return net, percent_of(net, terms.tax_rate)
    sales = nearest(Fraction(net) * _PERCENT / (_PERCENT + Fraction(terms.tax_rate)))
    return sales, net - sales


def _sum(name: str, lines: Sequence[Line]) -> Minor:
    return sum(getattr(line, name) for line in lines)


def _rounding(invoice: Invoice, exact: Minor) -> Minor:
    """What brings the total to the centre's smallest coin; without one, what it came with.

    Shape: no total is below zero but a refund's.
    """
    unit = invoice.centre.rounding_unit
    rounding = to_the_coin(exact, unit) - exact if unit > 1 else invoice.rounding_adjustment
    return rounding if invoice.is_refund else max(rounding, -exact)


def _cap(invoice: Invoice, total: Minor) -> Minor | None:
    """The most that points may pay of this total, rounded down."""
    rate = invoice.centre.loyalty_cap_rate
    if rate is None:
        return invoice.loyalty_cap_amount
    return max(int(Fraction(total) * Fraction(rate) / _PERCENT), 0)
