"""Importing over both engines: what is created, what stays, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from closebell import samples
from closebell.domain import document
from closebell.domain.intake_report import ImportReport, Kind, ReportRow, Result
from closebell.store import centers, directory, invoices, tables
from closebell.store.unit import Database
from closebell.usecase.import_records import decode, import_records

NOW = datetime(2026, 3, 11, 14, 22, 43, tzinfo=UTC)
CENTRE = "5528ee09-5321-4153-8ca7-31c78d757dcb"
EMPLOYEE = "62ba6081-329e-4135-9c90-e4bc8ee35772"
GUEST = "464d1eea-e19a-4880-ae4c-c2973b395981"
INVOICE = "7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
OTHER = "8e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
OTHER_CENTRE = "6628ee09-5321-4153-8ca7-31c78d757dcb"
WAY_TO_PAY = "aaaa1a62-5982-4b3c-b9ac-da0f122e7ae5"


async def load(database: Database, said: Any, *, as_open: bool = False, now: datetime = NOW) -> ImportReport:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return await database.write(import_records, decode(body), as_open=as_open, now=now)


def sample(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(samples.invoice_closed())["data"]["invoice"]
    return found | changes


def everything(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table."""
    return {
        table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        for table in tables.metadata.sorted_tables
    }


def counted(connection: Connection) -> dict[str, int]:
    """How many rows the tables have that have any."""
    counts = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables.metadata.sorted_tables
    }
    return {name: count for name, count in counts.items() if count and name not in {"feed_head", "retention"}}


def alter(connection: Connection, /, **values: Any) -> None:
    """Something else than an import changed the invoices."""
    connection.execute(update(tables.invoices).values(**values))


def results(report: ImportReport) -> list[tuple[str, str]]:
    return [(row.kind.value, row.result.value) for row in report.rows]


async def refused(database: Database, said: Any, **options: Any) -> ReportRow:
    """The only refused row of an import that leaves every table as it was."""
    before = await database.read(everything)
    report = await load(database, said, **options)
    assert await database.read(everything) == before
    (row,) = [row for row in report.rows if row.result is Result.REFUSED]
    return row


# --- what is created ---------------------------------------------------------------------------------------------


async def test_the_sample_loads_as_it_is(database: Database) -> None:
    report = await load(database, samples.invoice_closed())
    (row,) = report.rows
    assert (row.kind, row.index, row.id, row.result) == (Kind.INVOICE, 0, INVOICE, Result.CREATED)
    assert "its currency is taken to be USD" in row.reason, "what was taken for granted is said"
    assert await database.read(counted) == {
        "centers": 1,
        "receipt_counters": 1,
        "employees": 1,
        "guests": 1,
        "guest_terms": 4,
        "invoice_counters": 1,
        "catalog_items": 3,
        "invoices": 1,
        "invoice_lines": 3,
        "appointments": 1,
    }
    invoice = (await database.read(invoices.load, [INVOICE]))[INVOICE]
    assert (invoice.closed_at, invoice.receipt_number, invoice.close_sequence) == (NOW, "R2650", 0)
    shown = json.loads(document.encode(document.render(invoice)))
    for key, value in sample().items():
        if key != "guest":
            assert shown[key] == value, key


async def test_what_the_sample_refers_to_is_created_from_what_it_says(database: Database) -> None:
    await load(database, samples.invoice_closed())
    entry = (await database.write(directory.center_entries, [CENTRE]))[CENTRE]
    assert (entry.centre.name, entry.centre.time_zone, entry.centre.currency.code) == (CENTRE, "UTC", "USD")
    assert (entry.centre.currency_id, entry.centre.receipt_prefix, entry.next) == (148, "R", 2651)
    employee = (await database.read(directory.employees, [EMPLOYEE]))[EMPLOYEE]
    assert (employee.value.first_name, employee.value.last_name, employee.is_stub) == ("Henry", "Peterson", True)
    guest = (await database.read(directory.guests, [GUEST]))[GUEST]
    assert (guest.value.mobile_phone, guest.value.center_id, guest.is_stub) == ("+91 9885117036", CENTRE, True)


async def test_as_open_loads_it_as_open(database: Database) -> None:
    await load(database, samples.invoice_closed(), as_open=True)
    invoice = (await database.read(invoices.load, [INVOICE]))[INVOICE]
    assert (invoice.closed_at, invoice.receipt_number) == (None, "0")
    assert await database.read(centers.next_receipt_number, CENTRE) == 1


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d,
        lambda d: {"invoice": d, "error": None},
        lambda d: {"data": {"invoice": d}},
        lambda d: {"invoices": [d]},
        lambda d: {"invoices": [{"invoice": d, "error": None}]},
        lambda d: {"invoices": [{"id": "622b5b33a961750e01db6512", "data": {"invoice": d}}]},
    ],
)
async def test_every_shape_is_the_same_invoice(
    database: Database, wrap: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    await load(database, samples.invoice_closed())
    before = await database.read(everything)
    assert results(await load(database, wrap(sample()))) == [("invoice", "unchanged")]
    assert await database.read(everything) == before


WHOLE: dict[str, Any] = {
    "centers": [
        {
            "id": CENTRE,
            "name": "Bellevue",
            "time_zone": "America/Los_Angeles",
            "currency": "USD",
            "currency_id": 148,
            "receipt_prefix": "R",
            "next_receipt_number": 1,
            "invoice_prefix": "BEL1",
        }
    ],
    "employees": [{"id": EMPLOYEE, "first_name": "Henry", "last_name": "P.", "center_id": OTHER_CENTRE}],
    "guests": [{"id": GUEST, "first_name": "Ann", "guest_email": "ann@example.org", "center_id": CENTRE}],
    "invoices": [
        sample(
            transactions=[
                {
                    "transaction_id": OTHER,
                    "total_amount_paid": 500,
                    "tip_amount": 12,
                    "payment_option": {"id": WAY_TO_PAY, "payment_name": "House account"},
                }
            ],
            employee_tips=[{"employee_id": EMPLOYEE, "amount": 12}],
        )
    ],
}


async def test_a_whole_import_twice_is_there_once(database: Database) -> None:
    report = await load(database, WHOLE)
    assert results(report) == [(kind, "created") for kind in ("center", "employee", "guest", "invoice")]
    assert report.counts[Kind.GUEST] == {
        Result.CREATED: 1,
        Result.UPDATED: 0,
        Result.UNCHANGED: 0,
        Result.REFUSED: 0,
    }
    before = await database.read(everything)
    again = await load(database, WHOLE, now=NOW + timedelta(days=1))
    assert [row.result for row in again.rows] == [Result.UNCHANGED] * 4
    assert again.count(Result.UNCHANGED) == 4
    assert await database.read(everything) == before
    invoice = (await database.read(invoices.load, [INVOICE]))[INVOICE]
    assert (invoice.centre.name, invoice.invoice_number_prefix) == ("Bellevue", "BEL1")
    assert invoice.guest is not None
    assert (invoice.guest.first_name, invoice.guest.email) == ("Ann", "ann@example.org")
    assert (invoice.transactions[0].amount_paid, invoice.employee_tips[0].transaction_id) == (48800, OTHER)


async def test_the_same_import_is_there_once_in_any_order_of_its_parts(database: Database) -> None:
    for part in ("invoices", "guests", "employees", "centers"):
        report = await load(database, {part: WHOLE[part]})
        assert [row.result for row in report.rows] == [Result.CREATED]
    before = await database.read(everything)
    assert (await load(database, WHOLE)).count(Result.UNCHANGED) == 4
    assert await database.read(everything) == before
    entry = (await database.write(directory.center_entries, [CENTRE]))[CENTRE]
    assert (entry.centre.name, entry.first, entry.next, entry.is_stub) == ("Bellevue", 2651, 2651, False)
    employee = (await database.read(directory.employees, [EMPLOYEE]))[EMPLOYEE]
    assert (employee.value.last_name, employee.is_stub) == ("P.", False)


async def test_an_invoice_that_was_paid_since_is_unchanged(database: Database) -> None:
    await load(database, samples.invoice_closed(), as_open=True)
    await database.write(alter, closed_at=NOW, receipt_number="R1")
    before = await database.read(everything)
    report = await load(database, samples.invoice_closed(), as_open=True)
    assert report.count(Result.UNCHANGED) == 1
    assert await database.read(everything) == before


async def test_twice_in_one_import(database: Database) -> None:
    changed = sample(invoice_number="1")
    report = await load(database, {"invoices": [sample(), sample(), changed]})
    assert [row.result for row in report.rows] == [Result.CREATED, Result.UNCHANGED, Result.REFUSED]
    assert report.rows[2].reason == ("already exists and differs: invoice_number is 7448 and would become 1")


async def test_nothing_said_is_nothing_done(database: Database) -> None:
    before = await database.read(everything)
    assert (await load(database, {"unknown": 1, "invoices": None})).rows == ()
    assert await database.read(everything) == before


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind", "field"),
    [
        ({"invoices": [sample(id="x")]}, Kind.INVOICE, "invoices[0].id"),
        ({"invoices": [5]}, Kind.INVOICE, "invoices[0]"),
        ({"invoices": [sample(lock="yes")]}, Kind.INVOICE, "invoices[0].lock"),
        ({"invoices": [{"invoice": sample(lock="yes")}]}, Kind.INVOICE, "invoices[0].invoice.lock"),
        ({"invoices": [{"data": {}}]}, Kind.INVOICE, "invoices[0].data.invoice"),
        ({"invoice": sample(center_id=None)}, Kind.INVOICE, "invoice.center_id"),
        (sample(total_price={"tax": "a"}), Kind.INVOICE, "total_price.tax"),
        ({"centers": [{"id": CENTRE, "time_zone": "Mars"}]}, Kind.CENTER, "centers[0].time_zone"),
        ({"centers": [{"id": CENTRE, "currency": "ZZZ"}]}, Kind.CENTER, "centers[0].currency"),
        ({"employees": [{"first_name": "a"}]}, Kind.EMPLOYEE, "employees[0].id"),
        ({"guests": [{"id": GUEST, "code": 5}]}, Kind.GUEST, "guests[0].code"),
        ({"guests": [{}]}, Kind.GUEST, "guests[0].id"),
    ],
)
async def test_a_malformed_record_leaves_nothing(database: Database, said: Any, kind: Kind, field: str) -> None:
    row = await refused(database, said)
    assert (row.kind, row.code, row.field) == (kind, "invalid_input", field)
    assert row.reason


async def test_a_refused_invoice_stops_no_other_and_leaves_nothing_it_implied(database: Database) -> None:
    bad = sample(id=OTHER, center_id=OTHER_CENTRE, guest={"id": OTHER}, total_price={"sum_total": 1})
    report = await load(database, {"invoices": [bad, sample()]})
    assert [row.result for row in report.rows] == [Result.REFUSED, Result.CREATED]
    assert (report.rows[0].id, report.rows[0].field) == (OTHER, "invoices[0].total_price.sum_total")
    assert "is 1.00, but net_price + tax + rounding_adjustment is 488.00 USD" in report.rows[0].reason
    counts = await database.read(counted)
    assert (counts["centers"], counts["guests"], counts["invoices"]) == (1, 1, 1)


async def test_a_wrong_type_in_one_invoice_concerns_only_that_one(database: Database) -> None:
    report = await load(database, {"invoices": [sample(id=OTHER, is_closed="no"), sample()]})
    assert [row.result for row in report.rows] == [Result.REFUSED, Result.CREATED]
    assert report.rows[0].field == "invoices[0].is_closed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lock": False}, "lock is True and would become False"),
        ({"center_id": OTHER_CENTRE}, f"center_id is {CENTRE} and would become {OTHER_CENTRE}"),
        ({"guest": None}, f"guest.id is {GUEST} and would become none"),
        ({"ssg_amount": 1}, "ssg_amount is 0.00 and would become 1.00"),
        ({"appointments": []}, "appointments are not the same"),
        ({"is_closed": False}, "is_closed, as imported, is True and would become False"),
        ({"transactions": [{"transaction_id": OTHER, "amount_paid": 1}]}, "its payments"),
    ],
)
async def test_an_invoice_that_exists_and_differs(database: Database, changes: dict[str, Any], reason: str) -> None:
    await load(database, samples.invoice_closed())
    row = await refused(database, {"invoices": [sample(**changes)]})
    assert row.code == "conflict"
    assert row.reason.startswith("already exists and differs: ")
    assert reason in row.reason


async def test_an_invoice_that_was_made_here(database: Database) -> None:
    await load(database, samples.invoice_closed(), as_open=True)
    await database.write(alter, import_digest=None)
    row = await refused(database, samples.invoice_closed(), as_open=True)
    assert "was made here" in row.reason


@pytest.mark.parametrize(
    ("part", "changes", "reason"),
    [
        ("employees", {"last_name": "Q."}, "last_name would become another, but it was defined before"),
        ("guests", {"gender": 1}, "gender would become another, but it was defined before"),
        ("centers", {"time_zone": "UTC"}, "time_zone is 'America/Los_Angeles' and would become 'UTC'"),
        ("centers", {"next_receipt_number": 9000}, "next_receipt_number is 2651 and would become 9000"),
    ],
)
async def test_a_second_definition_that_differs(
    database: Database, part: str, changes: dict[str, Any], reason: str
) -> None:
    await load(database, WHOLE)
    changed = copy.deepcopy(WHOLE)
    changed[part][0] |= changes
    row = await refused(database, changed)
    assert (row.code, row.field) == ("conflict", "")
    assert reason in row.reason


async def test_an_invoice_in_another_currency_than_its_centres(database: Database) -> None:
    await load(database, {"centers": WHOLE["centers"]})
    euro = [{"key": "currency_code", "value": "EUR"}]
    row = await refused(database, sample(additional_fields=euro))
    assert row.field == "additional_fields[0].value"
    assert "in EUR" in row.reason


async def test_history_that_claims_a_number_given_here(database: Database) -> None:
    await load(database, {"centers": WHOLE["centers"]})
    await database.write(centers.take_receipt_numbers, {CENTRE: 3})
    for receipt in ("R1", "R4", "R2650"):
        row = await refused(database, sample(receipt_number=receipt))
        assert "gives itself" in row.reason
    assert (await load(database, sample(receipt_number="X1"))).count(Result.CREATED) == 1
    assert await database.read(centers.next_receipt_number, CENTRE) == 4


async def test_an_employees_unknown_centre_is_created_and_takes_the_currency_of_its_first_invoice(
    database: Database,
) -> None:
    await load(database, {"employees": [{"id": EMPLOYEE, "center_id": CENTRE}]})
    yen = [{"key": "currency_code", "value": "JPY"}]
    assert (await load(database, sample(additional_fields=yen))).count(Result.CREATED) == 1
    invoice = (await database.read(invoices.load, [INVOICE]))[INVOICE]
    assert (invoice.currency.code, invoice.sum_total) == ("JPY", 488)


async def test_many_at_once(database: Database) -> None:
    def numbered(number: int) -> dict[str, Any]:
        guid = f"00000000-0000-4000-8000-{number:012d}"
        return sample(id=guid, guest={"id": guid}, receipt_number=f"R{number}")

    said = {"invoices": [numbered(number) for number in range(1, 1_501)]}
    assert (await load(database, said)).count(Result.CREATED) == 1_500
    assert (await load(database, said)).count(Result.UNCHANGED) == 1_500
    assert await database.read(centers.next_receipt_number, CENTRE) == 1_501
