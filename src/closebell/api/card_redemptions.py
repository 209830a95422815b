"""Routes of gift cards and prepaid cards: what one holds, and paying with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import ErrorShape
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.document import TransactionDocument, transaction_document
from closebell.domain.intake_values import optional_guid
from closebell.usecase.record_tender import Paid
from closebell.usecase.redeem_card import CardRead, CardRedemption, read_card, redeem_card


class GiftCardRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A payment with a gift card or a prepaid card; `amount` is all that is taken from it, the tip included."""

    card_number: str
    amount: Decimal
    tip_amount: Decimal | None = None
    cash_register_id: str | None = None
    collected_by_id: str | None = None


class GiftCardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The card has paid."""

    is_applied: bool = True
    payment: TransactionDocument
    error: None = None


class BalanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a card holds: `type` is `gift_card` or `prepaid_card`, `status` is `active` or `expired`."""

    balance: Decimal
    user_id: str | None
    expiry: str | None
    type: str
    status: str
    currency_code: str
    error: None = None


_REQUEST: Final = msgspec.json.Decoder(GiftCardRequest)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/payments/gift_card",
        tag="Payments",
        summary="Pay with a gift card or a prepaid card",
        description="No more is taken than is due, and the tip.",
        body=GiftCardRequest,
        body_example=examples_payments.GIFT_CARD,
        answer=GiftCardAnswer,
        answer_example=examples_payments.GIFT_CARD_APPLIED,
        refusals=(403, 404, 409, 413),
        error_shape=ErrorShape.WITH_APPLIED,
        path_example=examples_payments.OPEN_INVOICE,
    )
)
async def pay_with_gift_card(request: ApiRequest) -> Answer:
    """Redeem a card."""
    service, invoice_id = request.service, guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _REQUEST)
    command = CardRedemption(
        invoice_id=invoice_id,
        card_number=said.card_number,
        amount=said.amount,
        tip_amount=said.tip_amount or Decimal(0),
        cash_register_id=said.cash_register_id,
        collected_by_id=optional_guid(said.collected_by_id, "collected_by_id"),
        caller=request.caller,
    )
    return await request.write(_applied, redeem_card, command, clock=service.clock, luck=service.luck)


def _applied(paid: Paid) -> Answer:
    return Answer.of(GiftCardAnswer(payment=transaction_document(paid.transaction, paid.invoice.currency)))


@operation(
    Doc(
        method="GET",
        path="/v1/giftcards/{giftcard_number}/balance",
        tag="Payments",
        summary="Read what a gift card or a prepaid card holds",
        answer=BalanceAnswer,
        answer_example=examples_payments.BALANCE,
        refusals=(403, 404, 409),
    )
)
async def get_balance(request: ApiRequest) -> Answer:
    """Read a card."""
    service = request.service
    found = await service.database.read(
        read_card, request.named("giftcard_number"), caller=request.caller, clock=service.clock
    )
    return Answer.of(_balance(found))


def _balance(read: CardRead) -> BalanceAnswer:
    card = read.card
    return BalanceAnswer(
        balance=read.currency.wire(card.balance),
        user_id=card.guest_id,
        expiry=None if card.expires_on is None else f"{card.expires_on}T00:00:00",
        type=card.kind.value,
        status="expired" if read.is_expired else "active",
        currency_code=read.currency.code,
    )


OPERATIONS: Final[tuple[Operation, ...]] = (pay_with_gift_card, get_balance)
