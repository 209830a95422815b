"""Guests over HTTP: created, changed, read and found, in every spelling that clients use."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from calling import Reply, Site
from closebell.domain.identifiers import NO_GUID
from closebell.store import tables
from closebell.testing import a_centre, a_guest, an_invoice, guid_of, put_centre, snapshot

HERE, THERE = a_centre(), a_centre("Side Street")
ADA = {"center_id": HERE.id, "personal_info": {"first_name": "Ada"}}


@pytest.fixture
async def salon(site: Site) -> Site:
    """Two centres."""
    for centre in (HERE, THERE):
        await site.service.database.write(put_centre, centre)
    return site


async def _create(site: Site, body: Any = None, **options: Any) -> Any:
    reply = await site.post("/v1/guests", ADA if body is None else body, **options)
    assert reply.status == 200, reply.document
    return reply.document


async def _everything(site: Site) -> Any:
    return await site.service.database.read(snapshot)


async def _bound_key(site: Site, role: str = "cashier") -> str:
    made = await site.post("/v1/keys", {"name": "till", "role": role, "center_ids": [HERE.id]})
    key: str = made.document["key"]
    return key


def _names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.document
    return sorted(guest["personal_info"]["first_name"] for guest in reply.document["guests"])


async def test_a_guest_is_created_read_and_changed(salon: Site) -> None:
    created = await _create(
        salon,
        {
            "center_id": HERE.id.upper(),
            "code": "G7",
            "personal_info": {
                "first_name": "Ada",
                "email": "ada@guests.example",
                "mobile_phone": {"country_code": 95, "phone_code": "91", "number": "9885117036"},
                "nobody_knows": [1],
            },
            "address_info": {"city": "Hyderabad", "zip_code": "500001"},
            "tags": "vip",
        },
    )
    assert created["error"] is None
    assert (created["code"], created["center_id"], created["center_name"]) == ("G7", HERE.id, "Main Street")
    assert created["personal_info"]["mobile_phone"]["display_number"] == "+91 9885117036"
    at = f"/v1/guests/{created['id']}"
    assert (await salon.get(at)).document == created
    changed = await salon.call("PUT", at, {"personal_info": {"last_name": "Byron"}, "preferences": None})
    assert changed.document["personal_info"] == {**created["personal_info"], "last_name": "Byron"}
    assert (await salon.get(at.upper().replace("V1/GUESTS", "v1/guests"))).document == changed.document


async def test_what_was_read_may_be_sent_back_whole(salon: Site) -> None:
    created = await _create(salon)
    at = f"/v1/guests/{created['id']}"
    before = await _everything(salon)
    assert (await salon.call("PUT", at, created)).document == created
    assert await _everything(salon) == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The request is invalid. The body is empty"),
        (b"[]", "The request is invalid. The body must be an object"),
        ({}, "center_id: is missing"),
        ({"center_id": "main", "personal_info": {"first_name": "A"}}, "center_id: 'main' is not a GUID"),
        ({"center_id": guid_of("x"), "personal_info": {"first_name": "A"}}, "Invalid center_id."),
        ({"center_id": NO_GUID, "personal_info": {"first_name": "A"}}, "center_id: is missing"),
        ({"center_id": HERE.id}, "personal_info.first_name: is missing"),
        ({"center_id": HERE.id, "personal_info": "Ada"}, "personal_info: must be an object or null, not a string"),
        (
            {"center_id": HERE.id, "personal_info": {"first_name": 5}},
            "personal_info.first_name: must be a string or null, not an integer",
        ),
        (
            {"center_id": HERE.id, "personal_info": {"first_name": "A", "mobile_phone": 5}},
            "personal_info.mobile_phone: must be a string or an object or null, not an integer",
        ),
        (
            {"center_id": HERE.id, "personal_info": {"first_name": "A", "email": "a"}},
            "personal_info.email: is not an e-mail address",
        ),
        (
            {"center_id": HERE.id, "personal_info": {"first_name": "A\0"}},
            "personal_info.first_name: contains the character \\u0000",
        ),
    ],
)
async def test_a_refused_guest_leaves_nothing(salon: Site, body: Any, message: str) -> None:
    before = await _everything(salon)
    reply = await salon.post("/v1/guests", body)
    assert reply.status == 400
    assert reply.error["message"].startswith(message)
    assert await _everything(salon) == before


async def test_the_kept_answer_to_a_refused_guest_repeats_nothing_of_them(salon: Site) -> None:
    """It is kept without their id, so that no erasure could find it."""
    body = {"center_id": HERE.id, "personal_info": {"first_name": "A", "email": "ada.at.guests.example"}}
    reply = await salon.post("/v1/guests", body, headers={"Idempotency-Key": "refused"})
    assert reply.status == 400
    again = await salon.post("/v1/guests", body, headers={"Idempotency-Key": "refused"})
    assert again.body == reply.body
    statement = select(tables.kept_answers.c.body).where(tables.kept_answers.c.key == "refused")
    kept = await salon.service.database.read(lambda connection: connection.execute(statement).scalar_one())
    assert b"personal_info.email" in kept
    assert b"ada.at" not in kept


async def test_a_refused_change_leaves_the_guest_as_they_are(salon: Site) -> None:
    at = f"/v1/guests/{(await _create(salon))['id']}"
    before = await _everything(salon)
    for body, message in [
        ({"personal_info": {"gender": 9}}, "personal_info.gender: "),
        ({"preferences": {"receive_marketing_sms": "yes"}}, "preferences.receive_marketing_sms: must be true or false"),
        ({"center_id": guid_of("nowhere")}, "Invalid center_id."),
    ]:
        reply = await salon.call("PUT", at, body)
        assert (reply.status, reply.error["code"]) == (400, 502)
        assert reply.error["message"].startswith(message)
    assert await _everything(salon) == before


async def test_nobody_is_404(salon: Site) -> None:
    at = f"/v1/guests/{guid_of('nobody')}"
    for reply in (await salon.get(at), await salon.call("PUT", at, {})):
        assert (reply.status, reply.error["code"]) == (404, 404)
    assert (await salon.get("/v1/guests/nobody")).error["message"].startswith("guest_id: ")


async def test_search_by_each_of_its_names_and_in_pages(salon: Site) -> None:
    for number, name in enumerate(["Ada", "Adam", "Bo"]):
        info = {
            "first_name": name,
            "last_name": "Strau\u00df",
            "email": f"{name}@guests.example",
            "mobile_phone": f"+91 98{number}",
        }
        await _create(salon, {"center_id": HERE.id, "code": f"G{number}", "personal_info": info})
    await _create(salon, {"center_id": THERE.id, "personal_info": {"first_name": "Adele"}})
    at = "/v1/guests/search?"
    assert _names(await salon.get(f"{at}first_name=AD")) == ["Ada", "Adam", "Adele"]
    assert _names(await salon.get(f"{at}first_name=AD&center_id={THERE.id}")) == ["Adele"]
    assert _names(await salon.get(f"{at}last_name=strauss&email=bo@")) == ["Bo"]
    assert _names(await salon.get(f"{at}phone=%2B91%20981")) == ["Adam"]
    assert _names(await salon.get(f"{at}mobile_phone=981&phone=")) == ["Adam"]
    assert _names(await salon.get(f"{at}user_code=g2")) == ["Bo"]
    assert _names(await salon.get(f"{at}code=g2")) == ["Bo"]
    assert _names(await salon.get(f"/v1/guests?center_id={HERE.id}")) == ["Ada", "Adam", "Bo"]
    pages = [(await salon.get(f"{at}center_id={HERE.id}&page={page}&size=2")).document for page in (1, 2, 3)]
    assert [page["page_info"] for page in pages] == [{"total": 3, "page": page, "size": 2} for page in (1, 2, 3)]
    assert [len(page["guests"]) for page in pages] == [2, 1, 0]
    assert pages[0]["error"] is None


@pytest.mark.parametrize(
    ("query", "codes", "message"),
    [
        ("", (400, 502), "center_id: is missing"),
        ("first_name=", (400, 502), "center_id: is missing"),
        ("first_name=%20", (400, 502), "first_name: is blank"),
        ("phone=none", (400, 502), "phone: is blank"),
        ("email=a%00", (400, 502), "email: holds a NUL"),
        (f"last_name={'x' * 401}", (400, 502), "last_name: has 401 characters"),
        ("center_id=main", (400, 502), "center_id: 'main' is not a GUID"),
        ("first_name=a&page=0", (400, 502), "page: "),
        ("first_name=a&size=101", (422, 422), "You cannot request more than 100 items."),
    ],
)
@pytest.mark.parametrize("path", ["/v1/guests", "/v1/guests/search"])
async def test_a_search_that_makes_no_sense_is_refused(
    salon: Site, path: str, query: str, codes: tuple[int, int], message: str
) -> None:
    reply = await salon.get(f"{path}?{query}")
    assert (reply.status, reply.error["code"]) == codes
    assert reply.error["message"].startswith(message)


async def test_a_key_that_is_bound_reaches_the_guests_of_its_centres(salon: Site) -> None:
    there = await _create(salon, {"center_id": THERE.id, "personal_info": {"first_name": "Adele"}})
    key = await _bound_key(salon)
    mine = await _create(salon, key=key)
    before = await _everything(salon)
    at = f"/v1/guests/{there['id']}"
    for reply in [
        await salon.get(at, key=key),
        await salon.call("PUT", at, {"code": "x"}, key=key),
        await salon.call("PUT", f"/v1/guests/{mine['id']}", {"center_id": THERE.id}, key=key),
        await salon.post("/v1/guests", {**ADA, "center_id": THERE.id}, key=key),
        await salon.get(f"/v1/guests?center_id={THERE.id}", key=key),
        await salon.get(f"{at}/giftcards", key=key),
    ]:
        assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 438, "cannot access.")
    assert _names(await salon.get("/v1/guests/search?first_name=ad", key=key)) == ["Ada"]
    assert await _everything(salon) == before


async def test_a_reader_reads_and_changes_nobody(salon: Site) -> None:
    guest = await _create(salon)
    key = await _bound_key(salon, "reader")
    at = f"/v1/guests/{guest['id']}"
    before = await _everything(salon)
    assert (await salon.get(at, key=key)).document == guest
    assert (await salon.post("/v1/guests", ADA, key=key)).status == 403
    assert (await salon.call("PUT", at, {"code": "x"}, key=key)).status == 403
    assert await _everything(salon) == before


async def test_a_repeat_under_the_same_key_makes_one_guest(salon: Site) -> None:
    headers = {"idempotency-key": "one"}
    first, second = [await salon.post("/v1/guests", ADA, headers=headers) for _ in range(2)]
    assert first.body == second.body
    assert len((await salon.get("/v1/events")).document["events"]) == 1


async def test_an_invoice_shows_the_guest_as_they_are_now(salon: Site) -> None:
    await salon.put(an_invoice())
    guest_id = a_guest().id
    await salon.call("PUT", f"/v1/guests/{guest_id}", {"personal_info": {"mobile_phone": "+44 999", "email": ""}})
    shown = (await salon.get(f"/v1/invoices/{guid_of('invoice 1')}")).document["invoice"]["guest"]
    assert (shown["mobile_phone"], shown["email"], shown["guest_email"]) == ("+44 999", "", "")
