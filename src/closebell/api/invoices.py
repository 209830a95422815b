"""Routes of an invoice: close it, see what keeps it from closing, read it."""

from __future__ import annotations

from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import ErrorDetail, problem_of
from closebell.api.queries import guid_in_path, one_of, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.document import SECTIONS, InvoiceDocument, render
from closebell.domain.identifiers import guid
from closebell.domain.intake_values import optional_guid
from closebell.errors import ClosebellError, InvalidInput, TooLarge, Unavailable
from closebell.usecase.close_invoices import CloseCommand, Closed
from closebell.usecase.read_invoice import parts_for, read_invoice

CLOSED: Final = 1
"""The contract's appointment status "Closed", which a successful close answers."""
BATCH_MAX: Final = 1_000
"""Invoices in one batch close."""
EXPAND: Final = tuple(sorted(SECTIONS))
"""What `expand` takes."""
EXPAND_QUERY: Final = Query(
    name="expand",
    schema={"type": "array", "items": {"type": "string"}},
    sentence=f"Sections to show: {', '.join(EXPAND)}.",
    example=["InvoiceItems", "Transactions"],
)


class CloseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What clients send to close an invoice: most of it echoes of the answer, and all of it optional."""

    is_invoice_closed: bool | None = None
    error: dict[str, msgspec.Raw] | None = None
    status: int | None = None
    closed_by_id: str | None = None


class CloseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice is closed, and everybody who listens will be told."""

    is_invoice_closed: bool
    error: None = None
    status: int = CLOSED
    closed_by_id: str | None
    receipt_number: str


class CloseManyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The invoices to close, each once."""

    invoice_ids: list[str]
    closed_by_id: str | None = None


class CloseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one invoice of a batch."""

    invoice_id: str
    is_invoice_closed: bool
    receipt_number: str | None
    error: ErrorDetail | None


class CloseManyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result per invoice, in the order of the request."""

    results: list[CloseResult]
    error: None = None


class InvoiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice as the contract shows it."""

    invoice: InvoiceDocument
    error: None = None


_CLOSE: Final = msgspec.json.Decoder(CloseRequest | None)
_CLOSE_MANY: Final = msgspec.json.Decoder(CloseManyRequest)
_NOTHING: Final = CloseRequest()


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/close",
        tag="Invoices",
        summary="Close an invoice",
        description="Closes the invoice if every closing rule holds, and answers once the close and its webhooks are "
        "durable. Closing a closed invoice succeeds again, with the same receipt number, and tells nobody twice.",
        body=CloseRequest,
        body_required=False,
        body_example=examples.CLOSE,
        answer=CloseAnswer,
        answer_example=examples.CLOSED,
        refusals=(404, 409, 413),
        path_example={"invoice_id": examples.PAID_INVOICE_ID},
    )
)
async def close_invoice(request: ApiRequest) -> Answer:
    """Close one invoice."""
    body = (await request.payload()).strip()
    said = (bodies.decode(body, _CLOSE) if body else None) or _NOTHING
    closed = await request.service.desk.close(
        CloseCommand(
            invoice_id=guid_in_path(request, "invoice_id"),
            closed_by_id=optional_guid(said.closed_by_id, "closed_by_id") or request.caller.employee_id,
            caller=request.caller,
        )
    )
    return Answer.of(
        CloseAnswer(is_invoice_closed=True, closed_by_id=closed.closed_by_id, receipt_number=closed.receipt_number)
    )


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/close",
        tag="Invoices",
        summary="Close many invoices",
        description=f"Closes up to {BATCH_MAX} invoices, each by itself: a refused one affects no other.",
        body=CloseManyRequest,
        body_example=examples.CLOSE_MANY,
        answer=CloseManyAnswer,
        answer_example=examples.CLOSED_MANY,
        refusals=(413,),
        is_extension=True,
    )
)
async def close_invoices(request: ApiRequest) -> Answer:
    """Close a batch; one result per id, in order."""
    said = bodies.decode(await request.payload(), _CLOSE_MANY)
    caller = request.caller
    closed_by_id = optional_guid(said.closed_by_id, "closed_by_id") or caller.employee_id
    commands = [
        CloseCommand(invoice_id=id_, closed_by_id=closed_by_id, caller=caller) for id_ in _distinct(said.invoice_ids)
    ]
    answers = await request.service.desk.close_many(commands)
    if answers and all(isinstance(answer, Unavailable) for answer in answers):
        raise answers[0]  # type: ignore[misc]  # the line above says that it is an error
    results = [_result(command.invoice_id, answer) for command, answer in zip(commands, answers, strict=True)]
    return Answer.of(CloseManyAnswer(results=results))


def _distinct(ids: list[str]) -> list[str]:
    if len(ids) > BATCH_MAX:
        raise TooLarge(f"invoice_ids: has {len(ids)} entries; at most {BATCH_MAX} are closed at once.")
    found: dict[str, int] = {}
    for index, text in enumerate(ids):
        field = f"invoice_ids[{index}]"
        invoice_id = guid(text, field=field)
        first = found.setdefault(invoice_id, index)
        if first != index:
            raise InvalidInput(field, f"{invoice_id} is also invoice_ids[{first}]; write each id once")
    return list(found)


def _result(invoice_id: str, answer: Closed | ClosebellError) -> CloseResult:
    if isinstance(answer, Closed):
        return CloseResult(
            invoice_id=invoice_id, is_invoice_closed=True, receipt_number=answer.receipt_number, error=None
        )
    error = problem_of(answer, closing=True).error()
    return CloseResult(invoice_id=invoice_id, is_invoice_closed=False, receipt_number=None, error=error)


@operation(
    Doc(
        method="GET",
        path="/v1/invoices/{invoice_id}",
        tag="Invoices",
        summary="Read an invoice",
        description="A section that `expand` does not name is absent. Values may be repeated, or comma separated; "
        "case does not matter, and unknown ones are ignored.",
        query=(EXPAND_QUERY,),
        answer=InvoiceAnswer,
        answer_example=examples.INVOICE,
        refusals=(404,),
    )
)
async def get_invoice(request: ApiRequest) -> Answer:
    """Read one invoice with the sections that are asked for."""
    invoice_id = guid_in_path(request, "invoice_id")
    sections = sections_of(request)
    invoice = await request.service.database.read(
        read_invoice, invoice_id, caller=request.caller, parts=parts_for(sections)
    )
    return Answer.of(InvoiceAnswer(invoice=render(invoice, sections=sections)))


def sections_of(request: ApiRequest) -> frozenset[str]:
    """The sections of an invoice that a request asks for with `expand`."""
    return one_of(query_of(request).all("expand"), EXPAND)


OPERATIONS: Final[tuple[Operation, ...]] = (close_invoice, close_invoices, get_invoice)
