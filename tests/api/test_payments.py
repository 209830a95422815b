from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.domain.account import AccountKind
from closebell.testing import (
    a_centre,
    a_guest,
    a_line,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_employee,
    an_invoice,
    guid_of,
)
from paying import a_card, a_program, put_accounts, some_points

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


async def test_tips_are_divided_by_price_and_by_percent(site: Site) -> None:
    lines = [
        a_line("Massage", final=30000, sale_by_id=an_employee()),
        a_line("Facial", final=10000, sale_by_id=an_employee("Omar")),
    ]
    await site.put(an_invoice(lines=lines, transactions=(a_payment(40000, tip=1001),)))
    transaction_id = guid_of("transaction payment")

    def assigned(*amounts: str) -> dict[str, Any]:
        employees = (an_employee(), an_employee("Omar"))
        tips = [
            {"employee_id": employee, "amount": Decimal(amount), "transaction_id": transaction_id}
            for employee, amount in zip(employees, amounts, strict=True)
        ]
        return {"employee_tips": tips, "error": None}

    by_price = await site.call("PUT", f"{AT}/tips", {"split": "service_price"})
    assert (by_price.status, by_price.document) == (200, assigned("7.51", "2.5"))
    shares = [
        {"employee_id": an_employee(), "percent": 33.3},
        {"employee_id": an_employee("Omar"), "percent": "66.70"},
    ]
    by_percent = await site.call("PUT", f"{AT}/tips", {"split": "percentage", "employee_tips": shares})
    assert (by_percent.status, by_percent.document) == (200, assigned("3.33", "6.68"))
    assert (await site.get(f"{AT}/tips")).document == by_percent.document
    assert (await site.post(f"{AT}/close")).status == 200


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"split": "evenly"}, 400, "split: 'evenly' is not one of custom, service_price, percentage"),
        ({"split": 1}, 400, "split: must be a string or null, not an integer"),
        ({"split": "percentage"}, 400, "employee_tips: is missing"),
        ({"split": "custom"}, 400, "employee_tips: is missing"),
        ({"split": "percentage", "employee_tips": [{"employee_id": "x"}]}, 400, "employee_tips[0].percent: is missing"),
        (
            {"split": "percentage", "employee_tips": [{"employee_id": an_employee(), "percent": 99.99}]},
            400,
            "employee_tips: the percents make up 99.99",
        ),
        (
            {"split": "percentage", "employee_tips": [{"employee_id": an_employee(), "percent": "1_00"}]},
            400,
            'percent: "1_00" is not an amount',
        ),
        ({"split": "service_price"}, 409, "Invoice "),
    ],
)
async def test_a_division_of_tips_that_cannot_be_is_named(site: Site, body: object, status: int, message: str) -> None:
    await site.put(an_invoice(transactions=(a_payment(tip=1000),)), employees=(an_employee(),))
    before = await site.rows()
    reply = await site.call("PUT", f"{AT}/tips", body)
    assert reply.status == status
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_the_tips_of_a_group_name_their_invoices(site: Site) -> None:
    group = guid_of("group")
    tipped = an_invoice(transactions=(a_payment(tip=500),), employee_tips=(a_tip(500),), group_invoice_id=group)
    await site.put(tipped, an_invoice("2", group_invoice_id=group))
    tip = {"employee_id": an_employee(), "amount": 5, "transaction_id": None}
    assert (await site.get(f"/v1/invoices/{group}/tips")).document == {
        "employee_tips": [{**tip, "invoice_id": INVOICE}],
        "error": None,
    }
    assert (await site.get(f"{AT}/tips")).document["employee_tips"] == [tip]
    assert (await site.get(f"/v1/invoices/{guid_of('nobody')}/tips")).error["code"] == 428


async def test_cash_checks_and_cards_are_taken_at_the_till(site: Site) -> None:
    await site.put(an_invoice(), employees=(an_employee(),))
    common: dict[str, Any] = {
        "tip_amount": None,
        "collected_by_id": an_employee(),
        "cash_register_id": guid_of("till"),
        "more": {},
    }
    cash = await site.post(f"{AT}/payments/cash", {**common, "amount": 100, "amount_tendered": "120.00"})
    check = await site.post(f"{AT}/payments/check", {**common, "amount": 100, "check_number": "7", "bank_name": None})
    card = await site.post(
        f"{AT}/payments/card",
        {**common, "amount": 298, "tip_amount": 10, "card_number": "**** 1111", "card_type": "Visa"},
    )
    made = [reply.document["transaction"] for reply in (cash, check, card)]
    assert [(one["tender"], one["amount_paid"], one["cash_back_amount"]) for one in made] == [
        ("cash", 100, 20),
        ("check", 100, 0),
        ("card", 288, 0),
    ]
    assert made[2]["payment_option"] == {"id": None, "payment_mode": 1, "payment_name": "Visa", "card_number": "1111"}
    assert [reply.document["error"] for reply in (cash, check, card)] == [None] * 3
    shown = (await site.get(f"{AT}?expand=Transactions")).document["invoice"]["transactions"]
    assert shown == made
    tips = {"employee_tips": [{"employee_id": an_employee(), "amount": 10}]}
    assert (await site.call("PUT", f"{AT}/tips", tips)).status == 200
    assert (await site.post(f"{AT}/close")).status == 200


async def test_a_gift_card_is_read_and_redeemed_and_restored(site: Site) -> None:
    await site.put(an_invoice())
    held = a_card("GC-1000", balance=20050, guest_id=a_guest().id, expires_on=date(2026, 1, 5))
    prepaid = a_card("PC-1000", kind=AccountKind.PREPAID_CARD, balance=100, expires_on=date(2026, 1, 4))
    await site.service.database.write(put_accounts, held, prepaid)
    balance = await site.get("/v1/giftcards/GC-1000/balance")
    assert balance.document == {
        "balance": Decimal("200.5"),
        "user_id": a_guest().id,
        "expiry": "2026-01-05T00:00:00",
        "type": "gift_card",
        "status": "active",
        "currency_code": "USD",
        "error": None,
    }
    expired = (await site.get("/v1/giftcards/PC-1000/balance")).document
    assert (expired["type"], expired["status"], expired["user_id"]) == ("prepaid_card", "expired", None)
    applied = await site.post(
        f"{AT}/payments/gift_card", {"card_number": "GC-1000", "amount": 200.5, "tip_amount": 0.5}
    )
    paid = applied.document["payment"]
    assert (applied.status, applied.document["is_applied"], applied.document["error"]) == (200, True, None)
    assert (paid["amount_paid"], paid["tip_amount"], paid["tender"]) == (200, Decimal("0.5"), "gift_card")
    assert paid["payment_option"]["card_number"] == "1000"
    assert (await site.get("/v1/giftcards/GC-1000/balance")).document["balance"] == 0
    redeemed = (await site.get(f"{AT}?expand=Redemptions")).document["invoice"]["redemptions"]
    assert [one["transaction_id"] for one in redeemed] == [paid["transaction_id"]]
    await site.call("DELETE", f"{AT}/payments/{paid['transaction_id']}")
    assert (await site.get("/v1/giftcards/GC-1000/balance")).document["balance"] == Decimal("200.5")


async def test_two_tills_with_one_gift_card_never_overdraw_it(site: Site) -> None:
    some = [an_invoice(f"{number}", total=10000) for number in range(6)]
    await site.put(*some)
    await site.service.database.write(put_accounts, a_card("GC-1000", balance=25000))
    body = {"card_number": "GC-1000", "amount": 100}
    replies = await asyncio.gather(*(site.post(f"/v1/invoices/{one.id}/payments/gift_card", body) for one in some))
    assert sorted(reply.status for reply in replies) == [200, 200, 409, 409, 409, 409]
    assert (await site.get("/v1/giftcards/GC-1000/balance")).document["balance"] == 50


async def test_points_are_offered_and_redeemed(site: Site) -> None:
    await site.put(an_invoice(loyalty_cap_amount=4000))
    petals, leaves = a_program(least=100), a_program("Leaves", rate="0.1")
    await site.service.database.write(
        put_accounts, some_points(1200), some_points(300, "Leaves"), programs=[petals, leaves]
    )
    at = f"/v1/guests/{INVOICE}/payments/loyalty_points/redeemable"
    offered = (await site.get(f"{at}?lp_program_id={petals.id}&redeem_across_programs=1")).document
    assert offered == {
        "lp_redeemable": {
            "points": 800,
            "amount": 40,
            "loyalty_programs": [
                {
                    "id": petals.id,
                    "name": "Petals",
                    "points": {"earned": 1200, "redeemable": 800},
                    "exchange_rate": Decimal("0.05"),
                    "minimum_points": 100,
                },
                {
                    "id": leaves.id,
                    "name": "Leaves",
                    "points": {"earned": 300, "redeemable": 0},
                    "exchange_rate": Decimal("0.1"),
                    "minimum_points": 0,
                },
            ],
            "total_available_points": 1500,
            "total_available_amount": 90,
            "exchange_rate": Decimal("0.05"),
        },
        "error": None,
    }
    body = {
        "points": 800,
        "center_id": a_centre().id,
        "program_id": petals.id,
        "redeem_across_programs": 0,
        "otp": "12",
    }
    reply = await site.post(f"{AT}/payments/loyalty_points?expand=Transactions", body)
    paid = reply.document["payment"]
    assert (reply.status, reply.document["error"], paid["amount_paid"]) == (200, None, 40)
    assert paid["payment_option"]["id"] == petals.id
    assert reply.document["invoice"]["transactions"] == [paid]
    assert reply.document["redemptions"] == [
        {
            "transaction_id": paid["transaction_id"],
            "option": {"id": guid_of("points Petals"), "mode": 1, "name": "Petals"},
            "amount": 40,
            "payment_date": paid["payment_date"],
        }
    ]
    after = (await site.get(f"{at}?lp_program_id={petals.id}")).document["lp_redeemable"]
    assert (after["points"], after["total_available_points"]) == (0, 400)


async def test_payments_added_and_deleted_are_told_as_the_invoice_shows_them(site: Site) -> None:
    await site.put(an_invoice())
    cash = (await site.post(f"{AT}/payments/cash", {"amount": 100})).document["transaction"]
    check = (await site.post(f"{AT}/payments/check", {"amount": 1, "check_number": "7"})).document["transaction"]
    shown = (await site.get(f"{AT}?expand=Transactions")).document["invoice"]["transactions"]
    assert shown == [cash, check]
    await site.call("DELETE", f"{AT}/payments/{cash['transaction_id']}")
    events = [json.loads(one["body"], parse_float=Decimal) for one in (await site.get("/v1/events")).document["events"]]
    assert [(one["event_type"], one["event_resource"]) for one in events] == [
        ("Invoice.Payments.Added", "Invoice"),
        ("Invoice.Payments.Added", "Invoice"),
        ("Invoice.Payments.Deleted", "Invoice"),
    ]
    assert [one["data"] for one in events] == [
        {"invoice_id": INVOICE, "is_closed": False, "transactions": transactions}
        for transactions in ([cash], [cash, check], [check])
    ]


async def test_an_invoice_leaves_its_group(site: Site) -> None:
    group = guid_of("group")
    await site.put(a_paid_invoice(group_invoice_id=group))
    assert (await site.post(f"{AT}/close")).error["code"] == 492
    assert (await site.call("DELETE", f"/v1/invoices/{guid_of('other')}/invoices/{INVOICE}")).status == 404
    reply = await site.call("DELETE", f"/v1/invoices/{group}/invoices/{INVOICE}")
    assert reply.document == {"is_invoice_removed": True, "error": None}
    assert (await site.post(f"{AT}/close")).status == 200
