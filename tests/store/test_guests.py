"""Guests on both engines: kept whole, found through an index, and those of an older database found too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, insert, select

from closebell.domain.guest_profile import Address, GuestProfile, GuestRecord, Named, Phone, Preferences, Referral
from closebell.domain.guest_terms import SearchField, folded, terms_of
from closebell.domain.people import GuestEntry
from closebell.store import directory, guests, schema, tables
from closebell.store.database import open_database
from closebell.store.guests import GuestSearch
from closebell.store.unit import Database
from closebell.testing import NOON, a_centre, guid_of, put_centre, snapshot
from planning import plans, scanned

HERE, THERE = a_centre(), a_centre("Side Street")
LATER = NOON + timedelta(hours=1)


def a_record(name: str, *, centre: str | None = HERE.id, **fields: Any) -> GuestRecord:
    first, _, last = name.partition(" ")
    entry = GuestEntry(id=guid_of(name), first_name=first, last_name=last, center_id=centre)
    return GuestRecord(entry=replace(entry, **fields), created_at=NOON, updated_at=NOON)


def whole() -> GuestRecord:
    """A guest with something in every field."""
    profile = GuestProfile(
        user_name="ada",
        middle_name="B.",
        mobile_phone=Phone(number="555", phone_code=1, country_code=225),
        work_phone=Phone(number="1"),
        home_phone=Phone(number="2", phone_code=44),
        date_of_birth=date(1990, 9, 22),
        is_minor=True,
        nationality_id=95,
        anniversary_date=date(2015, 6, 1),
        lock_guest_custom_data=True,
        pan="X1",
        dob_incomplete_year="90",
        address=Address(address_1="1", address_2="2", city="Ærø", state_id=3, state_other="4", country_id=5),
        preferences=Preferences(receive_marketing_email=True),
        referral=Referral(referral_source=Named(id=guid_of("source"), name="a friend")),
    )
    known = a_record("Ada Guest", gender=0, code="G1", email="ada@guests.example", mobile_phone="+1 555")
    return replace(known, profile=profile)


def _put(connection: Connection, *records: GuestRecord) -> None:
    for centre in (HERE, THERE):
        put_centre(connection, centre)
    for record in records:
        guests.insert_one(connection, record)


async def _found(database: Database, wanted: GuestSearch, **page: int) -> tuple[list[str], int]:
    found, total = await database.read(guests.search, wanted, **{"offset": 0, "limit": 10, **page})
    return sorted(record.entry.first_name for record in found), total


def by(*, centers: frozenset[str] | None = None, **beginnings: str) -> GuestSearch:
    terms = [(SearchField(name), folded(SearchField(name), text)) for name, text in beginnings.items()]
    return GuestSearch(center_ids=centers, terms=tuple(terms))


async def test_a_guest_is_kept_whole(database: Database) -> None:
    await database.write(_put, whole())
    assert await database.read(guests.load, [whole().entry.id, guid_of("nobody")]) == {whole().entry.id: whole()}


async def test_a_guest_who_is_saved_is_found_by_what_they_are_now(database: Database) -> None:
    await database.write(_put, whole())
    after = replace(whole(), entry=replace(whole().entry, first_name="Eva", email=""), updated_at=LATER)
    await database.write(guests.save, after)
    assert await database.write(guests.load_locked, after.entry.id) == after
    assert await _found(database, by(first_name="ada")) == ([], 0)
    assert await _found(database, by(email="ada@")) == ([], 0)
    assert await _found(database, by(first_name="eva", phone="555")) == (["Eva"], 1)


async def test_an_imported_guest_has_no_profile_until_they_are_saved(database: Database) -> None:
    entry = GuestEntry(id=guid_of("Bo"), first_name="Bo", mobile_phone="+91 9885117036")
    await database.write(directory.insert_guests, [entry], is_stub=True)
    before = (await database.read(guests.load, [entry.id]))[entry.id]
    phone = Phone(number="9885117036", phone_code=91)
    assert before == GuestRecord(entry=entry, profile=GuestProfile(mobile_phone=phone))
    await database.write(guests.save, replace(before, updated_at=LATER))
    after = (await database.read(guests.load, [entry.id]))[entry.id]
    assert after == replace(before, updated_at=LATER)
    kept = await database.read(directory.guests, [entry.id])
    assert not kept[entry.id].is_stub, "an import completes a stub, and would undo what was said here"


async def test_the_phone_that_invoices_show_wins_over_the_profiles(database: Database) -> None:
    await database.write(_put, whole())
    await database.write(directory.define_guests, [replace(whole().entry, mobile_phone="+44 777")])
    record = (await database.read(guests.load, [whole().entry.id]))[whole().entry.id]
    assert record.profile.mobile_phone == Phone(number="777", phone_code=44)
    assert record.profile.work_phone == whole().profile.work_phone


@pytest.mark.parametrize(
    ("beginnings", "names"),
    [
        ({"first_name": "a"}, ["Ada", "Adam"]),
        ({"first_name": "ADA"}, ["Ada", "Adam"]),
        ({"first_name": "ada "}, ["Ada", "Adam"]),
        ({"first_name": "\u00e5"}, ["\u00c5sa"]),
        ({"last_name": "STRAUSS"}, ["Adam"]),
        ({"last_name": "o'"}, ["Ada"]),
        ({"last_name": "%"}, []),
        ({"last_name": "_'"}, []),
        ({"email": "ada@"}, ["Ada"]),
        ({"code": "g-"}, ["Ada", "Adam"]),
        ({"phone": "+91 988"}, ["Ada"]),
        ({"phone": "988"}, ["Ada", "\u00c5sa"]),
        ({"phone": "9"}, ["Ada", "\u00c5sa"]),
        ({"first_name": "ada", "code": "g-2"}, ["Adam"]),
        ({"first_name": "ada", "email": "bo@"}, []),
        ({"first_name": "\U0010ffff"}, []),
    ],
)
async def test_a_beginning_finds_whoever_begins_so(
    database: Database, beginnings: dict[str, Any], names: list[str]
) -> None:
    await database.write(
        _put,
        a_record("Ada O'Neil", email="Ada@Guests.example", code="G-1", mobile_phone="+91 9885117036"),
        a_record("Adam Strau\u00df", code="G-2"),
        a_record("\u00c5sa Berg", mobile_phone="98 8"),
        a_record("Zoe"),
    )
    assert await _found(database, by(**beginnings)) == (sorted(names), len(names))


async def test_a_centre_bounds_what_is_found(database: Database) -> None:
    await database.write(_put, a_record("Ada"), a_record("Adam", centre=THERE.id), a_record("Adele", centre=None))
    both = frozenset({HERE.id, THERE.id})
    assert await _found(database, by(first_name="ad")) == (["Ada", "Adam", "Adele"], 3)
    assert await _found(database, by(centers=frozenset({THERE.id}), first_name="ad")) == (["Adam"], 1)
    assert await _found(database, by(centers=both)) == (["Ada", "Adam"], 2)
    assert await _found(database, by(centers=frozenset({HERE.id}))) == (["Ada"], 1)
    assert await _found(database, by(centers=frozenset(), first_name="ad")) == ([], 0)


async def test_pages_follow_each_other_without_holes_or_repeats(database: Database) -> None:
    await database.write(_put, *(a_record(f"Ada{number} Guest", mobile_phone="+9 9") for number in range(7)))
    wanted = by(centers=frozenset({HERE.id}), phone="9")  # found by both terms of the number, and counted once
    pages = [await database.read(guests.search, wanted, offset=at, limit=3) for at in (0, 3, 6, 9)]
    assert [total for _, total in pages] == [7] * 4
    ids = [record.entry.id for found, _ in pages for record in found]
    assert ids == sorted(guid_of(f"Ada{number} Guest") for number in range(7))


async def test_indexing_again_changes_nothing_and_nothing_is_indexed_of_nobody(database: Database) -> None:
    await database.write(_put, whole())
    before = await database.read(snapshot)
    await database.write(guests.index_guests, [whole().entry, whole().entry])
    await database.write(guests.index_guests, [])
    assert await database.read(snapshot) == before


PLANS = [
    by(first_name="ada"),
    by(first_name="ada", email="x", phone="1"),
    by(centers=frozenset({HERE.id}), last_name="guest"),
    by(centers=frozenset({HERE.id, THERE.id}), code="g"),
    by(centers=frozenset({HERE.id})),
]


def _plans(connection: Connection, wanted: GuestSearch) -> list[str]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return plans(connection, partial(guests.search, wanted=wanted, offset=0, limit=10))


@pytest.mark.parametrize("wanted", PLANS, ids=range(len(PLANS)))
async def test_nothing_is_read_through_to_find_a_guest(database: Database, wanted: GuestSearch) -> None:
    await database.write(_put, *(a_record(f"Ada{number} Guest") for number in range(50)))
    told = await database.read(_plans, wanted)
    assert not [plan for plan in told if scanned(plan) & {"guests", "guest_terms"}], told
    counted, (page, *_) = told[: len(wanted.terms)], told[len(wanted.terms) :]
    assert all("<" in plan for plan in counted), "a beginning is a stretch of the index, and no filter over a field"
    if not wanted.terms:
        assert "ix_guests_center_id" in page
        assert "SORT" not in page.upper().replace("SORTED", ""), "the index has the order in which they are shown"
    elif database.engine_name == "sqlite":
        looked_up = len(wanted.terms) - 1
        assert page.count("ix_guest_terms_guest_id") == looked_up, "one beginning leads, however common the others"


COMMON = [
    by(email="a"),
    by(phone="1206"),
    by(centers=frozenset({HERE.id}), email="a"),
    by(centers=frozenset({HERE.id}), email="a", first_name="a"),
]
MANY = guests.LOOKED_UP + 1


def _many(connection: Connection) -> None:
    """More guests of one centre than are looked up, who all begin alike."""
    put_centre(connection, HERE)
    entries = [
        replace(
            a_record(f"Ada {number}").entry, email=f"ada{number}@guests.example", mobile_phone=f"+1 206-555-{number:04}"
        )
        for number in range(MANY)
    ]
    directory.insert_guests(connection, entries, is_stub=False)
    guests.index_guests(connection, entries)


@pytest.mark.parametrize("wanted", COMMON, ids=range(len(COMMON)))
async def test_a_beginning_that_everybody_has_is_no_reason_to_look_everybody_up(
    database: Database, wanted: GuestSearch
) -> None:
    await database.write(_many)
    if database.engine_name == "sqlite":
        page = (await database.read(_plans, wanted))[len(wanted.terms) + 1]
        assert "TEMP B-TREE" not in page, "the guests are gone through in the order in which they are shown"
        assert "LIST SUBQUERY" not in page, "and nobody is looked up who is not shown"
    found, total = await database.read(guests.search, wanted, offset=20, limit=10)
    assert [record.entry.id for record in found] == sorted(guid_of(f"Ada {number}") for number in range(MANY))[20:30]
    assert total == MANY


async def test_whichever_beginning_leads_the_same_guests_are_found(database: Database) -> None:
    numbers = ("+91 9885117036", "98 8", "", "+9 9")
    people = [
        a_record(f"{name} {last}{place}", email=f"{name}@x.example", code=name, mobile_phone=number, centre=centre)
        for name, last in (("Ada", "O'Neil"), ("Adam", "Berg"), ("Bo", "Oda"))
        for place, (number, centre) in enumerate(zip(numbers, (HERE.id, THERE.id, None, HERE.id), strict=True))
    ]
    await database.write(_put, *people)

    def ids(connection: Connection, wanted: GuestSearch, leader: guests.Term | None) -> list[str]:
        given = {"ids": sorted(wanted.center_ids or ())}
        return sorted(row.id for row in connection.execute(guests._matching(wanted, leader), given))

    for centers in (None, frozenset({HERE.id}), frozenset({HERE.id, THERE.id})):
        for beginnings in (
            {"phone": "9"},
            {"first_name": "ad", "phone": "98"},
            {"email": "a", "code": "ada", "last_name": "o"},
        ):
            wanted = by(centers=centers, **beginnings)
            found = [await database.read(ids, wanted, leader) for leader in (None, *wanted.terms)]
            assert found[0]
            assert all(one == found[0] for one in found)


async def test_guests_of_an_older_database_are_found_too(database_url: str) -> None:
    """More than one portion of them, among them some of whom there is nothing to be found by."""
    entries = [
        GuestEntry(
            id=guid_of(f"old {number}"),
            first_name=f"Ada{number}",
            last_name="Strau\u00df " if number % 2 else "",
            email="A@b.example",
            code=f"G{number}",
            mobile_phone="+91 98-85" if number % 3 else "n/a",
        )
        for number in range(1203)
    ] + [GuestEntry(id=guid_of("nobody"))]
    _make_file(database_url)
    database = open_database(database_url)
    await database.write(_upgrade, "0003")
    await database.write(_insert_as_it_was, entries)
    await database.write(_upgrade, "head")
    rows = await database.read(lambda connection: connection.execute(select(tables.guest_terms)).all())
    await database.close()
    expected = {(str(field), term, entry.id) for entry in entries for field, term in terms_of(entry)}
    assert {tuple(row) for row in rows} == expected


def _make_file(url: str) -> None:
    """A file must be there to be opened; an empty one is a database with nothing in it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()


def _upgrade(connection: Connection, to: str) -> None:
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _insert_as_it_was(connection: Connection, entries: list[GuestEntry]) -> None:
    values = [{name: getattr(entry, name) for name in entry.__slots__} for entry in entries]
    connection.execute(insert(tables.guests), [{**value, "is_stub": False} for value in values])
