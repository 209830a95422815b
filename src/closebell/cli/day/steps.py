"""Carries out a centre's day over the API: each step is a call, and an entry in the books that knows no answer."""

from __future__ import annotations

from typing import assert_never

from closebell.cli.day import paying, refunding, selling
from closebell.cli.day.calls import expect
from closebell.cli.day.evidence import invoice
from closebell.cli.day.ledger import Bill
from closebell.cli.day.plan import (
    Again,
    Arrive,
    AssignTips,
    Cancel,
    Close,
    CloseUnknown,
    Confirm,
    Discount,
    DropItem,
    DropPayment,
    Lock,
    Pay,
    Redeem,
    Refund,
    Sell,
    Step,
    Visit,
)
from closebell.cli.day.salon import guid_of
from closebell.cli.day.till import Till
from closebell.domain.event import INVOICE_CLOSED


def serve(till: Till, visit: Visit) -> Bill:
    """A visit from its first step to its last."""
    bill = Bill(place=till.place, name=visit.name, kind=visit.kind, guest_id=visit.guest_id, ending=visit.ending)
    till.books.bills.append(bill)
    for step in visit.steps:
        take(till, bill, step)
    return bill


def go_on(till: Till, again: Again) -> None:
    """Further steps with an invoice of earlier."""
    bill = till.books.bill_of(again.name)
    for step in again.steps:
        take(till, bill, step)


def take(till: Till, bill: Bill, step: Step) -> None:  # noqa: C901, PLR0912  # one line for each kind of step
    """One step."""
    match step:
        case Sell():
            selling.sell(till, bill, step)
        case Discount():
            selling.discount(till, bill, step)
        case Redeem():
            selling.redeem(till, bill, step)
        case DropItem():
            selling.drop_item(till, bill, step)
        case Lock():
            selling.lock(till, bill)
        case Confirm():
            selling.confirm(till, bill)
        case Cancel():
            selling.cancel(till, bill, step)
        case Pay():
            paying.pay(till, bill, step)
        case Arrive():
            paying.arrive(till, bill, step)
        case DropPayment():
            paying.drop(till, bill, step)
        case AssignTips():
            paying.assign_tips(till, bill, step)
        case Close():
            _close(till, bill, step)
        case CloseUnknown():
            till.api.post(f"/v1/invoices/{guid_of(bill.name)}/close", refused=step.refused)
        case Refund():
            _refund(till, bill, step)
        case _:
            assert_never(step)


def _close(till: Till, bill: Bill, step: Close) -> None:
    path = f"/v1/invoices/{bill.id}/close"
    before = till.look(bill)
    if step.refused is not None:
        till.api.post(path, refused=step.refused)
        expect("the invoice that was not closed", invoice(till.api, bill), before)
        return
    answer = till.api.post(path, {"closed_by_id": till.place.staff[0]})
    if not bill.is_closed:
        till.books.close(bill)
        till.books.tell(INVOICE_CLOSED)
    expect("is_invoice_closed", answer["is_invoice_closed"], wanted=True)
    expect("receipt_number", answer["receipt_number"], bill.receipt)
    _number_cards(till, bill)


def _number_cards(till: Till, bill: Bill) -> None:
    """The number of a gift card that was sold is known from its guest's cards."""
    held = till.books.held.get(bill.name)
    if held is None or held.number:
        return
    cards = till.api.get(f"/v1/guests/{bill.guest_id}/gift_cards")["gift_cards"]
    (held.number,) = (card["code"] for card in cards if card["invoice"]["id"] == bill.id)


def _refund(till: Till, bill: Bill, step: Refund) -> None:
    earlier = [other for other in till.books.bills if other.refund_of is bill]
    path = f"/v1/invoices/{bill.id}/refund"
    till.name_lines(bill)
    if step.refused is not None:
        till.api.post(path, refunding.body(bill, step.back), refused=step.refused)
        return
    made = refunding.refund_of(bill, earlier, step.back, f"{bill.name}, refund {len(earlier) + 1}")
    shown = till.api.post(path, refunding.body(bill, step.back))["refund_invoice"]
    made.id = shown["id"]
    expect("the number of payments given back", len(shown["transactions"]), len(made.payments))
    for payment, row in zip(made.payments, shown["transactions"], strict=True):
        payment.id = row["transaction_id"]
    till.books.bills.append(made)
    till.books.close(made)
    till.books.tell(INVOICE_CLOSED)
    till.books.give_back(made)
    till.look(made)
