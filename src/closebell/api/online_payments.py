"""Routes of payments online: collect one with a saved card, or on a page; list a guest's saved cards."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import ErrorShape, Problem
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.identifiers import NO_GUID
from closebell.domain.intake_values import NAME_LENGTH, optional_guid, text
from closebell.domain.invoice import TransactionState
from closebell.domain.payment import shown_digits
from closebell.domain.payment_page import Token, redirect_uri
from closebell.domain.processor import ChargeRequest
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.usecase.collect_online import Begun, OnlineCommand, Recorded, begin_charge, record_charge
from closebell.usecase.read_saved_cards import read_saved_cards

SOURCES: Final = {
    "web": 0,
    "webstore": 1,
    "checkweb": 2,
    "checkwebstore": 3,
    "dunning": 4,
    "mobile": 5,
    "mobilepos": 6,
    "all": 7,
}
"""The contract's names and numbers of where a payment comes from."""
WEBSTORE: Final = SOURCES["webstore"]
PAGE: Final = "/v1/hosted_payments/"
"""The path of a page, before its token."""
DECLINED: Final = "The payment was declined."


class BillingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays, for the processor; kept nowhere here."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    country_code: str | int | None = None
    address: str | None = None
    state: str | int | None = None
    zipcode: str | int | None = None
    city: str | None = None
    phone: str | int | None = None


class OnlineRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be collected; `amount` is without the tip, absent for all that is due, and 0 for a tip alone."""

    account_id: str | None = None
    center_id: str | None = None
    redirect_uri: str | None = None
    amount: Decimal | None = None
    tip_amount: Decimal | None = None
    source: int | str | None = None
    billing_info: BillingInfo | None = None


class OnlineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The payment is taken, on its way, or waits on a page; `state` is that of its transaction."""

    success: bool = True
    error: None = None
    invoice_transaction_id: str
    state: str
    token_id: str | None = None
    hosted_payment_uri: str | msgspec.UnsetType = msgspec.UNSET


class SavedCardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A saved card; `account_id` is what pays with it."""

    account_id: str
    last_four: str
    name: str
    processor: str


class SavedCardsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's saved cards."""

    accounts: list[SavedCardDocument]
    error: None = None


_REQUEST: Final = msgspec.json.Decoder(OnlineRequest)
_COLLECT: Final[dict[str, Any]] = {
    "method": "POST",
    "tag": "Payments",
    "summary": "Collect a payment online",
    "description": "A saved card is charged at once. Without one the answer names a page on which the guest pays.",
    "body": OnlineRequest,
    "body_example": examples_payments.ONLINE,
    "answer": OnlineAnswer,
    "answer_example": examples_payments.COLLECTED,
    "refusals": (402, 403, 404, 409, 413),
    "error_shape": ErrorShape.WITH_SUCCESS,
    "has_steps": True,
    "path_example": examples_payments.OPEN_INVOICE,
}


@operation(Doc(path="/v1/invoices/{invoice_id}/online_payments", **_COLLECT))
async def collect(request: ApiRequest) -> Answer:
    """Collect a payment."""
    return await _collect(request)


@operation(Doc(path="/api/v1/invoices/{invoice_id}/online_payments", **_COLLECT))
async def collect_under_api(request: ApiRequest) -> Answer:
    """The same, where some pages of the contract have it."""
    return await _collect(request)


async def _collect(request: ApiRequest) -> Answer:
    try:
        command = await _command(request)
        return await request.service.cards.see_through(_begun(request, command))
    except InvalidInput as error:
        if not error.field:
            raise
        raise Refusal(RefusalCode.PAYMENT_INVALID, f"{error}.") from None


async def _command(request: ApiRequest) -> OnlineCommand:
    """What is asked for.

    Errors: Refusal 503; InvalidInput naming the field.
    """
    invoice_id = guid_in_path(request, "invoice_id")
    body = (await request.payload()).strip()
    said = bodies.decode(body, _REQUEST) if body else OnlineRequest()
    center_id = optional_guid(said.center_id, "center_id")
    for name, value in (("invoice_id", invoice_id), ("center_id", center_id)):
        if value in {None, NO_GUID}:
            raise Refusal(RefusalCode.PAYMENT_INPUT_MISSING, f"{name} is missing.")
    assert center_id is not None, "the line above has seen to it"
    return OnlineCommand(
        invoice_id=invoice_id,
        center_id=center_id,
        account_id=optional_guid(said.account_id, "account_id"),
        amount=said.amount,
        tip_amount=said.tip_amount or Decimal(0),
        redirect_uri=redirect_uri(said.redirect_uri or "", field="redirect_uri"),
        source=_source(said.source),
        billing=_billing(said.billing_info),
        caller=request.caller,
    )


def _source(said: int | str | None) -> int:
    if said is None or said == "":
        return WEBSTORE
    number = SOURCES.get(str(said).replace("_", "").replace(" ", "").lower())
    if number is None and str(said) in {str(known) for known in SOURCES.values()}:
        number = int(said)
    if number is None:
        raise InvalidInput(
            "source", f"{said!r:.40} is no source; write a number from 0 to 7, such as 1 for a web store"
        )
    return number


def _billing(said: BillingInfo | None) -> dict[str, str]:
    if said is None:
        return {}
    found = {name: getattr(said, name) for name in said.__struct_fields__}
    return {
        name: text(str(value), f"billing_info.{name}", length=NAME_LENGTH)
        for name, value in found.items()
        if value is not None
    }


async def _begun(request: ApiRequest, command: OnlineCommand) -> Answer:
    service = request.service
    begun = await service.database.write(
        begin_charge, command, processor=service.cards.processor, clock=service.clock, luck=service.luck
    )
    if begun.request is None:
        assert begun.token is not None, "without a card there is a page"
        return Answer.of(_waiting(request, begun, begun.token))
    return await charged(request, command.invoice_id, begun.request, caller=command.caller)


def _waiting(request: ApiRequest, begun: Begun, token: Token) -> OnlineAnswer:
    return OnlineAnswer(
        invoice_transaction_id=begun.transaction.id,
        state=begun.transaction.state.value,
        token_id=token.text,
        hosted_payment_uri=(request.service.public_url or "").rstrip("/") + PAGE + token.text,
    )


async def charged(request: ApiRequest, invoice_id: str, asked: ChargeRequest, *, caller: Caller = OPERATOR) -> Answer:
    """Ask the processor for what is pending, write down what it says, and answer that."""
    service = request.service
    said = await service.cards.charge(asked)
    recorded = await service.database.write(
        record_charge,
        invoice_id,
        asked.transaction_id,
        said,
        caller=caller,
        clock=service.clock,
        luck=service.luck,
    )
    service.told()
    if recorded.is_orphan:
        await service.cards.give_back(asked.transaction_id, said)
    return _outcome(request, asked.transaction_id, recorded)


def _outcome(request: ApiRequest, transaction_id: str, recorded: Recorded) -> Answer:
    charge = recorded.charge
    if recorded.is_orphan:
        given_back = "The payment was given up here while the processor took it; its money is given back."
        return _failed(request, HTTPStatus.CONFLICT, given_back, f"Payment {transaction_id}.")
    if charge.state is TransactionState.FAILED:
        return _failed(request, HTTPStatus.PAYMENT_REQUIRED, DECLINED, f"Payment {transaction_id}: {charge.reason}")
    return Answer.of(OnlineAnswer(invoice_transaction_id=transaction_id, state=charge.state.value))


def _failed(request: ApiRequest, status: HTTPStatus, message: str, detail: str) -> Answer:
    """An answer to what was carried out, and is thus no error to be raised."""
    problem = Problem(status=status, code=int(status), message=message, detail=detail, blames_caller=True)
    return problem.answer(errors_as_200=request.service.errors_as_200, shape=ErrorShape.WITH_SUCCESS)


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}/accounts",
        tag="Payments",
        summary="List a guest's saved cards",
        answer=SavedCardsAnswer,
        answer_example=examples_payments.SAVED_CARDS,
        refusals=(403, 404),
    )
)
async def get_accounts(request: ApiRequest) -> Answer:
    """List a guest's saved cards."""
    guest_id = guid_in_path(request, "guest_id")
    found = await request.service.database.read(read_saved_cards, guest_id, caller=request.caller)
    return Answer.of(
        SavedCardsAnswer(
            accounts=[
                SavedCardDocument(
                    account_id=card.id,
                    last_four=shown_digits(card.card_number),
                    name=card.name,
                    processor=card.processor,
                )
                for card in found
            ]
        )
    )


OPERATIONS: Final[tuple[Operation, ...]] = (collect, collect_under_api, get_accounts)
