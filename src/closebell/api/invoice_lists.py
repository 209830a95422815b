"""Routes that list invoices: any of them by what is asked for, and the open ones of a centre as the contract does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from closebell.api.examples import reading as examples_reading
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.invoices import EXPAND_QUERY, sections_of
from closebell.api.paging import NUMBER_MAX, QUERY, SIZE, SIZE_MAX, Page, PageInfo, page_of
from closebell.api.queries import QueryValues, guid_in_path, query_of
from closebell.api.report_shapes import full_name, invoice_no
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.bill import bill
from closebell.domain.document import InvoiceDocument, render
from closebell.domain.identifiers import guid
from closebell.domain.intake import NUMBER_LENGTH, PREFIX_LENGTH, RECEIPT_LENGTH
from closebell.domain.intake_values import choice, text
from closebell.domain.invoice import Invoice
from closebell.domain.period import DAYS, DAYS_MAX, day_of
from closebell.errors import InvalidInput
from closebell.store.invoice_index import InvoiceState
from closebell.usecase.list_invoices import (
    OPEN_MAX,
    Listed,
    Listing,
    Search,
    list_blocking_invoices,
    list_invoices,
    list_open_invoices,
)
from closebell.usecase.read_invoice import parts_for

_DATE: Final = {"type": "string", "format": "date"}
_GUID: Final = {"type": "string", "format": "uuid"}
_SEARCHED_BY: Final = {
    "0": "invoice_number",
    "invoice_number": "invoice_number",
    "1": "guest_id",
    "guest_id": "guest_id",
}
"""What `search_type` takes, and which of the two it means."""


class InvoicesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of invoices, the newest first."""

    invoices: list[InvoiceDocument]
    page_info: PageInfo
    error: None = None


class OpenInvoiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An open invoice in one row; docs/reading.md says how the amounts follow from each other."""

    invoice_no: str
    name: str
    items: str
    sale_date: str
    appointment_date: str | None
    start_time: str | None
    price: Decimal
    discount: Decimal
    redemptions: Decimal
    final_price: Decimal
    final_price_tax: Decimal
    taxes: Decimal
    rounding_adjustment: Decimal
    mobile_phone: str
    email: str
    invoice_id: str
    receive_email: bool
    ssg_amount: Decimal = msgspec.field(name="SSG_amount")
    unassigned_tip: Decimal
    app_group_id: str | None
    user_id: str | None
    therapist_name: str


class CenterInvoicesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A day's open invoices, and those that were searched for; `total` counts what a longer answer would hold."""

    todays_invoices: list[OpenInvoiceRow]
    invoices: list[OpenInvoiceRow] | msgspec.UnsetType = msgspec.UNSET
    total: int
    error: None = None


class OpenInvoicesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The open invoices of a centre's register."""

    open_invoices: list[OpenInvoiceRow]
    total: int
    error: None = None


@operation(
    Doc(
        method="GET",
        path="/v1/invoices",
        tag="Invoices",
        summary="List invoices",
        description="By a number, by a guest, or by period: all that is asked for holds at once. Without a number or "
        f"a guest the period has at most {DAYS_MAX} days, and is the last {DAYS} where none is said.",
        query=(
            Query(name="center_id", schema=_GUID, sentence="Only those of this centre.", example=examples.CENTER_ID),
            Query(name="guest_id", schema=_GUID, sentence="Only those for this guest."),
            Query(
                name="invoice_number",
                schema={"type": "string"},
                sentence="Only those with this number; with center_id the centre's prefix may stand before it.",
            ),
            Query(name="receipt_number", schema={"type": "string"}, sentence="Only closed ones with this receipt."),
            Query(name="from", schema=_DATE, sentence="First day, by the clock of each centre.", example="2022-03-01"),
            Query(name="to", schema=_DATE, sentence="Last day, itself included.", example="2022-03-31"),
            Query(
                name="state",
                schema={"type": "string", "enum": [str(state) for state in InvoiceState]},
                sentence="Only those in this state.",
            ),
            EXPAND_QUERY,
            *QUERY,
        ),
        answer=InvoicesAnswer,
        answer_example=examples_reading.INVOICES,
        refusals=(422,),
        is_extension=True,
    )
)
async def get_invoices(request: ApiRequest) -> Answer:
    """List invoices by what is asked for."""
    query = query_of(request)
    state = query.text("state")
    listing = Listing(
        center_id=query.guid("center_id"),
        guest_id=query.guid("guest_id"),
        invoice_number=_text(query, "invoice_number", NUMBER_LENGTH + PREFIX_LENGTH),
        receipt_number=_text(query, "receipt_number", RECEIPT_LENGTH),
        first=day_of(query.text("from"), "from"),
        last=day_of(query.text("to"), "to"),
        state=None if state is None else choice(state, "state", InvoiceState, default=InvoiceState.OPEN),
    )
    return await _page(request, listing, page_of(request))


@operation(
    Doc(
        method="GET",
        path="/api/v2.0/Invoices/invoices_by_date",
        tag="Invoices",
        summary="List the invoices of a period",
        description="What public clients call; the same list as `GET /v1/invoices`, asked for by other names.",
        query=(
            Query(name="CenterId", schema=_GUID, sentence="The centre.", example=examples.CENTER_ID),
            Query(name="StartDate", schema=_DATE, sentence="First day, by the centre's clock.", example="2022-03-01"),
            Query(name="EndDate", schema=_DATE, sentence="Last day, itself included.", example="2022-03-31"),
            Query(
                name="PageNumber",
                schema={"type": "integer", "minimum": 1, "maximum": NUMBER_MAX, "default": 1},
                sentence="The page, from 1.",
            ),
            Query(
                name="NumberOfRecords",
                schema={"type": "integer", "minimum": 1, "maximum": SIZE_MAX, "default": SIZE},
                sentence="Invoices on a page.",
            ),
            EXPAND_QUERY,
        ),
        answer=InvoicesAnswer,
        answer_example=examples_reading.INVOICES,
        refusals=(422,),
    )
)
async def get_invoices_by_date(request: ApiRequest) -> Answer:
    """List the invoices of a period, as public clients ask for them."""
    query = query_of(request)
    listing = Listing(
        center_id=query.guid("CenterId"),
        first=day_of(query.text("StartDate"), "StartDate"),
        last=day_of(query.text("EndDate"), "EndDate"),
    )
    number = query.integer("PageNumber", default=1, least=1, most=NUMBER_MAX)
    size = query.page_size("NumberOfRecords", default=SIZE, most=SIZE_MAX)
    return await _page(request, listing, Page(number, size))


async def _page(request: ApiRequest, listing: Listing, page: Page) -> Answer:
    service, sections = request.service, sections_of(request)
    found = await service.database.read(
        list_invoices,
        listing,
        clock=service.clock,
        caller=request.caller,
        parts=parts_for(sections),
        limit=page.size,
        offset=page.offset,
    )
    return Answer.of(
        InvoicesAnswer(
            invoices=[render(invoice, sections=sections) for invoice in found.invoices],
            page_info=PageInfo.of(page, found.total),
        )
    )


def _text(query: QueryValues, name: str, length: int) -> str | None:
    said = query.text(name)
    return None if said is None else text(said, name, length=length)


@operation(
    Doc(
        method="GET",
        path="/v1/centers/{center_id}/invoices",
        tag="Invoices",
        summary="List a day's open invoices",
        description="The open invoices dated on a day at the centre. With `search_type`, also the open invoices of any "
        f"day that have a number or are for a guest. Of each, the newest {OPEN_MAX:,}.",
        query=(
            Query(name="date", schema=_DATE, sentence="The day; today without it.", example="2022-03-11"),
            Query(
                name="search_type",
                schema={"type": "string", "enum": [*_SEARCHED_BY]},
                sentence="What to search by: 0 or invoice_number, 1 or guest_id.",
                example="0",
            ),
            Query(
                name="search_text",
                schema={"type": "string"},
                sentence="What to search for; a parameter named as the type does as well.",
                example="7443",
            ),
        ),
        answer=CenterInvoicesAnswer,
        answer_example=examples_reading.CENTER_INVOICES,
    )
)
async def get_center_invoices(request: ApiRequest) -> Answer:
    """List a day's open invoices, and search."""
    service, query = request.service, query_of(request)
    found = await service.database.read(
        list_open_invoices,
        guid_in_path(request, "center_id"),
        clock=service.clock,
        caller=request.caller,
        day=_day(query),
        search=_search(query),
    )
    return Answer.of(
        CenterInvoicesAnswer(
            todays_invoices=_rows(found.of_day),
            invoices=msgspec.UNSET if found.found is None else _rows(found.found),
            total=found.of_day.total,
        )
    )


def _day(query: QueryValues) -> date | None:
    return day_of(query.text("date"), "date")


def _search(query: QueryValues) -> Search | None:
    """What is searched for, None when nothing is."""
    said = query.text("search_type")
    if said is None:
        return None
    name = _SEARCHED_BY.get(said.lower())
    if name is None:
        raise InvalidInput("search_type", f"{said!r:.60} is not one of {', '.join(_SEARCHED_BY)}")
    field = "search_text" if query.text("search_text") else name
    wanted = _text(query, field, NUMBER_LENGTH + PREFIX_LENGTH)
    if wanted is None:
        raise InvalidInput("search_text", f"is missing; write the {name} to search for")
    if name == "guest_id":
        return Search(guest_id=guid(wanted, field=field))
    return Search(invoice_number=wanted)


@operation(
    Doc(
        method="GET",
        path="/v1/centers/{center_id}/cash_registers/open_invoices",
        tag="Invoices",
        summary="List what keeps a register from closing",
        description="The open invoices dated up to today at the centre, cancelled ones left out; the newest "
        f"{OPEN_MAX:,}.",
        answer=OpenInvoicesAnswer,
        answer_example=examples_reading.OPEN_INVOICES,
    )
)
async def get_blocking_invoices(request: ApiRequest) -> Answer:
    """List the open invoices that block the register."""
    service = request.service
    found = await service.database.read(
        list_blocking_invoices,
        guid_in_path(request, "center_id"),
        clock=service.clock,
        caller=request.caller,
    )
    return Answer.of(OpenInvoicesAnswer(open_invoices=_rows(found), total=found.total))


def _rows(listed: Listed) -> list[OpenInvoiceRow]:
    return [_row(invoice) for invoice in listed.invoices]


def _row(invoice: Invoice) -> OpenInvoiceRow:
    due, wire = bill(invoice), invoice.currency.wire
    guest = invoice.guest
    booked = min(invoice.appointments, key=lambda appointment: appointment.start_time, default=None)
    served = [one.therapist_name for one in invoice.appointments] + [line.therapist_name for line in invoice.lines]
    return OpenInvoiceRow(
        invoice_no=invoice_no(invoice),
        name=full_name(guest),
        items=", ".join(line.name for line in invoice.lines),
        sale_date=invoice.invoice_date,
        appointment_date=None if booked is None else f"{booked.starts_on}T00:00:00",
        start_time=None if booked is None else booked.start_time,
        price=wire(due.price),
        discount=wire(due.discount),
        redemptions=wire(due.redemptions),
        final_price=wire(due.final_price),
        final_price_tax=wire(due.final_price_tax),
        taxes=wire(due.taxes),
        rounding_adjustment=wire(due.rounding_adjustment),
        mobile_phone="" if guest is None else guest.mobile_phone,
        email="" if guest is None else guest.email,
        invoice_id=invoice.id,
        receive_email=guest is not None and bool(guest.email),
        ssg_amount=wire(invoice.ssg_amount),
        unassigned_tip=wire(due.unassigned_tip),
        app_group_id=invoice.appointment_group_id,
        user_id=None if guest is None else guest.id,
        therapist_name=next(filter(None, served), ""),
    )


OPERATIONS: Final[tuple[Operation, ...]] = (
    get_invoices,
    get_invoices_by_date,
    get_center_invoices,
    get_blocking_invoices,
)
