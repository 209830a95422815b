"""Routes of reports: what was sold in a period, and what was collected, a row each, as JSON or as CSV."""

from __future__ import annotations

from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import reading as examples_reading
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.flat_file import CSV, FORMAT_QUERY, csv_answer, wants_csv
from closebell.api.paging import NUMBER_MAX, Page
from closebell.api.problems import PageTooLarge
from closebell.api.queries import QueryValues, query_of
from closebell.api.report_shapes import (
    CollectionRow,
    CollectionsAnswer,
    SalesAnswer,
    SalesRow,
    collection_rows,
    collections_answer,
    sales_answer,
    sales_rows,
)
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.caller import Role
from closebell.domain.identifiers import guid
from closebell.domain.intake_values import integer
from closebell.domain.period import DAYS, DAYS_MAX, bounded, day_of, latest_date
from closebell.errors import TooLarge
from closebell.usecase.report_collections import report_collections
from closebell.usecase.report_sales import ReportRequest, report_sales

ROWS_MAX: Final = 1_000
"""Rows of a report on one page, which is also what a page holds unless fewer are asked for."""
CENTERS_MAX: Final = 1_000
"""Centres that one report names."""


class ReportBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about; all of it may be left out."""

    center_ids: list[str] | None = None
    start_date: str | None = None
    end_date: str | None = None
    page: int | None = None
    size: int | None = None


_BODY: Final = msgspec.json.Decoder(ReportBody | None)
_NOTHING: Final = ReportBody()
_DAY: Final = {"type": "string", "format": "date"}
_PAGES: Final = (
    Query(
        name="page",
        schema={"type": "integer", "minimum": 1, "maximum": NUMBER_MAX, "default": 1},
        sentence="The page, from 1.",
        example=1,
    ),
    Query(
        name="size",
        schema={"type": "integer", "minimum": 1, "maximum": ROWS_MAX, "default": ROWS_MAX},
        sentence="Rows on a page.",
        example=100,
    ),
    FORMAT_QUERY,
)
_ASKED: Final = (
    Query(
        name="center_ids",
        schema={"type": "array", "items": {"type": "string", "format": "uuid"}},
        sentence="The centres; all that the caller may reach without it.",
        example=[examples.CENTER_ID],
    ),
    Query(name="start_date", schema=_DAY, sentence="First day, by each centre's clock.", example="2022-03-01"),
    Query(name="end_date", schema=_DAY, sentence="Last day, itself included.", example="2022-03-31"),
    *_PAGES,
)
_PERIOD: Final = (
    f"The period has at most {DAYS_MAX} days, and is the last {DAYS} where none is said. `Accept: text/csv` or "
    "`format=csv` answers the rows alone, as a file."
)
_SALES: Final = (
    "A row for every line of the invoices dated in the period, open ones included and cancelled ones left out, each "
    f"with its share of what was paid. {_PERIOD}"
)
_COLLECTIONS: Final = (
    "A row for every settled payment of the period, at the centre where it was taken, with its tip, service charge and "
    f"fee; those of cancelled invoices are left out. {_PERIOD}"
)


@operation(
    Doc(
        method="POST",
        path="/v1/reports/sales/accrual_basis/flat_file",
        tag="Reports",
        summary="Report sales",
        description=_SALES,
        body=ReportBody,
        body_required=False,
        body_example=examples_reading.REPORT,
        query=_PAGES,
        answer=SalesAnswer,
        answer_example=examples_reading.SALES,
        answer_files={CSV: examples_reading.SALES_FILE},
        refusals=(413, 422),
        role=Role.READER,
    )
)
async def post_sales_report(request: ApiRequest) -> Answer:
    """Report sales, asked for in a body."""
    return await _sales(request, await _body(request))


@operation(
    Doc(
        method="GET",
        path="/v1/reports/sales/accrual_basis/flat_file",
        tag="Reports",
        summary="Report sales",
        description=_SALES,
        query=_ASKED,
        answer=SalesAnswer,
        answer_example=examples_reading.SALES,
        answer_files={CSV: examples_reading.SALES_FILE},
        refusals=(422,),
        is_extension=True,
    )
)
async def get_sales_report(request: ApiRequest) -> Answer:
    """Report sales, asked for in the query."""
    return await _sales(request, _said_in(query_of(request)))


@operation(
    Doc(
        method="POST",
        path="/v1/reports/collections/flat_file",
        tag="Reports",
        summary="Report collections",
        description=_COLLECTIONS,
        body=ReportBody,
        body_required=False,
        body_example=examples_reading.REPORT,
        query=_PAGES,
        answer=CollectionsAnswer,
        answer_example=examples_reading.COLLECTIONS,
        answer_files={CSV: examples_reading.COLLECTIONS_FILE},
        refusals=(413, 422),
        role=Role.READER,
        is_extension=True,
    )
)
async def post_collections_report(request: ApiRequest) -> Answer:
    """Report collections, asked for in a body."""
    return await _collections(request, await _body(request))


@operation(
    Doc(
        method="GET",
        path="/v1/reports/collections/flat_file",
        tag="Reports",
        summary="Report collections",
        description=_COLLECTIONS,
        query=_ASKED,
        answer=CollectionsAnswer,
        answer_example=examples_reading.COLLECTIONS,
        answer_files={CSV: examples_reading.COLLECTIONS_FILE},
        refusals=(422,),
        is_extension=True,
    )
)
async def get_collections_report(request: ApiRequest) -> Answer:
    """Report collections, asked for in the query."""
    return await _collections(request, _said_in(query_of(request)))


async def _sales(request: ApiRequest, said: ReportBody) -> Answer:
    page, is_file = _page(said), wants_csv(request)
    found = await request.service.database.read(report_sales, _asked(request, said, page), caller=request.caller)
    return csv_answer(SalesRow, sales_rows(found)) if is_file else Answer.of(sales_answer(found, page))


async def _collections(request: ApiRequest, said: ReportBody) -> Answer:
    page, is_file = _page(said), wants_csv(request)
    found = await request.service.database.read(report_collections, _asked(request, said, page), caller=request.caller)
    return csv_answer(CollectionRow, collection_rows(found)) if is_file else Answer.of(collections_answer(found, page))


async def _body(request: ApiRequest) -> ReportBody:
    """What the body asks for; pages may also stand in the query, where the contract's clients write them."""
    body = (await request.payload()).strip()
    said = (bodies.decode(body, _BODY) if body else None) or _NOTHING
    query = query_of(request)
    return msgspec.structs.replace(
        said,
        page=_number(query, "page") if said.page is None else said.page,
        size=_number(query, "size") if said.size is None else said.size,
    )


def _said_in(query: QueryValues) -> ReportBody:
    return ReportBody(
        center_ids=[one for one in query.all("center_ids") if one],
        start_date=query.text("start_date"),
        end_date=query.text("end_date"),
        page=_number(query, "page"),
        size=_number(query, "size"),
    )


def _number(query: QueryValues, name: str) -> int | None:
    return None if query.text(name) is None else query.integer(name, default=0)


def _page(said: ReportBody) -> Page:
    """The page that is asked for.

    Errors: PageTooLarge above ROWS_MAX rows, InvalidInput for a page that is none.
    """
    if said.size is not None and said.size > ROWS_MAX:
        raise PageTooLarge("size", most=ROWS_MAX)
    return Page(
        integer(said.page, "page", default=1, least=1, most=NUMBER_MAX),
        integer(said.size, "size", default=ROWS_MAX, least=1),
    )


def _asked(request: ApiRequest, said: ReportBody, page: Page) -> ReportRequest:
    named = said.center_ids or []
    if len(named) > CENTERS_MAX:
        raise TooLarge(f"center_ids: has {len(named)} entries; one report names at most {CENTERS_MAX} centres.")
    return ReportRequest(
        center_ids=tuple(guid(text, field=f"center_ids[{index}]") for index, text in enumerate(named)),
        period=bounded(
            day_of(said.start_date, "start_date"),
            day_of(said.end_date, "end_date"),
            today=latest_date(request.service.clock.now()),
            names=("start_date", "end_date"),
        ),
        limit=page.size,
        offset=page.offset,
    )


OPERATIONS: Final[tuple[Operation, ...]] = (
    post_sales_report,
    get_sales_report,
    post_collections_report,
    get_collections_report,
)
