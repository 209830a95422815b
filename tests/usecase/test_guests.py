"""Guests are created, changed and found; each change is told once, and what is refused changes nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from closebell.domain.caller import Caller, Role
from closebell.domain.event import GUEST_CREATED, GUEST_UPDATED, INVOICE_CLOSED
from closebell.domain.guest_shapes import GuestRequest
from closebell.domain.guest_terms import SearchField
from closebell.domain.people import GuestEntry
from closebell.errors import ClosebellError, InvalidInput, NotFound, Refusal, RefusalCode
from closebell.store import delivery_log, directory, endpoints, events, guests
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    put_centre,
    snapshot,
)
from closebell.usecase.change_guest import change_guest
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.create_guest import create_guest
from closebell.usecase.read_guests import read_guest, search_guests
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.tell_of_guest import KnownGuest

HERE, THERE = a_centre(), a_centre("Side Street")
BOUND = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({HERE.id}))
NOWHERE = GuestEntry(id=guid_of("nowhere"), first_name="Noa")
ELSEWHERE = GuestEntry(id=guid_of("elsewhere"), first_name="Eli", center_id=THERE.id)


def said(**members: Any) -> GuestRequest:
    return msgspec.convert(members, GuestRequest)


def new(first_name: str = "Ada", *, center_id: str = HERE.id) -> GuestRequest:
    return said(center_id=center_id, personal_info={"first_name": first_name})


@pytest.fixture
async def book(database: Database) -> Database:
    """Two centres, a guest of the second and one of none, and nobody who listens."""
    for centre in (HERE, THERE):
        await database.write(put_centre, centre)
    await database.write(directory.insert_guests, [NOWHERE, ELSEWHERE], is_stub=False)
    await database.write(guests.index_guests, [NOWHERE, ELSEWHERE])
    return database


async def _create(database: Database, request: GuestRequest, **options: Any) -> KnownGuest:
    given = {"clock": FixedClock(), "luck": SeededLuck(), **options}
    return await database.write(create_guest, request, **given)


async def _change(database: Database, guest_id: str, **members: Any) -> KnownGuest:
    clock, luck = FixedClock(NOON + timedelta(hours=1)), SeededLuck(hash((guest_id, str(members))))
    return await database.write(change_guest, guest_id, said(**members), clock=clock, luck=luck)


async def _told(database: Database) -> list[tuple[str, str | None, Any]]:
    stored = await database.read(events.after, 0, 100)
    return [(one.event_type, one.center_id, json.loads(one.body or b"")) for one in stored]


async def test_a_new_guest_is_kept_found_and_told(book: Database) -> None:
    known = await _create(book, new())
    guest_id = known.guest.entry.id
    assert await book.read(read_guest, guest_id) == known
    page = await book.read(search_guests, {SearchField.FIRST_NAME: "ad"}, center_id=HERE.id, offset=0, limit=10)
    assert (page.total, page.guests) == (1, [known])
    ((event_type, center_id, body),) = await _told(book)
    assert (event_type, center_id, body["event_resource"]) == (GUEST_CREATED, HERE.id, "Guest")
    assert (body["data"]["id"], body["data"]["center_name"]) == (guest_id, "Main Street")
    assert body["data"]["created_date"] == "2026-01-05T04:00:00"


async def test_the_same_person_twice_is_two_guests(book: Database) -> None:
    luck = SeededLuck()
    first, second = [await _create(book, new(), luck=luck) for _ in range(2)]
    assert first.guest.entry.id != second.guest.entry.id
    assert [event_type for event_type, _, _ in await _told(book)] == [GUEST_CREATED] * 2


async def test_a_change_is_told_whole_and_what_is_nothing_new_is_not(book: Database) -> None:
    guest_id = (await _create(book, new())).guest.entry.id
    after = await _change(book, guest_id, personal_info={"mobile_phone": "+1 555"})
    assert after.guest.entry.mobile_phone == "+1 555"
    before = await book.read(snapshot)
    again = await _change(book, guest_id, personal_info={"mobile_phone": {"phone_code": 1, "number": "555"}})
    assert again == after
    assert await book.read(snapshot) == before
    (_, (event_type, center_id, body)) = await _told(book)
    assert (event_type, center_id) == (GUEST_UPDATED, HERE.id)
    assert (body["data"]["created_date"], body["data"]["last_updated"]) == (
        "2026-01-05T04:00:00",
        "2026-01-05T05:00:00",
    )
    assert body["data"]["personal_info"]["first_name"] == "Ada"


async def test_only_who_listens_to_the_type_and_the_centre_is_told(book: Database) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "both": {"event_types": (GUEST_CREATED, GUEST_UPDATED)},
        "created": {"event_types": (GUEST_CREATED,)},
        "closed": {"event_types": (INVOICE_CLOSED,)},
        "elsewhere": {"event_types": (GUEST_CREATED,), "center_ids": (THERE.id,)},
        "here": {"event_types": (GUEST_UPDATED,), "center_ids": (HERE.id,)},
    }
    for name, fields in wanted.items():
        await book.write(endpoints.insert_one, an_endpoint(name, **fields))
    guest_id = (await _create(book, new())).guest.entry.id
    await _change(book, guest_id, code="G1")
    await _change(book, NOWHERE.id, code="G2")
    told = {
        event_type: await book.read(delivery_log.count_by_endpoint, event_type, NOON, NOON + timedelta(days=1))
        for event_type in (GUEST_CREATED, GUEST_UPDATED)
    }
    assert told == {
        GUEST_CREATED: {guid_of("endpoint both"): 1, guid_of("endpoint created"): 1},
        GUEST_UPDATED: {guid_of("endpoint both"): 2, guid_of("endpoint here"): 1},
    }


async def test_who_moves_is_told_of_where_they_move_to(book: Database) -> None:
    guest_id = (await _create(book, new())).guest.entry.id
    moved = await _change(book, guest_id, center_id=THERE.id)
    assert moved.centre is not None
    assert moved.centre.id == THERE.id
    assert [center_id for _, center_id, _ in await _told(book)] == [HERE.id, THERE.id]


REFUSED: list[tuple[dict[str, Any], type[ClosebellError], str]] = [
    ({"center_id": guid_of("no centre")}, Refusal, "Invalid center_id."),
    ({"personal_info": {"first_name": " "}}, InvalidInput, "first_name"),
    ({"personal_info": {"email": "ada"}}, InvalidInput, "email"),
]


@pytest.mark.parametrize(("members", "error", "says"), REFUSED)
async def test_a_refused_change_changes_nothing(
    book: Database, members: dict[str, Any], error: type[ClosebellError], says: str
) -> None:
    guest_id = (await _create(book, new())).guest.entry.id
    before = await book.read(snapshot)
    with pytest.raises(error, match=says):
        await _change(book, guest_id, **members)
    assert await book.read(snapshot) == before


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        (new(center_id=guid_of("no centre")), Refusal, "Invalid center_id."),
        (new(""), InvalidInput, "first_name"),
        (said(personal_info={"first_name": "Ada"}), InvalidInput, "center_id"),
    ],
)
async def test_a_refused_guest_is_nobody(
    book: Database, request_: GuestRequest, error: type[ClosebellError], says: str
) -> None:
    before = await book.read(snapshot)
    with pytest.raises(error, match=says):
        await _create(book, request_)
    assert await book.read(snapshot) == before


async def test_nobody_is_not_found(book: Database) -> None:
    with pytest.raises(NotFound, match="No guest"):
        await book.read(read_guest, guid_of("nobody"))
    with pytest.raises(NotFound, match="No guest"):
        await _change(book, guid_of("nobody"), code="x")


@pytest.mark.parametrize("guest", [NOWHERE, ELSEWHERE], ids=["of no centre", "of another centre"])
async def test_whoever_is_bound_to_a_centre_reaches_its_guests_alone(book: Database, guest: GuestEntry) -> None:
    before = await book.read(snapshot)
    with pytest.raises(Refusal) as read:
        await book.read(read_guest, guest.id, caller=BOUND)
    with pytest.raises(Refusal) as changed:
        await book.write(change_guest, guest.id, said(code="x"), clock=FixedClock(), luck=SeededLuck(), caller=BOUND)
    with pytest.raises(Refusal) as created:
        await _create(book, new(center_id=THERE.id), caller=BOUND)
    with pytest.raises(Refusal) as searched:
        await book.read(search_guests, {}, center_id=THERE.id, offset=0, limit=1, caller=BOUND)
    assert {one.value.code for one in (read, changed, created, searched)} == {RefusalCode.CANNOT_ACCESS}
    found = await book.read(
        search_guests, {SearchField.FIRST_NAME: guest.first_name}, center_id=None, offset=0, limit=9, caller=BOUND
    )
    assert (found.total, found.guests) == (0, [])
    assert await book.read(snapshot) == before


async def test_whoever_is_bound_creates_changes_and_finds_their_own_and_gives_none_away(book: Database) -> None:
    known = await _create(book, new(), caller=BOUND)
    options: Any = {"clock": FixedClock(), "luck": SeededLuck(2), "caller": BOUND}
    await book.write(change_guest, known.guest.entry.id, said(code="G1"), **options)
    found = await book.read(search_guests, {SearchField.CODE: "g1"}, center_id=None, offset=0, limit=9, caller=BOUND)
    assert found.total == 1
    before = await book.read(snapshot)
    with pytest.raises(Refusal) as refused:
        await book.write(change_guest, known.guest.entry.id, said(center_id=THERE.id), **options)
    assert refused.value.code is RefusalCode.CANNOT_ACCESS
    assert await book.read(snapshot) == before


@pytest.mark.parametrize(
    ("beginnings", "field"),
    [
        ({}, "center_id"),
        ({SearchField.FIRST_NAME: "  "}, "first_name"),
        ({SearchField.PHONE: "none"}, "phone"),
        ({SearchField.EMAIL: "x" * 401}, "email"),
        ({SearchField.CODE: "a\0"}, "code"),
    ],
)
async def test_a_search_looks_for_something(book: Database, beginnings: dict[SearchField, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await book.read(search_guests, beginnings, center_id=None, offset=0, limit=1)
    assert refused.value.field == field


async def test_a_centre_alone_lists_its_guests(book: Database) -> None:
    page = await book.read(search_guests, {}, center_id=THERE.id, offset=0, limit=10)
    assert (page.total, [known.guest.entry for known in page.guests]) == (1, [ELSEWHERE])


async def test_open_invoices_show_the_guest_as_they_are_and_what_was_told_stays(book: Database) -> None:
    guest = a_paid_invoice().guest
    assert guest is not None
    await book.write(put, a_paid_invoice("closed", centre=THERE), an_invoice("open", centre=THERE))
    await book.write(
        close_invoices, [CloseCommand(invoice_id=guid_of("invoice closed"))], clock=FixedClock(), luck=SeededLuck()
    )
    (told,) = await book.read(events.after, 0, 10)
    await _change(book, guest.id, personal_info={"first_name": "Eva", "mobile_phone": "+44 999"})
    assert (await book.read(events.after, 0, 1)) == [told]
    assert b"+1 206-555-0100" in (told.body or b"")
    for name in ("open", "closed"):
        shown = (await book.read(read_invoice, guid_of(f"invoice {name}"))).guest
        assert shown is not None
        assert (shown.first_name, shown.mobile_phone, shown.last_name) == ("Eva", "+44 999", guest.last_name)


async def test_changes_at_once_lose_nothing(book: Database) -> None:
    guest_id = (await _create(book, new())).guest.entry.id
    wanted: list[dict[str, Any]] = [
        {"code": "G1"},
        {"personal_info": {"last_name": "Guest"}},
        {"personal_info": {"email": "ada@guests.example"}},
        {"address_info": {"city": "Seattle"}},
        {"preferences": {"receive_marketing_sms": True}},
    ]
    await asyncio.gather(*(_change(book, guest_id, **members) for members in wanted))
    guest = (await book.read(read_guest, guest_id)).guest
    assert (guest.entry.code, guest.entry.last_name, guest.entry.email) == ("G1", "Guest", "ada@guests.example")
    assert (guest.profile.address.city, guest.profile.preferences.receive_marketing_sms) == ("Seattle", True)
    told = await _told(book)
    assert len(told) == 1 + len(wanted)
    assert told[-1][2]["data"]["address_info"]["city"] == "Seattle", "the last that was told is the guest as they are"
