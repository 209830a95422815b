"""Guests on both engines: kept whole, found through an index, and those of an older database found too."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
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


@pytest.mark.parametrize("wanted", PLANS, ids=range(len(PLANS)))
async def test_nothing_is_read_through_to_find_a_guest(database: Database, wanted: GuestSearch) -> None:
    await database.write(_put, *(a_record(f"Ada{number} Guest") for number in range(50)))

    def plan(connection: Connection) -> str:
        on_sqlite = connection.dialect.name == "sqlite"
        compiled = guests._matching(wanted).order_by(tables.guests.c.id).limit(10).compile(connection)
        given = compiled.construct_params({"ids": sorted(wanted.center_ids or ())})
        values = [given[name] for name in compiled.positiontup or ()]
        if on_sqlite:
            values = [json.dumps(value) if isinstance(value, list) else value for value in values]
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if on_sqlite else "EXPLAIN"
        return "\n".join(row[-1] for row in connection.exec_driver_sql(f"{explain} {compiled}", tuple(values)))

    told = await database.read(plan)
    scans = [line for line in told.splitlines() if line.strip().startswith(("SCAN guest", "->  Seq Scan", "Seq Scan"))]
    assert not scans, told
    if wanted.terms:
        assert "guest_terms" in told
        assert "term" in told
        assert "<" in told, "the beginning is a stretch of the index, and no filter over a field"
        if database.engine_name == "sqlite":
            looked_up = len(wanted.terms) - 1
            assert told.count("ix_guest_terms_guest_id") == looked_up, "one beginning leads, however common the others"
    else:
        assert "ix_guests_center_id" in told
        assert "SORT" not in told.upper().replace("SORTED", ""), "the index has the order in which they are shown"


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
