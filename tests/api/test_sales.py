"""Selling over HTTP: every spelling of the contract is taken, and the answers have its shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from calling import Reply, Site
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.testing import SeededLuck, a_line, an_invoice, guid_of
from closebell.usecase.manage_keys import create_key
from selling import (
    CENTRE,
    DAY,
    FIVE,
    GIFT,
    GOLD,
    GUEST,
    INES,
    MASSAGE,
    OIL,
    SPRING,
    open_shop,
    put_units,
)

WHO = {"center_id": CENTRE.id, "guest_id": GUEST.id}
NUMBER = re.compile(r"GC(-\d{4}){4}")


@pytest.fixture(autouse=True)
async def _shop(site: Site) -> None:
    await site.service.database.write(open_shop)


async def shown(site: Site, reply: Reply) -> Any:
    """The invoice that an answer names, read with everything."""
    assert reply.status == 200, reply.body
    assert reply.document["error"] is None
    path = f"/v1/invoices/{reply.document['invoice_id']}"
    return (await site.get(f"{path}?expand=InvoiceItems,Appointments,Transactions")).document["invoice"]


def items(invoice: Any) -> list[tuple[str, Any, Any]]:
    return [(item["id"], item["quantity"], item["sale_by_id"]) for item in invoice["invoice_items"]]


@pytest.mark.parametrize(
    "product",
    [
        {"id": OIL.item.id, "quantity": 1.5, "sale_by_id": INES},
        {"id": OIL.item.id.upper(), "quantity": "1.500", "sale_by_employee_id": INES.upper()},
        {"id": OIL.item.id.replace("-", ""), "quantity": 15e-1, "sale_by_id": "", "sale_by_employee_id": INES, "x": 1},
    ],
)
async def test_products_are_named_in_every_spelling(site: Site, product: dict[str, Any]) -> None:
    reply = await site.post("/v1/invoices/products", {**WHO, "notes": None, "products": [product]})
    assert reply.document == {"invoice_id": reply.document["invoice_id"], "invoice_number": "1", "error": None}
    invoice = await shown(site, reply)
    assert items(invoice) == [(OIL.item.id, Decimal("1.5"), INES)]
    assert invoice["invoice_items"][0]["price"] == {
        "currency_id": 148,
        "sales": Decimal("29.99"),
        "tax": Decimal("2.66"),
        "final": Decimal("32.65"),
        "discount": 0,
    }
    assert (invoice["invoice_number"], invoice["receipt_number"], invoice["is_closed"]) == ("1", "0", False)
    assert invoice["guest"]["id"] == GUEST.id
    more = await site.call("PUT", f"/v1/invoices/{invoice['id']}/products", {"products": [product]})
    assert len(items(await shown(site, more))) == 2


async def test_a_quantity_and_a_seller_may_be_left_out(site: Site) -> None:
    zeros = "00000000-0000-0000-0000-000000000000"
    products = [{"id": OIL.item.id}, {"id": OIL.item.id, "quantity": None, "sale_by_id": zeros}]
    reply = await site.post("/v1/invoices/products", {**WHO, "products": products, "created_by_id": zeros})
    assert items(await shown(site, reply)) == [(OIL.item.id, 1, None)] * 2


@pytest.mark.parametrize(
    "said",
    [
        {"user_id": GUEST.id, "membership_ids": f"{GOLD.item.id}, {GOLD.item.id.upper()},"},
        {"guest_id": GUEST.id, "membership_ids": [GOLD.item.id, GOLD.item.id]},
        {"user_id": GUEST.id, "membership_version_ids": [GOLD.item.id, GOLD.item.id], "membership_ids": None},
        {"user_id": GUEST.id, "membership_version_ids": f"{GOLD.item.id},{GOLD.item.id}", "membership_ids": ""},
        {"user_id": GUEST.id, "membeship_ids": f"{GOLD.item.id},{GOLD.item.id}"},
    ],
)
async def test_memberships_are_named_in_every_spelling(site: Site, said: dict[str, Any]) -> None:
    body = {"center_id": CENTRE.id, "sale_by_id": INES, **said}
    reply = await site.post("/v1/invoices/memberships", body)
    assert reply.document["success"] is True
    assert items(await shown(site, reply)) == [(GOLD.item.id, 1, INES)] * 2
    more = await site.call("PUT", f"/v1/invoices/{reply.document['invoice_id']}/memberships", body)
    assert more.document["success"] is True
    assert len(items(await shown(site, more))) == 4


@pytest.mark.parametrize("name", ["package_details", "packages"])
async def test_packages_are_named_in_both_spellings(site: Site, name: str) -> None:
    body = {**WHO, "notes": "", name: [{"id": FIVE.item.id, "sale_by_id": INES}, {"id": DAY.item.id}]}
    reply = await site.post("/v1/invoices/packages", body)
    assert items(await shown(site, reply)) == [(FIVE.item.id, 1, INES), (DAY.item.id, 1, None)]
    more = await site.call("PUT", f"/v1/invoices/{reply.document['invoice_id']}/packages", body)
    assert len(items(await shown(site, more))) == 4


async def test_services_are_booked_if_they_have_a_start(site: Site) -> None:
    service = {
        "id": MASSAGE.item.id,
        "therapist_id": INES,
        "sale_by_id": INES,
        "start_time": "2026-01-05T10:00:00",
        "end_time": "2026-01-05T11:30:00",
        "room_name": "Room 3",
        "equipment_name": "Table",
        "therapist_request_type": 3,
    }
    reply = await site.post("/v1/invoices/services", {**WHO, "services": [service, {"id": MASSAGE.item.id}]})
    invoice = await shown(site, reply)
    assert [item["therapist_name"] for item in invoice["invoice_items"]] == ["Ines Staff", ""]
    (booked,) = invoice["appointments"]
    del booked["id"]
    assert booked == {
        "invoice_item_id": invoice["invoice_items"][0]["invoice_item_id"],
        "service_name": "Massage",
        "service_id": MASSAGE.item.id,
        "start_time": "2026-01-05T10:00:00",
        "end_time": "2026-01-05T11:30:00",
        "serviceduration_in_miutes": 90,
        "has_add_ons": False,
        "is_add_on": False,
        "therapist_name": "Ines Staff",
        "TherapistId": INES,
        "is_recurring": False,
        "appointment_type": 2,
        "therapist_request_type": 3,
        "room_name": "Room 3",
        "equipment_name": "Table",
    }
    more = await site.call("PUT", f"/v1/invoices/{invoice['id']}/services", {"services": [service]})
    assert len((await shown(site, more))["appointments"]) == 2


TO_GRACE = {"name": "Grace", "email": "grace@guests.example"}


@pytest.mark.parametrize(
    "spelled",
    [
        {"occassion": {"id": "b", "image_id": None, "message": "Enjoy"}, "recepient": TO_GRACE},
        {"occasion": {"id": "b", "message": "Enjoy"}, "recipient": {**TO_GRACE, "phone": None}},
    ],
)
async def test_gift_cards_of_the_catalogue_tell_their_numbers(site: Site, spelled: dict[str, Any]) -> None:
    card = {"template_id": GIFT.item.id, "schedule_time": "2026-01-06T09:00:00Z", **spelled}
    body = {**WHO, "online_guest_id": None, "giftcards": [card, {"template_id": GIFT.item.id}]}
    reply = await site.post("/v1/invoices/giftcards", body)
    invoice = await shown(site, reply)
    told = reply.document["gift_cards"]
    assert [one["invoice_item_id"] for one in told] == [i["invoice_item_id"] for i in invoice["invoice_items"]]
    assert all(NUMBER.fullmatch(one["card_number"]) for one in told)
    assert [(one["value"], one["expires_on"], one["state"]) for one in told] == [(60, "2028-01-05", "issued")] * 2
    # A card's number is money: it is not on the invoice, which receivers of webhooks get to see.
    assert not any(one["card_number"] in str(invoice) for one in told)
    again = await site.get(f"/v1/invoices/{invoice['id']}/gift_cards")
    assert again.document == {"invoice_id": invoice["id"], "gift_cards": told, "error": None}
    assert '"recipient_email": "grace@guests.example"' in str((await site.rows())["accounts"])


async def test_a_card_for_any_amount_is_taken_as_clients_send_it(site: Site) -> None:
    card = {
        "type": 0,
        "schedule_time": "2026-01-06",
        "custom_amount": {"price": "50", "value": "60.50"},
        "occasion": {"id": guid_of("birthday")},
        "recepient": {"name": "Grace", "email": "grace@guests.example", "phone": "+12065550101"},
        "notes": "Happy birthday",
        "is_onetime_use": False,
        "expiry": {"days": "365"},
    }
    reply = await site.post("/v1/invoices/gift_cards", {**WHO, "gift_cards": [card]})
    invoice = await shown(site, reply)
    (told,) = reply.document["gift_cards"]
    assert (told["value"], told["expires_on"]) == (Decimal("60.5"), "2027-01-05")
    assert invoice["total_price"]["sum_total"] == 50
    assert [(item["type"], item["name"]) for item in invoice["invoice_items"]] == [(6, "Gift card")]


async def test_a_card_for_one_use_pays_once(site: Site) -> None:
    card = {"custom_amount": {"price": 0, "value": 60}, "code": "ONCE-1", "is_onetime_use": True}
    reply = await site.post("/v1/invoices/gift_cards", {**WHO, "gift_cards": [card]})
    assert (await site.post(f"/v1/invoices/{reply.document['invoice_id']}/close")).status == 200
    path, _ = await sold(site)
    first, second = [
        await site.post(f"{path}/payments/gift_card", {"card_number": "ONCE-1", "amount": amount}) for amount in (10, 5)
    ]
    assert (first.status, second.status) == (200, 409)
    assert second.error["message"] == "The card was good for one payment, and has paid"


async def test_a_reader_does_not_see_the_numbers_of_cards(site: Site) -> None:
    reply = await site.post("/v1/invoices/giftcards", {**WHO, "giftcards": [{"template_id": GIFT.item.id}]})
    grant = Grant(role=Role.READER)
    made = await site.service.database.write(create_key, "r", grant=grant, clock=site.clock, luck=SeededLuck(4))
    path = f"/v1/invoices/{reply.document['invoice_id']}/gift_cards"
    assert (await site.get(path, key=made.key)).status == 403
    assert (await site.get(f"/v1/invoices/{guid_of('nothing')}/gift_cards")).error["code"] == 428


def wrong(path: str, name: str, *rows: tuple[Any, str]) -> Iterable[Any]:
    for value, message in rows:
        yield pytest.param(path, {**WHO, name: value}, message, id=f"{path} {message}")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        *wrong(
            "products",
            "products",
            (None, "products: is missing or empty; name at least one"),
            ([], "products: is missing or empty; name at least one"),
            ({}, "products: must be an array or null, not an object"),
            ([{"id": 5}], "products[0].id: must be a string or null, not an integer"),
            ([{"id": OIL.item.id, "quantity": "1_0"}], "quantity: "),
            ([{"id": OIL.item.id, "quantity": "many"}], "products[0].quantity: "),
        ),
        *wrong("products", "notes", ("x" * 4001, "notes: has 4001 characters")),
        *wrong("products", "created_by_id", ("x", "created_by_id: 'x' is not a GUID"), (GUEST.id, "created_by_id: ")),
        *wrong(
            "services",
            "services",
            ([{}], "services[0].id: is missing"),
            ([{"id": OIL.item.id}], f"services[0].id: {OIL.item.id} is not a service"),
            ([{"id": MASSAGE.item.id, "therapist_id": GUEST.id}], "services[0].therapist_id: "),
            ([{"id": MASSAGE.item.id, "start_time": "now"}], "services[0].start_time: "),
        ),
        *wrong(
            "memberships",
            "membership_ids",
            (None, "membership_ids: is missing or empty"),
            ("x", "membership_ids[0]: 'x' is not a GUID"),
            ([GOLD.item.id, ""], "membership_ids[1]: is the empty GUID"),
            ([FIVE.item.id], f"membership_ids[0]: {FIVE.item.id} is not a membership"),
        ),
        *wrong("memberships", "membership_version_ids", (["x"], "membership_version_ids[0]: 'x' is not a GUID")),
        *wrong(
            "packages",
            "package_details",
            ([], "package_details: is missing or empty"),
            ([{"id": GOLD.item.id}], f"package_details[0].id: {GOLD.item.id} is not a package"),
        ),
        *wrong("packages", "packages", ([{"id": None}], "packages[0].id: is missing")),
        *wrong(
            "giftcards",
            "giftcards",
            ([{"template_id": OIL.item.id}], f"giftcards[0].template_id: {OIL.item.id} is not a card"),
            (
                [{"template_id": GIFT.item.id, "recepient": {"name": "x" * 401}}],
                "giftcards[0].recepient.name: has 401 characters",
            ),
        ),
        *wrong(
            "gift_cards",
            "gift_cards",
            ([{}], "gift_cards[0].custom_amount.price: is missing"),
            ([{"type": 1, "custom_amount": {"price": 5}}], "gift_cards[0].type: is 1; without a template only 0"),
            ([{"kind": "voucher", "custom_amount": {"price": 5}}], "gift_cards[0].kind: 'voucher' is no card"),
            ([{"custom_amount": {"price": -1}}], "gift_cards[0].custom_amount.price: -1.00 USD is negative"),
            ([{"custom_amount": {"price": 0.001}}], "gift_cards[0].custom_amount.price: "),
            ([{"custom_amount": {"price": 0}}], "gift_cards[0].custom_amount.value: is zero"),
            ([{"custom_amount": {"price": 5, "value": "1_0"}}], 'value: "1_0" is not an amount'),
            ([{"custom_amount": {"price": 5}, "expiry": {"days": 0}}], "gift_cards[0].expiry.days: is 0;"),
            ([{"custom_amount": {"price": 5}, "expiry": {"days": "a year"}}], "gift_cards[0].expiry.days: 'a year'"),
            ([{"custom_amount": {"price": 5}, "expiry": {"date": "2026-01-04"}}], "gift_cards[0].expiry.date: "),
            (
                [{"custom_amount": {"price": 5}, "expiry": {"date": "2026-01-07", "days": 1}}],
                "gift_cards[0].expiry.date: is 2026-01-07, and expiry.days says 2026-01-06",
            ),
            ([{"custom_amount": {"price": 5}, "code": "x" * 41}], "gift_cards[0].code: is no card number"),
            ([{"custom_amount": {"price": 5}, "code": "a\nb"}], "gift_cards[0].code: is no card number"),
        ),
    ],
)
async def test_a_sale_names_the_field_that_is_wrong(site: Site, path: str, body: Any, message: str) -> None:
    before = await site.rows()
    reply = await site.post(f"/v1/invoices/{path}", body)
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_the_same_thing_by_two_names_is_refused(site: Site) -> None:
    for path, body in (
        ("memberships", {"membership_ids": GOLD.item.id, "membership_version_ids": [GOLD.item.id]}),
        ("packages", {"packages": [{"id": FIVE.item.id}], "package_details": [{"id": FIVE.item.id}]}),
    ):
        reply = await site.post(f"/v1/invoices/{path}", {**WHO, **body})
        assert (reply.status, reply.error["code"]) == (400, 502)
        assert "by two names" in reply.error["message"]


async def test_a_sale_that_is_repeated_under_its_key_is_made_once(site: Site) -> None:
    body = {**WHO, "gift_cards": [{"custom_amount": {"price": 50}}]}
    keyed = {"idempotency-key": "sale-1"}
    first = await site.post("/v1/invoices/gift_cards", body, headers=keyed)
    again = await site.post("/v1/invoices/gift_cards", body, headers=keyed)
    assert first.status == again.status == 200
    assert first.body == again.body
    assert len((await site.rows())["invoices"]) == 1


async def test_a_refusal_that_is_repeated_under_its_key_has_the_same_shape(site: Site) -> None:
    body = {"center_id": CENTRE.id, "user_id": guid_of("nobody"), "membership_ids": GOLD.item.id}
    keyed = {"idempotency-key": "sale-2"}
    first, again = [await site.post("/v1/invoices/memberships", body, headers=keyed) for _ in range(2)]
    assert first.body == again.body
    assert (first.status, first.document["success"], first.error["message"]) == (400, False, "Invalid guest_id.")


# --- changing ----------------------------------------------------------------------------------------------------


async def sold(site: Site, *products: Any) -> tuple[str, Any]:
    reply = await site.post("/v1/invoices/products", {**WHO, "products": list(products) or [{"id": OIL.item.id}]})
    return f"/v1/invoices/{reply.document['invoice_id']}", await shown(site, reply)


@pytest.mark.parametrize("body", [None, {}, {"comments": ""}, {"comments": None}, {"comments": "mistake"}])
async def test_an_item_is_removed(site: Site, body: Any) -> None:
    path, invoice = await sold(site, {"id": OIL.item.id}, {"id": OIL.item.id, "quantity": 2})
    first, second = (item["invoice_item_id"] for item in invoice["invoice_items"])
    reply = await site.call("DELETE", f"{path}/invoiceitems/{first}", body)
    assert (reply.status, reply.document) == (200, {"success": True, "message": "", "error": None})
    left = (await site.get(f"{path}?expand=InvoiceItems")).document["invoice"]
    assert [item["invoice_item_id"] for item in left["invoice_items"]] == [second]
    assert left["total_price"]["sum_total"] == Decimal("43.53")


@pytest.mark.parametrize(
    ("query", "body", "kept"),
    [
        ("", None, ""),
        ("?comments=the%20guest%20is%20ill", None, "Cancelled: the guest is ill"),
        ("?comments=not", {"comments": "the body comes first"}, "Cancelled: the body comes first"),
        ("", {}, ""),
    ],
)
async def test_an_invoice_is_cancelled_and_cancelled_again(site: Site, query: str, body: Any, kept: str) -> None:
    path, _ = await sold(site)
    for _ in range(2):
        reply = await site.call("PUT", f"{path}/cancel{query}", body)
        assert (reply.status, reply.document) == (
            200,
            {"success": True, "is_charge_applied": False, "error": None},
        )
    (row,) = (await site.rows())["invoices"]
    assert ("Cancelled" in str(row)) == bool(kept)
    assert kept in str(row)
    assert (await site.post(f"{path}/close")).error["code"] == 719
    assert (await site.call("PUT", f"{path}/products", {"products": [{"id": OIL.item.id}]})).status == 409


async def test_an_invoice_is_confirmed_and_locked(site: Site) -> None:
    path, _ = await sold(site)
    for _ in range(2):
        confirmed = await site.call("PUT", f"{path}/confirm", {"updated_by_id": INES})
        locked = await site.call("PUT", f"{path}/lock")
        assert (confirmed.status, confirmed.document) == (locked.status, locked.document) == (200, {"error": None})
    assert (await site.get(path)).document["invoice"]["lock"] is True
    reply = await site.call("PUT", f"{path}/products", {"products": [{"id": OIL.item.id}]})
    assert (reply.status, reply.error["message"]) == (
        409,
        f"Invoice {path.rpartition('/')[2]} is locked; its items cannot be changed",
    )
    wrong = await site.call("PUT", f"{path}/confirm", {"updated_by_id": guid_of("nobody")})
    assert (wrong.status, wrong.document["error"]["code"]) == (400, "502")
    assert wrong.document["error"]["message"].startswith("updated_by_id: ")


async def test_a_campaign_is_applied_and_taken_off(site: Site) -> None:
    path, before = await sold(site, {"id": OIL.item.id, "quantity": 2})
    body = {"offer_code": "SPRING", "center_id": CENTRE.id.upper(), "organization_id": CENTRE.organization_id}
    for _ in range(2):
        reply = await site.post(f"{path}/campaign_discount/apply", body)
        assert (reply.status, reply.document) == (
            200,
            {"discount_applied": True, "campaign_id": SPRING, "discount_amount": 5, "error": None},
        )
    (item,) = (await site.get(f"{path}?expand=InvoiceItems")).document["invoice"]["invoice_items"]
    assert (item["price"]["discount"], item["price"]["sales"]) == (5, Decimal("34.98"))
    reply = await site.call("DELETE", f"{path}/campaign_discount")
    assert (reply.status, reply.document) == (200, {"error": None})
    assert (await site.get(f"{path}?expand=InvoiceItems,Appointments,Transactions")).document["invoice"] == before


def _named(line: str) -> list[Any]:
    account = guid_of("account five")
    return [
        None,
        {},
        {"invoice_item_id": line},
        {"invoice_item_id": line.upper(), "user_package_id": account},
        {"invoice_item_ids": [line], "package_id": FIVE.item.id},
        {"redemptions": [{"invoice_item_id": line}]},
        {"redemptions": [{"invoice_item_id": line, "package_id": account}], "invoice_item_ids": None},
    ]


@pytest.mark.parametrize("body", _named(guid_of("line Massage")))
async def test_a_package_is_redeemed_however_it_is_named(site: Site, body: Any) -> None:
    account = await site.service.database.write(put_units, "five", 5)
    await _put_massage(site)
    path = f"/v1/invoices/{guid_of('invoice 1')}"
    reply = await site.post(f"{path}/redemptions/packages", body)
    line = guid_of("line Massage")
    assert (reply.status, reply.document) == (
        200,
        {
            "invoice_id": guid_of("invoice 1"),
            "redemptions": [{"invoice_item_id": line, "user_package_id": account, "units": 1, "units_left": 4}],
            "error": None,
        },
    )
    assert (await site.get(path)).document["invoice"]["total_price"]["sum_total"] == 0
    undone = await site.call("DELETE", f"{path}/redemptions/packages/{line}")
    assert (undone.status, undone.document) == (200, {"error": None})
    assert (await site.get(path)).document["invoice"]["total_price"]["sum_total"] == 100


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"redemptions": []}, "redemptions: is empty"),
        ({"invoice_item_ids": []}, "invoice_item_ids: is empty"),
        ({"redemptions": [{}]}, "redemptions[0].invoice_item_id: is missing"),
        ({"invoice_item_ids": ["x"]}, "invoice_item_ids[0]: 'x' is not a GUID"),
        ({"invoice_item_id": "x"}, "invoice_item_id: 'x' is not a GUID"),
        ({"invoice_item_id": guid_of("a"), "package_id": "x"}, "package_id: 'x' is not a GUID"),
        ({"invoice_item_id": guid_of("a"), "invoice_item_ids": [guid_of("b")]}, "redemptions: are said in more than"),
        ({"invoice_item_ids": [guid_of("a")] * 1001}, "invoice_item_ids: has 1001 entries"),
    ],
)
async def test_a_redemption_names_the_field_that_is_wrong(site: Site, body: Any, message: str) -> None:
    await _put_massage(site)
    before = await site.rows()
    reply = await site.post(f"/v1/invoices/{guid_of('invoice 1')}/redemptions/packages", body)
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def _put_massage(site: Site) -> None:
    line = a_line("Massage", final=10000)
    await site.put(an_invoice(centre=CENTRE, lines=[line]))
