"""Money at a till: taken in every way there is, arriving later or never, taken back, and tips given to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from closebell.cli.day import refusals
from closebell.cli.day.calls import expect
from closebell.cli.day.comparing import payment_pairs
from closebell.cli.day.evidence import invoice
from closebell.cli.day.ledger import Bill, Payment, Tip, of_points, points_within
from closebell.cli.day.opening import saved_card_of
from closebell.cli.day.plan import Arrive, AssignTips, DropPayment, Money, Pay, Split
from closebell.cli.day.salon import CUSTOM_PAYMENT_ID, guid_of
from closebell.cli.day.sums import Minor, apart, percent, rounded
from closebell.cli.day.till import Till
from closebell.domain.event import PAYMENTS_ADDED, PAYMENTS_DELETED
from closebell.domain.invoice import ItemType, Tender

PERCENTS: Final = (Decimal("62.5"), Decimal("37.5"))
"""How two people share a tip that is divided by percentage."""


def pay(till: Till, bill: Bill, step: Pay) -> None:
    """Take money, or be refused."""
    wanted = _wanted(till, bill, step)
    path, body = _call(till, bill, step, wanted)
    if step.refused is not None:
        before = invoice(till.api, bill)
        till.api.post(path, body, refused=step.refused)
        expect("the invoice that was not paid", invoice(till.api, bill), before)
        return
    if step.is_online:
        till.api.post(path, body, refused=refusals.DECLINED if step.money is Money.FAILED else None)
        row = _new_payment(till, bill)
    else:
        key = guid_of(f"payment {len(bill.payments)} of {bill.name}")
        answer = till.api.post_twice(path, body, key) if step.is_asked_twice else till.api.post(path, body)
        row = answer["transaction"] if "transaction" in answer else answer["payment"]
    _enter(till, bill, wanted, row)


def _enter(till: Till, bill: Bill, wanted: Payment, row: Any) -> None:
    """The payment stands in the books, and is as the API says it recorded it."""
    wanted.id = row["transaction_id"]
    bill.payments.append(wanted)
    if wanted.held is not None:
        wanted.held.balance -= wanted.points or wanted.total
    if wanted.is_settled:
        till.books.tell(PAYMENTS_ADDED)
    for what, got, should in payment_pairs(till.place, wanted, row):
        expect(what, got, should)


def _wanted(till: Till, bill: Bill, step: Pay) -> Payment:
    """The payment as it must be recorded."""
    amount = bill.amount(step.amount)
    points = 0
    if step.tender is Tender.LOYALTY_POINTS:
        points = points_within(till.place, amount)
        amount = of_points(till.place, points)
    payment = bill.divided(step.tender, amount, rounded(percent(bill.total, Decimal(step.tip_percent))))
    payment.change = step.change_for
    payment.points = points
    payment.state = step.money.value
    payment.held = till.held(step.holding) if step.holding else None
    return payment


def _new_payment(till: Till, bill: Bill) -> Any:
    """The transaction that the books do not know yet."""
    known = {payment.id for payment in bill.payments}
    (new,) = (row for row in invoice(till.api, bill)["transactions"] if row["transaction_id"] not in known)
    return new


# --- what each route is sent -----------------------------------------------------------------------------------------


def _call(till: Till, bill: Bill, step: Pay, wanted: Payment) -> tuple[str, dict[str, Any]]:
    if step.is_online:
        said = till.place.said
        card = saved_card_of(bill.guest_id, step.money)
        body = {"account_id": card, "center_id": till.place.id, "amount": said(wanted.total - wanted.tip)}
        return f"/v1/invoices/{bill.id}/online_payments", {**body, "tip_amount": said(wanted.tip)}
    route, made = _ROUTES[step.tender]
    return f"/v1/invoices/{bill.id}/{route}", made(till, wanted)


def _handed_over(till: Till, wanted: Payment) -> dict[str, Any]:
    said = till.place.said
    return {"amount": said(wanted.total), "tip_amount": said(wanted.tip), "collected_by_id": till.place.staff[1]}


def _cash(till: Till, wanted: Payment) -> dict[str, Any]:
    return {**_handed_over(till, wanted), "amount_tendered": till.place.said(wanted.total + wanted.change)}


def _check(till: Till, wanted: Payment) -> dict[str, Any]:
    return {**_handed_over(till, wanted), "check_number": "100200", "bank_name": "First Bank"}


def _card(till: Till, wanted: Payment) -> dict[str, Any]:
    return {**_handed_over(till, wanted), "card_number": "************1111", "auth_code": "A1B2C3"}


def _custom(till: Till, wanted: Payment) -> dict[str, Any]:
    return {**_handed_over(till, wanted), "custom_payment_id": CUSTOM_PAYMENT_ID}


def _stored_value(till: Till, wanted: Payment) -> dict[str, Any]:
    assert wanted.held is not None, "a card pays"
    return {**_handed_over(till, wanted), "card_number": wanted.held.number}


def _points(till: Till, wanted: Payment) -> dict[str, Any]:
    return {"points": wanted.points, "center_id": till.place.id, "program_id": till.place.program_id}


_ROUTES: Final[Mapping[Tender, tuple[str, Callable[[Till, Payment], dict[str, Any]]]]] = MappingProxyType(
    {
        Tender.CASH: ("payments/cash", _cash),
        Tender.CHECK: ("payments/check", _check),
        Tender.CARD: ("payments/card", _card),
        Tender.CUSTOM: ("payment/custom", _custom),
        Tender.GIFT_CARD: ("payments/gift_card", _stored_value),
        Tender.PREPAID_CARD: ("payments/gift_card", _stored_value),
        Tender.LOYALTY_POINTS: ("payments/loyalty_points", _points),
    }
)


# --- afterwards ------------------------------------------------------------------------------------------------------


def arrive(till: Till, bill: Bill, step: Arrive) -> None:
    """What was pending is there, and pays what is due by then; or it never comes."""
    pending = next(payment for payment in bill.payments if payment.state == Money.PENDING.value)
    path = f"/v1/invoices/{bill.id}/payments/{pending.id}"
    till.api.put(path, {"state": step.money.value})
    if step.money is Money.SETTLED:
        divided = bill.divided(pending.tender, pending.total - pending.tip, pending.tip)
        pending.paid, pending.fee, pending.ssg = divided.paid, divided.fee, divided.ssg
        till.books.tell(PAYMENTS_ADDED)
    pending.state = step.money.value


def drop(till: Till, bill: Bill, step: DropPayment) -> None:
    """The last payment is taken off; a card has its money again, and tips out of it are nobody's any more."""
    last = bill.payments[-1]
    path = f"/v1/invoices/{bill.id}/payments/{last.id}"
    if step.refused is not None:
        till.api.refused(step.refused, "DELETE", path)
        return
    till.api.done("DELETE", path)
    bill.payments.remove(last)
    bill.tips = [tip for tip in bill.tips if tip.payment is not last]
    if last.held is not None:
        last.held.balance += last.points or last.total
    till.books.tell(PAYMENTS_DELETED)


def assign_tips(till: Till, bill: Bill, step: AssignTips) -> None:
    """Every tip becomes somebody's: by what each served, by percentage, or as it is said."""
    weights = _weights(till, bill, step.split)
    bill.tips = [
        Tip(employee_id=employee_id, amount=amount, payment=payment)
        for payment in bill.settled
        if payment.tip
        for employee_id, amount in zip(weights, apart(payment.tip, list(weights.values())), strict=True)
        if amount
    ]
    body = _tips_body(bill, step.split, weights)
    answer = till.api.put(f"/v1/invoices/{bill.id}/tips", body)
    got = sorted((row["employee_id"], row["transaction_id"], row["amount"]) for row in answer["employee_tips"])
    expect("the tips", got, tips_of(bill))


def tips_of(bill: Bill) -> list[tuple[str, str, Decimal]]:
    """The tips as the API must show them, in some order."""
    return sorted((tip.employee_id, tip.payment.id, bill.place.said(tip.amount)) for tip in bill.tips)


def _weights(till: Till, bill: Bill, split: Split) -> dict[str, int]:
    if split is Split.BY_PERCENTAGE:
        return {employee: int(share * 10) for employee, share in zip(till.place.staff, PERCENTS, strict=False)}
    if split is Split.CUSTOM:
        return {till.place.staff[2]: 1, till.place.staff[3]: 2}
    weights: dict[str, Minor] = {}
    for line in bill.lines:
        if line.item.type is ItemType.SERVICE:
            weights[line.server_id] = weights.get(line.server_id, 0) + line.final
    return weights


def _tips_body(bill: Bill, split: Split, weights: Mapping[str, int]) -> dict[str, Any]:
    if split is Split.BY_PRICE:
        return {"split": split.value}
    if split is Split.BY_PERCENTAGE:
        shares = [{"employee_id": who, "percent": share} for who, share in zip(weights, PERCENTS, strict=True)]
        return {"split": split.value, "employee_tips": shares}
    rows = [
        {"employee_id": tip.employee_id, "amount": bill.place.said(tip.amount), "transaction_id": tip.payment.id}
        for tip in bill.tips
    ]
    return {"employee_tips": rows}
