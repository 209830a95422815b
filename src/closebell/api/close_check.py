"""Route of the closing check: everything that keeps an invoice from closing, and the call that clears each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.closing import Blocker, Remedy
from closebell.domain.invoice import Invoice, Tender
from closebell.usecase.check_closing import check_closing

SUGGESTED_PAYMENT_ID: Final = "c105ebe1-0000-4000-8000-000000000001"
"""The custom payment type that a suggested payment names when the invoice has none; any GUID would do."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that clears a blocker; `body` is what to send, or null for a call without one."""

    method: str
    path: str
    body: dict[str, Any] | None
    note: str


class BlockerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One broken rule: what a close would answer, the amounts and rows concerned, and what clears it."""

    rule: str
    code: int
    message: str
    detail: str
    amounts: dict[str, Decimal]
    rows: list[str]
    clear_with: Call | None


class CloseCheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the invoice may close now; the first blocker is the error that a close would answer."""

    invoice_id: str
    is_closed: bool
    can_close: bool
    currency_code: str
    blockers: list[BlockerDocument]
    error: None = None


@operation(
    Doc(
        method="GET",
        path="/v1/invoices/{invoice_id}/close_check",
        tag="Invoices",
        summary="See what keeps an invoice from closing",
        description="Lists every broken rule in rule order. Nothing is changed.",
        answer=CloseCheckAnswer,
        answer_example=examples.CLOSE_CHECK,
        refusals=(404,),
        is_extension=True,
    )
)
async def check_invoice(request: ApiRequest) -> Answer:
    """What a close would say, in full."""
    service = request.service
    invoice_id = guid_in_path(request, "invoice_id")
    found = await service.database.read(check_closing, invoice_id, caller=request.caller, clock=service.clock)
    invoice = found.invoice
    return Answer.of(
        CloseCheckAnswer(
            invoice_id=invoice.id,
            is_closed=invoice.is_closed,
            can_close=not found.blockers,
            currency_code=invoice.currency.code,
            blockers=[_document(blocker, invoice) for blocker in found.blockers],
        )
    )


def _document(blocker: Blocker, invoice: Invoice) -> BlockerDocument:
    return BlockerDocument(
        rule=blocker.rule,
        code=blocker.code.wire_code,
        message=blocker.code.message,
        detail=blocker.detail,
        amounts={name: invoice.currency.wire(minor) for name, minor in blocker.amounts.items()},
        rows=list(blocker.rows),
        # What was cancelled will never close, whatever else is cleared.
        clear_with=None if invoice.is_cancelled else _call(blocker, invoice),
    )


def _call(blocker: Blocker, invoice: Invoice) -> Call | None:
    """The call that clears the blocker; None where no call does."""
    at = f"/v1/invoices/{invoice.id}"
    match blocker.remedy:
        case Remedy.PAY:
            return _payment(blocker, invoice, at)
        case Remedy.REMOVE_PAYMENT:
            note = "Removes the latest of the payments in rows; take a new one if money is then missing."
            return Call(method="DELETE", path=f"{at}/payments/{blocker.rows[-1]}", body=None, note=note)
        case Remedy.ASSIGN_TIPS:
            return _assignment(invoice, at)
        case Remedy.UNGROUP:
            note = (
                "Takes the invoice out of its group, so that it can be paid and closed alone. Or pay and close the "
                f"whole group: POST /v1/group_invoices/{blocker.rows[0]}/payments/cash, and .../close."
            )
            return Call(
                method="DELETE", path=f"/v1/invoices/{blocker.rows[0]}/invoices/{invoice.id}", body=None, note=note
            )
        case Remedy.WAIT:
            return Call(
                method="POST",
                path=f"{at}/close",
                body=None,
                note=f"Not before {blocker.not_before} at the centre ({invoice.centre.time_zone}).",
            )
        case Remedy.SELL_AGAIN:
            return None


def _payment(blocker: Blocker, invoice: Invoice, at: str) -> Call | None:
    """A payment of what this rule misses: money goes where it is missing in the order of the rules."""
    missing = blocker.amounts["missing"] + blocker.amounts.get("fee_missing", 0)
    if missing < 0:
        return None  # a refund hands money back, which no payment does
    used = (t.option_id for t in invoice.transactions if t.tender is Tender.CUSTOM and t.option_id)
    return Call(
        method="POST",
        path=f"{at}/payment/custom",
        body={"custom_payment_id": next(used, SUGGESTED_PAYMENT_ID), "amount": invoice.currency.wire(missing)},
        note="Take the payments in the order of the blockers, or one of their sum; any GUID does for a payment type.",
    )


def _assignment(invoice: Invoice, at: str) -> Call:
    """All tips to whoever served or sold first: a body that works, for the caller to correct."""
    served = (a.therapist_id for a in invoice.appointments if a.therapist_id)
    sold = (line.sale_by_id for line in invoice.lines if line.sale_by_id)
    employee_id = next(served, None) or next(sold, None)
    if employee_id is None:
        note = "Name the employees: employee_tips of employee_id, amount and, of several tenders, transaction_id."
        return Call(method="PUT", path=f"{at}/tips", body=None, note=note)
    tips = [
        {"employee_id": employee_id, "amount": invoice.currency.wire(t.tip_amount), "transaction_id": t.id}
        for t in invoice.settled
        if t.tip_amount
    ]
    note = "Replaces all assignments; put the employees and their shares as they should be."
    return Call(method="PUT", path=f"{at}/tips", body={"employee_tips": tips}, note=note)


OPERATIONS: Final[tuple[Operation, ...]] = (check_invoice,)
