"""The route that gives something back: a closed invoice is refunded by an invoice of its own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import refunds as shown
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.document import InvoiceDocument, render
from closebell.domain.intake_values import optional_guid
from closebell.domain.refund import Wish
from closebell.domain.refund_lines import ItemWish
from closebell.domain.refund_tenders import PaymentWish
from closebell.usecase.close_invoices import CloseReport
from closebell.usecase.refund_invoice import RefundCommand, Refunded, refund_invoice


class RefundItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line of which something comes back: all that is left of it unless a quantity or an amount is said."""

    invoice_item_id: str
    quantity: Decimal | None = None
    amount: Decimal | None = None


class RefundPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment with which money goes back; `amount` is all that the guest gets, the tip included."""

    transaction_id: str
    amount: Decimal
    tip_amount: Decimal | None = None


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to come back; everything that is left where neither items nor payments are named."""

    items: list[RefundItem] | None = None
    payments: list[RefundPayment] | None = None
    comments: str | None = None
    created_by_id: str | None = None
    cash_register_id: str | None = None
    close: bool | None = None


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The refund as it is now: open, or closed and told of."""

    refund_invoice: InvoiceDocument
    error: None = None


_REFUND: Final = msgspec.json.Decoder(RefundRequest | None)
_EVERYTHING: Final = RefundRequest()


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/refund",
        tag="Refunds",
        summary="Refund an invoice",
        description="Makes an invoice with every figure below zero out of what a closed invoice sold and was paid: "
        "what is named, or everything that is left. Its money is given back at once with what paid; it is closed as "
        "any invoice is, or here with `close`.",
        path_example={"invoice_id": examples.CLOSED_INVOICE_ID},
        body=RefundRequest,
        body_required=False,
        body_example=shown.REFUND,
        answer=RefundAnswer,
        answer_example=shown.REFUNDED,
        refusals=(403, 404, 409, 413),
        is_extension=True,
    )
)
async def post_refund(request: ApiRequest) -> Answer:
    """Refund an invoice."""
    body = (await request.payload()).strip()
    said = (bodies.decode(body, _REFUND) if body else None) or _EVERYTHING
    command = RefundCommand(
        invoice_id=guid_in_path(request, "invoice_id"),
        wish=_wish(said),
        comments=said.comments or "",
        created_by_id=optional_guid(said.created_by_id, "created_by_id"),
        cash_register_id=optional_guid(said.cash_register_id, "cash_register_id"),
        closes=bool(said.close),
        caller=request.caller,
    )
    return await write_refund(request, command, _answer)


async def write_refund(request: ApiRequest, command: RefundCommand, shown_as: Callable[[Refunded], Answer]) -> Answer:
    """Make the refund, and count its close where it is closed at once."""
    done: list[CloseReport] = []

    def answer(made: Refunded) -> Answer:
        done[:] = [] if made.report is None else [made.report]
        return shown_as(made)

    service = request.service
    written = await request.write(answer, refund_invoice, command, clock=service.clock, luck=service.luck)
    for report in done:  # none when an answer that was given before is repeated
        service.metrics.closed(report)
    return written


def _wish(said: RefundRequest) -> Wish:
    items = None
    if said.items is not None:
        items = tuple(
            ItemWish(invoice_item_id=item.invoice_item_id, quantity=item.quantity, amount=item.amount)
            for item in said.items
        )
    payments = None
    if said.payments is not None:
        payments = tuple(
            PaymentWish(
                transaction_id=payment.transaction_id,
                amount=payment.amount,
                tip_amount=payment.tip_amount or Decimal(0),
            )
            for payment in said.payments
        )
    return Wish(items=items, payments=payments)


def _answer(made: Refunded) -> Answer:
    return Answer.of(RefundAnswer(refund_invoice=render(made.refund)))


OPERATIONS: Final[tuple[Operation, ...]] = (post_refund,)
