from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.domain.invoice import Tender
from closebell.testing import NOON, a_centre, a_guest, a_line, a_payment, a_tip, an_appointment, an_invoice, guid_of

MAIN, TOKYO = a_centre(), a_centre("Tokyo", time_zone="Asia/Tokyo", currency="JPY")
ADA = a_guest()
LIST = "/v1/invoices"
TODAY = f"/v1/centers/{MAIN.id}/invoices"
BLOCKING = f"/v1/centers/{MAIN.id}/cash_registers/open_invoices"


@pytest.fixture
async def books(site: Site) -> Site:
    """Three invoices of today at one centre, one of them closed, and one in Tokyo."""
    await site.put(
        an_invoice("1", centre=MAIN, transactions=(a_payment(100),), appointments=(an_appointment(),)),
        an_invoice("2", centre=MAIN, guest=None, invoice_date="2026-01-05T10:00:00"),
        an_invoice("3", centre=MAIN, closed_at=NOON, receipt_number="R3", invoice_date="2026-01-05T11:00:00"),
        an_invoice("4", centre=TOKYO, invoice_date="2026-01-05T12:00:00"),
    )
    return site


async def numbers(site: Site, path: str, **options: Any) -> list[str]:
    reply = await site.get(path, **options)
    assert (reply.status, reply.document["error"]) == (200, None), reply.body
    return [invoice["invoice_number"] for invoice in reply.document["invoices"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["INV4", "INV3", "INV2", "INV1"]),
        (f"?center_id={MAIN.id}", ["INV3", "INV2", "INV1"]),
        (f"?center_id={MAIN.id.upper()}&from=2026-01-05&to=2026-01-05", ["INV3", "INV2", "INV1"]),
        ("?from=2025-01-01&to=2025-01-31", []),
        ("?from=2026-01-05T23:00:00&to=2026-01-05", ["INV4", "INV3", "INV2", "INV1"]),
        (f"?guest_id={ADA.id}", ["INV4", "INV3", "INV1"]),
        ("?invoice_number=INV2", ["INV2"]),
        (f"?invoice_number=IINV2&center_id={MAIN.id}", ["INV2"]),
        ("?receipt_number=R3", ["INV3"]),
        ("?state=open", ["INV4", "INV2", "INV1"]),
        ("?state=closed", ["INV3"]),
        ("?state=cancelled", []),
        ("?state=refund", []),
        ("?invoice_number=%E2%98%83", []),
    ],
)
async def test_invoices_are_listed_by_what_is_asked_for(books: Site, query: str, expected: list[str]) -> None:
    assert await numbers(books, LIST + query) == expected


async def test_pages_say_how_many_there_are(books: Site) -> None:
    first = (await books.get(f"{LIST}?size=3")).document
    assert [one["invoice_number"] for one in first["invoices"]] == ["INV4", "INV3", "INV2"]
    assert first["page_info"] == {"total": 4, "page": 1, "size": 3}
    second = (await books.get(f"{LIST}?size=3&page=2")).document
    assert [one["invoice_number"] for one in second["invoices"]] == ["INV1"]
    assert second["page_info"] == {"total": 4, "page": 2, "size": 3}
    assert (await books.get(f"{LIST}?page=9")).document["page_info"] == {"total": 4, "page": 9, "size": 10}


async def test_each_row_is_the_invoice_with_the_sections_that_are_asked_for(books: Site) -> None:
    (bare,) = (await books.get(f"{LIST}?invoice_number=INV1")).document["invoices"]
    assert bare == (await books.get(f"{LIST}/{guid_of('invoice 1')}")).document["invoice"]
    everything = "expand=InvoiceItems,Appointments,Transactions,dues_and_fees,gst_parameters,Redemptions"
    (full,) = (await books.get(f"{LIST}?invoice_number=INV1&{everything}")).document["invoices"]
    assert full == (await books.get(f"{LIST}/{guid_of('invoice 1')}?{everything}")).document["invoice"]
    assert len(full["transactions"]) == len(full["appointments"]) == 1


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        (f"{LIST}?size=101", 422, 422, "You cannot request more than 100 items."),
        (f"{LIST}?page=0", 400, 502, "page: '0' is not a whole number from 1 to 10000"),
        (f"{LIST}?center_id=x", 400, 502, "center_id: 'x' is not a GUID"),
        (f"{LIST}?center_id={guid_of('nowhere')}", 400, 502, "Invalid center_id."),
        (f"{LIST}?guest_id=x", 400, 502, "guest_id: 'x' is not a GUID"),
        (f"{LIST}?state=lost", 400, 502, "state: 'lost' is not one of open, closed, cancelled, refund"),
        (f"{LIST}?from=2026-02-30", 400, 502, "from: '2026-02-30' is a date or time that does not exist"),
        (f"{LIST}?to=soon", 400, 502, "to: 'soon' is not a time"),
        (f"{LIST}?from=2026-01-02&to=2026-01-01", 400, 502, "to: 2026-01-01 is before 2026-01-02"),
        (f"{LIST}?from=2024-01-01&to=2026-01-01", 400, 502, "from: from 2024-01-01 to 2026-01-01 are 732 days"),
        (f"{LIST}?invoice_number=%00", 400, 502, "invoice_number: contains the character"),
        (f"{LIST}?invoice_number={'9' * 61}", 400, 502, "invoice_number: has 61 characters; at most 60"),
        (f"{LIST}?receipt_number={'9' * 61}", 400, 502, "receipt_number: has 61 characters; at most 60"),
        (f"{TODAY}?date=soon", 400, 502, "date: 'soon' is not a time"),
        (f"{TODAY}?search_type=2", 400, 502, "search_type: '2' is not one of 0, invoice_number, 1, guest_id"),
        (f"{TODAY}?search_type=0", 400, 502, "search_text: is missing; write the invoice_number to search for"),
        (f"{TODAY}?search_type=1&search_text=x", 400, 502, "search_text: 'x' is not a GUID"),
        (f"{TODAY}?search_type=1&guest_id=x", 400, 502, "guest_id: 'x' is not a GUID"),
        (f"/v1/centers/{guid_of('nowhere')}/invoices", 400, 502, "Invalid center_id."),
        ("/v1/centers/x/invoices", 400, 502, "center_id: 'x' is not a GUID"),
        (f"/v1/centers/{guid_of('nowhere')}/cash_registers/open_invoices", 400, 502, "Invalid center_id."),
        ("/api/v2.0/Invoices/invoices_by_date?NumberOfRecords=101", 422, 422, "You cannot request more than 100"),
        ("/api/v2.0/Invoices/invoices_by_date?StartDate=soon", 400, 502, "StartDate: 'soon' is not a time"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_its_name(
    books: Site, path: str, status: int, code: int, message: str
) -> None:
    reply = await books.get(path)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["message"].startswith(message)


async def test_the_list_by_date_is_the_same_list_by_other_names(books: Site) -> None:
    path = "/api/v2.0/Invoices/invoices_by_date"
    query = f"?CenterId={MAIN.id}&StartDate=2026-01-05&EndDate=2026-01-05&PageNumber=2&NumberOfRecords=2"
    reply = (await books.get(f"{path}{query}&expand=InvoiceItems")).document
    assert [one["invoice_number"] for one in reply["invoices"]] == ["INV1"]
    assert reply["page_info"] == {"total": 3, "page": 2, "size": 2}
    assert "invoice_items" in reply["invoices"][0]


async def test_whoever_is_bound_is_shown_their_own(books: Site) -> None:
    made = await books.post("/v1/keys", {"name": "till", "role": "reader", "center_ids": [TOKYO.id]})
    key = made.document["key"]
    assert await numbers(books, LIST, key=key) == ["INV4"]
    assert await numbers(books, f"{LIST}?guest_id={ADA.id}", key=key) == ["INV4"]
    by_date = f"/api/v2.0/Invoices/invoices_by_date?CenterId={MAIN.id}"
    for path in (f"{LIST}?center_id={MAIN.id}", TODAY, BLOCKING, by_date):
        reply = await books.get(path, key=key)
        assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 438, "cannot access.")


# --- open invoices -----------------------------------------------------------------------------------------------


async def test_a_row_says_what_an_open_invoice_comes_to(site: Site) -> None:
    served = replace(an_appointment(start_time="2026-01-05T10:00:00"), therapist_name="Ines Staff")
    invoice = an_invoice(
        "1",
        centre=MAIN,
        lines=[replace(a_line(final=11_000, tax=1_000), discount=2_000), a_line("Oil", final=500)],
        appointments=(an_appointment("Later", start_time="2026-01-05T15:00:00"), served),
        transactions=(a_payment(3_000, tip=400, tender=Tender.GIFT_CARD), a_payment(100, name="cash")),
        employee_tips=(a_tip(150, transaction="payment"),),
        ssg_amount=75,
        appointment_group_id=guid_of("group"),
    )
    await site.put(invoice)
    (row,) = (await site.get(TODAY)).document["todays_invoices"]
    assert row == {
        "invoice_no": "IINV1",
        "name": "Ada Guest",
        "items": "Massage, Oil",
        "sale_date": "2026-01-05T09:00:00",
        "appointment_date": "2026-01-05T00:00:00",
        "start_time": "2026-01-05T10:00:00",
        "price": 125,
        "discount": 20,
        "redemptions": 30,
        "final_price": 75,
        "final_price_tax": 85,
        "taxes": 10,
        "rounding_adjustment": 0,
        "mobile_phone": "+1 206-555-0100",
        "email": "ada@guests.example",
        "invoice_id": invoice.id,
        "receive_email": True,
        "SSG_amount": Decimal("0.75"),
        "unassigned_tip": Decimal("2.5"),
        "app_group_id": guid_of("group"),
        "user_id": ADA.id,
        "therapist_name": "Ines Staff",
    }


async def test_a_sale_to_nobody_without_anything_booked_has_empty_fields(books: Site) -> None:
    row = (await books.get(TODAY)).document["todays_invoices"][0]
    assert row["invoice_no"] == "IINV2"
    assert (row["name"], row["email"], row["mobile_phone"], row["user_id"]) == ("", "", "", None)
    assert (row["receive_email"], row["appointment_date"], row["start_time"]) == (False, None, None)


@pytest.mark.parametrize(
    ("query", "of_day", "found"),
    [
        ("", ["IINV2", "IINV1"], None),
        ("?date=2026-01-04", [], None),
        ("?search_type=0&search_text=INV1", ["IINV2", "IINV1"], ["IINV1"]),
        ("?search_type=invoice_number&invoice_number=IINV1&date=2026-01-04", [], ["IINV1"]),
        (f"?search_type=1&search_text={ADA.id.upper()}&date=2026-01-04", [], ["IINV1"]),
        (f"?search_type=guest_id&guest_id={ADA.id}&date=2026-01-04", [], ["IINV1"]),
        ("?search_type=0&search_text=INV3", ["IINV2", "IINV1"], []),
    ],
)
async def test_open_invoices_of_a_day_and_those_searched_for(
    books: Site, query: str, of_day: list[str], found: list[str] | None
) -> None:
    shown = (await books.get(TODAY + query)).document
    assert [row["invoice_no"] for row in shown["todays_invoices"]] == of_day
    assert shown["total"] == len(of_day)
    assert ("invoices" in shown) == (found is not None)
    assert [row["invoice_no"] for row in shown.get("invoices", [])] == (found or [])


async def test_what_blocks_the_register(books: Site) -> None:
    shown = (await books.get(BLOCKING)).document
    assert [row["invoice_no"] for row in shown["open_invoices"]] == ["IINV2", "IINV1"]
    assert (shown["total"], shown["error"]) == (2, None)
