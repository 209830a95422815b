from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.domain.closing import RULES
from closebell.domain.invoice import Appointment, Invoice, Tender, TransactionState
from closebell.testing import (
    NOON,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_appointment,
    an_employee,
    an_invoice,
    guid_of,
)

AT = f"/v1/invoices/{guid_of('invoice 1')}"


async def _blockers(site: Site) -> list[Any]:
    reply = await site.get(f"{AT}/close_check")
    assert reply.status == 200
    document = reply.document
    assert document["can_close"] is (not document["blockers"])
    assert document["currency_code"] == "USD"
    assert document["error"] is None
    blockers: list[Any] = document["blockers"]
    return blockers


async def test_nothing_is_in_the_way_of_a_paid_invoice_nor_of_a_closed_one(site: Site) -> None:
    await site.put(a_paid_invoice())
    assert await _blockers(site) == []
    await site.post(f"{AT}/close")
    assert await _blockers(site) == []
    assert (await site.get(f"{AT}/close_check")).document["is_closed"] is True


async def test_all_broken_rules_are_listed_in_rule_order(site: Site) -> None:
    await site.put(
        an_invoice(
            group_invoice_id=guid_of("group"),
            cancelled_at=NOON,
            appointments=(an_appointment(start_time="2026-01-09T10:00:00"),),
            transactions=(
                a_payment(40000, tip=1000),
                a_payment(100, name="points", tender=Tender.LOYALTY_POINTS),
                a_payment(5, name="late", state=TransactionState.PENDING),
            ),
            ssg_amount=100,
            loyalty_cap_amount=50,
        )
    )
    found = [blocker["rule"] for blocker in await _blockers(site)]
    in_order = [rule.__name__ for rule in RULES]
    assert found == [name for name in in_order if name != "must_not_be_overpaid"]
    first = (await _blockers(site))[0]
    assert first["code"] == (await site.post(f"{AT}/close")).error["code"] == 492


async def test_amounts_are_exact_and_rows_are_named(site: Site) -> None:
    await site.put(an_invoice(paid=40050))
    (blocker,) = await _blockers(site)
    assert blocker["amounts"] == {"due": 488, "paid": Decimal("400.5"), "missing": Decimal("87.5")}
    assert blocker["rows"] == [guid_of("transaction payment")]
    assert blocker["detail"] == "400.50 of 488.00 USD is paid; 87.50 is missing."
    assert (blocker["code"], blocker["message"]) == (419, "Full Payment of invoice is not made.")


@pytest.mark.parametrize(
    "fields",
    [
        {"group_invoice_id": guid_of("group"), "transactions": (a_payment(),)},
        {"transactions": (a_payment(40050),)},
        {"transactions": (a_payment(40050),), "ssg_amount": 300, "fee_amount": 25},
        {"transactions": (a_payment(), a_payment(1, name="more"))},
        {
            "transactions": (a_payment(48800 - 200), a_payment(200, name="points", tender=Tender.LOYALTY_POINTS)),
            "loyalty_cap_amount": 100,
        },
        {"transactions": (a_payment(tip=1000),)},
        {
            "transactions": (a_payment(tip=1000), a_payment(0, name="tip", tip=250)),
            "employee_tips": (a_tip(100, transaction="payment"),),
        },
        {"transactions": (a_payment(), a_payment(1, name="late", state=TransactionState.PENDING))},
    ],
)
async def test_the_calls_that_are_named_clear_the_way(site: Site, fields: dict[str, Any]) -> None:
    sold_by = an_employee("Ines")
    invoice = an_invoice(**fields)
    booked = (an_appointment(start_time="2026-01-05T08:00:00"),)
    await site.put(_with_seller(invoice, sold_by, booked), employees=(sold_by,))
    for _ in range(4):
        blockers = await _blockers(site)
        if not blockers:
            break
        call = blockers[0]["clear_with"]
        body = call["body"] and {**call["body"], **_plain(call["body"])}
        reply = await site.call(call["method"], call["path"], body)
        assert reply.status == 200, reply.document
    assert (await site.post(f"{AT}/close")).status == 200


def _with_seller(invoice: Invoice, sold_by: str, booked: tuple[Appointment, ...]) -> Invoice:
    lines = tuple(replace(line, sale_by_id=sold_by) for line in invoice.lines)
    return replace(invoice, lines=lines, appointments=booked)


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its decimals spelled, as json cannot encode them."""
    return {
        key: str(value)
        if isinstance(value, Decimal)
        else [_plain(item) for item in value]
        if isinstance(value, list)
        else value
        for key, value in body.items()
    }


async def test_a_future_appointment_says_from_when_it_is_none(site: Site) -> None:
    await site.put(a_paid_invoice(appointments=(an_appointment(start_time="2026-01-09T10:00:00"),)))
    (blocker,) = await _blockers(site)
    assert blocker["clear_with"] == {
        "method": "POST",
        "path": f"{AT}/close",
        "body": None,
        "note": "Not before 2026-01-09 at the centre (America/Los_Angeles).",
    }


async def test_money_to_hand_back_has_no_call(site: Site) -> None:
    await site.put(an_invoice(total=-48800, is_refund=True))
    (blocker,) = await _blockers(site)
    assert blocker["amounts"]["missing"] == -488
    assert blocker["clear_with"] is None


async def test_what_was_called_off_has_no_call_for_whatever_else_is_missing(site: Site) -> None:
    await site.put(an_invoice(cancelled_at=NOON))
    called_off, unpaid = await _blockers(site)
    assert (called_off["rule"], called_off["code"], called_off["clear_with"]) == ("must_not_be_cancelled", 719, None)
    assert (unpaid["rule"], unpaid["clear_with"]) == ("must_be_fully_paid", None)


async def test_an_unknown_invoice_is_428(site: Site) -> None:
    reply = await site.get(f"{AT}/close_check")
    assert (reply.status, reply.error["code"]) == (404, 428)


async def test_tips_of_which_nobody_knows_who_earned_them_are_left_to_be_named(site: Site) -> None:
    await site.put(an_invoice(transactions=(a_payment(48800, tip=1000),)))
    (blocker,) = await _blockers(site)
    call = blocker["clear_with"]
    assert (blocker["rule"], call["body"]) == ("must_have_tips_assigned", None)
    assert call["note"].startswith("Name the employees")
