"""Routes that change an invoice as a whole: remove an item, cancel, confirm, lock."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from closebell.api import bodies
from closebell.api.examples import sales as examples
from closebell.api.examples.sample import EMPLOYEE_ID
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import ErrorShape
from closebell.api.queries import guid_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Invoice
from closebell.usecase.cancel_invoice import cancel_invoice
from closebell.usecase.remove_item import remove_item
from closebell.usecase.seal_invoice import confirm_invoice, lock_invoice

T = TypeVar("T")


class CommentsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is done; it joins the notes of the invoice."""

    comments: str | None = None


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who confirms; checked and not kept."""

    updated_by_id: str | None = None


class ItemRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """The item is off the invoice."""

    success: bool = True
    message: str = ""
    error: None = None


class InvoiceCancelled(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the invoice is called off."""

    success: bool = True
    is_charge_applied: bool = False
    error: None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    error: None = None


_COMMENTS: Final = msgspec.json.Decoder(CommentsRequest | None)
_CONFIRM: Final = msgspec.json.Decoder(ConfirmRequest | None)
_COMMENTS_QUERY: Final = Query(
    name="comments", schema={"type": "string"}, sentence="The same as in the body, which comes first."
)


async def said_in_body(request: ApiRequest, decoder: msgspec.json.Decoder[T | None]) -> T | None:
    """What the body says, None without one."""
    body = (await request.payload()).strip()
    return bodies.decode(body, decoder) if body else None


def done(_: Invoice) -> Answer:
    """The answer that only says that it is done."""
    return Answer.of(Done())


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{invoice_id}/invoiceitems/{invoice_item_id}",
        tag="Selling",
        summary="Remove an item",
        description="Takes an item off an open invoice, with its appointment. What it sold is cancelled, package units "
        "that paid for it go back, and the campaign is priced anew over what is left.",
        body=CommentsRequest,
        body_required=False,
        body_example={"comments": ""},
        answer=ItemRemoved,
        answer_example=examples.REMOVED,
        refusals=(403, 404, 409, 413),
        error_shape=ErrorShape.WITH_SUCCESS,
        path_example=examples.OPEN_ITEM,
    )
)
async def delete_item(request: ApiRequest) -> Answer:
    """Remove an item."""
    invoice_id, item_id = (guid_in_path(request, name) for name in ("invoice_id", "invoice_item_id"))
    said = await said_in_body(request, _COMMENTS) or CommentsRequest()
    return await request.write(
        lambda _: Answer.of(ItemRemoved()),
        remove_item,
        invoice_id,
        item_id,
        said.comments or "",
        clock=request.service.clock,
        caller=request.caller,
    )


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/cancel",
        tag="Selling",
        summary="Cancel an invoice",
        description="Calls off everything on an open invoice that no money is on. Cancelling it again succeeds again.",
        body=CommentsRequest,
        body_required=False,
        body_example={"comments": "The guest is ill"},
        query=(_COMMENTS_QUERY,),
        answer=InvoiceCancelled,
        answer_example=examples.CANCELLED,
        refusals=(403, 404, 409, 413),
        error_shape=ErrorShape.WITH_SUCCESS,
        path_example=examples.OPEN,
    )
)
async def put_cancel(request: ApiRequest) -> Answer:
    """Cancel an invoice."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = await said_in_body(request, _COMMENTS) or CommentsRequest()
    return await request.write(
        lambda _: Answer.of(InvoiceCancelled()),
        cancel_invoice,
        invoice_id,
        said.comments or query_of(request).text("comments") or "",
        clock=request.service.clock,
        caller=request.caller,
    )


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/confirm",
        tag="Selling",
        summary="Confirm an invoice",
        description="Notes that the guest has confirmed. Confirming it again succeeds again.",
        body=ConfirmRequest,
        body_required=False,
        body_example={"updated_by_id": EMPLOYEE_ID},
        answer=Done,
        answer_example={"error": None},
        refusals=(403, 404, 409, 413),
        error_shape=ErrorShape.TEXT_CODE,
        path_example=examples.OPEN,
    )
)
async def put_confirm(request: ApiRequest) -> Answer:
    """Confirm an invoice."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = await said_in_body(request, _CONFIRM) or ConfirmRequest()
    return await request.write(
        done,
        confirm_invoice,
        invoice_id,
        optional_guid(said.updated_by_id, "updated_by_id"),
        clock=request.service.clock,
        caller=request.caller,
    )


@operation(
    Doc(
        method="PUT",
        path="/v1/invoices/{invoice_id}/lock",
        tag="Selling",
        summary="Lock an invoice",
        description="From now on its items stay as they are; it still takes money, and closes. Locking it again "
        "succeeds again.",
        answer=Done,
        answer_example={"error": None},
        refusals=(403, 404, 409),
        error_shape=ErrorShape.TEXT_CODE,
        path_example=examples.OPEN,
    )
)
async def put_lock(request: ApiRequest) -> Answer:
    """Lock an invoice."""
    return await request.write(done, lock_invoice, guid_in_path(request, "invoice_id"), caller=request.caller)


OPERATIONS: Final[tuple[Operation, ...]] = (delete_item, put_cancel, put_confirm, put_lock)
