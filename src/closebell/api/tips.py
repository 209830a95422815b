"""Routes of tips: say which employees they go to, and read it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Invoice
from closebell.errors import InvalidInput
from closebell.usecase.assign_tips import TipAssignment, TipShare, assign_tips, share_tips, split_tips
from closebell.usecase.read_tips import read_tips


class Split(enum.StrEnum):
    """How tips are divided."""

    CUSTOM = "custom"
    SERVICE_PRICE = "service_price"
    PERCENTAGE = "percentage"


class TipRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An employee, and an amount, or a percent of every tip."""

    employee_id: str
    amount: Decimal | None = None
    percent: Decimal | None = None
    transaction_id: str | None = None


class TipsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All tips of the invoice, in the place of those that were assigned before.

    Shape: `split` is `custom` unless said, which takes amounts; `percentage` takes percents; `service_price` takes no
           employees.
    """

    split: str | None = None
    employee_tips: list[TipRequest] | msgspec.UnsetType = msgspec.UNSET


class TipDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A tip, or part of one, and the employee it goes to; among those of a group it names its invoice."""

    employee_id: str
    amount: Decimal
    transaction_id: str | None = None
    invoice_id: str | msgspec.UnsetType = msgspec.UNSET


class TipsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The tips as they are assigned."""

    employee_tips: list[TipDocument]
    error: None = None


_TIPS: Final = msgspec.json.Decoder(TipsRequest)


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/tips",
        tag="Payments",
        summary="Assign the tips",
        description="Says which employees the tips of an open invoice go to, in the place of all that was said before: "
        "one by one, by percents, or by the price of the services each gave.",
        body=TipsRequest,
        body_example=examples.TIPS,
        answer=TipsAnswer,
        answer_example={**examples.TIPS, "error": None},
        refusals=(403, 404, 409, 413),
        is_extension=True,
    )
)
async def put_tips(request: ApiRequest) -> Answer:
    """Assign the tips."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = bodies.decode(await request.payload(), _TIPS)
    match _split(said.split):
        case Split.SERVICE_PRICE:
            return await request.write(_assigned, split_tips, invoice_id, caller=request.caller)
        case Split.PERCENTAGE:
            return await request.write(_assigned, share_tips, invoice_id, _shares(said), caller=request.caller)
        case Split.CUSTOM:
            return await request.write(_assigned, assign_tips, invoice_id, _amounts(said), caller=request.caller)


def _split(said: str | None) -> Split:
    if said is None:
        return Split.CUSTOM
    try:
        return Split(said)
    except ValueError:
        raise InvalidInput("split", f"{said!r:.40} is not one of {', '.join(Split)}") from None


def _amounts(said: TipsRequest) -> list[TipAssignment]:
    return [
        TipAssignment(
            employee_id=tip.employee_id,
            amount=_there(tip.amount, f"employee_tips[{index}].amount"),
            transaction_id=optional_guid(tip.transaction_id, f"employee_tips[{index}].transaction_id"),
        )
        for index, tip in enumerate(_tips(said))
    ]


def _shares(said: TipsRequest) -> list[TipShare]:
    return [
        TipShare(employee_id=tip.employee_id, percent=_there(tip.percent, f"employee_tips[{index}].percent"))
        for index, tip in enumerate(_tips(said))
    ]


def _tips(said: TipsRequest) -> Sequence[TipRequest]:
    if isinstance(said.employee_tips, msgspec.UnsetType):
        raise InvalidInput("employee_tips", "is missing")
    return said.employee_tips


def _there(said: Decimal | None, field: str) -> Decimal:
    if said is None:
        raise InvalidInput(field, "is missing")
    return said


@operation(
    Doc(
        method="GET",
        path="/v1/invoices/{invoice_id}/tips",
        tag="Payments",
        summary="Read the assigned tips",
        description="Of one invoice, or with the id of a group invoice of all its members.",
        answer=TipsAnswer,
        answer_example={**examples.TIPS, "error": None},
        refusals=(403, 404),
    )
)
async def get_tips(request: ApiRequest) -> Answer:
    """Read the assigned tips."""
    invoice_id = guid_in_path(request, "invoice_id")
    found = await request.service.database.read(read_tips, invoice_id, caller=request.caller)
    is_group = [one.id for one in found] != [invoice_id]
    return Answer.of(TipsAnswer(employee_tips=[tip for one in found for tip in _documents(one, is_member=is_group)]))


def _assigned(invoice: Invoice) -> Answer:
    return Answer.of(TipsAnswer(employee_tips=_documents(invoice, is_member=False)))


def _documents(invoice: Invoice, *, is_member: bool) -> list[TipDocument]:
    wire = invoice.currency.wire
    return [
        TipDocument(
            employee_id=tip.employee_id,
            amount=wire(tip.amount),
            transaction_id=tip.transaction_id,
            invoice_id=invoice.id if is_member else msgspec.UNSET,
        )
        for tip in invoice.employee_tips
    ]


OPERATIONS: Final[tuple[Operation, ...]] = (put_tips, get_tips)
