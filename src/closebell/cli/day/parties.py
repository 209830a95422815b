"""Guests on one bill: made a group, paid at once, and closed all together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

from closebell.cli.day import steps
from closebell.cli.day.calls import expect
from closebell.cli.day.comparing import payment_pairs
from closebell.cli.day.evidence import invoice
from closebell.cli.day.ledger import Bill
from closebell.cli.day.plan import (
    CloseGroup,
    LeaveGroup,
    MakeGroup,
    OfMember,
    Party,
    PayGroup,
)
from closebell.cli.day.salon import CUSTOM_PAYMENT_ID
from closebell.cli.day.sums import apart, percent, rounded
from closebell.cli.day.till import Till
from closebell.domain.event import INVOICE_CLOSED, PAYMENTS_ADDED
from closebell.domain.invoice import Tender


def host(till: Till, party: Party) -> None:
    """Everything from the first sale to the last close."""
    bills = [steps.serve(till, visit) for visit in party.visits]
    for step in party.steps:
        match step:
            case MakeGroup():
                _make(till, party.name, bills, step)
            case PayGroup():
                _pay(till, bills, step)
            case CloseGroup():
                _close(till, bills, step)
            case LeaveGroup():
                _leave(till, bills[step.place])
            case OfMember():
                steps.take(till, bills[step.place], step.step)
            case _:
                assert_never(step)


def _members(bills: Sequence[Bill]) -> list[Bill]:
    """Those in the group, in the order in which it deals with them: that of their ids."""
    return sorted((bill for bill in bills if bill.group_id is not None), key=lambda bill: bill.id)


def _make(till: Till, name: str, bills: Sequence[Bill], step: MakeGroup) -> None:
    said = {"group_name": name, "invoice_ids": [bill.id for bill in bills]}
    if step.refused is not None:
        till.api.post("/v1/group_invoices", said, refused=step.refused)
        return
    group_id = till.api.post("/v1/group_invoices", said)["group_invoice"]["Id"]
    for bill in bills:
        bill.group_id = group_id


def _pay(till: Till, bills: Sequence[Bill], step: PayGroup) -> None:
    """All that is due on all of them, each getting what it waits for; the tip in the same proportion."""
    members = _members(bills)
    owed = [sum(bill.due()) for bill in members]
    tip = rounded(percent(sum(owed), Decimal(step.tip_percent)))
    shares = zip(members, owed, apart(tip, owed), strict=True)
    wanted = [(bill, bill.divided(Tender.CUSTOM, money, part)) for bill, money, part in shares]
    said = till.place.said
    answer = till.api.post(
        f"/v1/group_invoices/{members[0].group_id}/payments/custom",
        {
            "custom_payment_id": CUSTOM_PAYMENT_ID,
            "amount": said(sum(owed) + tip),
            "tip_amount": said(tip),
            "collected_by_id": till.place.staff[1],
        },
    )
    rows = {row["invoice_id"]: row for row in answer["transactions"]}
    expect("the invoices that got a payment", set(rows), {bill.id for bill, _ in wanted})
    for bill, payment in wanted:
        payment.id = rows[bill.id]["transaction_id"]
        bill.payments.append(payment)
        till.books.tell(PAYMENTS_ADDED)
        for what, got, should in payment_pairs(till.place, payment, rows[bill.id]):
            expect(what, got, should)


def _close(till: Till, bills: Sequence[Bill], step: CloseGroup) -> None:
    members = _members(bills)
    path = f"/v1/group_invoices/{members[0].group_id}/close"
    before = [till.look(bill) for bill in members]
    if step.refused is not None:
        till.api.post(path, refused=step.refused)
        expect("the group that was not closed", [invoice(till.api, bill) for bill in members], before)
        return
    answer = till.api.post(path, {"closed_by_id": till.place.staff[0]})
    for bill in members:
        till.books.close(bill)
        till.books.tell(INVOICE_CLOSED)
    receipts = {row["id"]: row["receipt_number"] for row in answer["invoices"]}
    expect("the receipts", receipts, {bill.id: bill.receipt for bill in members})


def _leave(till: Till, bill: Bill) -> None:
    till.api.done("DELETE", f"/v1/invoices/{bill.group_id}/invoices/{bill.id}")
    bill.group_id = None
