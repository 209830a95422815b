"""Routes of group invoices: make one, read it, pay it, close it, and take an invoice out of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import groups as shown
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.group_shapes import (
    GroupAnswer,
    GroupClosed,
    GroupCreated,
    GroupTransactions,
    group_answer,
    group_closed,
    group_created,
    group_transactions,
)
from closebell.api.problems import ErrorShape
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.intake_values import optional_guid
from closebell.usecase.change_group import change_group
from closebell.usecase.close_group import CloseGroupCommand, close_group
from closebell.usecase.close_invoices import CloseReport
from closebell.usecase.create_group import GroupCommand, create_group
from closebell.usecase.group_invoice import find
from closebell.usecase.leave_group import leave_group
from closebell.usecase.pay_group import GroupPaymentCommand, pay_group
from closebell.usecase.remove_group_payment import remove_group_payment


class GroupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The invoices that are to be one bill; the guest of the first is its host."""

    group_name: str
    invoice_ids: list[str] | None = None
    notes: str | None = None
    created_by_id: str | None = None


class GroupPropertyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is written anew: 0 is the name, 1 the notes."""

    property: int
    value: str
    updated_by_id: str | None = None


class GroupCashRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Cash for a group; `amount` is everything handed over, the tip included."""

    amount: Decimal
    tip_amount: Decimal | None = None
    cash_register_id: str | None = None
    additional_data: str | None = None
    collected_by_id: str | None = None


class GroupPaymentRequest(GroupCashRequest, frozen=True, kw_only=True):
    """The same with a custom payment type."""

    custom_payment_id: str


class GroupCloseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who closes the group, if that is said."""

    closed_by_id: str | None = None


class GroupPropertyChanged(msgspec.Struct, frozen=True, kw_only=True):
    """It is written."""

    error: None = None


class GroupPaymentRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """The payment is off the invoice that had it."""

    is_payment_removed: bool = True
    invoice_id: str
    error: None = None


class LeftGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice belongs to no group any more."""

    is_invoice_removed: bool = True
    error: None = None


_GROUP: Final = msgspec.json.Decoder(GroupRequest)
_PROPERTY: Final = msgspec.json.Decoder(GroupPropertyRequest)
_CASH: Final = msgspec.json.Decoder(GroupCashRequest)
_CUSTOM: Final = msgspec.json.Decoder(GroupPaymentRequest)
_CLOSE: Final = msgspec.json.Decoder(GroupCloseRequest | None)
_NOBODY: Final = GroupCloseRequest()


@operation(
    Doc(
        method="POST",
        path="/v1/group_invoices",
        tag="Groups",
        summary="Put invoices on one bill",
        description="Open, unpaid invoices of one centre become a group; they are paid and closed together.",
        body=GroupRequest,
        body_example=shown.GROUP_REQUEST,
        answer=GroupCreated,
        answer_example=shown.GROUP_CREATED,
        refusals=(403, 404, 409, 413),
    )
)
async def post_group(request: ApiRequest) -> Answer:
    """Make a group."""
    said = bodies.decode(await request.payload(), _GROUP)
    command = GroupCommand(
        name=said.group_name,
        invoice_ids=said.invoice_ids or [],
        notes=said.notes or "",
        created_by_id=optional_guid(said.created_by_id, "created_by_id"),
        caller=request.caller,
    )
    service = request.service
    return await request.write(
        lambda made: Answer.of(group_created(made)), create_group, command, clock=service.clock, luck=service.luck
    )


@operation(
    Doc(
        method="GET",
        path="/v1/group_invoices/{group_invoice_id}",
        tag="Groups",
        summary="Read a group",
        answer=GroupAnswer,
        answer_example=shown.GROUP,
        refusals=(403, 404, 413),
    )
)
async def get_group(request: ApiRequest) -> Answer:
    """Read a group and who is in it."""
    found = await request.service.database.read(find, guid_in_path(request, "group_invoice_id"), request.caller)
    return Answer.of(group_answer(found))


@operation(
    Doc(
        method="GET",
        path="/v1/group_invoices/{group_invoice_id}/transactions",
        tag="Groups",
        summary="Read the payments of a group",
        description="The payments of every invoice in the group, each with the invoice it pays.",
        answer=GroupTransactions,
        answer_example=shown.GROUP_TRANSACTIONS,
        refusals=(403, 404, 413),
    )
)
async def get_transactions(request: ApiRequest) -> Answer:
    """Read the payments of all members."""
    found = await request.service.database.read(find, guid_in_path(request, "group_invoice_id"), request.caller)
    return Answer.of(group_transactions((one, tender) for one in found.members for tender in one.transactions))


@operation(
    Doc(
        method="PUT",
        path="/v1/group_invoices/{group_invoice_id}/properties",
        tag="Groups",
        summary="Rename a group, or write its notes",
        body=GroupPropertyRequest,
        body_example=shown.GROUP_PROPERTY,
        answer=GroupPropertyChanged,
        answer_example={"error": None},
        refusals=(403, 404, 413),
        error_shape=ErrorShape.TEXT_CODE,
    )
)
async def put_property(request: ApiRequest) -> Answer:
    """Write one property of a group."""
    group_invoice_id = guid_in_path(request, "group_invoice_id")
    said = bodies.decode(await request.payload(), _PROPERTY)
    optional_guid(said.updated_by_id, "updated_by_id")
    return await request.write(
        lambda _group: Answer.of(GroupPropertyChanged()),
        change_group,
        group_invoice_id,
        said.property,
        said.value,
        clock=request.service.clock,
        caller=request.caller,
    )


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{group_invoice_id}/invoices/{invoice_id}",
        tag="Groups",
        summary="Take an invoice out of its group",
        description="What was paid for it goes with it. The group stays, also when its last invoice has left.",
        path_example={"invoice_id": examples.GROUPED_INVOICE_ID},
        answer=LeftGroup,
        answer_example={"is_invoice_removed": True, "error": None},
        refusals=(403, 404, 409),
    )
)
async def delete_from_group(request: ApiRequest) -> Answer:
    """Take an invoice out of its group."""
    group_invoice_id, invoice_id = (guid_in_path(request, name) for name in ("group_invoice_id", "invoice_id"))
    return await request.write(
        lambda _invoice: Answer.of(LeftGroup()),
        leave_group,
        group_invoice_id,
        invoice_id,
        clock=request.service.clock,
        caller=request.caller,
    )


@operation(
    Doc(
        method="POST",
        path="/v1/group_invoices/{group_invoice_id}/payments/custom",
        tag="Groups",
        summary="Pay a group with a custom payment",
        description="The amount is divided over the invoices in proportion to what each still waits for, to the last "
        "cent; each gets a payment of its own. More than is due is refused.",
        body=GroupPaymentRequest,
        body_example=shown.GROUP_PAYMENT,
        answer=GroupTransactions,
        answer_example=shown.GROUP_TRANSACTIONS,
        refusals=(403, 404, 409, 413),
        is_extension=True,
    )
)
async def post_custom_payment(request: ApiRequest) -> Answer:
    """Pay a group in a way the business named itself."""
    said = bodies.decode(await request.payload(), _CUSTOM)
    return await _pay(request, said, said.custom_payment_id)


@operation(
    Doc(
        method="POST",
        path="/v1/group_invoices/{group_invoice_id}/payments/cash",
        tag="Groups",
        summary="Pay a group in cash",
        description="Divided as a custom payment is.",
        body=GroupCashRequest,
        body_example=shown.GROUP_CASH,
        answer=GroupTransactions,
        answer_example=shown.GROUP_TRANSACTIONS,
        refusals=(403, 404, 409, 413),
        is_extension=True,
    )
)
async def post_cash(request: ApiRequest) -> Answer:
    """Pay a group in cash."""
    return await _pay(request, bodies.decode(await request.payload(), _CASH), None)


async def _pay(request: ApiRequest, said: GroupCashRequest, custom_payment_id: str | None) -> Answer:
    command = GroupPaymentCommand(
        group_invoice_id=guid_in_path(request, "group_invoice_id"),
        amount=said.amount,
        tip_amount=Decimal(0) if said.tip_amount is None else said.tip_amount,
        custom_payment_id=custom_payment_id,
        cash_register_id=said.cash_register_id,
        collected_by_id=optional_guid(said.collected_by_id, "collected_by_id"),
        additional_data=said.additional_data or "",
        caller=request.caller,
    )
    service = request.service
    return await request.write(
        lambda paid: Answer.of(group_transactions((one.invoice, one.transaction) for one in paid)),
        pay_group,
        command,
        clock=service.clock,
        luck=service.luck,
    )


@operation(
    Doc(
        method="DELETE",
        path="/v1/group_invoices/{group_invoice_id}/payments/{transaction_id}",
        tag="Groups",
        summary="Remove a payment of a group",
        description="Takes the share of one invoice off it; what the same amount paid on the others stays.",
        path_example={"transaction_id": shown.GROUP_TRANSACTION_ID},
        answer=GroupPaymentRemoved,
        answer_example={"is_payment_removed": True, "invoice_id": examples.GROUPED_INVOICE_ID, "error": None},
        refusals=(403, 404, 409),
        is_extension=True,
    )
)
async def delete_group_payment(request: ApiRequest) -> Answer:
    """Remove one invoice's share of what was paid."""
    group_invoice_id, transaction_id = (guid_in_path(request, name) for name in ("group_invoice_id", "transaction_id"))
    service = request.service
    return await request.write(
        lambda invoice: Answer.of(GroupPaymentRemoved(invoice_id=invoice.id)),
        remove_group_payment,
        group_invoice_id,
        transaction_id,
        caller=request.caller,
        clock=service.clock,
        luck=service.luck,
    )


@operation(
    Doc(
        method="POST",
        path="/v1/group_invoices/{group_invoice_id}/close",
        tag="Groups",
        summary="Close a group",
        description="Closes every invoice of the group, or none. Each has a receipt and an event of its own. Closing a "
        "closed group succeeds again, with the same receipt numbers, and tells nobody twice.",
        body=GroupCloseRequest,
        body_required=False,
        body_example=examples.CLOSE,
        answer=GroupClosed,
        answer_example=shown.GROUP_CLOSED,
        refusals=(403, 404, 409, 413),
        is_extension=True,
    )
)
async def post_close(request: ApiRequest) -> Answer:
    """Close all invoices of a group."""
    body = (await request.payload()).strip()
    said = (bodies.decode(body, _CLOSE) if body else None) or _NOBODY
    command = CloseGroupCommand(
        group_invoice_id=guid_in_path(request, "group_invoice_id"),
        closed_by_id=optional_guid(said.closed_by_id, "closed_by_id") or request.caller.employee_id,
        caller=request.caller,
    )
    done: list[CloseReport] = []

    def answer(report: CloseReport) -> Answer:
        done[:] = [report]
        return Answer.of(group_closed(report))

    service = request.service
    made = await request.write(answer, close_group, command, clock=service.clock, luck=service.luck)
    for report in done:  # none when an answer that was given before is repeated
        service.metrics.closed(report)
    return made


OPERATIONS: Final[tuple[Operation, ...]] = (
    post_group,
    get_group,
    get_transactions,
    put_property,
    delete_from_group,
    post_custom_payment,
    post_cash,
    delete_group_payment,
    post_close,
)
