"""The contract's older routes, in PascalCase: close a sale, refund an invoice.

They answer 200 with an `Error` where the request is to blame, as the live service does. Who may not call, and what is
nobody's fault but ours, has its own status here as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import legacy as shown
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.legacy_shapes import (
    LegacyError,
    LegacyInvoice,
    LegacyOption,
    LegacyShape,
    legacy_invoice,
    legacy_options,
)
from closebell.api.problems import problem_of
from closebell.api.queries import guid_in_path
from closebell.api.refunds import write_refund
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.intake_values import optional_guid, required_guid
from closebell.domain.money import must_be_plainly_written
from closebell.domain.refund import Wish
from closebell.domain.refund_lines import ItemWish
from closebell.domain.refund_tenders import PaymentWish
from closebell.errors import ClosebellError, InvalidInput
from closebell.usecase.close_invoices import CloseCommand
from closebell.usecase.open_invoice import find
from closebell.usecase.refund_invoice import RefundCommand, Refunded


class LegacyCloseAnswer(LegacyShape, frozen=True, kw_only=True):
    """The sale is closed, or `Error` says why not. Closebell sends no mail."""

    mail_sent_success: bool = False
    receipt_sent_success: bool = False
    invoice: LegacyInvoice | None = None
    payment_options: list[LegacyOption] = msgspec.field(default_factory=list)
    error: LegacyError | None = None


class LegacyRefundItemRequest(LegacyShape, frozen=True, kw_only=True):
    """A line of which something comes back; the other members of the old model are taken and not needed."""

    invoice_item_id: str
    quantity: Decimal | None = None
    refund_amount: Decimal | None = None


class LegacyRefundPaymentRequest(LegacyShape, frozen=True, kw_only=True):
    """A payment with which money goes back; `Amount` is all that the guest gets, the tip included."""

    transaction_id: str
    amount: Decimal
    tip_amount: Decimal | None = None


class LegacyRefundRequest(LegacyShape, frozen=True, kw_only=True):
    """What is to come back; an empty list says no more than none. `Source` is taken and not kept."""

    invoice_id: str
    cash_register_id: str | None = None
    refund_items: list[LegacyRefundItemRequest] | None = None
    refund_payments: list[LegacyRefundPaymentRequest] | None = None
    refund_tip: bool | None = None
    source: int | None = None


class LegacyRefundAnswer(LegacyShape, frozen=True, kw_only=True):
    """The refund, which is closed, or `Error` says why there is none. A refund is made whole or not at all."""

    refund_invoice: LegacyInvoice | None = None
    refund_errors: list[LegacyError] = msgspec.field(default_factory=list)
    topped_prepaid_card: None = None
    error: LegacyError | None = None


_REFUND: Final = msgspec.json.Decoder(LegacyRefundRequest)
_AMOUNTS: Final = "Quantity|RefundAmount|Amount|TipAmount"
_OWN_STATUS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""What keeps its status of the errors that a caller is to blame for: it is about the caller and not the request."""


async def _enveloped(work: Awaitable[Answer], refusal: Callable[[LegacyError], msgspec.Struct]) -> Answer:
    """The answer of some work, or 200 with the error that it met."""
    try:
        return await work
    except ClosebellError as error:
        problem = problem_of(error, closing=True)
        if not problem.blames_caller or problem.status in _OWN_STATUS:
            raise
        return Answer.of(refusal(LegacyError.of(problem)))


def _close_route(path: str, summary: str) -> Operation:
    """One of the four paths under which the older clients close a sale."""
    return operation(
        Doc(
            method="POST",
            path=path,
            tag="Older routes",
            summary=summary,
            description="Closes the invoice under the rules of POST /v1/invoices/{invoice_id}/close. What keeps it "
            "from closing is answered with status 200 and an `Error`.",
            path_example={"invoice_id": examples.PAID_INVOICE_ID},
            answer=LegacyCloseAnswer,
            answer_example=shown.CLOSED,
            refusals=(403,),
        )
    )(close_sale)


async def close_sale(request: ApiRequest) -> Answer:
    """Close the invoice of a sale, and show it."""
    return await _enveloped(_close(request), lambda error: LegacyCloseAnswer(error=error))


async def _close(request: ApiRequest) -> Answer:
    invoice_id, caller = guid_in_path(request, "invoice_id"), request.caller
    await request.service.desk.close(
        CloseCommand(invoice_id=invoice_id, closed_by_id=caller.employee_id, caller=caller)
    )
    invoice = await request.service.database.read(find, invoice_id, caller)
    return Answer.of(LegacyCloseAnswer(invoice=legacy_invoice(invoice), payment_options=legacy_options(invoice)))


@operation(
    Doc(
        method="POST",
        path="/api/Payments/Invoice/RefundInvoice",
        tag="Older routes",
        summary="Refund an invoice, in PascalCase",
        description="Refunds a closed invoice as POST /v1/invoices/{invoice_id}/refund does, and closes the refund at "
        "once. What is in the way is answered with status 200 and an `Error`.",
        body=LegacyRefundRequest,
        body_example=shown.REFUND,
        answer=LegacyRefundAnswer,
        answer_example=shown.REFUNDED,
        refusals=(403, 413),
    )
)
async def refund(request: ApiRequest) -> Answer:
    """Refund an invoice, and close the refund."""
    return await _enveloped(_refund(request), lambda error: LegacyRefundAnswer(error=error))


async def _refund(request: ApiRequest) -> Answer:
    body = await request.payload()
    said = bodies.decode(body, _REFUND)
    must_be_plainly_written(body, fields=_AMOUNTS)
    command = RefundCommand(
        invoice_id=required_guid(said.invoice_id, "InvoiceId"),
        wish=_wish(said),
        cash_register_id=optional_guid(said.cash_register_id, "CashRegisterId"),
        closes=True,
        caller=request.caller,
    )
    try:
        return await write_refund(request, command, _refunded)
    except InvalidInput as error:
        raise InvalidInput(_as_sent(error.field), error.problem) from None


def _wish(said: LegacyRefundRequest) -> Wish:
    items = tuple(
        ItemWish(invoice_item_id=item.invoice_item_id, quantity=item.quantity, amount=item.refund_amount)
        for item in said.refund_items or ()
    )
    payments = tuple(
        PaymentWish(
            transaction_id=payment.transaction_id, amount=payment.amount, tip_amount=payment.tip_amount or Decimal(0)
        )
        for payment in said.refund_payments or ()
    )
    return Wish(items=items or None, payments=payments or None, tips=said.refund_tip)


def _refunded(made: Refunded) -> Answer:
    return Answer.of(LegacyRefundAnswer(refund_invoice=legacy_invoice(made.refund)))


_SENT_AS: Final = {
    "items": "RefundItems",
    "payments": "RefundPayments",
    "invoice_item_id": "InvoiceItemId",
    "transaction_id": "TransactionId",
    "quantity": "Quantity",
    "tip_amount": "TipAmount",
}


def _as_sent(field: str) -> str:
    """The path of a field as this route spells it; an amount is named differently in its two places.

    >>> _as_sent("items[0].amount"), _as_sent("payments[1].amount")
    ('RefundItems[0].RefundAmount', 'RefundPayments[1].Amount')
    """
    names = {**_SENT_AS, "amount": "RefundAmount" if field.startswith("items") else "Amount"}
    return re.sub(r"\w+", lambda word: names.get(word[0], word[0]), field)


OPERATIONS: Final[tuple[Operation, ...]] = (
    _close_route("/Catalog/Memberships/CloseInvoice/{invoice_id}", "Close a membership sale"),
    _close_route("/Catalog/SeriesPackages/CloseInvoice/{invoice_id}", "Close a series package sale"),
    _close_route("/api/Catalog/Memberships/CloseInvoice/{invoice_id}", "Close a membership sale, below /api"),
    _close_route("/api/Catalog/SeriesPackages/CloseInvoice/{invoice_id}", "Close a series package sale, below /api"),
    refund,
)
