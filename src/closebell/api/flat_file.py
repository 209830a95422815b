"""Rows as a file that spreadsheets open: CSV as RFC 4180 has it, in UTF-8, every amount with its exact digits.

A text that a spreadsheet would take for a formula gets an apostrophe before it: names come from people.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import query_of
from closebell.api.routing import Query
from closebell.errors import InvalidInput

CSV: Final = "text/csv"
_SENT_AS: Final = b"text/csv; charset=utf-8; header=present"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

FORMAT_QUERY: Final = Query(
    name="format",
    schema={"type": "string", "enum": ["json", "csv"]},
    sentence="csv for a file of the rows alone; without it, what the header `Accept` prefers.",
    example="json",
)


def wants_csv(request: ApiRequest) -> bool:
    """Whether the rows are to come as CSV.

    Errors: InvalidInput for a format that is none.
    """
    said = query_of(request).text("format")
    if said is None:
        return CSV in request.headers.get("accept", "").lower()
    if said.lower() not in {"json", "csv"}:
        raise InvalidInput("format", f"{said!r:.60} is not one of json, csv")
    return said.lower() == "csv"


def csv_answer(kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> Answer:
    """The rows below a line with the names of their fields."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(kind.__struct_encode_fields__)
    writer.writerows([_cell(getattr(row, name)) for name in kind.__struct_fields__] for row in rows)
    return Answer(written.getvalue().encode(), media_type=_SENT_AS)


def _cell(value: Any) -> str:
    """A value as a cell.

    >>> _cell("=1+1"), _cell(Decimal("-12.50")), _cell(True), _cell(None)
    ("'=1+1", '-12.50', 'true', '')
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case _:
            return str(value)
