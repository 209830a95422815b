"""Every documented error of selling: provoked over HTTP, with its code and literal message, and nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, update

from calling import KEY, Site
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.domain.invoice import TransactionState
from closebell.store import tables
from closebell.testing import NOON, SeededLuck, a_line, a_payment, an_invoice, guid_of, put
from closebell.usecase.manage_keys import create_key
from selling import (
    ABROAD,
    BACK,
    CENTRE,
    ELSEWHERE,
    FIVE,
    GOLD,
    GUEST,
    MASSAGE,
    OIL,
    SPRING,
    TUB,
    open_shop,
    put_campaign,
)

OPEN = guid_of("invoice open")
GROUPED = guid_of("invoice grouped")
WHO = {"center_id": CENTRE.id, "guest_id": GUEST.id}
NEW = ("POST", "/v1/invoices/products")
MORE = ("PUT", f"/v1/invoices/{OPEN}/products")
NOBODY = guid_of("nobody")


def prepare(connection: Connection) -> None:
    """A shop with an open invoice and others that are further on, and campaigns that have come and gone."""
    open_shop(connection)
    massage = replace(a_line("Massage", final=10000), item_id=MASSAGE.item.id)
    put(
        connection,
        an_invoice("open", centre=CENTRE, lines=(massage,)),
        an_invoice("grouped", centre=CENTRE, lines=(massage,), group_invoice_id=guid_of("group")),
        an_invoice("empty", centre=CENTRE, lines=()),
        an_invoice("discounted", centre=CENTRE, lines=(massage,), campaign_id=SPRING),
        an_invoice("paid", centre=CENTRE, lines=(massage,), transactions=(a_payment(100),)),
        an_invoice(
            "awaited", centre=CENTRE, lines=(massage,), transactions=(a_payment(1, state=TransactionState.PENDING),)
        ),
        an_invoice("closed", centre=CENTRE, closed_at=NOON, receipt_number="R7"),
        an_invoice("cancelled", centre=CENTRE, cancelled_at=NOON),
        an_invoice("stern", centre=ELSEWHERE, lines=(massage,)),
    )
    campaigns: dict[str, dict[str, Any]] = {
        "OVER": {"ends_on": "2026-01-04"},
        "SOON": {"starts_on": "2026-01-06"},
        "THERE": {"center_ids": [ELSEWHERE.id]},
        "OILS": {"item_ids": [OIL.item.id]},
        "LARGE": {"minimum": 10001},
        "EUROS": {"currency": "EUR"},
        "DONE": {"redemptions_max": 2, "redemptions": 2},
    }
    for code, more in campaigns.items():
        put_campaign(connection, guid_of(code), {"offer_code": code, "amount": 100, **more})
    used = update(tables.vouchers).where(tables.vouchers.c.code == "BACK-1")
    connection.execute(used.values(invoice_id=guid_of("invoice elsewhere")))
    not_here = update(tables.centers).where(tables.centers.c.id == ELSEWHERE.id)
    connection.execute(not_here.values(allows_discounts=False))


def product(**changes: Any) -> dict[str, Any]:
    return {"id": OIL.item.id, "quantity": 1, **changes}


def sale(*products: Any, **changes: Any) -> dict[str, Any]:
    return {**WHO, "products": list(products), **changes}


# Of 3.1 and 3.2 in the order in which they are checked: each body breaks its own rule and all that come after it.
WORST = product(id="x", quantity=0, sale_by_id=NOBODY)
SALES: list[tuple[str, Any, int, int, str, str]] = [
    ("empty", b"", 400, 502, "request body is not supplied.", "Send a JSON object."),
    ("blank", b" \n", 400, 502, "request body is not supplied.", "Send a JSON object."),
    ("null", b"null", 400, 502, "request body is not supplied.", "Send a JSON object."),
    ("no centre", sale(WORST, center_id=None), 400, 502, "Invalid center_id.", "center_id is missing; name a centre."),
    ("odd centre", sale(WORST, center_id="x", guest_id="x"), 400, 502, "Invalid center_id.", "center_id: 'x' is not"),
    ("unknown centre", sale(WORST, center_id=NOBODY), 400, 502, "Invalid center_id.", f"center_id: '{NOBODY}' is not"),
    ("no guest", sale(WORST, guest_id=None), 400, 502, "Invalid guest_id.", "guest_id is missing; name a guest."),
    ("unknown guest", sale(WORST, guest_id=NOBODY), 400, 502, "Invalid guest_id.", f"guest_id: '{NOBODY}' is not"),
    ("no product", sale(product(), product(id=None)), 400, 502, "Invalid product id.", "products[1].id: is missing"),
    ("odd product", sale(product(), WORST), 400, 502, "Invalid product id.", "products[1].id: 'x' is not a product."),
    ("unknown product", sale(product(id=NOBODY)), 400, 502, "Invalid product id.", f"products[0].id: '{NOBODY}' is"),
    ("a service", sale(product(id=MASSAGE.item.id)), 400, 502, "Invalid product id.", "products[0].id: "),
    (
        "not for sale",
        sale(product(), product(id=TUB.item.id, quantity=0)),
        400,
        502,
        "only retail products are allowed for sale.",
        "products[1].id: Tub of oil is used up and not sold.",
    ),
    (
        "not here",
        sale(product(id=ABROAD.item.id, quantity=0)),
        400,
        502,
        "unable to retrieve stock details of product.",
        f"products[0].id: Abroad is not sold at centre {CENTRE.id}.",
    ),
    (
        "no quantity",
        sale(product(), product(quantity=0, sale_by_id="x")),
        400,
        502,
        "Invalid quantity.",
        "products[1].quantity is 0;",
    ),
    ("less than none", sale(product(quantity=-1)), 400, 502, "Invalid quantity.", "products[0].quantity is -1;"),
    ("a splinter", sale(product(quantity=0.0001)), 400, 502, "Invalid quantity.", "products[0].quantity is 0.0001,"),
    ("a shipload", sale(product(quantity=100001)), 400, 502, "Invalid quantity.", "products[0].quantity is 100001;"),
    (
        "odd seller",
        sale(product(sale_by_id="x")),
        400,
        502,
        "Invalid sale_by_employee_id.",
        "products[0].sale_by_id: 'x' is not an employee Closebell knows.",
    ),
    (
        "unknown seller",
        sale(product(), product(sale_by_employee_id=NOBODY)),
        400,
        502,
        "Invalid sale_by_employee_id.",
        f"products[1].sale_by_id: '{NOBODY}' is not",
    ),
]
ONLY_NEW = {"no centre", "no guest"}


@pytest.mark.parametrize("row", SALES, ids=[row[0] for row in SALES])
async def test_each_error_of_selling_products(site: Site, row: tuple[Any, ...]) -> None:
    name, body, status, code, message, detail = row
    await site.service.database.write(prepare)
    before = await site.rows()
    for method, path in (NEW,) if name in ONLY_NEW else (NEW, MORE):
        reply = await site.call(method, path, body)
        assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
        if not (method == "PUT" and ("centre" in name or "guest" in name)):
            assert reply.error["InternalMessage"].startswith(detail)
    assert await site.rows() == before


async def test_a_sale_that_cannot_be_stored_is_4023_and_an_addition_a_conflict(site: Site) -> None:
    await site.service.database.write(prepare)
    before = await site.rows()
    many = [product() for _ in range(1001)]
    reply = await site.post(NEW[1], sale(*many))
    assert (reply.status, reply.error["code"], reply.error["message"]) == (409, 4023, "invoice create unsuccessful.")
    assert reply.error["InternalMessage"] == "The invoice would have 1001 items; one has at most 1000."
    reply = await site.call(*MORE, {"products": many[:1000]})
    assert (reply.status, reply.error["code"]) == (409, 409)
    assert await site.rows() == before


SOLD_ELSEWHERE = [
    ("products", {"products": [product()]}),
    ("services", {"services": [{"id": MASSAGE.item.id}]}),
    ("memberships", {"membership_ids": GOLD.item.id}),
    ("packages", {"packages": [{"id": FIVE.item.id}]}),
    ("giftcards", {"giftcards": [{"template_id": guid_of("item Gift")}]}),
    ("gift_cards", {"gift_cards": [{"custom_amount": {"price": 5}}]}),
]


@pytest.mark.parametrize(("what", "body"), SOLD_ELSEWHERE, ids=[row[0] for row in SOLD_ELSEWHERE])
async def test_every_sale_says_the_same_of_body_centre_access_and_guest(
    site: Site, what: str, body: dict[str, Any]
) -> None:
    await site.service.database.write(prepare)
    key = await _key_elsewhere(site)
    before = await site.rows()
    path = f"/v1/invoices/{what}"
    for sent, shown, status, code, message in (
        (b"", KEY, 400, 502, "request body is not supplied."),
        ({**body, "center_id": NOBODY, "guest_id": NOBODY}, KEY, 400, 502, "Invalid center_id."),
        ({**body, **WHO, "guest_id": NOBODY}, key, 403, 438, "cannot access."),
        ({**body, **WHO, "guest_id": NOBODY}, KEY, 400, 502, "Invalid guest_id."),
    ):
        reply = await site.post(path, sent, key=shown)
        assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
        assert ("success" in reply.document) == (what == "memberships")
    assert await site.rows() == before


async def _key_elsewhere(site: Site) -> str:
    """A key of somebody who is bound to the other centre."""
    grant = Grant(role=Role.CASHIER, center_ids=(ELSEWHERE.id,))
    made = await site.service.database.write(create_key, "there", grant=grant, clock=site.clock, luck=SeededLuck(9))
    return made.key


# --- campaigns: each request breaks its own rule and, where one request can, those that come after it ------------

CODE = {"offer_code": "SPRING", "center_id": CENTRE.id}
CAMPAIGNS: list[tuple[str, str, Any, int, int, str]] = [
    ("no body", "open", None, 400, 503, "Offer code is required for applying campaign."),
    ("no code", "x", {"offer_code": " "}, 400, 503, "Offer code is required for applying campaign."),
    ("no id", "x", {**CODE, "center_id": None}, 404, 418, "Invoice not found."),
    ("nothing", "nothing", {**CODE, "center_id": None}, 404, 428, "Invoice not found."),
    ("grouped", "grouped", {**CODE, "center_id": None}, 409, 492, "Group Invoice not supported."),
    ("empty", "empty", {**CODE, "center_id": None}, 404, 429, "Invoice item not found."),
    ("no centre", "open", {"offer_code": "?"}, 400, 4045, "Center ID cannot be empty."),
    ("zero centre", "open", {**CODE, "center_id": "0" * 32}, 400, 502, "Invoice center is not a valid center."),
    (
        "other centre",
        "open",
        {"offer_code": "?", "center_id": ELSEWHERE.id, "organization_id": NOBODY},
        400,
        502,
        "Invoice center is not a valid center.",
    ),
    (
        "other organisation",
        "open",
        {**CODE, "offer_code": "?", "organization_id": NOBODY},
        400,
        502,
        "Organization ID does not match with invoice's organization ID.",
    ),
    (
        "no campaign",
        "open",
        {**CODE, "offer_code": "?"},
        404,
        4017,
        "Campaign cannot be found with the given campaign details.",
    ),
    *(
        (
            code,
            "open",
            {**CODE, "offer_code": code},
            404,
            4017,
            "Campaign cannot be found with the given campaign details.",
        )
        for code in ("OVER", "SOON", "THERE", "spring", "endless " * 5000)
    ),
    (
        "no discounts here",
        "stern",
        {**CODE, "center_id": ELSEWHERE.id},
        409,
        468,
        "Organization does not allow custom discounts.",
    ),
    (
        "one is there",
        "discounted",
        {**CODE, "offer_code": "LARGE"},
        409,
        4024,
        (
            "This campaign cannot be applied simultaneously with another campaign. "
            "Undo applied campaigns to proceed with this campaign."
        ),
    ),
    *(
        (
            code,
            "open",
            {**CODE, "offer_code": code},
            409,
            4025,
            "Campaign can not be applied as Discount pre-requisites are not present.",
        )
        for code in ("OILS", "LARGE", "EUROS")
    ),
    (
        "used voucher",
        "open",
        {**CODE, "offer_code": "BACK-1"},
        409,
        4026,
        "Voucher cannot be redeemed as the voucher code was already used.",
    ),
    (
        "no voucher",
        "open",
        {**CODE, "offer_code": "BACK-9"},
        404,
        4027,
        "Voucher cannot be redeemed as the voucher code does not exist.",
    ),
    (
        "exhausted",
        "open",
        {**CODE, "offer_code": "DONE"},
        409,
        4028,
        "Campaign cannot be redeemed since maximum number of redemptions for campaign has already been reached.",
    ),
]


@pytest.mark.parametrize("row", CAMPAIGNS, ids=[row[0] for row in CAMPAIGNS])
async def test_each_error_of_applying_a_campaign(site: Site, row: tuple[Any, ...]) -> None:
    _, invoice, body, status, code, message = row
    await site.service.database.write(prepare)
    before = await site.rows()
    invoice_id = "x" if invoice == "x" else guid_of(f"invoice {invoice}")
    reply = await site.post(f"/v1/invoices/{invoice_id}/campaign_discount/apply", body)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
    assert reply.error["InternalMessage"]
    assert await site.rows() == before


async def test_a_campaign_of_another_centre_is_4051_and_tells_nothing_more(site: Site) -> None:
    await site.service.database.write(prepare)
    key = await _key_elsewhere(site)
    before = await site.rows()
    for invoice_id in (OPEN, GROUPED):
        path = f"/v1/invoices/{invoice_id}/campaign_discount/apply"
        reply = await site.post(path, {**CODE, "center_id": None}, key=key)
        assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 4051, "User cannot access.")
    assert await site.rows() == before


# --- the rest ----------------------------------------------------------------------------------------------------

LINE = guid_of("line Massage")
EDITS: list[tuple[str, str, str, Any, int, int, str]] = [
    ("remove from nothing", "DELETE", f"nothing/invoiceitems/{LINE}", None, 404, 428, "Invoice not found."),
    (
        "remove nothing",
        "DELETE",
        f"open/invoiceitems/{NOBODY}",
        {"comments": ""},
        404,
        429,
        "invoice item passed is not found, invoice item id passed.",
    ),
    (
        "remove from closed",
        "DELETE",
        f"closed/invoiceitems/{LINE}",
        None,
        409,
        409,
        f"Invoice {guid_of('invoice closed')} is closed, receipt R7; its items are final",
    ),
    ("cancel nothing", "PUT", "nothing/cancel", None, 404, 428, "Request invoices are Invalid."),
    ("cancel grouped", "PUT", "grouped/cancel", None, 409, 492, "Group Invoice Not Supported."),
    *(
        (
            f"cancel {name}",
            "PUT",
            f"{name}/cancel?comments=x",
            None,
            409,
            502,
            "payments are added to invoice, delete payments and retry.",
        )
        for name in ("paid", "awaited")
    ),
    ("lock nothing", "PUT", "nothing/lock", None, 404, 428, "Invoice not found."),
    ("confirm nothing", "PUT", "nothing/confirm", {}, 404, 428, "Invoice not found."),
    ("take off nothing", "DELETE", "nothing/campaign_discount", None, 404, 428, "Invoice not found."),
    (
        "take off none",
        "DELETE",
        "open/campaign_discount",
        None,
        404,
        404,
        f"Invoice {OPEN} has no campaign",
    ),
    ("redeem nothing", "POST", "nothing/redemptions/packages", None, 404, 428, "Invoice not found."),
    ("redeem grouped", "POST", "grouped/redemptions/packages", None, 409, 492, "Group Invoice Not Supported."),
    (
        "redeem no item",
        "POST",
        "open/redemptions/packages",
        {"invoice_item_id": NOBODY},
        404,
        429,
        "Invoice item not found.",
    ),
    (
        "redeem without units",
        "POST",
        "open/redemptions/packages",
        {"invoice_item_id": LINE},
        409,
        409,
        "No package pays for Massage: it needs 1 units of it, and no package of the guest holds more than 0",
    ),
    ("undo grouped", "DELETE", f"grouped/redemptions/packages/{LINE}", None, 409, 492, "Group Invoice Not Supported."),
    ("undo no item", "DELETE", f"open/redemptions/packages/{NOBODY}", None, 404, 429, "Invoice item not found."),
    ("undo none", "DELETE", f"open/redemptions/packages/{LINE}", None, 409, 409, "No package paid for Massage"),
]
SAYS_SUCCESS = ("/invoiceitems/", "/cancel")
TEXT_CODE = ("/lock", "/confirm")


@pytest.mark.parametrize("row", EDITS, ids=[row[0] for row in EDITS])
async def test_each_error_of_changing_an_invoice(site: Site, row: tuple[Any, ...]) -> None:
    _, method, path, body, status, code, message = row
    await site.service.database.write(prepare)
    before = await site.rows()
    invoice, _, rest = path.partition("/")
    reply = await site.call(method, f"/v1/invoices/{guid_of(f'invoice {invoice}')}/{rest}", body)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
    written = reply.document
    assert written["error"]["code"] == (str(code) if path.endswith(TEXT_CODE) else code)
    assert written.get("success") is (False if any(part in path for part in SAYS_SUCCESS) else None)
    assert await site.rows() == before


@pytest.mark.parametrize("row", EDITS, ids=[row[0] for row in EDITS])
async def test_nobody_changes_an_invoice_of_another_centre(site: Site, row: tuple[Any, ...]) -> None:
    await site.service.database.write(prepare)
    key = await _key_elsewhere(site)
    before = await site.rows()
    _, method, path, body, *_ = row
    rest = path.partition("/")[2]
    reply = await site.call(method, f"/v1/invoices/{OPEN}/{rest}", body, key=key)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 438, "cannot access.")
    assert await site.rows() == before


async def test_a_campaign_that_ends_today_still_runs(site: Site) -> None:
    await site.service.database.write(prepare)
    today = date(2026, 1, 5).isoformat()
    columns = {"offer_code": "TODAY", "amount": 100, "starts_on": today, "ends_on": today}
    await site.service.database.write(put_campaign, guid_of("today"), columns)
    reply = await site.post(f"/v1/invoices/{OPEN}/campaign_discount/apply", {**CODE, "offer_code": "TODAY"})
    assert reply.document == {
        "discount_applied": True,
        "campaign_id": guid_of("today"),
        "discount_amount": 1,
        "error": None,
    }
    assert BACK not in str(reply.document)
