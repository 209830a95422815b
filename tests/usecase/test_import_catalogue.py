"""Importing what a chain offers, over both engines: created once, updated when it changes, refused whole."""

from __future__ import annotations

import json
from copy import deepcopy
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from closebell import samples
from closebell.domain.intake_report import ImportReport, Kind, ReportRow, Result
from closebell.store import catalogue, centers, directory, tables
from closebell.store.unit import Database
from closebell.testing import NOON, guid_of, snapshot
from closebell.usecase.import_records import decode, import_records

Wrong = list[tuple[dict[str, Any], str, str]]
"""Changes to a record, the field that is wrong then, and a part of what is said of it."""

BELLEVUE, TOKYO, NOWHERE = guid_of("bellevue"), guid_of("tokyo"), guid_of("nowhere")
MASSAGE, FACIAL, OIL, PACKAGE, CARD = (guid_of(name) for name in ("massage", "facial", "oil", "package", "card"))
SPRING, BACK = guid_of("spring"), guid_of("back")
POINTS, HOUSE = guid_of("points"), guid_of("house")

CHAIN: dict[str, Any] = {
    "centers": [
        {"id": BELLEVUE, "name": "Bellevue", "currency": "USD"},
        {"id": TOKYO, "name": "Tokyo", "currency": "JPY"},
    ],
    "items": [
        {
            "id": MASSAGE,
            "type": 0,
            "name": "Massage",
            "code": "MAS",
            "duration_minutes": 60,
            "centers": [
                {"center_id": BELLEVUE, "price": 120, "tax_rate": "10.10"},
                {"center_id": TOKYO, "price": 13200, "tax_rate": 10, "is_tax_included": True},
            ],
        },
        {"id": FACIAL, "type": 0, "name": "Facial", "centers": [{"center_id": BELLEVUE, "price": 95}]},
        {"id": OIL, "type": 2, "name": "Oil", "is_retail": False, "centers": [{"center_id": BELLEVUE, "price": 0}]},
        {
            "id": PACKAGE,
            "type": 4,
            "name": "Five",
            "validity_days": 365,
            "centers": [{"center_id": BELLEVUE, "price": 500}],
            "benefits": [{"service_id": MASSAGE, "quantity": 5}, {"service_id": FACIAL}],
        },
        {"id": CARD, "type": 6, "centers": [{"center_id": BELLEVUE, "price": 100, "value": 110}]},
    ],
    "campaigns": [
        {"id": SPRING, "name": "Spring", "offer_code": "SPRING", "percent": 20, "starts_on": "2026-03-01"},
        {
            "id": BACK,
            "voucher_prefix": "BACK-",
            "amount": 15,
            "currency": "USD",
            "minimum": 60,
            "center_ids": [BELLEVUE],
            "item_ids": [MASSAGE],
            "redemptions_max": 3,
            "vouchers": ["BACK-1", "BACK-2"],
        },
    ],
    "loyalty_programs": [{"id": POINTS, "name": "Petals", "currency": "USD", "exchange_rate": 0.05, "points_min": 100}],
    "custom_payments": [{"id": HOUSE, "name": "House account"}],
}


async def load(database: Database, said: Any) -> ImportReport:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return await database.write(import_records, decode(body), as_open=False, now=NOON)


async def changed(database: Database, part: str, record: dict[str, Any]) -> ReportRow:
    """The row of one record, imported after the whole chain."""
    (row,) = (await load(database, {part: [record]})).rows
    return row


async def refused(database: Database, part: str, record: dict[str, Any]) -> ReportRow:
    """The row of one record that is refused and leaves everything as it was."""
    before = await database.read(snapshot)
    row = await changed(database, part, record)
    assert row.result is Result.REFUSED
    assert await database.read(snapshot) == before
    return row


async def all_refused(database: Database, part: str, index: int, wrong: Wrong) -> None:
    """Each of these changes to a record of the chain is refused by its field, and nothing comes of any."""
    await load(database, CHAIN)
    before = await database.read(snapshot)
    report = await load(database, {part: [record(part, index, **changes) for changes, _, _ in wrong]})
    assert await database.read(snapshot) == before
    for number, (row, (changes, field, problem)) in enumerate(zip(report.rows, wrong, strict=True)):
        assert (row.result, row.code) == (Result.REFUSED, "invalid_input"), changes
        assert row.field == f"{part}[{number}].{field}", changes
        assert problem in row.reason, changes


def record(part: str, index: int = 0, **changes: Any) -> dict[str, Any]:
    """A record of the chain with other values; None leaves a member out."""
    found: dict[str, Any] = deepcopy(CHAIN[part][index]) | changes
    return {key: value for key, value in found.items() if value is not None}


def _redeem(connection: Connection) -> None:
    catalogue.use_voucher(connection, "BACK-1", guid_of("invoice"))
    catalogue.count_redemption(connection, BACK)


async def test_the_sample_salon_is_created_and_twice_is_once(database: Database) -> None:
    first = await load(database, samples.salon())
    assert {row.result for row in first.rows} == {Result.CREATED}
    assert all(counts[Result.CREATED] for counts in first.counts.values()), "every kind is there"
    before = await database.read(snapshot)
    again = await load(database, samples.salon())
    assert {row.result for row in again.rows} == {Result.UNCHANGED}
    assert await database.read(snapshot) == before


async def test_what_was_said_is_what_is_sold(database: Database) -> None:
    report = await load(database, CHAIN)
    assert [row.kind for row in report.rows[2:]] == [
        *[Kind.ITEM] * 5,
        *[Kind.CAMPAIGN] * 2,
        Kind.LOYALTY_PROGRAM,
        Kind.CUSTOM_PAYMENT,
    ]
    sold = await database.read(catalogue.offers, BELLEVUE, [MASSAGE, FACIAL, OIL, PACKAGE, CARD])
    massage = sold[MASSAGE]
    assert (massage.terms.unit_price, massage.terms.tax_rate, massage.terms.is_tax_included) == (
        12000,
        Decimal("10.1"),
        False,
    )
    assert (massage.item.code, massage.item.duration_minutes, massage.item.validity_days) == ("MAS", 60, None)
    assert (sold[OIL].terms.unit_price, sold[OIL].item.is_retail) == (0, False)
    assert dict(sold[PACKAGE].benefits) == {MASSAGE: 5, FACIAL: 1}
    assert sold[CARD].value == 11000
    yen = await database.read(catalogue.offers, TOKYO, [MASSAGE, FACIAL])
    assert yen.keys() == {MASSAGE}
    assert (yen[MASSAGE].terms.unit_price, yen[MASSAGE].terms.is_tax_included) == (13200, True)
    programs = await database.read(catalogue.loyalty_programs, [POINTS])
    assert (programs[POINTS].exchange_rate, programs[POINTS].points_min) == (Decimal("0.05"), 100)
    assert await database.read(directory.custom_payment_names, [HOUSE]) == {HOUSE: "House account"}
    spring = await database.write(catalogue.campaign_by_offer_code, "SPRING")
    assert spring is not None
    assert spring.percent == Decimal(20)
    assert (spring.center_ids, str(spring.starts_on)) == ((), "2026-03-01")


async def test_a_price_that_changes_is_updated_and_told(database: Database) -> None:
    await load(database, CHAIN)
    terms = [{"center_id": BELLEVUE, "price": 130, "tax_rate": 10.1}]
    row = await changed(database, "items", record("items", centers=terms, name="Swedish massage"))
    assert row.result is Result.UPDATED
    told = {"name was Massage", f"price at {BELLEVUE} was 120.00 USD", f"centre {TOKYO} sells it no more"}
    assert set(row.reason.split("; ")) == told
    assert (await database.read(catalogue.offers, BELLEVUE, [MASSAGE]))[MASSAGE].terms.unit_price == 13000
    assert not await database.read(catalogue.offers, TOKYO, [MASSAGE])


async def test_lists_that_are_left_out_stay_and_the_rest_gets_its_default(database: Database) -> None:
    await load(database, CHAIN)
    row = await changed(database, "items", {"id": PACKAGE, "type": 4, "name": "Five massages"})
    assert (row.result, row.reason) == (Result.UPDATED, "name was Five; validity_days was 365")
    (offer,) = (await database.read(catalogue.offers, BELLEVUE, [PACKAGE])).values()
    assert (offer.terms.unit_price, len(offer.benefits), offer.item.validity_days) == (50000, 2, None)
    await changed(database, "items", {"id": PACKAGE, "type": 4, "name": "Five massages", "centers": []})
    assert not await database.read(catalogue.offers, BELLEVUE, [PACKAGE])


async def test_benefits_that_are_said_replace(database: Database) -> None:
    await load(database, CHAIN)
    row = await changed(database, "items", record("items", 3, benefits=[{"service_id": FACIAL, "quantity": 9}]))
    assert (row.result, row.reason) == (Result.UPDATED, "its benefits were others")
    (offer,) = (await database.read(catalogue.offers, BELLEVUE, [PACKAGE])).values()
    assert offer.benefits == ((FACIAL, 9),)


async def test_an_item_that_an_invoice_named_is_completed(database: Database) -> None:
    await load(database, {"centers": CHAIN["centers"]})
    line = {"invoice_item_id": guid_of("line"), "id": MASSAGE, "name": "massage?", "type": 2, "price": {"sales": 1}}
    sale = {"id": guid_of("sale"), "center_id": BELLEVUE, "invoice_date": "2026-01-05", "invoice_items": [line]}
    await load(database, {"invoices": [sale]})
    row = await changed(database, "items", record("items"))
    assert row.result is Result.UPDATED
    assert row.reason.startswith("name was massage?; type was 2; ")
    assert MASSAGE in await database.read(catalogue.offers, BELLEVUE, [MASSAGE])


async def test_an_item_in_the_same_import_as_its_invoice_keeps_what_the_definition_says(database: Database) -> None:
    line = {"invoice_item_id": guid_of("line"), "id": MASSAGE, "name": "as sold", "price": {"sales": 1}}
    sale = {"id": guid_of("sale"), "center_id": BELLEVUE, "invoice_date": "2026-01-05", "invoice_items": [line]}
    report = await load(database, {**CHAIN, "invoices": [sale]})
    assert {row.result for row in report.rows} == {Result.CREATED}
    assert (await database.read(catalogue.items, [MASSAGE]))[MASSAGE].name == "Massage"


WRONG_ITEMS: Wrong = [
    ({"id": None}, "id", "is missing"),
    ({"id": "x"}, "id", "is not a GUID"),
    ({"type": None}, "type", "is missing; write 0 service, 2 product"),
    ({"type": 1}, "type", "1 is not one"),
    ({"type": "service"}, "type", "expected an integer"),
    ({"centers": [{"center_id": BELLEVUE}]}, "centers[0].price", "is missing"),
    ({"centers": [{"price": 1}]}, "centers[0].center_id", "is missing"),
    ({"centers": [{"center_id": NOWHERE, "price": 1}]}, "centers[0].center_id", "is not a centre that is defined"),
    ({"centers": [{"center_id": BELLEVUE, "price": -1}]}, "centers[0].price", "is negative"),
    ({"centers": [{"center_id": BELLEVUE, "price": 1.005}]}, "centers[0].price", "more decimals than USD"),
    ({"centers": [{"center_id": TOKYO, "price": 1.5}]}, "centers[0].price", "more decimals than JPY"),
    ({"centers": [{"center_id": BELLEVUE, "price": "1_0"}]}, "price", "is not an amount"),
    ({"centers": [{"center_id": BELLEVUE, "price": 1, "tax_rate": -1}]}, "centers[0].tax_rate", "out of range"),
    ({"centers": [{"center_id": BELLEVUE, "price": 1, "tax_rate": 1001}]}, "centers[0].tax_rate", "0 to 1000"),
    (
        {"centers": [{"center_id": BELLEVUE, "price": 1, "tax_rate": "1.1234567"}]},
        "centers[0].tax_rate",
        "more than 6 decimals",
    ),
    ({"centers": [{"center_id": BELLEVUE, "price": 1, "value": 2}]}, "centers[0].value", "only a card has one"),
    (
        {"centers": [{"center_id": BELLEVUE, "price": 1}, {"center_id": BELLEVUE.upper(), "price": 2}]},
        "centers[1].center_id",
        "stands here twice",
    ),
    ({"benefits": [{"service_id": FACIAL}]}, "benefits", "only packages have them"),
    ({"validity_days": 0}, "validity_days", "out of range"),
    ({"duration_minutes": -1}, "duration_minutes", "out of range"),
    ({"name": "n" * 401}, "name", "at most 400"),
]


async def test_items_that_are_wrong(database: Database) -> None:
    await all_refused(database, "items", 0, WRONG_ITEMS)


WRONG_BENEFITS: Wrong = [
    ({"benefits": [{"service_id": NOWHERE}]}, "benefits[0].service_id", "is not an item that is known"),
    ({"benefits": [{"service_id": OIL}]}, "benefits[0].service_id", "is of type 2"),
    ({"benefits": [{"service_id": FACIAL}, {"service_id": FACIAL}]}, "benefits[1].service_id", "stands here twice"),
    ({"benefits": [{"service_id": FACIAL, "quantity": 0}]}, "benefits[0].quantity", "out of range"),
    ({"benefits": [{}]}, "benefits[0].service_id", "is missing"),
]


async def test_benefits_that_are_wrong(database: Database) -> None:
    await all_refused(database, "items", 3, WRONG_BENEFITS)


async def test_a_price_waits_for_its_centre_to_be_defined(database: Database) -> None:
    await load(database, {"employees": [{"id": guid_of("ines"), "center_id": BELLEVUE}]})
    row = await refused(database, "items", record("items", 1))
    assert "is not a centre that is defined" in row.reason


async def test_what_is_on_sale_stays_the_type_of_thing_it_is(database: Database) -> None:
    await load(database, CHAIN)
    row = await refused(database, "items", record("items", type=2))
    assert (row.code, row.reason) == ("conflict", "type is 0 and would become 2, but it is on sale as such")


async def test_a_refused_record_stops_no_other(database: Database) -> None:
    said = deepcopy(CHAIN)
    said["items"][0]["centers"][0]["price"] = -1
    report = await load(database, said)
    ended = {row.id: row for row in report.rows}
    assert ended[MASSAGE].result is Result.REFUSED
    assert ended[FACIAL].result is Result.CREATED
    assert ended[PACKAGE].field == "items[3].benefits[0].service_id", "its service was refused"
    assert ended[BACK].field == "campaigns[1].item_ids[0]"
    assert ended[HOUSE].result is Result.CREATED


async def test_a_campaign_changes_and_keeps_its_redemptions_and_vouchers(database: Database) -> None:
    await load(database, CHAIN)
    await database.write(_redeem)
    unchanged = await changed(database, "campaigns", record("campaigns", 1))
    assert (unchanged.result, unchanged.reason) == (Result.UNCHANGED, "")
    row = await changed(database, "campaigns", record("campaigns", 1, amount=20, vouchers=["BACK-2", "BACK-3"]))
    assert (row.result, row.reason) == (Result.UPDATED, "amount was 15.00 USD; it had 1 vouchers less")
    campaign = await database.write(catalogue.campaign, BACK)
    assert campaign is not None
    assert (campaign.amount, campaign.redemptions) == (2000, 1)
    used = await database.write(catalogue.voucher, "BACK-1")
    assert used is not None
    assert used.invoice_id == guid_of("invoice")
    assert await database.write(catalogue.voucher, "BACK-3") is not None


async def test_two_campaigns_never_share_a_code(database: Database) -> None:
    await load(database, CHAIN)
    other = {"id": guid_of("other"), "percent": 5}
    for code in ({"offer_code": "SPRING"}, {"voucher_prefix": "BACK-"}):
        row = await refused(database, "campaigns", other | code)
        assert row.code == "conflict"
        assert "'s already" in row.reason
    row = await refused(database, "campaigns", other | {"voucher_prefix": "BACK", "vouchers": ["BACK-1"]})
    assert row.reason == f"voucher BACK-1 is campaign {BACK}'s already"
    freed = {"campaigns": [record("campaigns", offer_code="SUMMER"), other | {"offer_code": "SPRING"}]}
    assert [row.result for row in (await load(database, freed)).rows] == [Result.UPDATED, Result.CREATED]


async def test_vouchers_that_were_handed_out_keep_their_prefix(database: Database) -> None:
    await load(database, CHAIN)
    row = await refused(database, "campaigns", record("campaigns", 1, voucher_prefix="HOME-", vouchers=None))
    assert (row.code, "handed out already" in row.reason) == ("conflict", True)


WRONG_CAMPAIGNS: Wrong = [
    ({"offer_code": None}, "offer_code", "say either offer_code or voucher_prefix"),
    ({"voucher_prefix": "X"}, "offer_code", "voucher_prefix stands beside it"),
    ({"percent": None}, "percent", "say either percent or amount"),
    ({"amount": 1, "currency": "USD"}, "percent", "amount stands beside it"),
    ({"percent": 0}, "percent", "is zero"),
    ({"percent": 100.5}, "percent", "out of range"),
    ({"percent": None, "amount": 5}, "currency", "is missing"),
    ({"minimum": 5}, "currency", "is missing"),
    ({"percent": None, "amount": 0, "currency": "USD"}, "amount", "takes nothing off"),
    ({"percent": None, "amount": 1.234, "currency": "USD"}, "amount", "more decimals"),
    ({"currency": "XXL"}, "currency", "is not an ISO 4217"),
    ({"vouchers": ["SPRING-1"]}, "vouchers", "with a voucher_prefix"),
    ({"offer_code": " "}, "offer_code", "is no code"),
    ({"offer_code": "a" * 101}, "offer_code", "at most 100"),
    ({"offer_code": None, "voucher_prefix": "V-", "vouchers": ["V-1", "W-1"]}, "vouchers[1]", "does not begin"),
    ({"offer_code": None, "voucher_prefix": "V-", "vouchers": ["V-"]}, "vouchers[0]", "and go on"),
    ({"center_ids": [NOWHERE]}, "center_ids[0]", "is not a centre that is known"),
    ({"item_ids": [MASSAGE, NOWHERE]}, "item_ids[1]", "is not an item that is known"),
    ({"item_ids": ["x"]}, "item_ids[0]", "is not a GUID"),
    ({"starts_on": "2026-02-30"}, "starts_on", "does not exist"),
    ({"starts_on": "yesterday"}, "starts_on", "write YYYY-MM-DD"),
    ({"ends_on": "2026-02-28"}, "ends_on", "is before the start"),
    ({"redemptions_max": 0}, "redemptions_max", "out of range"),
]


async def test_campaigns_that_are_wrong(database: Database) -> None:
    await all_refused(database, "campaigns", 0, WRONG_CAMPAIGNS)


async def test_programmes_and_ways_to_pay_change(database: Database) -> None:
    await load(database, CHAIN)
    row = await changed(database, "loyalty_programs", record("loyalty_programs", exchange_rate=0.1, points_min=None))
    assert (row.result, row.reason) == (Result.UPDATED, "exchange_rate was 0.05; points_min was 100")
    programs = await database.read(catalogue.loyalty_programs, [POINTS])
    assert (programs[POINTS].exchange_rate, programs[POINTS].points_min) == (Decimal("0.1"), 0)
    row = await changed(database, "custom_payments", {"id": HOUSE, "name": "On the house"})
    assert (row.result, row.reason) == (Result.UPDATED, "name was House account")
    assert await database.read(directory.custom_payment_names, [HOUSE]) == {HOUSE: "On the house"}


async def test_programmes_and_ways_to_pay_that_are_wrong(database: Database) -> None:
    programmes: Wrong = [
        ({"currency": None}, "currency", "is missing"),
        ({"exchange_rate": None}, "exchange_rate", "is missing"),
        ({"exchange_rate": 0}, "exchange_rate", "is zero"),
        ({"exchange_rate": "1e999"}, "exchange_rate", "out of range"),
        ({"points_min": -1}, "points_min", "out of range"),
    ]
    await all_refused(database, "loyalty_programs", 0, programmes)
    payments: Wrong = [
        ({"name": None}, "name", "is missing"),
        ({"id": "00000000-0000-0000-0000-000000000000"}, "id", "names nothing"),
    ]
    await all_refused(database, "custom_payments", 0, payments)


# --- settings of centres and employees, and numbers --------------------------------------------------------------


async def test_settings_of_a_centre_change_and_those_left_out_stay(database: Database) -> None:
    await load(database, CHAIN)
    settings: dict[str, Any] = {
        "code": "BEL",
        "organization_id": guid_of("chain"),
        "rounding_unit": 0.05,
        "ssg_rate": 10,
        "fee_rate": "1.50",
        "loyalty_cap_rate": 50,
        "allows_discounts": False,
        "gstin": "29ABC",
    }
    row = await changed(database, "centers", record("centers", **settings))
    assert row.result is Result.UPDATED
    assert (await changed(database, "centers", record("centers"))).result is Result.UNCHANGED
    assert (await changed(database, "centers", record("centers", ssg_rate=12))).result is Result.UPDATED
    centre = (await database.read(centers.load, [BELLEVUE]))[BELLEVUE]
    assert centre.rounding_unit == 5
    assert [centre.ssg_rate, centre.fee_rate, centre.loyalty_cap_rate] == [12, Decimal("1.5"), 50]
    assert (centre.code, centre.organization_id, centre.allows_discounts, centre.gstin) == (
        "BEL",
        guid_of("chain"),
        False,
        "29ABC",
    )
    row = await refused(database, "centers", record("centers", name="Elsewhere", ssg_rate=1))
    assert row.reason.startswith("name is 'Bellevue'")


async def test_settings_do_not_move_receipts_that_were_given(database: Database) -> None:
    await load(database, CHAIN)
    await database.write(centers.take_receipt_numbers, {BELLEVUE: 3})
    assert (await changed(database, "centers", record("centers", ssg_rate=12))).result is Result.UPDATED
    assert await database.read(centers.next_receipt_number, BELLEVUE) == 4


async def test_settings_that_are_wrong(database: Database) -> None:
    wrong: Wrong = [
        ({"rounding_unit": 0}, "rounding_unit", "is no coin"),
        ({"rounding_unit": -1}, "rounding_unit", "is no coin"),
        ({"rounding_unit": 0.001}, "rounding_unit", "more decimals"),
        ({"ssg_rate": 101}, "ssg_rate", "out of range"),
        ({"fee_rate": -0.1}, "fee_rate", "out of range"),
        ({"loyalty_cap_rate": "NaN"}, "loyalty_cap_rate", "out of range"),
        ({"organization_id": "x"}, "organization_id", "is not a GUID"),
        ({"gstin": "g" * 41}, "gstin", "at most 40"),
        ({"allows_discounts": 1}, "allows_discounts", "expected true or false"),
    ]
    await all_refused(database, "centers", 0, wrong)


async def test_an_employee_may_leave(database: Database) -> None:
    ines = {"id": guid_of("ines"), "first_name": "Ines", "center_id": BELLEVUE, "code": "E1"}
    await load(database, {"employees": [ines]})
    row = await changed(database, "employees", {**ines, "is_active": False, "code": None})
    assert row.result is Result.UPDATED
    kept = (await database.read(directory.employees, [ines["id"]]))[ines["id"]]
    assert (kept.value.is_active, kept.value.code, kept.is_stub) == (False, "E1", False)
    assert (await changed(database, "employees", ines)).result is Result.UNCHANGED


async def test_invoice_numbers_given_here_come_after_those_brought_along(database: Database) -> None:
    def sale(number: str) -> dict[str, Any]:
        total = {"sum_total": 1}
        at = {"center_id": BELLEVUE, "invoice_date": "2026-01-05", "total_price": total}
        return {"id": guid_of(f"sale {number}"), "invoice_number": number, **at}

    await load(database, {**CHAIN, "invoices": [sale("7"), sale("A9000"), sale("5"), sale("9" * 30)]})
    assert await database.write(centers.take_invoice_number, BELLEVUE) == 8
    await load(database, {"invoices": [sale("6")]})
    assert await database.write(centers.take_invoice_number, BELLEVUE) == 9
    await load(database, {"invoices": [sale("12")]})
    assert await database.write(centers.take_invoice_number, BELLEVUE) == 13
    assert await database.write(centers.take_invoice_number, TOKYO) == 1


async def test_guests_that_are_imported_are_found_by_their_names(database: Database) -> None:
    def terms(connection: Connection) -> set[tuple[str, str]]:
        return {(row.field, row.term) for row in connection.execute(select(tables.guest_terms))}

    await load(database, {"guests": [{"id": guid_of("ada"), "first_name": "Ada", "email": "Ada@Guests.example"}]})
    assert {("first_name", "ada"), ("email", "ada@guests.example")} <= await database.read(terms)
