"""Refunds over HTTP, in our own words and in the contract's PascalCase."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.domain.invoice import Tender
from closebell.testing import NOON, a_line, a_payment, a_tip, an_employee, an_invoice, guid_of

SOLD = guid_of("invoice sold")
OIL, MASSAGE = guid_of("line Oil"), guid_of("line Massage")
CASH, CARD = guid_of("transaction cash"), guid_of("transaction card")
NOBODY = guid_of("nobody")
AT = f"/v1/invoices/{SOLD}/refund"
OLD = "/api/Payments/Invoice/RefundInvoice"


@pytest.fixture
async def shop(site: Site) -> Site:
    """The application with one closed invoice of a massage and three bottles of oil, and one that is open."""
    oil = replace(a_line("Oil", final=5505, tax=505), type=2, quantity=Decimal(3))
    await site.put(
        an_invoice(
            "sold",
            lines=(a_line("Massage", final=12000), oil),
            transactions=(
                a_payment(12000, name="cash", tender=Tender.CASH, tip=1000),
                a_payment(5505, name="card", tender=Tender.CARD),
            ),
            employee_tips=(a_tip(1000, transaction="cash"),),
            closed_at=NOON,
            receipt_number="R9",
        ),
        an_invoice("open"),
        employees=(an_employee("Omar"),),
    )
    return site


async def told(site: Site) -> list[Any]:
    events = (await site.get("/v1/events")).document["events"]
    return [json.loads(event["body"], parse_float=Decimal) for event in events]


@pytest.mark.parametrize("body", [None, b"", {}, {"items": None, "payments": None, "close": None}])
async def test_without_a_wish_everything_comes_back_and_stays_open(shop: Site, body: Any) -> None:
    reply = await shop.post(AT, body)
    assert (reply.status, reply.document["error"]) == (200, None)
    made = reply.document["refund_invoice"]
    assert (made["is_refund"], made["is_closed"], made["receipt_number"]) == (True, False, "0")
    assert made["total_price"]["sum_total"] == Decimal("-175.05")
    assert [one["price"]["final"] for one in made["invoice_items"]] == [-120, Decimal("-55.05")]
    assert [one["total_amount_paid"] for one in made["transactions"]] == [-130, Decimal("-55.05")]
    assert {"key": "refund_of", "value": SOLD} in made["additional_fields"]
    read = (await shop.get(f"/v1/invoices/{made['id']}?expand=InvoiceItems&expand=Transactions")).document["invoice"]
    assert (read["invoice_items"], read["transactions"]) == (made["invoice_items"], made["transactions"])
    assert (await shop.post(f"/v1/invoices/{made['id']}/close")).status == 200
    assert [event["event_type"] for event in await told(shop)] == ["Invoice.Payments.Added", "Invoice.Closed"]


async def test_what_is_named_comes_back_and_is_closed(shop: Site) -> None:
    body = {
        "items": [{"invoice_item_id": OIL.upper(), "quantity": 1}, {"invoice_item_id": MASSAGE, "amount": 20.5}],
        "payments": [
            {"transaction_id": CASH, "amount": 23.35, "tip_amount": 2.5},
            {"transaction_id": CARD, "amount": "18.00"},
        ],
        "comments": "broken",
        "created_by_id": an_employee("Omar"),
        "cash_register_id": guid_of("till"),
        "close": True,
    }
    made = (await shop.post(AT, body)).document["refund_invoice"]
    assert (made["is_closed"], made["receipt_number"], made["total_price"]["sum_total"]) == (
        True,
        "1",
        Decimal("-38.85"),
    )
    assert [(one["quantity"], one["price"]["final"]) for one in made["invoice_items"]] == [
        (-1, Decimal("-18.35")),
        (0, Decimal("-20.5")),
    ]
    assert [(one["amount_paid"], one["tip_amount"]) for one in made["transactions"]] == [
        (Decimal("-20.85"), Decimal("-2.5")),
        (-18, 0),
    ]
    tips = (await shop.get(f"/v1/invoices/{made['id']}/tips")).document["employee_tips"]
    assert [(tip["employee_id"], tip["amount"]) for tip in tips] == [(an_employee(), Decimal("-2.5"))]
    (closed,) = await told(shop)
    assert closed["event_type"] == "Invoice.Closed"
    assert closed["data"]["invoice"]["is_refund"] is True
    assert closed["data"]["invoice"]["transactions"] == made["transactions"]
    assert (await shop.get(f"/v1/invoices/{SOLD}")).document["invoice"]["is_refund"] is False


async def test_a_refund_that_was_called_off_can_be_made_anew(shop: Site) -> None:
    made = (await shop.post(AT)).document["refund_invoice"]
    at = f"/v1/invoices/{made['id']}"
    for tender in made["transactions"]:
        assert (await shop.call("DELETE", f"{at}/payments/{tender['transaction_id']}")).status == 200
    assert (await shop.call("PUT", f"{at}/cancel", {"comments": ""})).status == 200
    assert (await shop.post(f"{at}/close")).error["code"] == 719
    assert (await shop.post(AT, {"close": True})).document["refund_invoice"]["is_closed"] is True


async def test_two_at_once_give_back_once(shop: Site) -> None:
    replies = await asyncio.gather(*(shop.post(AT, {"close": True}) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]


async def test_one_key_makes_one_refund(shop: Site) -> None:
    body = {"items": [{"invoice_item_id": OIL, "quantity": 1}], "close": True}
    replies = [await shop.post(AT, body, headers={"idempotency-key": "k1"}) for _ in range(2)]
    assert replies[0].body == replies[1].body
    counted = (await shop.get("/metrics")).body.decode()
    assert "closebell_invoices_closed_total 1.0" in counted


ITEM = {"invoice_item_id": OIL}
REFUSED: list[tuple[Any, int, int, str]] = [
    ({"items": [{"invoice_item_id": NOBODY}]}, 404, 429, "Invoice item not found."),
    ({"payments": [{"transaction_id": NOBODY, "amount": 1}]}, 404, 404, f"Invoice {SOLD} has no settled payment"),
    ({"items": [{**ITEM, "quantity": 4}]}, 409, 409, f"Oil ({OIL}) was sold 3 times and 0 came back; 4 is more"),
    ({"items": [{**ITEM, "amount": 55.06}]}, 409, 409, f"Oil ({OIL}) was sold for 55.05 USD"),
    ({"payments": [{"transaction_id": CASH, "amount": 120.01}]}, 409, 409, f"Payment {CASH} has 120.00 USD left"),
    ({"items": [ITEM, ITEM]}, 400, 502, f"items[1].invoice_item_id: {OIL} is also items[0]"),
    ({"items": [{"invoice_item_id": "x"}]}, 400, 502, "items[0].invoice_item_id: 'x' is not a GUID"),
    ({"items": [{**ITEM, "quantity": 0}]}, 400, 502, "items[0].quantity: is zero"),
    ({"items": [{**ITEM, "quantity": "1_0"}]}, 400, 502, 'quantity: "1_0" is not an amount'),
    ({"items": [{**ITEM, "quantity": "NaN"}]}, 400, 502, "items[0].quantity: is out of range"),
    ({"items": [{**ITEM, "amount": 0.001}]}, 400, 502, "items[0].amount: 0.001 has more decimals"),
    ({"items": [{"quantity": 1}]}, 400, 502, "items[0].invoice_item_id: is missing"),
    ({"items": {}}, 400, 502, "items: must be an array or null, not an object"),
    ({"items": []}, 400, 502, "items: is empty"),
    ({"items": [ITEM], "payments": []}, 400, 502, "payments: 0.00 without tips goes back for items of 55.05 USD"),
    ({"payments": [{"transaction_id": CASH, "amount": 1}]}, 400, 502, "payments: 1.00 without tips goes back"),
    ({"payments": [{"transaction_id": CASH, "amount": 0}]}, 400, 502, "payments[0].amount: 0.00 USD pays nothing"),
    ({"payments": [{"transaction_id": CASH}]}, 400, 502, "payments[0].amount: is missing"),
    ({"payments": [{"amount": 1}]}, 400, 502, "payments[0].transaction_id: is missing"),
    ({"created_by_id": NOBODY}, 400, 502, f"created_by_id: {NOBODY} is not an employee"),
    ({"comments": "x" * 4001}, 400, 502, "comments: has 4001 characters"),
    ({"cash_register_id": "x"}, 400, 502, "cash_register_id: 'x' is not a GUID"),
    ({"close": "yes"}, 400, 502, "close: must be true or false or null, not a string"),
    (b"[]", 400, 400, "The request is invalid."),
]


@pytest.mark.parametrize(("body", "status", "code", "message"), REFUSED, ids=[row[3][:50] for row in REFUSED])
async def test_a_refusal_changes_nothing(shop: Site, body: Any, status: int, code: int, message: str) -> None:
    before = await shop.rows()
    reply = await shop.post(AT, body)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["message"].startswith(message)
    assert await shop.rows() == before


async def test_only_closed_sales_are_refunded(shop: Site) -> None:
    refund = (await shop.post(AT, {"close": True})).document["refund_invoice"]
    before = await shop.rows()
    for invoice_id, status, code, message in [
        (NOBODY, 404, 428, "Invoice not found."),
        (guid_of("invoice open"), 409, 409, "is not closed; remove its payments or cancel it instead"),
        (refund["id"], 409, 409, "is a refund"),
        (SOLD, 409, 409, "was given back before; nothing of it is left"),
        ("x", 400, 502, "invoice_id: 'x' is not a GUID"),
    ]:
        reply = await shop.post(f"/v1/invoices/{invoice_id}/refund")
        assert (reply.status, reply.error["code"]) == (status, code)
        assert message in reply.error["message"]
    assert await shop.rows() == before


# --- the older route ---------------------------------------------------------------------------------------------


async def test_the_older_route_refunds_and_closes_at_once(shop: Site) -> None:
    body: dict[str, Any] = {
        "InvoiceId": SOLD.upper(),
        "CashRegisterId": guid_of("till"),
        "RefundItems": [{"InvoiceItemId": OIL, "ItemId": guid_of("item Oil"), "Quantity": 2, "RefundAmount": 30.1}],
        "RefundPayments": [{"TransactionId": CASH, "Amount": 40.1, "TipAmount": 10}],
        "RefundTip": None,
        "Source": 0,
        "Unknown": [1],
    }
    reply = await shop.post(OLD, body)
    assert reply.status == 200
    answer = reply.document
    assert (answer["Error"], answer["RefundErrors"], answer["ToppedPrepaidCard"]) == (None, [], None)
    made = answer["RefundInvoice"]
    assert (made["Status"], made["ReceiptNumber"], made["LinkedInvoiceId"]) == (4, "1", SOLD)
    assert (made["Price"]["Final"], made["Price"]["Tip"]) == (Decimal("-30.1"), -10)
    assert [one["TotalAmountPaid"] for one in made["Payments"]] == [Decimal("-40.1")]
    (returned,) = made["RefundItems"]
    assert (returned["InvoiceItemId"], returned["Quantity"], returned["RefundAmount"]) == (OIL, 2, Decimal("30.1"))
    (closed,) = await told(shop)
    assert closed["event_type"] == "Invoice.Closed"
    assert closed["data"]["invoice"]["id"] == made["Id"]


@pytest.mark.parametrize(("tip", "given"), [(None, -10), (True, -10), (False, 0)])
async def test_the_older_route_takes_empty_lists_for_none(shop: Site, tip: bool | None, given: int) -> None:
    body: dict[str, Any] = {"InvoiceId": SOLD, "RefundItems": [], "RefundPayments": [], "RefundTip": tip}
    made = (await shop.post(OLD, body)).document["RefundInvoice"]
    assert (made["Price"]["Final"], made["Price"]["Tip"]) == (Decimal("-175.05"), given)


OLD_REFUSED: list[tuple[Any, int, str]] = [
    ({"InvoiceId": NOBODY}, 428, "Invoice not found."),
    ({"InvoiceId": guid_of("invoice open")}, 409, f"Invoice {guid_of('invoice open')} is not closed"),
    ({}, 502, "InvoiceId: is missing"),
    ({"InvoiceId": ""}, 502, "InvoiceId: is the empty GUID"),
    ({"InvoiceId": SOLD, "RefundItems": [{"InvoiceItemId": NOBODY}]}, 429, "Invoice item not found."),
    ({"InvoiceId": SOLD, "RefundItems": [{"InvoiceItemId": "x"}]}, 502, "RefundItems[0].InvoiceItemId: 'x'"),
    (
        {"InvoiceId": SOLD, "RefundItems": [{"InvoiceItemId": OIL, "RefundAmount": 0}]},
        502,
        "RefundItems[0].RefundAmount: 0.00 USD gives nothing back",
    ),
    (
        {"InvoiceId": SOLD, "RefundItems": [{"InvoiceItemId": OIL, "RefundAmount": "1_0"}]},
        502,
        'RefundAmount: "1_0" is not an amount',
    ),
    (
        {"InvoiceId": SOLD, "RefundPayments": [{"TransactionId": CASH, "Amount": 1, "TipAmount": 2}]},
        502,
        "RefundPayments[0].TipAmount: 2.00 is more than",
    ),
    ({"InvoiceId": SOLD, "RefundPayments": [{"TransactionId": CASH, "Amount": 0}]}, 502, "RefundPayments[0].Amount: "),
    ({"InvoiceId": SOLD, "RefundPayments": [{"TransactionId": CASH, "Amount": 1}]}, 502, "RefundPayments: 1.00 "),
    ({"InvoiceId": SOLD, "CashRegisterId": "x"}, 502, "CashRegisterId: 'x' is not a GUID"),
    ({"InvoiceId": SOLD, "RefundTip": 5}, 502, "RefundTip: must be true or false or null, not an integer"),
    (b"{", 400, "The request is invalid. The body is not JSON"),
]


@pytest.mark.parametrize(("body", "code", "message"), OLD_REFUSED, ids=[row[2][:50] for row in OLD_REFUSED])
async def test_the_older_route_answers_200_with_an_error(shop: Site, body: Any, code: int, message: str) -> None:
    before = await shop.rows()
    reply = await shop.post(OLD, body)
    answer = reply.document
    assert (reply.status, answer["RefundInvoice"], answer["RefundErrors"]) == (200, None, [])
    assert answer["Error"]["StatusCode"] == code
    assert answer["Error"]["Message"].startswith(message)
    assert isinstance(answer["Error"]["InternalMessage"], str)
    assert await shop.rows() == before


async def test_a_rule_that_keeps_the_refund_open_makes_none(site: Site) -> None:
    await site.put(an_invoice("sold", transactions=(a_payment(48800, tip=5),), closed_at=NOON))
    before = await site.rows()
    answer = (await site.post(OLD, {"InvoiceId": SOLD})).document
    assert (answer["Error"]["StatusCode"], answer["RefundInvoice"]) == (1112, None)
    assert await site.rows() == before
