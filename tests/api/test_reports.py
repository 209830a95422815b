from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.api.report_shapes import CollectionRow, SalesRow
from closebell.api.reports import CENTERS_MAX, ROWS_MAX
from closebell.domain.invoice import Tender
from closebell.testing import (
    NOON,
    a_centre,
    a_guest,
    a_line,
    a_payment,
    an_employee,
    an_invoice,
    guid_of,
)

SALES = "/v1/reports/sales/accrual_basis/flat_file"
COLLECTIONS = "/v1/reports/collections/flat_file"
MAIN, TOKYO = replace(a_centre(), code="MS"), a_centre("Tokyo", time_zone="Asia/Tokyo", currency="JPY")
MONTH = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
QUERY = "start_date=2026-01-01&end_date=2026-01-31"
SOLD = an_invoice(
    "1",
    centre=MAIN,
    lines=[
        replace(a_line(final=11_000, tax=1_000, sale_by_id=an_employee()), therapist_name="Ines S", discount=500),
        replace(a_line("Oil", final=1_000), type=2),
    ],
    transactions=(
        a_payment(9_000, name="cash", tender=Tender.CASH, tip=200),
        a_payment(3_000, tender=Tender.GIFT_CARD),
    ),
    closed_at=NOON,
    closed_by_id=an_employee("Bo"),
    created_by_id=an_employee(),
    receipt_number="R7",
    notes="=2+2",
)


@pytest.fixture
async def books(site: Site) -> Site:
    refund = an_invoice("2", centre=MAIN, total=-500, is_refund=True, refund_of_id=SOLD.id, guest=None)
    refund = replace(refund, transactions=(a_payment(-500, name="back"),), invoice_date="2026-01-06T09:00:00")
    await site.put(
        SOLD, refund, an_invoice("3", centre=TOKYO, total=700), an_invoice("4", centre=MAIN, cancelled_at=NOON)
    )
    return site


async def test_a_row_says_who_sold_what_to_whom_and_what_is_paid(books: Site) -> None:
    report = (await books.post(SALES, {**MONTH, "center_ids": [MAIN.id]})).document
    assert report["error"] is None
    assert report["page_info"] == {"total": 3, "page": 1, "size": ROWS_MAX}
    first, second, third = report["sales"]
    assert first == {
        "sale_date": "2026-01-05T09:00:00",
        "invoice_date": "2026-01-05T09:00:00",
        "invoice_id": SOLD.id,
        "invoice_no": "IINV1",
        "receipt_no": "R7",
        "invoice_item_id": guid_of("line Massage"),
        "guest_id": a_guest().id,
        "guest_name": "Ada Guest",
        "guest_code": "G-Ada",
        "center_id": MAIN.id,
        "center_name": "Main Street",
        "center_code": "MS",
        "item_id": guid_of("item Massage"),
        "item_name": "Massage",
        "item_code": "MASSAGE",
        "item_type": "Service",
        "qty": 1,
        "currency_code": "USD",
        "sales_exc_tax": 100,
        "discount": 5,
        "tax": 10,
        "sales_inc_tax": 110,
        "rounding_adjustment": 0,
        "collected": Decimal("82.5"),
        "redeemed": Decimal("27.5"),
        "due": 0,
        "payment_type": "Cash, Gift card",
        "sale_type": "Sale",
        "status": "Closed",
        "base_invoice_no": None,
        "provider": "Ines S",
        "sold_by_id": an_employee(),
        "sold_by": "Ines Staff",
        "created_by_id": an_employee(),
        "created_by": "Ines Staff",
        "closed_by_id": an_employee("Bo"),
        "closed_by": "Ines Staff",
        "invoice_notes": "=2+2",
    }
    assert (second["item_type"], second["collected"], second["redeemed"]) == ("Product", Decimal("7.5"), Decimal("2.5"))
    shown = ("sale_type", "status", "base_invoice_no", "sales_inc_tax", "collected", "due", "guest_id", "guest_name")
    assert [third[name] for name in shown] == ["Refund", "Open", "IINV1", -5, -5, 0, None, ""]


async def test_sums_are_by_currency_and_a_single_one_stands_alone_too(books: Site) -> None:
    report = (await books.post(SALES, MONTH)).document
    yen, usd = sorted(report["totals"], key=lambda total: str(total["currency_code"]))
    assert (yen["currency_code"], yen["invoices"], yen["sales_inc_tax"], yen["due"]) == ("JPY", 1, 700, 700)
    assert usd == {
        "currency_code": "USD",
        "invoices": 2,
        "sales_exc_tax": 105,
        "tax": 10,
        "sales_inc_tax": 115,
        "rounding_adjustment": 0,
        "collected": 85,
        "redeemed": 30,
        "due": 0,
    }
    assert report["total"] is None
    alone = (await books.post(SALES, {**MONTH, "center_ids": [MAIN.id]})).document
    assert alone["totals"] == [alone["total"]] == [usd]


async def test_collections_say_what_was_taken_and_how(books: Site) -> None:
    report = (await books.post(COLLECTIONS, MONTH)).document
    assert sorted(row["total_amount_paid"] for row in report["collections"]) == [-5, 30, 92]
    cash = next(row for row in report["collections"] if row["tender"] == "cash")
    assert cash == {
        "payment_date": "2026-01-05T11:00:00",
        "transaction_id": guid_of("transaction cash"),
        "invoice_id": SOLD.id,
        "invoice_no": "IINV1",
        "receipt_no": "R7",
        "guest_id": a_guest().id,
        "guest_name": "Ada Guest",
        "center_id": MAIN.id,
        "center_name": "Main Street",
        "tender": "cash",
        "payment_type": "Cash",
        "sale_type": "Sale",
        "currency_code": "USD",
        "amount_paid": 90,
        "tip_amount": 2,
        "ssg_amount": 0,
        "fee_amount": 0,
        "total_amount_paid": 92,
        "cash_back_amount": 0,
        "collected_by_id": None,
        "collected_by": "",
        "processor": "",
        "processor_reference": "",
        "additional_data": "",
    }
    (total,) = report["totals"]
    assert (total["currency_code"], total["tender"], total["transactions"]) == ("USD", None, 3)
    assert (total["amount_paid"], total["tip_amount"], total["total_amount_paid"]) == (115, 2, 117)
    assert {one["tender"]: one["amount_paid"] for one in report["tenders"]} == {
        "cash": 90,
        "gift_card": 30,
        "custom": -5,
    }
    assert report["page_info"] == {"total": 3, "page": 1, "size": ROWS_MAX}


@pytest.mark.parametrize("path", [SALES, COLLECTIONS])
async def test_a_query_asks_for_the_same_as_a_body(books: Site, path: str) -> None:
    by_body = await books.post(path, {**MONTH, "center_ids": [MAIN.id, TOKYO.id], "page": 2, "size": 2})
    by_query = await books.get(f"{path}?{QUERY}&center_ids={MAIN.id},{TOKYO.id}&page=2&size=2")
    in_between = await books.post(f"{path}?page=2&size=2", {**MONTH, "center_ids": [MAIN.id, TOKYO.id]})
    assert by_body.status == 200
    assert by_body.body == by_query.body == in_between.body
    assert by_body.document["page_info"]["page"] == 2


@pytest.mark.parametrize("path", [SALES, COLLECTIONS])
@pytest.mark.parametrize("body", [None, b"", b"{}", b"null", b'{"center_ids": null, "level_of_detail": "1"}'])
async def test_whoever_says_nothing_gets_the_last_month(books: Site, path: str, body: bytes | None) -> None:
    reply = await books.post(path, body)
    assert (reply.status, reply.document) == (200, (await books.post(path, MONTH)).document)


@pytest.mark.parametrize(
    ("path", "kind", "rows"), [(SALES, SalesRow, 4), (COLLECTIONS, CollectionRow, 3)], ids=["sales", "collections"]
)
async def test_a_file_has_the_rows_with_exact_digits(books: Site, path: str, kind: Any, rows: int) -> None:
    as_file = await books.get(f"{path}?{QUERY}&format=csv")
    assert as_file.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    for same in (
        await books.get(f"{path}?{QUERY}", headers={"accept": "text/csv"}),
        await books.post(path, MONTH, headers={"accept": "application/json;q=0.5, Text/CSV"}),
        await books.post(f"{path}?format=CSV", MONTH),
    ):
        assert same.body == as_file.body
    lines = as_file.body.decode()
    assert lines.count("\r\n") == rows + 1
    read = list(csv.DictReader(io.StringIO(lines, newline="")))
    assert list(read[0]) == list(kind.__struct_encode_fields__)
    document = (await books.get(f"{path}?{QUERY}&format=json", headers={"accept": "text/csv"})).document
    for row, cells in zip(document["sales" if path == SALES else "collections"], read, strict=True):
        for name, value in row.items():
            assert cells[name] == ("" if value is None else f"'{value}" if value == "=2+2" else f"{value}"), name


async def test_a_file_that_is_asked_for_again_under_its_key_is_a_file_again(books: Site) -> None:
    asked = {"accept": "text/csv", "idempotency-key": "month-1"}
    first, again = [await books.post(SALES, MONTH, headers=asked) for _ in range(2)]
    assert (first.body, first.headers["content-type"]) == (again.body, again.headers["content-type"])
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "\rx", 'a "b", c', "line\nbreak", "ü☃"]
)
async def test_no_name_becomes_a_formula(site: Site, name: str) -> None:
    await site.put(an_invoice(lines=[a_line(name, final=100)]))
    read = list(csv.DictReader(io.StringIO((await site.get(f"{SALES}?format=csv")).body.decode(), newline="")))
    assert [row["item_name"] for row in read] == [f"'{name}" if name[0] in "=+-@\t\r" else name]


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({"size": ROWS_MAX + 1}, 422, 422, f"You cannot request more than {ROWS_MAX} items."),
        ({"size": 0}, 400, 502, "size: 0 is out of range"),
        ({"page": 0}, 400, 502, "page: 0 is out of range"),
        ({"page": "1"}, 400, 502, "page: must be an integer or null, not a string"),
        ({"center_ids": ["x"]}, 400, 502, "center_ids[0]: 'x' is not a GUID"),
        ({"center_ids": [guid_of("nowhere")]}, 400, 502, "Invalid center_id."),
        ({"center_ids": [MAIN.id] * (CENTERS_MAX + 1)}, 413, 413, "center_ids: has 1001 entries"),
        ({"start_date": "soon"}, 400, 502, "start_date: 'soon' is not a time"),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, 400, 502, "end_date: 2026-01-01 is before"),
        ({"start_date": "2024-01-01"}, 400, 502, "start_date: from 2024-01-01 to 2026-01-06 are 737 days"),
        (b"[]", 400, 400, "The request is invalid."),
    ],
)
async def test_what_cannot_be_reported_is_refused_by_its_name(
    books: Site, body: Any, status: int, code: int, message: str
) -> None:
    for path in (SALES, COLLECTIONS):
        reply = await books.post(path, body)
        assert (reply.status, reply.error["code"]) == (status, code)
        assert reply.error["message"].startswith(message)


@pytest.mark.parametrize("path", [SALES, COLLECTIONS])
async def test_a_query_is_refused_by_its_names_too(books: Site, path: str) -> None:
    for query, message in (
        ("format=xml", "format: 'xml' is not one of json, csv"),
        ("size=x", "size: 'x' is not a whole number"),
        ("center_ids=x", "center_ids[0]: 'x' is not a GUID"),
        ("end_date=2026-02-30", "end_date: '2026-02-30' is a date or time that does not exist"),
    ):
        reply = await books.get(f"{path}?{query}")
        assert reply.status == 400
        assert reply.error["message"].startswith(message)


@pytest.mark.parametrize("path", [SALES, COLLECTIONS])
async def test_readers_may_and_see_their_own_centres_only(books: Site, path: str) -> None:
    made = await books.post("/v1/keys", {"name": "books", "role": "reader", "center_ids": [TOKYO.id]})
    key = made.document["key"]
    reply = await books.post(path, MONTH, key=key)
    assert reply.status == 200
    rows = reply.document["sales" if path == SALES else "collections"]
    assert {row["center_id"] for row in rows} <= {TOKYO.id}
    assert len(rows) == (1 if path == SALES else 0)
    refused = await books.post(path, {**MONTH, "center_ids": [MAIN.id]}, key=key)
    assert (refused.status, refused.error["code"]) == (403, 438)
