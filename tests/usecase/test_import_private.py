"""A report of an import repeats nothing of a person, and no number that can be paid with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from closebell.domain.intake_report import ImportReport, Result
from closebell.store.unit import Database
from closebell.testing import guid_of
from closebell.usecase.import_records import decode, import_records

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ADA, CENTRE = guid_of("Ada"), guid_of("centre")
ON_INVOICE = {"id": ADA, "first_name": "Adelheid", "last_name": "Lovelorn", "email": "adelheid@private.example"}
KNOWN: dict[str, list[dict[str, Any]]] = {
    "centers": [{"id": CENTRE}],
    "employees": [{"id": guid_of("Ines"), "first_name": "Ines-Marie", "last_name": "Bergamot"}],
    "guests": [{**ON_INVOICE, "mobile_phone": "+49 30 5550199", "code": "VIP-ADA", "gender": 0}],
    "accounts": [
        {"id": guid_of("card"), "kind": "gift_card", "number": "GC-8851703", "currency": "USD", "balance": 80.5}
    ],
    "saved_cards": [
        {"id": guid_of("visa"), "guest_id": ADA, "processor": "test", "token": "tok-7461", "name": "Adas Visa"}
    ],
    "group_invoices": [{"id": guid_of("pair"), "center_id": CENTRE, "name": "Adelheids hen night", "notes": "shy"}],
    "invoices": [
        {
            "id": guid_of("invoice"),
            "center_id": CENTRE,
            "invoice_date": "2026-01-05",
            "total_price": {"sum_total": 10},
            "guest": ON_INVOICE,
            "additional_fields": [{"key": "allergy", "value": "arnica"}],
        }
    ],
}
CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("employees", {"first_name": "Ignatia"}, "first_name"),
    ("employees", {"last_name": "Ignatia"}, "last_name"),
    ("guests", {"first_name": "Ignatia"}, "first_name"),
    ("guests", {"last_name": "Ignatia"}, "last_name"),
    ("guests", {"email": "ignatia@private.example"}, "email"),
    ("guests", {"guest_email": "ignatia@private.example"}, "email"),
    ("guests", {"mobile_phone": "+49 30 5550777"}, "mobile_phone"),
    ("guests", {"code": "VIP-IGNATIA"}, "code"),
    ("guests", {"first_name": "Ignatia" * 100}, "guests[0].first_name"),
    ("guests", {"email": "ignatia\0@private.example"}, "guests[0].email"),
    ("guests", {"mobile_phone": 49305550777}, "guests[0].mobile_phone"),
    ("accounts", {"number": "GC-5550777"}, "number"),
    ("accounts", {"number": "GC 5550777"}, "accounts[0].number"),
    ("accounts", {"id": guid_of("another")}, "number"),
    ("saved_cards", {"token": "tok-5550777"}, "token"),
    ("saved_cards", {"name": "Ignatias Visa"}, "name"),
    ("saved_cards", {"card_number": "****5550"}, "card_number"),
    ("saved_cards", {"card_number": "42424242424255507770"}, "saved_cards[0].card_number"),
    ("group_invoices", {"name": "Ignatias hen night"}, "name"),
    ("group_invoices", {"notes": "Ignatia"}, "notes"),
    ("invoices", {"guest": {**ON_INVOICE, "first_name": "Ignatia"}}, "guest"),
    ("invoices", {"additional_fields": [{"key": "allergy", "value": "Ignatia"}]}, "additional_fields"),
]
PRIVATE = (
    *("Adelheid", "Lovelorn", "Ines-Marie", "Bergamot", "Ignatia", "private.example", "5550", "VIP", "8851703"),
    *("tok-", "hen night", "shy", "arnica"),
)


async def load(database: Database, said: dict[str, Any]) -> ImportReport:
    return await database.write(import_records, decode(json.dumps(said).encode()), as_open=False, now=NOON)


async def test_what_is_refused_is_named_and_not_repeated(database: Database) -> None:
    assert {row.result for row in (await load(database, KNOWN)).rows} == {Result.CREATED}
    for part, changes, named in CHANGES:
        said = KNOWN[part][0] | changes
        (row,) = (await load(database, {part: [said]})).rows
        assert row.result is Result.REFUSED
        assert row.id == said["id"] or "expected a string" in row.reason
        assert named in (row.field or row.reason), f"{part} {changes}"
        told = f"{row}".lower()
        assert [value for value in PRIVATE if value.lower() in told] == [], f"{part} {changes}"
