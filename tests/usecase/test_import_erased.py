"""An import leaves those alone who were erased: nothing that it brings makes them known again."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.background.erasing import carry_out
from closebell.domain.intake_report import ImportReport, Result
from closebell.store import directory, erasures
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, guid_of, snapshot
from closebell.usecase.erase_guest import erase_guest
from closebell.usecase.import_accounts import GROUP_OF_ERASED
from closebell.usecase.import_records import TEXTS_OF_ERASED, decode, import_records
from erasing import audited, betrayed, examined, texts

CENTRE, ADA, GRACE = guid_of("centre"), guid_of("ada"), guid_of("grace")
WHO = {"id": ADA, "first_name": "Adalovelacia", "last_name": "Byronsdottir"}
CARD = {
    "id": guid_of("visa"),
    "guest_id": ADA,
    "processor": "test",
    "token": "tok-Byronsdottir",
    "card_number": "************9017",
    "name": "A. Byronsdottir",
}
GROUP = {
    "id": guid_of("party"),
    "center_id": CENTRE,
    "name": "Adalovelacia's",
    "notes": "a bad left knee",
    "host_id": ADA,
}
INVOICE: dict[str, Any] = {
    "id": guid_of("sale"),
    "center_id": CENTRE,
    "guest": WHO,
    "invoice_date": "2026-01-05",
    "is_closed": True,
    "additional_fields": [{"key": "wish", "value": "a bad left knee"}],
    "total_price": {"sum_total": 10},
    "invoice_items": [
        {
            "invoice_item_id": guid_of("line"),
            "id": guid_of("massage"),
            "type": 0,
            "name": "Massage",
            "price": {"final": 10},
        }
    ],
    "transactions": [
        {
            "transaction_id": guid_of("paid"),
            "tender": "card",
            "amount_paid": 10,
            "payment_option": {"card_number": "************9017"},
        }
    ],
}
BASE = {"centers": [{"id": CENTRE, "currency": "USD"}], "guests": [WHO, {"id": GRACE, "first_name": "Grace"}]}


async def load(database: Database, said: Any) -> ImportReport:
    return await database.write(import_records, decode(json.dumps(said).encode()), as_open=False, now=NOON)


async def erased(database: Database, *said: Any) -> None:
    """Ada is known with all of this, and then erased."""
    for one in (BASE, *said):
        report = await load(database, one)
        assert {row.result for row in report.rows} == {Result.CREATED}, report.rows
    clock, luck, settled = FixedClock(), SeededLuck(7), timedelta(seconds=70)
    asked = await database.write(erase_guest, ADA, clock=clock, luck=luck)
    clock.advance(settled)
    done = await carry_out(database, asked, settled_after=settled, clock=clock, luck=luck, pause_s=0)
    assert done.finished_at is not None
    assert betrayed(await database.read(texts)) == []


@pytest.mark.parametrize("before", [(), ({"saved_cards": [CARD]},)])
async def test_a_saved_card_of_an_erased_guest_is_left_out(database: Database, before: tuple[Any, ...]) -> None:
    await erased(database, *before)
    rows = await database.read(snapshot)
    of_grace = {**CARD, "id": guid_of("other"), "guest_id": GRACE, "name": "", "token": "t", "card_number": ""}
    theirs, hers = (await load(database, {"saved_cards": [CARD, of_grace]})).rows
    assert (theirs.result, theirs.code) == (Result.REFUSED, "conflict")
    assert theirs.reason == f"guest {ADA} was erased and stays so"
    assert hers.result is Result.CREATED
    after = await database.read(snapshot)
    assert len(after.pop("saved_cards")) == 1
    rows.pop("saved_cards")
    assert after == rows


async def test_the_guest_themselves_is_refused_and_the_report_repeats_nothing_of_them(database: Database) -> None:
    await erased(database)
    before = await database.read(snapshot)
    (row,) = (await load(database, {"guests": [WHO]})).rows
    assert (row.result, row.code, row.reason) == (
        *(Result.REFUSED, "conflict"),
        f"guest {ADA} was erased and stays so",
    )
    assert await database.read(snapshot) == before


async def test_a_group_that_an_erased_guest_hosts_comes_without_texts(database: Database) -> None:
    await erased(database)
    (row,) = (await load(database, {"group_invoices": [GROUP]})).rows
    assert (row.result, row.reason) == (Result.CREATED, GROUP_OF_ERASED)
    assert betrayed(await database.read(texts)) == []
    (again,) = (await load(database, {"group_invoices": [GROUP]})).rows
    assert (again.result, again.reason) == (Result.UNCHANGED, "")


async def test_a_group_that_was_brought_before_stays_without_texts(database: Database) -> None:
    hosted = {**GROUP, "id": guid_of("hosted")}
    joined = {key: value for key, value in GROUP.items() if key != "host_id"}
    sale = INVOICE | {"group_invoice_id": GROUP["id"]}
    await erased(database, {"group_invoices": [hosted, joined]}, {"invoices": [sale]})
    before = await database.read(snapshot)
    report = await load(database, {"group_invoices": [hosted, joined]})
    assert [(row.result, row.reason) for row in report.rows] == [(Result.UNCHANGED, "")] * 2
    assert await database.read(snapshot) == before


async def test_an_invoice_of_an_erased_guest_brings_amounts_and_no_texts(database: Database) -> None:
    joined = {key: value for key, value in GROUP.items() if key != "host_id"}
    await erased(database)
    sale = INVOICE | {"group_invoice_id": GROUP["id"]}
    other = deepcopy(INVOICE) | {"id": guid_of("other"), "guest": {"id": GRACE, "first_name": "Grace"}}
    other["invoice_items"][0]["invoice_item_id"] = guid_of("line 2")
    other["transactions"][0]["transaction_id"] = guid_of("paid 2")
    other["additional_fields"] = [{"key": "wish", "value": "tea"}]
    other["transactions"][0]["payment_option"] = {}

    report = await load(database, {"group_invoices": [joined], "invoices": [other, sale]})

    assert [(row.result, row.reason) for row in report.rows] == [
        (Result.CREATED, ""),
        (Result.CREATED, ""),
        (Result.CREATED, TEXTS_OF_ERASED),
    ]
    whole = await database.read(texts)
    assert betrayed(whole) == []
    assert "tea" in whole
    assert ((await audited(database)).problem, await examined(database)) == ("", [])
    (again,) = (await load(database, {"invoices": [sale]})).rows
    assert again.result is Result.UNCHANGED


async def test_an_invoice_that_differs_is_refused_without_repeating_how(database: Database) -> None:
    await erased(database, {"invoices": [INVOICE]})
    before = await database.read(snapshot)
    (row,) = (await load(database, {"invoices": [INVOICE | {"invoice_number": "Adalovelacia"}]})).rows
    assert (row.result, row.code) == (Result.REFUSED, "conflict")
    assert row.reason == "already exists and differs, and its guest was erased since"
    assert await database.read(snapshot) == before


async def test_nobody_is_erased_where_nobody_asked(database: Database) -> None:
    await load(database, BASE)

    def nobody(connection: Connection) -> bool:
        return not erasures.groups_concerned(connection, []) and not erasures.groups_concerned(connection, [CENTRE])

    assert await database.read(nobody)
    report = await load(database, {"saved_cards": [CARD], "group_invoices": [GROUP], "invoices": [INVOICE]})
    assert {(row.result, row.reason) for row in report.rows} == {(Result.CREATED, "")}
    assert "a bad left knee" in await database.read(texts)
    assert (await database.read(directory.guests, [ADA]))[ADA].value.first_name == "Adalovelacia"
