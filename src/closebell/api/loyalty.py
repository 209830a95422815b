"""Routes of loyalty points: how many can be redeemed on an invoice, and paying with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.invoices import EXPAND_QUERY, sections_of
from closebell.api.queries import guid_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.document import (
    InvoiceDocument,
    RedemptionDocument,
    TransactionDocument,
    redemption_documents,
    render,
    transaction_document,
)
from closebell.domain.intake_values import optional_guid
from closebell.domain.loyalty import Draw, Holding
from closebell.usecase.redeem_points import PointsCommand, PointsPaid, Redeemable, read_redeemable, redeem_points


class PointsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """So many points; `redeem_across_programs` is 0 or 1, and `otp` is taken and not looked at."""

    points: int
    center_id: str | None = None
    program_id: str | None = None
    cash_register_id: str | None = None
    redeem_across_programs: int | bool | None = None
    otp: str | int | None = None


class PointsPaidAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The first tender, everything that was redeemed, and the invoice."""

    payment: TransactionDocument
    redemptions: list[RedemptionDocument]
    invoice: InvoiceDocument
    error: None = None


class RedeemablePoints(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one programme: how many the guest has, and how many can be redeemed on the invoice."""

    earned: int
    redeemable: int


class RedeemableProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A programme of points."""

    id: str
    name: str
    points: RedeemablePoints
    exchange_rate: Decimal
    minimum_points: int


class RedeemableDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The most that can be redeemed on the invoice, and all that the guest has."""

    points: int
    amount: Decimal
    loyalty_programs: list[RedeemableProgram]
    total_available_points: int
    total_available_amount: Decimal
    exchange_rate: Decimal


class RedeemableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What can be redeemed."""

    lp_redeemable: RedeemableDocument
    error: None = None


_REQUEST: Final = msgspec.json.Decoder(PointsRequest)


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{invoice_id}/payments/loyalty_points/redeemable",
        tag="Payments",
        summary="See how many points can be redeemed on an invoice",
        description="The id in the path is the invoice's, as in the contract.",
        query=(
            Query(
                name="lp_program_id",
                schema={"type": "string", "format": "uuid"},
                sentence="The programme; needed when the guest has points in several.",
                example=examples_payments.PROGRAM_ID,
            ),
            Query(
                name="redeem_across_programs",
                schema={"type": "integer", "enum": [0, 1]},
                sentence="1 counts the guest's other programmes of the same currency too.",
                example=0,
            ),
        ),
        answer=RedeemableAnswer,
        answer_example=examples_payments.REDEEMABLE,
        refusals=(403, 404),
        path_example=examples_payments.OPEN_INVOICE,
    )
)
async def get_redeemable(request: ApiRequest) -> Answer:
    """What can be redeemed."""
    service, query = request.service, query_of(request)
    found = await service.database.read(
        read_redeemable,
        guid_in_path(request, "invoice_id"),
        query.guid("lp_program_id"),
        across_programs=query.flag("redeem_across_programs"),
        caller=request.caller,
        clock=service.clock,
    )
    return Answer.of(RedeemableAnswer(lp_redeemable=_redeemable(found)))


def _redeemable(found: Redeemable) -> RedeemableDocument:
    wire, held = found.invoice.currency.wire, found.holdings
    drawn = {draw.holding.account_id: draw for draw in found.draws}
    return RedeemableDocument(
        points=sum(draw.points for draw in found.draws),
        amount=wire(sum(draw.amount for draw in found.draws)),
        loyalty_programs=[_program(holding, drawn.get(holding.account_id)) for holding in held],
        total_available_points=sum(holding.points for holding in held),
        total_available_amount=wire(sum(holding.program.worth(holding.points) for holding in held)),
        exchange_rate=_rate(held),
    )


def _program(holding: Holding, draw: Draw | None) -> RedeemableProgram:
    program = holding.program
    return RedeemableProgram(
        id=program.id,
        name=program.name,
        points=RedeemablePoints(earned=holding.points, redeemable=0 if draw is None else draw.points),
        exchange_rate=program.exchange_rate,
        minimum_points=program.points_min,
    )


def _rate(held: Sequence[Holding]) -> Decimal:
    """What a point of the first programme is worth; nothing when the guest is in none."""
    return held[0].program.exchange_rate if held else Decimal(0)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/payments/loyalty_points",
        tag="Payments",
        summary="Pay with loyalty points",
        description="No more is taken than is due and the invoice's cap on points allows. Points pay no tip.",
        query=(EXPAND_QUERY,),
        body=PointsRequest,
        body_example=examples_payments.POINTS,
        answer=PointsPaidAnswer,
        answer_example=examples_payments.POINTS_PAID,
        refusals=(403, 404, 409, 413),
        path_example=examples_payments.OPEN_INVOICE,
    )
)
async def pay_with_points(request: ApiRequest) -> Answer:
    """Redeem points."""
    service, invoice_id = request.service, guid_in_path(request, "invoice_id")
    sections = sections_of(request)
    said = bodies.decode(await request.payload(), _REQUEST)
    command = PointsCommand(
        invoice_id=invoice_id,
        points=said.points,
        program_id=optional_guid(said.program_id, "program_id"),
        center_id=optional_guid(said.center_id, "center_id"),
        cash_register_id=said.cash_register_id,
        across_programs=bool(said.redeem_across_programs),
        caller=request.caller,
    )
    return await request.write(
        lambda paid: _paid(paid, sections), redeem_points, command, clock=service.clock, luck=service.luck
    )


def _paid(paid: PointsPaid, sections: frozenset[str]) -> Answer:
    redeemed = replace(paid.invoice, transactions=paid.transactions, lines=())
    return Answer.of(
        PointsPaidAnswer(
            payment=transaction_document(paid.transactions[0], paid.invoice.currency),
            redemptions=redemption_documents(redeemed),
            invoice=render(paid.invoice, sections=sections),
        )
    )


OPERATIONS: Final[tuple[Operation, ...]] = (get_redeemable, pay_with_points)
