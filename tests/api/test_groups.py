"""Groups over HTTP, from two unpaid invoices to two receipts."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from calling import Site
from closebell.domain.document import encode
from closebell.testing import a_guest, a_paid_invoice, an_employee, an_invoice, guid_of

ONE, TWO = guid_of("invoice 1"), guid_of("invoice 2")
GROUP = guid_of("group")
CUSTOM = guid_of("bank")


async def two_friends(site: Site) -> str:
    """A group of two unpaid invoices of 488.00 and 100.00."""
    await site.put(
        an_invoice("1"), an_invoice("2", total=10000, guest=a_guest("Grace Guest")), employees=(an_employee(),)
    )
    body = {"group_name": "Friends", "invoice_ids": [ONE.upper(), TWO], "notes": "one bill", "unknown": 1}
    reply = await site.post("/v1/group_invoices", body)
    assert reply.status == 200, reply.body
    made: str = reply.document["group_invoice"]["Id"]
    return made


async def told(site: Site) -> list[Any]:
    events = (await site.get("/v1/events")).document["events"]
    return [json.loads(event["body"], parse_float=Decimal) for event in events]


async def test_a_new_group_is_answered_in_the_contracts_mixed_case(site: Site) -> None:
    await site.put(an_invoice("1"), an_invoice("2", total=10050), employees=(an_employee(),))
    body = {"group_name": "Friends", "invoice_ids": [ONE, TWO], "notes": None, "created_by_id": an_employee()}
    reply = await site.post("/v1/group_invoices", body)
    made = reply.document
    assert (reply.status, made["is_invoice_created"], made["error"]) == (200, True, None)
    group = made["group_invoice"]
    assert list(group) == [
        *("Id", "name", "host_id", "payment_made_by", "Invoices", "Redemptions", "Payments", "Price"),
        "GroupRedemptions",
    ]
    assert (group["name"], group["host_id"], group["payment_made_by"]) == ("Friends", a_guest().id, None)
    assert {one["Id"] for one in group["Invoices"]} == {ONE, TWO}
    assert {(one["GroupInvoiceId"], one["group_name"]) for one in group["Invoices"]} == {(group["Id"], "Friends")}
    assert (group["Price"]["Final"], group["Price"]["Sales"], group["Price"]["CurrencyId"]) == (
        Decimal("588.5"),
        Decimal("588.5"),
        148,
    )
    assert (group["Payments"], group["Redemptions"], group["GroupRedemptions"]) == ([], [], [])


async def test_a_group_is_read_renamed_and_described(site: Site) -> None:
    group = await two_friends(site)
    at = f"/v1/group_invoices/{group}"
    read = (await site.get(at)).document
    assert {name: read[name] for name in read if name != "invoices"} == {
        "id": group,
        "group_name": "Friends",
        "comments": "one bill",
        "is_surprise": False,
        "error": None,
    }
    assert [one["id"] for one in read["invoices"]] == sorted([ONE, TWO])
    shown = {one["id"]: one for one in read["invoices"]}[TWO]
    assert shown == {
        "id": TWO,
        "receipt_number": "0",
        "invoice_date": "2026-01-05T09:00:00",
        "center_id": guid_of("centre Main Street"),
        "appointment_group_id": None,
        "guest": {"id": a_guest("Grace Guest").id},
    }
    for number, value in ((0, "Four friends"), (1, "by the window")):
        body = {"property": number, "value": value, "updated_by_id": an_employee()}
        reply = await site.call("PUT", f"{at}/properties", body)
        assert (reply.status, reply.document) == (200, {"error": None})
    read = (await site.get(at)).document
    assert (read["group_name"], read["comments"]) == ("Four friends", "by the window")
    assert (await site.get(f"/v1/invoices/{ONE}")).document["invoice"]["group_invoice_id"] == group


async def test_a_group_is_paid_read_and_closed(site: Site) -> None:
    group = await two_friends(site)
    at = f"/v1/group_invoices/{group}"
    paid = await site.post(f"{at}/payments/custom", {"custom_payment_id": CUSTOM, "amount": 294})
    assert paid.status == 200
    assert {(one["invoice_id"], one["amount_paid"]) for one in paid.document["transactions"]} == {(ONE, 244), (TWO, 50)}
    assert (await site.post(f"{at}/close")).error["code"] == 419
    cash = await site.post(f"{at}/payments/cash", {"amount": 294, "tip_amount": None, "collected_by_id": an_employee()})
    assert [one["tender"] for one in cash.document["transactions"]] == ["cash", "cash"]
    read = (await site.get(f"{at}/transactions")).document
    assert sum(one["amount_paid"] for one in read["transactions"]) == 588
    assert {one["invoice_id"] for one in read["transactions"]} == {ONE, TWO}
    assert paid.document["transactions"][0] in read["transactions"]
    closed = await site.post(f"{at}/close", {"closed_by_id": an_employee()})
    assert closed.status == 200
    assert closed.document["is_group_invoice_closed"] is True
    assert closed.document["error"] is None
    assert [(one["id"], one["receipt_number"]) for one in closed.document["invoices"]] == [
        (min(ONE, TWO), "1"),
        (max(ONE, TWO), "2"),
    ]
    assert (await site.post(f"{at}/close", b"")).document == closed.document
    closes = [event for event in await told(site) if event["event_type"] == "Invoice.Closed"]
    assert {event["data"]["invoice"]["group_invoice_id"] for event in closes} == {group}
    assert [event["data"]["invoice"]["id"] for event in closes] == sorted([ONE, TWO])


async def test_a_share_is_removed_and_taken_anew(site: Site) -> None:
    group = await two_friends(site)
    at = f"/v1/group_invoices/{group}"
    paid = (await site.post(f"{at}/payments/cash", {"amount": 588})).document["transactions"]
    first = paid[0]
    reply = await site.call("DELETE", f"{at}/payments/{first['transaction_id']}")
    assert reply.document == {"is_payment_removed": True, "invoice_id": first["invoice_id"], "error": None}
    assert (await site.get(f"{at}/transactions")).document["transactions"] == paid[1:]
    again = (await site.post(f"{at}/payments/cash", {"amount": first["amount_paid"]})).document["transactions"]
    assert [(one["invoice_id"], one["amount_paid"]) for one in again] == [(first["invoice_id"], first["amount_paid"])]
    types = [event["event_type"] for event in await told(site)]
    assert types == [*["Invoice.Payments.Added"] * 2, "Invoice.Payments.Deleted", "Invoice.Payments.Added"]


async def test_an_invoice_leaves_its_group_with_what_was_paid_for_it(site: Site) -> None:
    await site.put(a_paid_invoice(group_invoice_id=GROUP))
    assert (await site.post(f"/v1/invoices/{ONE}/close")).error["code"] == 492
    assert (await site.call("DELETE", f"/v1/invoices/{guid_of('other')}/invoices/{ONE}")).status == 404
    reply = await site.call("DELETE", f"/v1/invoices/{GROUP}/invoices/{ONE}")
    assert reply.document == {"is_invoice_removed": True, "error": None}
    assert (await site.post(f"/v1/invoices/{ONE}/close")).status == 200
    assert (await site.get(f"/v1/group_invoices/{GROUP}")).document["invoices"] == []


async def test_a_group_that_came_by_import_can_be_closed(site: Site) -> None:
    await site.put(a_paid_invoice("1", group_invoice_id=GROUP), a_paid_invoice("2", group_invoice_id=GROUP))
    assert (await site.get(f"/v1/group_invoices/{GROUP}")).document["group_name"] == ""
    assert (await site.post(f"/v1/group_invoices/{GROUP}/close", {})).status == 200
    assert (await site.post(f"/v1/invoices/{ONE}/close")).error["code"] == 492


async def test_tips_of_a_group_are_assigned_member_by_member(site: Site) -> None:
    group = await two_friends(site)
    at = f"/v1/group_invoices/{group}"
    paid = await site.post(f"{at}/payments/cash", {"amount": 600, "tip_amount": 12})
    assert (await site.post(f"{at}/close")).error["code"] == 1112
    for one in paid.document["transactions"]:
        tip = {"employee_id": an_employee(), "amount": one["tip_amount"], "transaction_id": one["transaction_id"]}
        assigned = await site.call("PUT", f"/v1/invoices/{one['invoice_id']}/tips", encode({"employee_tips": [tip]}))
        assert assigned.status == 200, assigned.body
    assert (await site.post(f"{at}/close")).status == 200


async def test_one_key_makes_one_payment_and_one_close(site: Site) -> None:
    group = await two_friends(site)
    at = f"/v1/group_invoices/{group}"
    headers = {"idempotency-key": "till-1"}
    replies = [await site.post(f"{at}/payments/cash", {"amount": 588}, headers=headers) for _ in range(2)]
    assert replies[0].body == replies[1].body
    assert len((await site.get(f"{at}/transactions")).document["transactions"]) == 2
    closes = [await site.post(f"{at}/close", headers={"idempotency-key": "till-2"}) for _ in range(2)]
    assert closes[0].body == closes[1].body


async def test_closes_of_a_group_are_counted_and_wake_who_waits(site: Site) -> None:
    await site.put(a_paid_invoice("1", group_invoice_id=GROUP), a_paid_invoice("2", group_invoice_id=GROUP))
    waiting = asyncio.create_task(site.get("/v1/events?wait=20"))
    await asyncio.sleep(0)
    await site.post(f"/v1/group_invoices/{GROUP}/close")
    async with asyncio.timeout(10):
        assert len((await waiting).document["events"]) == 2
    await site.post(f"/v1/group_invoices/{GROUP}/close")
    counted = (await site.get("/metrics")).body.decode()
    assert "closebell_invoices_closed_total 2.0" in counted
    assert "closebell_invoices_closed_again_total 2.0" in counted


async def test_an_amount_keeps_all_its_digits(site: Site) -> None:
    whole = 1_234_567_890_123_456_789
    await site.put(an_invoice("1", total=whole, group_invoice_id=GROUP))
    body = b'{"amount": 12345678901234567.89}'
    paid = (await site.post(f"/v1/group_invoices/{GROUP}/payments/cash", body)).document
    assert paid["transactions"][0]["amount_paid"] == Decimal("12345678901234567.89")
