"""Importing what guests hold, over both engines: brought along once, and a balance that moved stays moved."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.account import Account, AccountKind, AccountState, EntryReason
from closebell.domain.intake_report import ImportReport, ReportRow, Result
from closebell.store import accounts, holdings
from closebell.store.accounts import Movement
from closebell.store.unit import Database
from closebell.testing import NOON, guid_of, snapshot
from closebell.usecase.import_records import decode, import_records

CENTRE, NOBODY = guid_of("centre"), guid_of("nobody")
ADA, GRACE = guid_of("ada"), guid_of("grace")
MASSAGE, OIL, PACKAGE, GOLD, CARD = (guid_of(name) for name in ("massage", "oil", "package", "gold", "card"))
PETALS = guid_of("petals")
GIFT, PREPAID, POINTS, UNITS, MEMBER = (
    guid_of(f"account {name}") for name in ("gift", "prepaid", "points", "units", "member")
)
VISA, PAIR = guid_of("visa"), guid_of("pair")

SALON: dict[str, Any] = {
    "centers": [{"id": CENTRE, "currency": "USD"}],
    "guests": [{"id": ADA, "first_name": "Ada"}, {"id": GRACE, "first_name": "Grace"}],
    "items": [
        {"id": MASSAGE, "type": 0},
        {"id": OIL, "type": 2},
        {"id": PACKAGE, "type": 4, "benefits": [{"service_id": MASSAGE, "quantity": 5}]},
        {"id": GOLD, "type": 3},
        {"id": CARD, "type": 6},
    ],
    "loyalty_programs": [{"id": PETALS, "currency": "USD", "exchange_rate": 0.05}],
    "accounts": [
        {
            "id": GIFT,
            "kind": "gift_card",
            "number": "GC-1",
            "currency": "USD",
            "balance": 80.5,
            "value": 100,
            "guest_id": ADA,
            "center_id": CENTRE,
            "item_id": CARD,
            "expires_on": "2030-12-31",
        },
        {"id": PREPAID, "kind": "prepaid_card", "number": "PC-1", "currency": "JPY", "balance": 0},
        {"id": POINTS, "kind": "loyalty_points", "guest_id": ADA, "program_id": PETALS, "balance": 1200},
        {"id": UNITS, "kind": "package", "guest_id": ADA, "item_id": PACKAGE, "service_id": MASSAGE, "balance": 4},
        {"id": MEMBER, "kind": "membership", "guest_id": ADA, "item_id": GOLD},
    ],
    "saved_cards": [
        {"id": VISA, "guest_id": ADA, "processor": "test", "token": "tok", "card_number": "424242******4242"}
    ],
    "group_invoices": [{"id": PAIR, "center_id": CENTRE, "name": "Pair", "host_id": ADA}],
}


async def load(database: Database, said: Any) -> ImportReport:
    return await database.write(import_records, decode(json.dumps(said).encode()), as_open=False, now=NOON)


def record(part: str, index: int = 0, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(SALON[part][index]) | changes
    return {key: value for key, value in found.items() if value is not None}


async def refused(database: Database, part: str, said: dict[str, Any]) -> ReportRow:
    """The row of one record that is refused after the salon was loaded, and leaves everything as it was."""
    await load(database, SALON)
    before = await database.read(snapshot)
    (row,) = (await load(database, {part: [said]})).rows
    assert row.result is Result.REFUSED
    assert await database.read(snapshot) == before
    return row


def _spend(connection: Connection) -> None:
    (account,) = accounts.load_locked(connection, [GIFT]).values()
    accounts.move(connection, [Movement(account=account, amount=-3000, reason=EntryReason.REDEEMED)], now=NOON)
    (units,) = accounts.load_locked(connection, [UNITS]).values()
    accounts.set_state(connection, units, AccountState.CANCELLED)


async def test_what_guests_hold_is_brought_along(database: Database) -> None:
    report = await load(database, SALON)
    assert {row.result for row in report.rows} == {Result.CREATED}
    held = {account.id: account for account in await database.read(accounts.of_guest, ADA)}
    assert held.keys() == {GIFT, POINTS, UNITS, MEMBER}
    gift = held[GIFT]
    assert (gift.kind, gift.state, gift.number) == (AccountKind.GIFT_CARD, AccountState.ACTIVE, "GC-1")
    assert (gift.balance, gift.value, gift.expires_on, gift.invoice_id) == (8050, 10000, date(2030, 12, 31), None)
    assert (held[POINTS].balance, held[POINTS].value) == (1200, 1200)
    assert (held[UNITS].balance, held[UNITS].service_id) == (4, MASSAGE)
    assert (held[MEMBER].balance, held[MEMBER].item_id) == (0, GOLD)
    assert await database.read(holdings.balances_brought, [*held, PREPAID]) == {GIFT: 8050, POINTS: 1200, UNITS: 4}


async def test_twice_is_once_and_what_was_spent_stays_spent(database: Database) -> None:
    await load(database, SALON)
    await database.write(_spend)
    before = await database.read(snapshot)
    report = await load(database, SALON)
    assert {row.result for row in report.rows} == {Result.UNCHANGED}
    assert await database.read(snapshot) == before


async def test_twice_in_one_import(database: Database) -> None:
    said = deepcopy(SALON)
    said["accounts"] += [record("accounts"), record("accounts", balance=1)]
    said["saved_cards"] += [record("saved_cards"), record("saved_cards", token="other")]
    report = await load(database, said)
    ended = [row.result for row in report.rows if row.id in {GIFT, VISA}]
    assert ended == [Result.CREATED, Result.UNCHANGED, Result.REFUSED] * 2


@pytest.mark.parametrize(
    ("part", "index", "changes", "reason"),
    [
        ("accounts", 0, {"balance": 90}, "balance is 80.50 and would become 90.00"),
        ("accounts", 0, {"value": 80.5}, "value is 100.00 and would become 80.50"),
        ("accounts", 0, {"number": "GC-2"}, "number would become another"),
        ("accounts", 0, {"guest_id": None}, f"guest_id is {ADA} and would become none"),
        ("accounts", 0, {"expires_on": "2031-12-31"}, "expires_on is 2030-12-31 and would become 2031-12-31"),
        ("accounts", 0, {"kind": "prepaid_card"}, "kind is gift_card and would become prepaid_card"),
        ("accounts", 2, {"balance": 1300}, "value is 1200 and would become 1300"),
        ("saved_cards", 0, {"token": "tok2"}, "token would become another"),
        ("saved_cards", 0, {"name": "Ada"}, "name would become another"),
        ("group_invoices", 0, {"host_id": GRACE}, f"host_id is {ADA} and would become {GRACE}"),
    ],
)
async def test_what_contradicts_what_was_brought(
    database: Database, part: str, index: int, changes: dict[str, Any], reason: str
) -> None:
    row = await refused(database, part, record(part, index, **changes))
    assert (row.code, row.reason) == ("conflict", f"already exists and differs: {reason}")


@pytest.mark.parametrize(
    ("index", "changes", "reason"),
    [
        (0, {}, f"number is account {GIFT}'s already"),
        (1, {"number": "GC-1"}, f"number is account {GIFT}'s already"),
        (2, {}, f"guest {ADA} has points in programme {PETALS} already: account {POINTS}"),
    ],
)
async def test_numbers_and_points_are_there_once(
    database: Database, index: int, changes: dict[str, Any], reason: str
) -> None:
    row = await refused(database, "accounts", record("accounts", index, id=guid_of("another"), **changes))
    assert (row.code, row.reason) == ("conflict", reason)


WRONG_ACCOUNTS: list[tuple[int, dict[str, Any], str, str]] = [
    (0, {"id": None}, "id", "is missing"),
    (0, {"kind": None}, "kind", "write one of gift_card"),
    (0, {"kind": "voucher"}, "kind", "is not one of"),
    (0, {"number": None}, "number", "a gift card has one"),
    (0, {"number": "GC 1"}, "number", "is no card number"),
    (0, {"number": "GC/1"}, "number", "is no card number"),
    (0, {"number": "G" * 41}, "number", "is no card number"),
    (0, {"currency": None}, "currency", "is missing"),
    (0, {"balance": None}, "balance", "is missing"),
    (0, {"balance": -1}, "balance", "is negative"),
    (0, {"balance": 1.005}, "balance", "more decimals"),
    (0, {"program_id": PETALS}, "program_id", "a gift card has none"),
    (0, {"guest_id": NOBODY}, "guest_id", "is not known"),
    (0, {"center_id": NOBODY}, "center_id", "is not known"),
    (0, {"item_id": PACKAGE}, "item_id", "is of type 4"),
    (0, {"expires_on": "soon"}, "expires_on", "write YYYY-MM-DD"),
    (1, {"balance": 0.5}, "balance", "more decimals than JPY"),
    (2, {"program_id": NOBODY}, "program_id", "is not known"),
    (2, {"balance": 1.5}, "balance", "write a whole number"),
    (2, {"balance": -1}, "balance", "write a whole number"),
    (2, {"guest_id": ""}, "guest_id", "names nothing"),
    (2, {"number": "1"}, "number", "a balance of points has none"),
    (3, {"service_id": OIL}, "service_id", "is of type 2"),
    (3, {"service_id": None}, "service_id", "is missing"),
    (3, {"item_id": GOLD}, "item_id", "is of type 3"),
    (4, {"balance": 1}, "balance", "a membership has none"),
    (4, {"item_id": NOBODY}, "item_id", "is not known"),
]


async def test_accounts_that_are_wrong(database: Database) -> None:
    await load(database, SALON)
    before = await database.read(snapshot)
    said = [
        record("accounts", index, **({"id": guid_of("another")} | changes)) for index, changes, _, _ in WRONG_ACCOUNTS
    ]
    report = await load(database, {"accounts": said})
    assert await database.read(snapshot) == before
    for number, (row, (_, changes, field, problem)) in enumerate(zip(report.rows, WRONG_ACCOUNTS, strict=True)):
        assert (row.result, row.code) == (Result.REFUSED, "invalid_input"), changes
        assert row.field == f"accounts[{number}].{field}", changes
        assert problem in row.reason, changes


@pytest.mark.parametrize(
    ("part", "changes", "field"),
    [
        ("saved_cards", {"guest_id": NOBODY}, "guest_id"),
        ("saved_cards", {"processor": None}, "processor"),
        ("saved_cards", {"card_number": "4242 4242 4242 4242"}, "card_number"),
        ("group_invoices", {"center_id": NOBODY}, "center_id"),
        ("group_invoices", {"host_id": NOBODY}, "host_id"),
        ("group_invoices", {"notes": "n" * 4001}, "notes"),
    ],
)
async def test_a_card_or_a_group_that_is_wrong(
    database: Database, part: str, changes: dict[str, Any], field: str
) -> None:
    row = await refused(database, part, record(part, **({"id": guid_of("another")} | changes)))
    assert (row.code, row.field) == ("invalid_input", f"{part}[0].{field}")


async def test_an_account_that_was_sold_here(database: Database) -> None:
    invoice_id = guid_of("sale")
    sale = {"id": invoice_id, "center_id": CENTRE, "invoice_date": "2026-01-05", "total_price": {"sum_total": 1}}
    await load(database, SALON | {"accounts": [], "invoices": [sale]})
    sold = Account(id=GIFT, kind=AccountKind.GIFT_CARD, number="GC-1", invoice_id=invoice_id)

    def sell(connection: Connection) -> None:
        accounts.insert_many(connection, [sold], now=NOON)

    await database.write(sell)
    (row,) = (await load(database, {"accounts": [record("accounts")]})).rows
    assert (row.code, row.reason) == ("conflict", f"was sold here by invoice {invoice_id}, not imported")
