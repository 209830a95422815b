"""Routes of those who run the service: import records, and prove that it balances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.caller import Role
from closebell.domain.intake_catalogue_shapes import (
    AccountShape,
    CampaignShape,
    CustomPaymentShape,
    GroupInvoiceShape,
    ItemShape,
    LoyaltyProgramShape,
    SavedCardShape,
)
from closebell.domain.intake_report import ImportReport, ReportRow, Result
from closebell.domain.intake_shapes import CenterShape, EmployeeShape, GuestShape, InvoiceElement
from closebell.errors import Stopping
from closebell.usecase.import_portions import portions
from closebell.usecase.import_records import decode, import_records
from closebell.usecase.reconcile import reconcile

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a reconciliation begins that names no beginning: before anything was closed."""
_INSTANT: Final = {"type": "string", "format": "date-time"}


class ImportRequest(InvoiceElement, frozen=True):
    """Lists of records, or one captured document: an invoice, a body of a GET, an event's envelope."""

    centers: list[CenterShape] | None = None
    employees: list[EmployeeShape] | None = None
    guests: list[GuestShape] | None = None
    items: list[ItemShape] | None = None
    campaigns: list[CampaignShape] | None = None
    loyalty_programs: list[LoyaltyProgramShape] | None = None
    custom_payments: list[CustomPaymentShape] | None = None
    accounts: list[AccountShape] | None = None
    saved_cards: list[SavedCardShape] | None = None
    group_invoices: list[GroupInvoiceShape] | None = None
    invoices: list[InvoiceElement] | None = None


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one record; `code`, `field` and `reason` say why it was refused, or what was updated."""

    kind: str
    index: int
    id: str | None
    result: str
    code: str | None
    field: str
    reason: str


class ImportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every record, kind by kind, each in the order they were sent."""

    created: int
    updated: int
    unchanged: int
    refused: int
    rows: list[ImportRow]
    error: None = None


class EndpointTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Where the deliveries to one endpoint stand."""

    endpoint_id: str
    name: str
    delivered: int
    pending: int
    held: int
    exhausted: int
    cancelled: int
    total: int


class ReconciliationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of a period; `reasons` say why they do not balance, if so."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    closes: int
    events: int
    endpoints: list[EndpointTotals]
    balanced: bool
    reasons: list[str]
    error: None = None


@operation(
    Doc(
        method="POST",
        path="/v1/import",
        tag="Administration",
        summary="Import records",
        description="Takes centres, people, what is sold and held, and invoices in the wire's own shapes; a captured "
        "invoice or a whole Invoice.Closed envelope loads as it is. Each record is all or nothing, and importing the "
        "same twice changes nothing. What each member means, its default and its limits: docs/api.md, Import.",
        query=(
            Query(
                name="as_open",
                schema={"type": "boolean", "default": False},
                sentence="Load closed invoices as open ones.",
                example=True,
            ),
        ),
        body=ImportRequest,
        body_example=examples.IMPORT,
        answer=ImportAnswer,
        answer_example=examples.IMPORTED,
        refusals=(413,),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
        takes_bulk=True,
    )
)
async def post_import(request: ApiRequest) -> Answer:
    """Import records and report on each."""
    service = request.service
    as_open = query_of(request).flag("as_open")
    body = await request.payload(bytes_max=service.import_bytes_max)
    rows: list[ReportRow] = []
    for portion in portions(decode(body)):
        if service.stopping.is_set():
            raise Stopping(f"The service is stopping; {len(rows)} records are imported. Send the same again.")
        rows += portion.numbered(
            await service.database.write(import_records, portion.records, as_open=as_open, now=service.clock.now())
        )
    report = ImportReport(tuple(rows))
    return Answer.of(
        ImportAnswer(
            created=report.count(Result.CREATED),
            updated=report.count(Result.UPDATED),
            unchanged=report.count(Result.UNCHANGED),
            refused=report.count(Result.REFUSED),
            rows=[
                ImportRow(
                    kind=row.kind.value,
                    index=row.index,
                    id=row.id,
                    result=row.result.value,
                    code=row.code,
                    field=row.field,
                    reason=row.reason,
                )
                for row in report.rows
            ],
        )
    )


@operation(
    Doc(
        method="GET",
        path="/v1/reconciliation",
        tag="Administration",
        summary="Prove that every close was told",
        description="Counts closes, events, and where each endpoint's deliveries stand, in one snapshot.",
        query=(
            Query(
                name="from",
                schema=_INSTANT,
                sentence="Where the period begins; without it, at the beginning.",
                example="2022-03-11T00:00:00Z",
            ),
            Query(
                name="to",
                schema=_INSTANT,
                sentence="Where it ends, itself not included; without it, now.",
                example="2022-03-12T00:00:00Z",
            ),
        ),
        answer=ReconciliationAnswer,
        answer_example=examples.RECONCILIATION,
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_reconciliation(request: ApiRequest) -> Answer:
    """The totals of a period."""
    service, query = request.service, query_of(request)
    # The end is not part of the period, and what happened this very instant is.
    until = query.instant("to") or service.clock.now() + timedelta(microseconds=1)
    since = query.instant("from") or BEGINNING
    found = await service.database.read(reconcile, since=since, until=until, clock=service.clock)
    return Answer.of(
        ReconciliationAnswer(
            from_=found.since,
            to=found.until,
            closes=found.closes,
            events=found.events,
            endpoints=[
                EndpointTotals(**{name: getattr(tally, name) for name in EndpointTotals.__struct_fields__})
                for tally in found.endpoints
            ],
            balanced=found.balanced,
            reasons=list(found.reasons),
        )
    )


OPERATIONS: Final[tuple[Operation, ...]] = (post_import, get_reconciliation)
