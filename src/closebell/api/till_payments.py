"""Routes of payments at the till: cash, checks, and cards that a terminal has charged already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.payments import PaymentAnswer, paid_answer
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.intake_values import optional_guid
from closebell.usecase.take_till_payment import (
    CardCommand,
    CashCommand,
    CheckCommand,
    record_card,
    take_cash,
    take_check,
)


class TillPaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was handed over; `amount` is all of it, the tip included."""

    amount: Decimal
    tip_amount: Decimal | None = None
    cash_register_id: str | None = None
    collected_by_id: str | None = None
    additional_data: str | None = None


class CashRequest(TillPaymentRequest, frozen=True, kw_only=True):
    """Cash; `amount_tendered` is what was put down, and what of it is too much goes back."""

    amount_tendered: Decimal | None = None


class CheckRequest(TillPaymentRequest, frozen=True, kw_only=True):
    """A check."""

    check_number: str
    bank_name: str | None = None


class CardRequest(TillPaymentRequest, frozen=True, kw_only=True):
    """A card that a terminal has charged; of its number only the last four digits are taken."""

    card_number: str | None = None
    card_type: str | None = None
    auth_code: str | None = None
    terminal_reference: str | None = None


_CASH: Final = msgspec.json.Decoder(CashRequest)
_CHECK: Final = msgspec.json.Decoder(CheckRequest)
_CARD: Final = msgspec.json.Decoder(CardRequest)
_SHARED: Final[dict[str, Any]] = {
    "method": "POST",
    "tag": "Payments",
    "answer": PaymentAnswer,
    "refusals": (403, 404, 409, 413),
    "is_extension": True,
    "path_example": examples_payments.OPEN_INVOICE,
}


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/payments/cash",
        summary="Take cash",
        body=CashRequest,
        body_example=examples_payments.CASH,
        answer_example=examples_payments.CASH_PAID,
        **_SHARED,
    )
)
async def pay_cash(request: ApiRequest) -> Answer:
    """Record cash."""
    service, invoice_id = request.service, guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _CASH)
    command = CashCommand(amount_tendered=said.amount_tendered, **_common(request, invoice_id, said))
    return await request.write(paid_answer, take_cash, command, clock=service.clock, luck=service.luck)


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/payments/check",
        summary="Take a check",
        body=CheckRequest,
        body_example=examples_payments.CHECK,
        answer_example=examples_payments.CHECK_PAID,
        **_SHARED,
    )
)
async def pay_by_check(request: ApiRequest) -> Answer:
    """Record a check."""
    service, invoice_id = request.service, guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _CHECK)
    command = CheckCommand(
        check_number=said.check_number, bank_name=said.bank_name or "", **_common(request, invoice_id, said)
    )
    return await request.write(paid_answer, take_check, command, clock=service.clock, luck=service.luck)


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/payments/card",
        summary="Record a card that a terminal has charged",
        description="A whole card number is refused and kept nowhere; send its last four digits.",
        body=CardRequest,
        body_example=examples_payments.CARD,
        answer_example=examples_payments.CARD_PAID,
        **_SHARED,
    )
)
async def pay_by_card(request: ApiRequest) -> Answer:
    """Record what a terminal has taken."""
    service, invoice_id = request.service, guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _CARD)
    command = CardCommand(
        card_number=said.card_number or "",
        card_type=said.card_type or "",
        auth_code=said.auth_code or "",
        terminal_reference=said.terminal_reference or "",
        **_common(request, invoice_id, said),
    )
    return await request.write(paid_answer, record_card, command, clock=service.clock, luck=service.luck)


def _common(request: ApiRequest, invoice_id: str, said: TillPaymentRequest) -> dict[str, Any]:
    """What every payment at the till says."""
    return {
        "invoice_id": invoice_id,
        "amount": said.amount,
        "tip_amount": said.tip_amount or Decimal(0),
        "cash_register_id": said.cash_register_id,
        "collected_by_id": optional_guid(said.collected_by_id, "collected_by_id"),
        "additional_data": said.additional_data or "",
        "caller": request.caller,
    }


OPERATIONS: Final[tuple[Operation, ...]] = (pay_cash, pay_by_check, pay_by_card)
