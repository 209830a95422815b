"""May this invoice close? Every rule, in the order whose first broken one is the wire error.

Source: docs/closing.md; public page "close-an-invoice". The order is a decision of ours: see docs/decisions/.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import Minor
from closebell.errors import RefusalCode


class Remedy(enum.Enum):
    """What clears a blocker; the API names the call."""

    UNGROUP = "remove the invoice from its group"
    WAIT = "close again once the appointment's date has come"
    PAY = "take a payment of the missing amount"
    REMOVE_PAYMENT = "remove a payment"
    ASSIGN_TIPS = "assign the tips to employees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One rule that the invoice breaks.

    Shape: `rule` is the name of the rule's function; `amounts` are minor units by what they mean; `rows` are the
           ids of the transactions or appointments concerned; `not_before` is the first date a waiting remedy works.
    """

    rule: str
    code: RefusalCode
    detail: str
    remedy: Remedy
    amounts: Mapping[str, Minor] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    not_before: date | None = None


Rule = Callable[[Invoice, date], Blocker | None]


def check(invoice: Invoice, *, today: date) -> tuple[Blocker, ...]:
    """Every closing rule the invoice breaks, in rule order; empty means it may close.

    Shape:  at most one Blocker per rule; the first is the wire error.
    Units:  `today` is the date in the centre's time zone.
    Source: docs/closing.md; public page "close-an-invoice".
    """
    return tuple(blocker for rule in RULES if (blocker := rule(invoice, today)) is not None)


def must_not_be_grouped(invoice: Invoice, today: date) -> Blocker | None:
    """492 Group Invoice Not Supported: a member of a group closes with its group."""
    if invoice.group_invoice_id is None:
        return None
    return Blocker(
        rule="must_not_be_grouped",
        code=RefusalCode.GROUP_INVOICE,
        detail=f"The invoice belongs to group invoice {invoice.group_invoice_id}.",
        remedy=Remedy.UNGROUP,
        rows=(invoice.group_invoice_id,),
    )


def must_have_no_future_appointment(invoice: Invoice, today: date) -> Blocker | None:
    """1113: an appointment of a later date blocks; one later today does not."""
    future = [a for a in invoice.appointments if a.starts_on > today]
    if not future:
        return None
    last = max(future, key=lambda a: a.start_time)
    return Blocker(
        rule="must_have_no_future_appointment",
        code=RefusalCode.FUTURE_APPOINTMENT,
        detail=f"{last.service_name or 'An appointment'} starts at {last.start_time} and today is {today} "
        f"at the centre ({invoice.centre.time_zone}).",
        remedy=Remedy.WAIT,
        rows=tuple(a.id for a in future),
        not_before=last.starts_on,
    )


def must_be_fully_paid(invoice: Invoice, today: date) -> Blocker | None:
    """419 Full Payment: settled payments reach the total, and settled fees reach the environment fee."""
    settled = invoice.settled
    paid = sum(t.amount_paid for t in settled)
    if (missing := _short_of(invoice.sum_total, paid)) != 0:
        return _underpaid(invoice, RefusalCode.NOT_FULLY_PAID, "", due=invoice.sum_total, paid=paid, missing=missing)
    fees = sum(t.fee_amount for t in settled)
    if (missing := _short_of(invoice.fee_amount, fees)) != 0:
        return _underpaid(
            invoice,
            RefusalCode.NOT_FULLY_PAID,
            " of the environment fee",
            due=invoice.fee_amount,
            paid=fees,
            missing=missing,
        )
    return None


def must_have_service_charge_paid(invoice: Invoice, today: date) -> Blocker | None:
    """419 SSG: settled service charges reach the service charge of the invoice."""
    paid = sum(t.ssg_amount for t in invoice.settled)
    if (missing := _short_of(invoice.ssg_amount, paid)) == 0:
        return None
    return _underpaid(
        invoice,
        RefusalCode.SSG_NOT_PAID,
        " of the service charge",
        due=invoice.ssg_amount,
        paid=paid,
        missing=missing,
    )


def must_not_be_overpaid(invoice: Invoice, today: date) -> Blocker | None:
    """459 excess: no more is settled than is due, for the total, the service charge and the fee alike."""
    settled = invoice.settled
    for what, due, paid in (
        ("", invoice.sum_total, sum(t.amount_paid for t in settled)),
        (" of the service charge", invoice.ssg_amount, sum(t.ssg_amount for t in settled)),
        (" of the environment fee", invoice.fee_amount, sum(t.fee_amount for t in settled)),
    ):
        if (excess := _beyond(due, paid)) != 0:
            money = invoice.currency
            return Blocker(
                rule="must_not_be_overpaid",
                code=RefusalCode.PAID_IN_EXCESS,
                detail=f"{money.digits(paid)} is paid for {money.text(due)}{what}; {money.digits(excess)} is too much.",
                remedy=Remedy.REMOVE_PAYMENT,
                amounts={"due": due, "paid": paid, "excess": excess},
                rows=tuple(t.id for t in settled),
            )
    return None


def must_keep_loyalty_within_cap(invoice: Invoice, today: date) -> Blocker | None:
    """459 loyalty: points pay no more than the cap of the invoice."""
    cap = invoice.loyalty_cap_amount
    points = [t for t in invoice.settled if t.tender is Tender.LOYALTY_POINTS]
    paid = sum(t.total_amount_paid for t in points)
    if cap is None or paid <= cap:
        return None
    money = invoice.currency
    return Blocker(
        rule="must_keep_loyalty_within_cap",
        code=RefusalCode.LOYALTY_OVER_CAP,
        detail=f"{money.digits(paid)} is paid in loyalty points; at most {money.text(cap)} may be.",
        remedy=Remedy.REMOVE_PAYMENT,
        amounts={"cap": cap, "paid": paid, "excess": paid - cap},
        rows=tuple(t.id for t in points),
    )


def must_have_tips_assigned(invoice: Invoice, today: date) -> Blocker | None:
    """1112: every settled tip is assigned to employees, exactly, in all and tender by tender."""
    tips = {t.id: t.tip_amount for t in invoice.settled if t.tip_amount != 0}
    assigned = sum(tip.amount for tip in invoice.employee_tips)
    collected = sum(tips.values())
    uneven = _tenders_over_assigned(invoice, tips)
    if assigned == collected and not uneven:
        return None
    money = invoice.currency
    difference = collected - assigned
    if difference > 0:
        tail = f"{money.digits(difference)} is unassigned."
    elif difference < 0:
        tail = f"{money.digits(-difference)} too much is assigned."
    else:
        tail = "some tenders have more assigned than was tipped with them."
    return Blocker(
        rule="must_have_tips_assigned",
        code=RefusalCode.TIPS_UNASSIGNED,
        detail=f"{money.digits(assigned)} of {money.text(collected)} in tips is assigned; {tail}",
        remedy=Remedy.ASSIGN_TIPS,
        amounts={"collected": collected, "assigned": assigned, "unassigned": difference},
        rows=uneven or tuple(tips),
    )


def must_have_nothing_pending(invoice: Invoice, today: date) -> Blocker | None:
    """719: a payment whose money is still on its way could arrive after the close."""
    pending = [t for t in invoice.transactions if t.state is TransactionState.PENDING]
    if not pending:
        return None
    amount = sum(t.total_amount_paid for t in pending)
    return Blocker(
        rule="must_have_nothing_pending",
        code=RefusalCode.COULD_NOT_BE_CLOSED,
        detail=f"{_count(pending)} of {invoice.currency.text(amount)} pending.",
        remedy=Remedy.REMOVE_PAYMENT,
        amounts={"pending": amount},
        rows=tuple(t.id for t in pending),
    )


RULES: tuple[Rule, ...] = (
    must_not_be_grouped,
    must_have_no_future_appointment,
    must_be_fully_paid,
    must_have_service_charge_paid,
    must_not_be_overpaid,
    must_keep_loyalty_within_cap,
    must_have_tips_assigned,
    must_have_nothing_pending,
)
"""The rules, in the order in which a broken one becomes the wire error."""


def _short_of(due: Minor, paid: Minor) -> Minor:
    """How much is missing; zero or negative dues (refunds) are missing what is still to be handed back."""
    if due < 0:
        return min(due - paid, 0)
    return max(due - paid, 0)


def _beyond(due: Minor, paid: Minor) -> Minor:
    """How much is too much, with the sign of money flowing the wrong way on a refund."""
    if due < 0:
        return min(paid - due, 0)
    return max(paid - due, 0)


def _underpaid(invoice: Invoice, code: RefusalCode, what: str, *, due: Minor, paid: Minor, missing: Minor) -> Blocker:
    money = invoice.currency
    is_ssg = code is RefusalCode.SSG_NOT_PAID
    return Blocker(
        rule="must_have_service_charge_paid" if is_ssg else "must_be_fully_paid",
        code=code,
        detail=f"{money.digits(paid)} of {money.text(due)}{what} is paid; {money.digits(missing)} is missing.",
        remedy=Remedy.PAY,
        amounts={"due": due, "paid": paid, "missing": missing},
        rows=tuple(t.id for t in invoice.transactions),
    )


def _tenders_over_assigned(invoice: Invoice, tips: Mapping[str, Minor]) -> tuple[str, ...]:
    """The tenders that have more assigned than was tipped with them; money elsewhere cannot make up for it."""
    assigned: dict[str, Minor] = {}
    for tip in invoice.employee_tips:
        if tip.transaction_id is not None:
            assigned[tip.transaction_id] = assigned.get(tip.transaction_id, 0) + tip.amount
    return tuple(tender for tender, amount in assigned.items() if _beyond(tips.get(tender, 0), amount) != 0)


def _count(pending: list[Transaction]) -> str:
    return "1 payment is" if len(pending) == 1 else f"{len(pending)} payments are"
