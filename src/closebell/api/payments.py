"""Routes of money on an invoice: take a payment, remove one, assign tips, leave a group."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies, examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.document import TransactionDocument, transaction_document
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Invoice
from closebell.usecase.assign_tips import TipAssignment, assign_tips
from closebell.usecase.leave_group import leave_group
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.remove_payment import remove_payment
from closebell.usecase.take_payment import PaymentCommand, take_custom_payment


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A payment with a custom type; `amount` is everything handed over, the tip included."""

    amount: Decimal
    tip_amount: Decimal | None = None
    custom_payment_id: str
    cash_register_id: str | None = None
    additional_data: str | None = None
    collected_by_id: str | None = None


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The payment as it was recorded: what of it pays the invoice, the tip, the service charge and the fee."""

    transaction: TransactionDocument
    error: None = None


class PaymentRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """The payment is off the invoice."""

    is_payment_removed: bool = True
    error: None = None


class LeftGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice belongs to no group any more."""

    is_invoice_removed: bool = True
    error: None = None


class TipDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A tip, or part of one, and the employee it goes to."""

    employee_id: str
    amount: Decimal
    transaction_id: str | None = None


class TipsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All tips of the invoice; they take the place of those that were assigned before."""

    employee_tips: list[TipDocument]


class TipsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The tips as they are assigned."""

    employee_tips: list[TipDocument]
    error: None = None


_PAYMENT: Final = msgspec.json.Decoder(PaymentRequest)
_TIPS: Final = msgspec.json.Decoder(TipsRequest)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/payment/custom",
        tag="Payments",
        summary="Take a custom payment",
        description="Money pays the balance first, then the service charge, then the environment fee; what is left "
        "over is an excess, which closing refuses. A custom_payment_id that is new is registered.",
        body=PaymentRequest,
        body_example=examples.PAYMENT,
        answer=PaymentAnswer,
        answer_example=examples.PAID,
        refusals=(404, 409, 413),
    )
)
async def take_payment(request: ApiRequest) -> Answer:
    """Record a payment."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _PAYMENT)
    command = PaymentCommand(
        invoice_id=invoice_id,
        amount=said.amount,
        tip_amount=Decimal(0) if said.tip_amount is None else said.tip_amount,
        custom_payment_id=said.custom_payment_id,
        cash_register_id=said.cash_register_id,
        additional_data=said.additional_data or "",
        collected_by_id=optional_guid(said.collected_by_id, "collected_by_id"),
    )
    service = request.service
    paid = await service.database.write(take_custom_payment, command, clock=service.clock, luck=service.luck)
    return Answer.of(PaymentAnswer(transaction=transaction_document(paid.transaction, paid.invoice.currency)))


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{invoice_id}/payments/{transaction_id}",
        tag="Payments",
        summary="Remove a payment",
        description="Takes a payment off an open invoice.",
        answer=PaymentRemoved,
        answer_example={"is_payment_removed": True, "error": None},
        refusals=(404, 409),
        is_extension=True,
    )
)
async def delete_payment(request: ApiRequest) -> Answer:
    """Remove a payment."""
    invoice_id, transaction_id = (guid_in_path(request, name) for name in ("invoice_id", "transaction_id"))
    await request.service.database.write(remove_payment, invoice_id, transaction_id)
    return Answer.of(PaymentRemoved())


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{group_invoice_id}/invoices/{invoice_id}",
        tag="Invoices",
        summary="Take an invoice out of its group",
        answer=LeftGroup,
        answer_example={"is_invoice_removed": True, "error": None},
        refusals=(404, 409),
        is_extension=True,
    )
)
async def delete_from_group(request: ApiRequest) -> Answer:
    """Take an invoice out of its group."""
    group_invoice_id, invoice_id = (guid_in_path(request, name) for name in ("group_invoice_id", "invoice_id"))
    await request.service.database.write(leave_group, group_invoice_id, invoice_id)
    return Answer.of(LeftGroup())


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/tips",
        tag="Payments",
        summary="Assign the tips",
        description="Says which employees the tips of an open invoice go to, in the place of all that was said before.",
        body=TipsRequest,
        body_example=examples.TIPS,
        answer=TipsAnswer,
        answer_example={**examples.TIPS, "error": None},
        refusals=(404, 409, 413),
        is_extension=True,
    )
)
async def put_tips(request: ApiRequest) -> Answer:
    """Assign the tips."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _TIPS)
    tips = [
        TipAssignment(
            employee_id=tip.employee_id,
            amount=tip.amount,
            transaction_id=optional_guid(tip.transaction_id, f"employee_tips[{index}].transaction_id"),
        )
        for index, tip in enumerate(said.employee_tips)
    ]
    return _tips(await request.service.database.write(assign_tips, invoice_id, tips))


@operation(
    Doc(
        method="GET",
        path="/v1/invoices/{invoice_id}/tips",
        tag="Payments",
        summary="Read the assigned tips",
        answer=TipsAnswer,
        answer_example={**examples.TIPS, "error": None},
        refusals=(404,),
        is_extension=True,
    )
)
async def get_tips(request: ApiRequest) -> Answer:
    """Read the assigned tips."""
    return _tips(await request.service.database.read(read_invoice, guid_in_path(request, "invoice_id")))


def _tips(invoice: Invoice) -> Answer:
    wire = invoice.currency.wire
    return Answer.of(
        TipsAnswer(
            employee_tips=[
                TipDocument(employee_id=tip.employee_id, amount=wire(tip.amount), transaction_id=tip.transaction_id)
                for tip in invoice.employee_tips
            ]
        )
    )


OPERATIONS: Final[tuple[Operation, ...]] = (take_payment, delete_payment, delete_from_group, put_tips, get_tips)
