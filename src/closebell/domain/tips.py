"""Which tips go to whom: assigned out of what was tipped, never more, in all and tender by tender.

Source: docs/payments.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from closebell.domain.invoice import EmployeeTip, Invoice, ItemType, Line
from closebell.domain.money import Minor, split
from closebell.errors import Conflict, InvalidInput

PERCENT_DECIMALS_MAX: Final = 4
"""Decimals of an employee's share in percent."""
_WHOLE: Final = 100


def assignable(invoice: Invoice, tips: Sequence[EmployeeTip]) -> tuple[EmployeeTip, ...]:
    """The tips as they are to be stored: where only one tender brought a tip, each names it.

    Units:  amounts are minor units of the invoice's currency, not negative but on a refund, which takes tips back.
    Errors: InvalidInput naming `employee_tips[i].transaction_id` for a tender that is not on the invoice, and
            `employee_tips` when more is assigned than was tipped; tips of money that has not arrived do not count.
    """
    present = {transaction.id for transaction in invoice.transactions}
    for index, tip in enumerate(tips):
        if tip.transaction_id is not None and tip.transaction_id not in present:
            raise InvalidInput(
                f"employee_tips[{index}].transaction_id", f"{tip.transaction_id} is not a payment of this invoice"
            )
    tipped = _tipped(invoice)
    only = next(iter(tipped)) if len(tipped) == 1 else None
    named = tuple(replace(tip, transaction_id=tip.transaction_id or only) for tip in tips)
    _must_not_exceed(invoice, sum(tip.amount for tip in named), sum(tipped.values()), "in tips")
    for tender, assigned in _by_tender(named).items():
        _must_not_exceed(invoice, assigned, tipped.get(tender, 0), f"tipped with payment {tender}")
    return named


def _by_tender(tips: Iterable[EmployeeTip]) -> dict[str, Minor]:
    assigned: defaultdict[str, Minor] = defaultdict(int)
    for tip in tips:
        if tip.transaction_id is not None:
            assigned[tip.transaction_id] += tip.amount
    return assigned


def _must_not_exceed(invoice: Invoice, assigned: Minor, tipped: Minor, what: str) -> None:
    too_much = tipped - assigned if invoice.is_refund else assigned - tipped
    if too_much > 0:
        money = invoice.currency
        raise InvalidInput(
            "employee_tips",
            f"{money.digits(assigned)} is assigned of {money.text(tipped)} {what}; "
            f"{money.digits(too_much)} is too much",
        )


def by_service_price(invoice: Invoice) -> tuple[EmployeeTip, ...]:
    """Every settled tip, divided over those who served in proportion to what each service came to.

    Errors: Conflict when there are tips and nobody is known to have served.
    """
    weights: defaultdict[str, int] = defaultdict(int)
    for line in invoice.lines:
        served = _served(invoice, line) if line.type == ItemType.SERVICE else []
        for employee_id, share in zip(served, split(abs(line.final), [1] * len(served)) if served else [], strict=True):
            weights[employee_id] += share
    if not weights and _tipped(invoice):
        raise Conflict(f"Invoice {invoice.id} has no service that an employee is known to have given")
    return _divided(invoice, weights)


def _served(invoice: Invoice, line: Line) -> list[str]:
    """Who gave the service: the therapists of its appointments, otherwise whoever sold it."""
    therapists = [a.therapist_id for a in invoice.appointments if a.invoice_item_id == line.id and a.therapist_id]
    sellers = [line.sale_by_id] if line.sale_by_id else []
    return list(dict.fromkeys(therapists or sellers))


def by_percentage(invoice: Invoice, shares: Sequence[tuple[str, Decimal]]) -> tuple[EmployeeTip, ...]:
    """Every settled tip, divided over these employees by their percents, which make up a hundred exactly.

    Errors: InvalidInput such as `employee_tips[1].percent`.
    """
    weights: defaultdict[str, int] = defaultdict(int)
    for index, (employee_id, percent) in enumerate(shares):
        weights[employee_id] += _weight(percent, f"employee_tips[{index}].percent")
    together = Decimal(sum(weights.values())).scaleb(-PERCENT_DECIMALS_MAX)
    if together != _WHOLE:
        raise InvalidInput("employee_tips", f"the percents make up {together.normalize():f}; write shares of 100")
    return _divided(invoice, weights)


def _weight(percent: Decimal, field: str) -> int:
    if not percent.is_finite() or not 0 < percent <= _WHOLE:
        raise InvalidInput(field, "is no share; write a number above 0 and up to 100")
    plain = round(percent, PERCENT_DECIMALS_MAX)
    if plain != percent:
        raise InvalidInput(field, f"has more than {PERCENT_DECIMALS_MAX} decimals")
    return int(plain.scaleb(PERCENT_DECIMALS_MAX))


def _tipped(invoice: Invoice) -> dict[str, Minor]:
    return {t.id: t.tip_amount for t in invoice.settled if t.tip_amount != 0}


def _divided(invoice: Invoice, weights: Mapping[str, int]) -> tuple[EmployeeTip, ...]:
    """The tip of each tender, exactly; whoever gets nothing of it is not named."""
    return tuple(
        EmployeeTip(employee_id=employee_id, amount=amount, transaction_id=tender)
        for tender, tip in _tipped(invoice).items()
        for employee_id, amount in zip(weights, split(tip, list(weights.values())), strict=True)
        if amount
    )
