from __future__ import annotations

import asyncio

import pytest

from calling import Site
from closebell.testing import (
    a_paid_invoice,
    a_payment,
    a_tip,
    an_employee,
    an_invoice,
    guid_of,
)

INVOICE = guid_of("invoice 1")
AT = f"/v1/invoices/{INVOICE}"
CASH = guid_of("cash")


async def test_a_payment_is_answered_with_its_transaction(site: Site) -> None:
    await site.put(an_invoice())
    sent = {
        "amount": 500,
        "tip_amount": 12.0,
        "custom_payment_id": CASH.upper(),
        "cash_register_id": None,
        "additional_data": None,
        "collected_by_id": None,
        "unknown": [1],
    }
    reply = await site.post(f"{AT}/payment/custom", sent)
    assert (reply.status, reply.document["error"]) == (200, None)
    transaction = reply.document["transaction"]
    assert (transaction["amount_paid"], transaction["tip_amount"], transaction["total_amount_paid"]) == (488, 12, 500)
    assert transaction["payment_option"]["id"] == CASH
    assert transaction["state"] == "settled"
    shown = (await site.get(f"{AT}?expand=Transactions")).document["invoice"]["transactions"]
    assert shown == [transaction]


async def test_two_halves_at_once_pay_the_whole(site: Site) -> None:
    await site.put(an_invoice())
    half = {"custom_payment_id": CASH, "amount": 244}
    replies = await asyncio.gather(*(site.post(f"{AT}/payment/custom", half) for _ in range(2)))
    assert [reply.status for reply in replies] == [200, 200]
    assert (await site.post(f"{AT}/close")).status == 200


async def test_a_closed_or_grouped_or_unknown_invoice_takes_no_payment(site: Site) -> None:
    await site.put(a_paid_invoice(), an_invoice("grouped", group_invoice_id=guid_of("group")))
    await site.post(f"{AT}/close")
    before = await site.rows()
    body = {"custom_payment_id": CASH, "amount": 1}
    for name, status, code, message in [
        ("1", 409, 728, "ApiPaymentCannotBeAddedForClosedInvoice"),
        ("grouped", 409, 928, "InvoiceinGroup"),
        ("nobody", 404, 428, "Invoice not found."),
    ]:
        reply = await site.post(f"/v1/invoices/{guid_of(f'invoice {name}')}/payment/custom", body)
        assert (reply.status, reply.error["code"], reply.error["message"]) == (status, code, message)
    assert await site.rows() == before


async def test_a_payment_can_be_removed_while_the_invoice_is_open(site: Site) -> None:
    await site.put(a_paid_invoice())
    transaction_id = guid_of("transaction payment")
    assert (await site.call("DELETE", f"{AT}/payments/{guid_of('other')}")).status == 404
    reply = await site.call("DELETE", f"{AT}/payments/{transaction_id}")
    assert reply.document == {"is_payment_removed": True, "error": None}
    assert (await site.post(f"{AT}/close")).error["code"] == 419


async def test_what_is_closed_stays_as_it_is(site: Site) -> None:
    await site.put(a_paid_invoice(), employees=(an_employee(),))
    await site.post(f"{AT}/close")
    before = await site.rows()
    removed = await site.call("DELETE", f"{AT}/payments/{guid_of('transaction payment')}")
    assigned = await site.call("PUT", f"{AT}/tips", {"employee_tips": []})
    assert (removed.status, removed.error["code"]) == (409, 409)
    assert (assigned.status, assigned.error["code"]) == (409, 409)
    assert await site.rows() == before


async def test_tips_are_assigned_and_read(site: Site) -> None:
    await site.put(an_invoice(transactions=(a_payment(tip=1000),)), employees=(an_employee(),))
    assert (await site.get(f"{AT}/tips")).document == {"employee_tips": [], "error": None}
    tip = {"employee_id": an_employee(), "amount": 10, "transaction_id": guid_of("transaction payment")}
    reply = await site.call("PUT", f"{AT}/tips", {"employee_tips": [tip]})
    assert (reply.status, reply.document) == (200, {"employee_tips": [tip], "error": None})
    assert (await site.get(f"{AT}/tips")).document == reply.document
    assert (await site.call("PUT", f"{AT}/tips", {"employee_tips": []})).document["employee_tips"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "employee_tips: is missing"),
        ({"employee_tips": None}, "employee_tips: must be an array, not null"),
        ({"employee_tips": [{"amount": 1}]}, "employee_tips[0].employee_id: is missing"),
        ({"employee_tips": [{"employee_id": "x", "amount": 1}]}, "employee_tips[0].employee_id: "),
        ({"employee_tips": [{"employee_id": an_employee(), "amount": -1}]}, "employee_tips[0].amount: "),
        ({"employee_tips": [{"employee_id": an_employee(), "amount": 11}]}, "employee_tips: "),
        ({"employee_tips": [{"employee_id": guid_of("nobody"), "amount": 1}]}, "employee_tips[0].employee_id: "),
        (
            {"employee_tips": [{"employee_id": an_employee(), "amount": 1, "transaction_id": "x"}]},
            "employee_tips[0].transaction_id: 'x' is not a GUID",
        ),
    ],
)
async def test_tips_name_the_field_that_is_wrong(site: Site, body: object, message: str) -> None:
    invoice = an_invoice(transactions=(a_payment(tip=1000),), employee_tips=(a_tip(500),))
    await site.put(invoice)
    before = await site.rows()
    reply = await site.call("PUT", f"{AT}/tips", body)
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_an_invoice_leaves_its_group(site: Site) -> None:
    group = guid_of("group")
    await site.put(a_paid_invoice(group_invoice_id=group))
    assert (await site.post(f"{AT}/close")).error["code"] == 492
    assert (await site.call("DELETE", f"/v1/invoices/{guid_of('other')}/invoices/{INVOICE}")).status == 404
    reply = await site.call("DELETE", f"/v1/invoices/{group}/invoices/{INVOICE}")
    assert reply.document == {"is_invoice_removed": True, "error": None}
    assert (await site.post(f"{AT}/close")).status == 200
