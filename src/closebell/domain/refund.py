"""A refund: an invoice of its own with every figure below zero, made of what a closed invoice sold and was paid.

Source: docs/refunds.md; docs/decisions/0017-refunds.md; the contract, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.money import Minor
from closebell.domain.payment import Due
from closebell.domain.pricing import nearest, to_the_coin
from closebell.domain.refund_lines import ItemWish, lines_back
from closebell.domain.refund_tenders import (
    Paper,
    PaymentWish,
    captured,
    shares_in_order,
    shares_named,
    shares_of_all,
    tenders_back,
    tips_back,
)
from closebell.errors import Conflict, InvalidInput

REFUNDS_MAX: Final = 100
"""Refunds of one invoice that were not called off."""
NOTES_CHARACTERS_MAX: Final = 4_000
"""Characters in the comments on a refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to come back. Without `items` it is everything left, without `payments` what the items come to.

    Shape: an empty tuple is none of them. `tips` says whether all tips that are left go back too, where no payments
           are named; unless it is said they do when everything does.
    """

    items: tuple[ItemWish, ...] | None = None
    payments: tuple[PaymentWish, ...] | None = None
    tips: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """The figures of an invoice beside its lines, or of several."""

    net: Minor = 0
    tax: Minor = 0
    rounding: Minor = 0
    ssg: Minor = 0
    fee: Minor = 0


def refund_of(
    original: Invoice, earlier: Sequence[Invoice], wish: Wish, paper: Paper, *, new_id: Callable[[], str]
) -> Invoice:
    """The open refund of a closed invoice that grants this wish, after these earlier refunds; its number is to come.

    Shape:  all refunds of an invoice sum to it, line by line, tender by tender and in its totals, once everything has
            been given back.
    Errors: Refusal 429; NotFound; Conflict for more than is left, or when nothing is; InvalidInput.
    """
    _must_be_refundable(original, earlier)
    lines = lines_back(original, earlier, wish.items, new_id=new_id)
    sums = _Sums() if wish.items == () else _sums_back(original, earlier, lines)
    due = Due(balance=sums.net + sums.tax + sums.rounding, ssg=sums.ssg, fee=sums.fee)
    whole, money = due.balance + due.ssg + due.fee, captured(original, earlier)
    if wish.payments is not None:
        shares = shares_named(original, money, wish.payments, whole)
    elif wish.items is not None:
        shares = shares_in_order(original, money, whole, with_tips=wish.tips is True)
    else:
        shares = shares_of_all(original, money, whole, with_tips=wish.tips is not False)
    tenders = tenders_back(shares, due, paper, new_id=new_id)
    if not lines and not tenders and not whole:
        _refuse_nothing(original, wish)
    return Invoice(
        id=paper.id,
        centre=original.centre,
        guest=original.guest,
        invoice_number="",
        invoice_number_prefix=original.centre.invoice_prefix,
        receipt_number="0",
        appointment_group_id=None,
        group_invoice_id=None,
        lock=False,
        is_refund=True,
        invoice_date=paper.made_at,
        net_price=-sums.net,
        tax=-sums.tax,
        rounding_adjustment=-sums.rounding,
        sum_total=-due.balance,
        ssg_amount=-due.ssg,
        fee_amount=-due.fee,
        lines=lines,
        transactions=tenders,
        employee_tips=tips_back(original, earlier, tenders),
        notes=paper.notes,
        created_by_id=paper.created_by_id,
        refund_of_id=original.id,
    )


def _must_be_refundable(original: Invoice, earlier: Sequence[Invoice]) -> None:
    if original.is_refund:
        raise Conflict(f"Invoice {original.id} is a refund; what it gave back is not given back again")
    if not original.is_closed:
        raise Conflict(f"Invoice {original.id} is not closed; remove its payments or cancel it instead")
    if len(earlier) >= REFUNDS_MAX:
        raise Conflict(f"Invoice {original.id} has {REFUNDS_MAX} refunds, which is the most that one can have")


def _refuse_nothing(original: Invoice, wish: Wish) -> None:
    if wish.items is None and wish.payments is None:
        raise Conflict(f"Invoice {original.id} was given back before; nothing of it is left")
    raise InvalidInput("items", "is empty, and so is what would be paid back; name an item or a payment")


def _sums_back(original: Invoice, earlier: Sequence[Invoice], lines: Sequence[Line]) -> _Sums:
    """The figures of this refund: what all refunds give back with it, less what the earlier ones gave."""
    with_it = _sums_in_all(original, [*(line for refund in earlier for line in refund.lines), *lines])
    net = with_it.net + sum(refund.net_price for refund in earlier)
    tax = with_it.tax + sum(refund.tax for refund in earlier)
    rounding = with_it.rounding + sum(refund.rounding_adjustment for refund in earlier)
    return _Sums(
        net=net,
        tax=tax,
        # One that was called off between two others can leave a coin's worth too much given back by them.
        rounding=max(rounding, -(net + tax)),
        ssg=max(with_it.ssg + sum(refund.ssg_amount for refund in earlier), 0),
        fee=max(with_it.fee + sum(refund.fee_amount for refund in earlier), 0),
    )


def _sums_in_all(original: Invoice, back: Sequence[Line]) -> _Sums:
    """What of the invoice's figures goes with these lines; with all of its lines, all of them.

    What an imported invoice says beside its lines, and the rounding, go with the lines in proportion; service charge
    and environment fee go with the services, which they were raised on, where there are any.
    """
    share = _share(original.lines, back)
    services = _share(
        [line for line in original.lines if line.type == ItemType.SERVICE],
        [line for line in back if line.type == ItemType.SERVICE],
    )
    serving = share if services is None else services
    sold_net, sold_tax = sum(line.sales for line in original.lines), sum(line.tax for line in original.lines)
    everything = share if share is not None else _are_all_back(original.lines, back)
    net = nearest((original.net_price - sold_net) * everything) - sum(line.sales for line in back)
    tax = nearest((original.tax - sold_tax) * everything) - sum(line.tax for line in back)
    return _Sums(
        net=net,
        tax=tax,
        rounding=_rounding(original, net + tax, everything),
        ssg=_charge(original, original.ssg_amount, everything if serving is None else serving),
        fee=_charge(original, original.fee_amount, everything if serving is None else serving),
    )


def _share(sold: Sequence[Line], back: Sequence[Line]) -> Fraction | None:
    """How much of what was sold came back, by its price; None where it cost nothing."""
    price = sum(line.final for line in sold)
    return Fraction(-sum(line.final for line in back), price) if price else None


def _are_all_back(sold: Sequence[Line], back: Sequence[Line]) -> Fraction:
    """One once every line came back, else zero: what cost nothing is not counted in parts."""
    left = sum((line.quantity for line in (*sold, *back)), start=Decimal(0))
    return Fraction(0 if left else 1)


def _charge(original: Invoice, charge: Minor, share: Fraction) -> Minor:
    """The charge's own share, which can be paid in coins if the charge can."""
    unit = original.centre.rounding_unit
    coin = unit if charge % unit == 0 else 1
    return nearest(charge * share / coin) * coin


def _rounding(original: Invoice, exact: Minor, share: Fraction) -> Minor:
    """What brings the refunds to the coin, where the original was rounded to one; else the rounding's own share."""
    if share == 1:
        return original.rounding_adjustment
    unit = original.centre.rounding_unit
    whole = original.net_price + original.tax
    if unit > 1 and original.rounding_adjustment == to_the_coin(whole, unit) - whole:
        return to_the_coin(exact, unit) - exact
    return nearest(original.rounding_adjustment * share)
