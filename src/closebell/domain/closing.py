"""May this invoice close? Every rule, in the order whose first broken one is the wire error.

Source: docs/closing.md; public page "close-an-invoice". The order is a decision of ours: see docs/decisions/.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import Currency, Minor
from closebell.errors import RefusalCode


class Remedy(enum.Enum):
    """What clears a blocker; the API names the call."""

    UNGROUP = "remove the invoice from its group"
    WAIT = "close again once the appointment's date has come"
    PAY = "take a payment of the missing amount"
    REMOVE_PAYMENT = "remove a payment"
    ASSIGN_TIPS = "assign the tips to employees"
    SELL_AGAIN = "make a new invoice"


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


def must_not_be_cancelled(invoice: Invoice, today: date) -> Blocker | None:
    """719: what was called off stays so; there is nothing to close."""
    if not invoice.is_cancelled:
        return None
    return Blocker(
        rule="must_not_be_cancelled",
        code=RefusalCode.COULD_NOT_BE_CLOSED,
        detail="The invoice was cancelled.",
        remedy=Remedy.SELL_AGAIN,
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
    total = _Due(due=invoice.sum_total, paid=sum(t.amount_paid for t in invoice.settled))
    fee = _Due(due=invoice.fee_amount, paid=sum(t.fee_amount for t in invoice.settled))
    if total.missing == fee.missing == 0:
        return None
    money = invoice.currency
    sentences = [total.sentence(money)] if total.missing else []
    amounts = {"due": total.due, "paid": total.paid, "missing": total.missing}
    if fee.missing:
        sentences.append(fee.sentence(money, of=" of the environment fee"))
        amounts |= {"fee_due": fee.due, "fee_paid": fee.paid, "fee_missing": fee.missing}
    if pending := _pending(invoice):
        sentences.append(_arriving(invoice, pending))
    return Blocker(
        rule="must_be_fully_paid",
        code=RefusalCode.NOT_FULLY_PAID,
        detail=" ".join(sentences),
        remedy=Remedy.PAY,
        amounts=amounts,
        rows=tuple(t.id for t in invoice.transactions),
    )


def must_have_service_charge_paid(invoice: Invoice, today: date) -> Blocker | None:
    """419 SSG: settled service charges reach the service charge of the invoice."""
    charge = _Due(due=invoice.ssg_amount, paid=sum(t.ssg_amount for t in invoice.settled))
    if not charge.missing:
        return None
    return Blocker(
        rule="must_have_service_charge_paid",
        code=RefusalCode.SSG_NOT_PAID,
        detail=charge.sentence(invoice.currency, of=" of the service charge"),
        remedy=Remedy.PAY,
        amounts={"due": charge.due, "paid": charge.paid, "missing": charge.missing},
        rows=tuple(t.id for t in invoice.transactions),
    )


def must_not_be_overpaid(invoice: Invoice, today: date) -> Blocker | None:
    """459 excess: no more is settled than is due, for the total, the service charge and the fee alike."""
    settled, money = invoice.settled, invoice.currency
    total = _Due(due=invoice.sum_total, paid=sum(t.amount_paid for t in settled))
    charge = _Due(due=invoice.ssg_amount, paid=sum(t.ssg_amount for t in settled))
    fee = _Due(due=invoice.fee_amount, paid=sum(t.fee_amount for t in settled))
    if total.excess == charge.excess == fee.excess == 0:
        return None
    sentences = [
        f"{money.digits(part.paid)} is paid for {money.text(part.due)}{of}; {money.digits(part.excess)} is too much."
        for part, of in ((total, ""), (charge, " of the service charge"), (fee, " of the environment fee"))
        if part.excess
    ]
    amounts = {"due": total.due, "paid": total.paid, "excess": total.excess}
    amounts |= {"ssg_excess": charge.excess} if charge.excess else {}
    amounts |= {"fee_excess": fee.excess} if fee.excess else {}
    return Blocker(
        rule="must_not_be_overpaid",
        code=RefusalCode.PAID_IN_EXCESS,
        detail=" ".join(sentences),
        remedy=Remedy.REMOVE_PAYMENT,
        amounts=amounts,
        rows=tuple(t.id for t in settled),
    )


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
    pending = _pending(invoice)
    if not pending:
        return None
    return Blocker(
        rule="must_have_nothing_pending",
        code=RefusalCode.COULD_NOT_BE_CLOSED,
        detail=_arriving(invoice, pending),
        remedy=Remedy.REMOVE_PAYMENT,
        amounts={"pending": sum(t.total_amount_paid for t in pending)},
        rows=tuple(t.id for t in pending),
    )


RULES: tuple[Rule, ...] = (
    must_not_be_grouped,
    must_not_be_cancelled,
    must_have_no_future_appointment,
    must_be_fully_paid,
    must_have_service_charge_paid,
    must_not_be_overpaid,
    must_keep_loyalty_within_cap,
    must_have_tips_assigned,
    must_have_nothing_pending,
)
"""The rules, in the order in which a broken one becomes the wire error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """What is due and what of it is settled; on a refund both are negative, and money flows the other way."""

    due: Minor
    paid: Minor

    @property
    def missing(self) -> Minor:
        """How much is still to come, or to be handed back."""
        short = self.due - self.paid
        return min(short, 0) if self.due < 0 else max(short, 0)

    @property
    def excess(self) -> Minor:
        """How much is too much."""
        beyond = self.paid - self.due
        return min(beyond, 0) if self.due < 0 else max(beyond, 0)

    def sentence(self, money: Currency, *, of: str = "") -> str:
        """What and how much, for a person."""
        digits = money.digits
        return f"{digits(self.paid)} of {money.text(self.due)}{of} is paid; {digits(self.missing)} is missing."


def _tenders_over_assigned(invoice: Invoice, tips: Mapping[str, Minor]) -> tuple[str, ...]:
    """The tenders that have more assigned than was tipped with them; money elsewhere cannot make up for it."""
    assigned: dict[str, Minor] = {}
    for tip in invoice.employee_tips:
        if tip.transaction_id is not None:
            assigned[tip.transaction_id] = assigned.get(tip.transaction_id, 0) + tip.amount
    return tuple(tender for tender, amount in assigned.items() if _Due(due=tips.get(tender, 0), paid=amount).excess)


def _pending(invoice: Invoice) -> list[Transaction]:
    return [t for t in invoice.transactions if t.state is TransactionState.PENDING]


def _arriving(invoice: Invoice, pending: list[Transaction]) -> str:
    amount = invoice.currency.text(sum(t.total_amount_paid for t in pending))
    return (
        f"A payment of {amount} is pending."
        if len(pending) == 1
        else f"{len(pending)} payments of {amount} are pending."
    )
