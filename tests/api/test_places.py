"""Centres, employees and what is sold, over HTTP, on the sample salon."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell import samples
from closebell.api.examples import sample as examples
from closebell.api.paging import NUMBER_MAX
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.testing import SeededLuck, guid_of
from closebell.usecase.manage_keys import create_key

BELLEVUE = f"/v1/centers/{examples.CENTER_ID}"
TOKYO = f"/v1/centers/{examples.TOKYO_CENTER_ID}"
KUWAIT = f"/v1/centers/{examples.KUWAIT_CENTER_ID}"
LISTS = ("employees", "therapists", "services", "products", "memberships", "packages", "giftcards", "custom_payments")
SALON: dict[str, Any] = json.loads(samples.salon(), parse_float=Decimal)


async def key_for(site: Site, *center_ids: str) -> str:
    grant = Grant(role=Role.READER, center_ids=center_ids)
    made = await site.service.database.write(create_key, "bound", grant=grant, clock=site.clock, luck=SeededLuck(5))
    return made.key


def sold(center_id: str, *types: int) -> set[str]:
    """The ids of what the sample sells there."""
    return {
        item["id"]
        for item in SALON["items"]
        if item["type"] in types and any(terms["center_id"] == center_id for terms in item["centers"])
    }


# --- centres -----------------------------------------------------------------------------------------------------


async def test_the_centres_are_listed(salon: Site) -> None:
    reply = await salon.get("/v1/centers")
    assert reply.status == 200
    assert reply.document["error"] is None
    assert reply.document["page_info"] == {"total": 3, "page": 1, "size": 10}
    assert (await salon.get("/v1/Centers")).body == reply.body
    centers = {center["name"]: center for center in reply.document["centers"]}
    assert [center["id"] for center in reply.document["centers"]] == sorted(c["id"] for c in centers.values())
    assert centers["Bellevue"]["currency"] == {"id": 148, "name": "US Dollar", "code": "USD"}
    assert centers["Tokyo"]["location"]["time_zone"]["name"] == "Asia/Tokyo"
    assert centers["Tokyo"]["rounding_unit"] == 1
    assert (centers["Kuwait"]["rounding_unit"], centers["Kuwait"]["fee_rate"]) == (Decimal("0.005"), Decimal("1.5"))
    assert (centers["Bellevue"]["loyalty_cap_rate"], centers["Tokyo"]["loyalty_cap_rate"]) == (50, None)


async def test_one_centre(salon: Site) -> None:
    for path in (
        BELLEVUE,
        BELLEVUE.replace("centers", "Centers"),
        BELLEVUE.upper().replace("/V1/CENTERS", "/v1/centers"),
    ):
        reply = await salon.get(path)
        assert reply.status == 200
        center = reply.document["center"]
        assert (center["id"], center["currency_id"], center["invoice_prefix"]) == (examples.CENTER_ID, 148, "BEL1")


@pytest.mark.parametrize("rest", ["", *(f"/{name}" for name in LISTS)])
async def test_a_centre_that_nobody_knows(salon: Site, rest: str) -> None:
    reply = await salon.get(f"/v1/centers/{guid_of('nowhere')}{rest}")
    assert (reply.status, reply.error["code"], reply.error["message"]) == (400, 502, "Invalid center_id.")
    reply = await salon.get(f"/v1/centers/nowhere{rest}")
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith("center_id: ")


@pytest.mark.parametrize("rest", ["", *(f"/{name}" for name in LISTS)])
async def test_whoever_is_bound_sees_their_centres_only(salon: Site, rest: str) -> None:
    key = await key_for(salon, examples.TOKYO_CENTER_ID)
    assert (await salon.get(f"{TOKYO}{rest}", key=key)).status == 200
    reply = await salon.get(f"{BELLEVUE}{rest}", key=key)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 438, "cannot access.")


async def test_the_list_has_the_callers_centres_only(salon: Site) -> None:
    key = await key_for(salon, examples.TOKYO_CENTER_ID, examples.KUWAIT_CENTER_ID)
    document = (await salon.get("/v1/centers", key=key)).document
    assert {center["name"] for center in document["centers"]} == {"Tokyo", "Kuwait"}
    assert document["page_info"]["total"] == 2
    reply = await salon.get(f"/v1/giftcards/templates?center_id={examples.CENTER_ID}", key=key)
    assert (reply.status, reply.error["code"]) == (403, 438)


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
async def test_pages_make_up_the_list(salon: Site, name: str) -> None:
    whole = (await salon.get(f"{BELLEVUE}/{name}?size=100")).document
    total = whole["page_info"]["total"]
    assert total == len(whole[name]) > 0
    found: list[Any] = []
    for number in range(1, total + 2):
        page = (await salon.get(f"{BELLEVUE}/{name}?page={number}&size=1")).document
        assert page["page_info"] == {"total": total, "page": number, "size": 1}
        found += page[name]
    assert found == whole[name]
    assert [one["id"] for one in found] == sorted(one["id"] for one in found)


@pytest.mark.parametrize("path", ["/v1/centers", f"{BELLEVUE}/services", f"{BELLEVUE}/employees"])
async def test_a_page_that_is_none(salon: Site, path: str) -> None:
    reply = await salon.get(f"{path}?size=101")
    assert (reply.status, reply.document["code"]) == (422, 422)
    assert reply.document["message"] == "You cannot request more than 100 items."
    for query in ("size=0", "page=0", "page=x", f"page={NUMBER_MAX + 1}"):
        reply = await salon.get(f"{path}?{query}")
        assert (reply.status, reply.error["code"]) == (400, 502), query
        assert reply.error["message"].startswith(f"{query.partition('=')[0]}: ")


# --- employees ---------------------------------------------------------------------------------------------------


async def test_who_has_left_is_not_listed(salon: Site) -> None:
    employees = (await salon.get(f"{BELLEVUE}/employees")).document["employees"]
    assert {one["personal_info"]["name"] for one in employees} == {"Ines Moreau", "Henry Peterson"}
    therapists = (await salon.get(f"{BELLEVUE}/therapists")).document["therapists"]
    assert [one["id"] for one in therapists] == [one["id"] for one in employees]
    assert (employees[0]["personal_info"]["gender"], therapists[0]["personal_info"]["gender"]) == (-1, "-1")
    assert [one["code"] for one in (await salon.get(f"{TOKYO}/employees")).document["employees"]] == ["E4"]


# --- what is sold ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "types"),
    [("services", (0,)), ("products", (2,)), ("memberships", (3,)), ("packages", (4, 5)), ("giftcards", (6,))],
)
@pytest.mark.parametrize("center_id", [examples.CENTER_ID, examples.TOKYO_CENTER_ID, examples.KUWAIT_CENTER_ID])
async def test_each_centre_lists_what_it_sells(salon: Site, center_id: str, name: str, types: tuple[int, ...]) -> None:
    document = (await salon.get(f"/v1/centers/{center_id}/{name}?size=100")).document
    assert {one["id"] for one in document[name]} == sold(center_id, *types)
    assert document["error"] is None


def _one(name: str, item_id: str) -> Callable[[Any], Any]:
    return lambda document: next(one for one in document[name] if one["id"] == item_id)


async def test_prices_are_what_a_line_comes_to(salon: Site) -> None:
    oil = _one("products", examples.PRODUCT_ID)
    dollars = oil((await salon.get(f"{BELLEVUE}/products")).document)["price_info"]
    assert (dollars["sale_price"], dollars["include_tax"], dollars["tax_rate"]) == (50, False, Decimal("10.1"))
    assert (dollars["price_without_tax"], dollars["tax"], dollars["final_price"]) == (
        50,
        Decimal("5.05"),
        Decimal("55.05"),
    )
    yen = oil((await salon.get(f"{TOKYO}/products")).document)["price_info"]
    assert (yen["sale_price"], yen["include_tax"]) == (5500, True)
    assert (yen["price_without_tax"], yen["tax"], yen["final_price"]) == (5000, 500, 5500)
    dinars = oil((await salon.get(f"{KUWAIT}/products")).document)["price_info"]
    assert dinars["sale_price"] == Decimal("12.345")


async def test_services_products_and_what_is_held(salon: Site) -> None:
    for path in (f"{BELLEVUE}/services", f"{BELLEVUE.replace('centers', 'Centers')}/services"):
        massage = _one("services", examples.SERVICE_ID)((await salon.get(path)).document)
        assert (massage["code"], massage["duration"], massage["price_info"]["final_price"]) == ("MAS60", 60, 120)
    products = (await salon.get(f"{BELLEVUE}/products")).document["products"]
    assert {one["code"] for one in products if not one["preferences"]["retail"]} == {"OIL5"}
    gold = _one("memberships", examples.MEMBERSHIP_ID)((await salon.get(f"{BELLEVUE}/memberships")).document)
    assert gold["price"] == {"currency_id": 148, "sales": 400, "tax": 0, "final": 400}
    assert (gold["version_id"], gold["validity_days"]) == (gold["id"], 365)
    five = _one("packages", examples.PACKAGE_ID)((await salon.get(f"{BELLEVUE}/packages")).document)
    units = {one["id"]: one["quantity"] for one in five["benefits"]["services"]}
    assert units[examples.SERVICE_ID] == 5
    assert five["centers"][0]["sale_price"] == 590


async def test_gift_cards_by_both_names(salon: Site) -> None:
    ours = (await salon.get(f"{BELLEVUE}/giftcards")).document
    theirs = (await salon.get(f"/v1/giftcards/templates?center_id={examples.CENTER_ID}")).document
    assert ours["giftcards"] == theirs["templates"]
    worth = {one["code"]: (one["price"], one["value"], one["validity"]) for one in ours["giftcards"]}
    assert worth == {"GIFT100": (100, 100, 730), "GIFT220": (200, 220, None)}
    reply = await salon.get("/v1/giftcards/templates")
    assert (reply.status, reply.error["message"]) == (400, "Invalid center_id.")


async def test_ways_to_pay(salon: Site) -> None:
    payments = (await salon.get(f"{TOKYO}/custom_payments")).document["custom_payments"]
    assert {one["name"] for one in payments} == {"House account", "Bank transfer"}
