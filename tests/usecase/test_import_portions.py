"""A large import is done in portions, and its report reads as if it had been one."""

from __future__ import annotations

import json

from closebell.domain.intake_report import Kind, ReportRow
from closebell.store.unit import Database
from closebell.testing import NOON
from closebell.usecase.import_portions import PORTION_RECORDS, portions
from closebell.usecase.import_records import decode, import_records
from serving import invoice_id, invoices

COUNT = 2 * PORTION_RECORDS + 7


def a_body() -> bytes:
    people = [{"id": invoice_id(number), "first_name": "Ada"} for number in range(3)]
    return json.dumps({"invoices": invoices(COUNT), "employees": people}).encode()


def test_no_portion_is_larger_than_it_may_be_and_none_is_lost() -> None:
    cut = list(portions(decode(a_body())))
    assert [portion.size for portion in cut] == [PORTION_RECORDS, PORTION_RECORDS, 10]
    places = [record.path for portion in cut for record in portion.records.invoices]
    assert places == [f"invoices[{number}]" for number in range(COUNT)]


async def test_the_report_numbers_the_records_as_they_were_sent(database: Database) -> None:
    rows: list[ReportRow] = []
    for portion in portions(decode(a_body())):
        report = await database.write(import_records, portion.records, as_open=False, now=NOON)
        assert [portion.place_of(row) for row in report.rows] == [
            f"{row.kind}s[{row.index + portion.before[row.kind]}]" for row in report.rows
        ]
        rows += portion.numbered(report)
    assert [(row.kind, row.index) for row in rows] == [
        *((Kind.EMPLOYEE, number) for number in range(3)),
        *((Kind.INVOICE, number) for number in range(COUNT)),
    ]
    assert {row.result for row in rows} == {"created"}
