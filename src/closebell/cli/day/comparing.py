"""An invoice of the API beside the one in the books, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from closebell.cli.day.ledger import Bill, Line, LineBack, Payment
from closebell.cli.day.salon import Place


def differences(bill: Bill, document: Mapping[str, Any]) -> Iterator[str]:
    """What the document says otherwise than the books; nothing if it is as it must be.

    Shape: `document` is what `GET /v1/invoices/{id}` and the event `Invoice.Closed` show; a part that it lacks is not
           looked at.
    """
    for what, got, wanted in _pairs(bill, document):
        if got != wanted:
            yield f"{what} is {got}, and should be {wanted}"


def _pairs(bill: Bill, document: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    said, total = bill.place.said, document["total_price"]
    yield "center_id", document["center_id"], bill.place.id
    yield "guest", document["guest"]["id"], bill.guest_id
    yield "is_closed", document["is_closed"], bill.is_closed
    yield "is_refund", document["is_refund"], bill.refund_of is not None
    yield "receipt_number", document["receipt_number"], bill.receipt
    yield "group_invoice_id", document["group_invoice_id"], bill.group_id
    yield "lock", document["lock"], bill.is_locked
    yield "net_price", total["net_price"], said(bill.net)
    yield "tax", total["tax"], said(bill.tax)
    yield "rounding_adjustment", total["rounding_adjustment"], said(bill.rounding)
    yield "sum_total", total["sum_total"], said(bill.total)
    if "invoice_dues" in document:
        paid = sum(payment.paid + payment.ssg for payment in bill.settled)
        yield from _status("invoice_dues", document["invoice_dues"], bill.place, bill.total + bill.ssg, paid)
        paid = sum(payment.fee for payment in bill.settled)
        yield from _status("environmental_fee", document["environmental_fee"], bill.place, bill.fee, paid)
    if "invoice_items" in document:
        yield from _lines(bill, document["invoice_items"])
    if "transactions" in document:
        yield from _payments(bill, document["transactions"])


def _status(
    what: str, status: Mapping[str, Any], place: Place, due: int, paid: int
) -> Iterator[tuple[str, object, object]]:
    yield f"{what}.total", status["total"], place.said(due)
    yield f"{what}.paid", status["paid"], place.said(paid)
    yield f"{what}.balance", status["balance"], place.said(due - paid)


def _lines(bill: Bill, rows: list[Mapping[str, Any]]) -> Iterator[tuple[str, object, object]]:
    lines: list[Line | LineBack] = [*bill.lines, *bill.back]
    yield "the number of invoice_items", len(rows), len(lines)
    for number, (line, row) in enumerate(zip(lines, rows, strict=False)):
        what, price, said = f"invoice_items[{number}]", row["price"], bill.place.said
        yield f"{what}.id", row["id"], line.item.id
        yield f"{what}.type", row["type"], int(line.item.type)
        yield f"{what}.quantity", row["quantity"], line.quantity
        yield f"{what}.price.sales", price["sales"], said(line.sales)
        yield f"{what}.price.tax", price["tax"], said(line.tax)
        yield f"{what}.price.final", price["final"], said(line.final)
        yield f"{what}.price.discount", price["discount"], said(line.discount)


def _payments(bill: Bill, rows: list[Mapping[str, Any]]) -> Iterator[tuple[str, object, object]]:
    by_id = {row["transaction_id"]: row for row in rows}
    yield "the transactions", set(by_id), {payment.id for payment in bill.payments}
    for payment in bill.payments:
        if payment.id in by_id:
            yield from payment_pairs(bill.place, payment, by_id[payment.id])


def payment_pairs(place: Place, payment: Payment, row: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    """What a transaction says, and what it should."""
    what = f"transaction {payment.id}"
    yield f"{what}.tender", row["tender"], str(payment.tender)
    yield f"{what}.state", row["state"], payment.state
    yield f"{what}.amount_paid", row["amount_paid"], place.said(payment.paid)
    yield f"{what}.tip_amount", row["tip_amount"], place.said(payment.tip)
    yield f"{what}.ssg_amount", row["ssg_amount"], place.said(payment.ssg)
    yield f"{what}.fee_amount", row["fee_amount"], place.said(payment.fee)
    yield f"{what}.total_amount_paid", row["total_amount_paid"], place.said(payment.total)
    yield f"{what}.cash_back_amount", row["cash_back_amount"], place.said(payment.change)
