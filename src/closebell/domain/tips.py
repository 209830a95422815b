"""Which tips go to whom: assigned out of what was tipped, never more, in all and tender by tender."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from closebell.domain.invoice import EmployeeTip, Invoice
from closebell.domain.money import Minor
from closebell.errors import InvalidInput


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
    tipped = {t.id: t.tip_amount for t in invoice.settled if t.tip_amount != 0}
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
