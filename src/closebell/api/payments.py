"""Routes of a payment: take one with a custom type, settle one that is on its way, remove one."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.document import TransactionDocument, transaction_document
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import TransactionState
from closebell.errors import Conflict, InvalidInput
from closebell.usecase.record_tender import Paid
from closebell.usecase.remove_payment import find_held, hold_for_removal, keep, remove_payment
from closebell.usecase.settle_payment import settle_payment
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


class StateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a payment that was on its way: `settled` or `failed`."""

    state: str


class PaymentRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """The payment is off the invoice."""

    is_payment_removed: bool = True
    error: None = None


_PAYMENT: Final = msgspec.json.Decoder(PaymentRequest)
_STATE: Final = msgspec.json.Decoder(StateRequest)
_STATES: Final = {state.value: state for state in (TransactionState.SETTLED, TransactionState.FAILED)}


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/payment/custom",
        tag="Payments",
        summary="Take a custom payment",
        description="Money pays the balance first, then the environment fee, then the service charge; what is left "
        "over is an excess, which closing refuses. A custom_payment_id that is new is registered.",
        body=PaymentRequest,
        body_example=examples.PAYMENT,
        answer=PaymentAnswer,
        answer_example=examples.PAID,
        refusals=(403, 404, 409, 413),
    )
)
async def take_payment(request: ApiRequest) -> Answer:
    """Record a payment."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _PAYMENT)
    command = PaymentCommand(
        invoice_id=invoice_id,
        amount=said.amount,
        tip_amount=said.tip_amount or Decimal(0),
        custom_payment_id=said.custom_payment_id,
        cash_register_id=said.cash_register_id,
        additional_data=said.additional_data or "",
        collected_by_id=optional_guid(said.collected_by_id, "collected_by_id"),
        caller=request.caller,
    )
    service = request.service
    return await request.write(paid_answer, take_custom_payment, command, clock=service.clock, luck=service.luck)


def paid_answer(paid: Paid) -> Answer:
    """The payment, as every tender is answered."""
    return Answer.of(PaymentAnswer(transaction=transaction_document(paid.transaction, paid.invoice.currency)))


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/payments/{transaction_id}",
        tag="Payments",
        summary="Settle a payment that is on its way",
        description="Says that the money of a pending payment has come, or that it never will.",
        body=StateRequest,
        body_example=examples_payments.SETTLE,
        answer=PaymentAnswer,
        answer_example=examples_payments.SETTLED,
        refusals=(403, 404, 409, 413),
        is_extension=True,
        path_example=examples_payments.OPEN_INVOICE,
    )
)
async def put_state(request: ApiRequest) -> Answer:
    """Settle or fail a pending payment."""
    invoice_id, transaction_id = (guid_in_path(request, name) for name in ("invoice_id", "transaction_id"))
    said = bodies.decode(await request.payload(), _STATE)
    state = _STATES.get(said.state)
    if state is None:
        raise InvalidInput("state", f"{said.state!r:.40} is not one of {', '.join(_STATES)}")
    service = request.service
    return await request.write(
        paid_answer,
        settle_payment,
        invoice_id,
        transaction_id,
        state,
        caller=request.caller,
        clock=service.clock,
        luck=service.luck,
    )


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{invoice_id}/payments/{transaction_id}",
        tag="Payments",
        summary="Remove a payment",
        description="Takes a payment off an open invoice. What a guest's card or points paid goes back there; what a "
        "processor holds, it gives back.",
        answer=PaymentRemoved,
        answer_example={"is_payment_removed": True, "error": None},
        refusals=(403, 404, 409),
        is_extension=True,
    )
)
async def delete_payment(request: ApiRequest) -> Answer:
    """Remove a payment."""
    invoice_id, transaction_id = (guid_in_path(request, name) for name in ("invoice_id", "transaction_id"))
    held = await request.service.database.read(find_held, invoice_id, transaction_id, caller=request.caller)
    if held is None:
        return await _remove(request, invoice_id, transaction_id, is_released=False)
    processor = request.service.cards.processor
    if processor is None or processor.name != held.processor:
        raise Conflict(f"Processor {held.processor} holds payment {transaction_id} and is not set up here")
    return await request.service.cards.see_through(_release(request, invoice_id, transaction_id))


async def _release(request: ApiRequest, invoice_id: str, transaction_id: str) -> Answer:
    """Have the processor give the money back, and only then remove the payment.

    Errors: Conflict when the processor does not give it back, or does not say so.
    """
    database, caller = request.service.database, request.caller
    held = await database.write(hold_for_removal, invoice_id, transaction_id, caller=caller)
    said = await request.service.cards.release(held.transaction)
    if said.state is TransactionState.FAILED:
        return await _remove(request, invoice_id, transaction_id, is_released=True)
    if said.state is TransactionState.PENDING:
        raise Conflict(f"The processor does not say whether it gives payment {transaction_id} back; ask again")
    if held.transaction.is_settled:
        await database.write(keep, held)
        raise Conflict(f"The processor does not give payment {transaction_id} back: {said.reason or 'no reason given'}")
    raise Conflict(
        f"The processor has taken payment {transaction_id} by now; settle it with PUT and state settled, "
        "and remove it then, which gives it back"
    )


async def _remove(request: ApiRequest, invoice_id: str, transaction_id: str, *, is_released: bool) -> Answer:
    service = request.service
    return await request.write(
        lambda _invoice: Answer.of(PaymentRemoved()),
        remove_payment,
        invoice_id,
        transaction_id,
        caller=request.caller,
        is_released=is_released,
        clock=service.clock,
        luck=service.luck,
    )


OPERATIONS: Final[tuple[Operation, ...]] = (take_payment, put_state, delete_payment)
