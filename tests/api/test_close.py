from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from calling import Site
from closebell.domain.closing import RULES
from closebell.domain.invoice import Tender, TransactionState
from closebell.errors import RefusalCode
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

FIRST = guid_of("invoice 1")
CLOSE = f"/v1/invoices/{FIRST}/close"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \r\n",
        b"null",
        b"{}",
        b'{"is_invoice_closed": true}',
        b'{"error": null}',
        b'{"error": {"code": 419, "message": "x", "deep": [1e400, 99999999999999999999999]}}',
        b'{"status": 1}',
        b'{"status": -2, "closed_by_id": null, "is_invoice_closed": null}',
        b'{"closed_by_id": ""}',
        b'{"closed_by_id": "00000000-0000-0000-0000-000000000000"}',
        b'{"something": {"else": 1.5}, "InvoiceId": "x"}',
    ],
)
@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_every_body_that_clients_send_closes(site: Site, body: bytes, content_type: str | None) -> None:
    await site.put(a_paid_invoice())
    reply = await site.post(CLOSE, body, headers={"content-type": content_type} if content_type else None)
    assert reply.status == 200
    assert reply.document == {
        "is_invoice_closed": True,
        "error": None,
        "status": 1,
        "closed_by_id": None,
        "receipt_number": "1",
    }


async def test_the_closer_is_recorded_whatever_the_spelling(site: Site) -> None:
    await site.put(a_paid_invoice(), employees=(an_employee("Ines"),))
    reply = await site.post(
        CLOSE.upper().replace("V1", "v1").replace("INVOICES", "invoices").replace("CLOSE", "close"),
        {"closed_by_id": an_employee("Ines").upper()},
    )
    assert (reply.status, reply.document["closed_by_id"]) == (200, an_employee("Ines"))


async def test_a_second_close_succeeds_again_and_tells_nobody(site: Site) -> None:
    await site.put(a_paid_invoice())
    first = await site.post(CLOSE)
    before = await site.rows()
    assert (await site.post(CLOSE)).body == first.body
    assert await site.rows() == before
    assert len(before["events"]) == 1


async def test_a_crowd_closes_one_invoice_once(site: Site) -> None:
    await site.put(a_paid_invoice())
    replies = await asyncio.gather(*(site.post(CLOSE) for _ in range(64)))
    assert {(reply.status, reply.body) for reply in replies} == {(200, replies[0].body)}
    assert len((await site.rows())["events"]) == 1


REFUSED: list[tuple[RefusalCode, dict[str, Any], str]] = [
    (RefusalCode.GROUP_INVOICE, {"group_invoice_id": guid_of("group")}, "belongs to group invoice"),
    (RefusalCode.COULD_NOT_BE_CLOSED, {"cancelled_at": NOON}, "The invoice was cancelled."),
    (
        RefusalCode.FUTURE_APPOINTMENT,
        {"appointments": (an_appointment(start_time="2026-01-06T10:00:00"),)},
        "today is 2026-01-05",
    ),
    (
        RefusalCode.NOT_FULLY_PAID,
        {"transactions": (a_payment(40000),)},
        "400.00 of 488.00 USD is paid; 88.00 is missing.",
    ),
    (RefusalCode.SSG_NOT_PAID, {"ssg_amount": 500}, "0.00 of 5.00 USD of the service charge is paid"),
    (RefusalCode.PAID_IN_EXCESS, {"transactions": (a_payment(48801),)}, "0.01 is too much"),
    (
        RefusalCode.LOYALTY_OVER_CAP,
        {"transactions": (a_payment(tender=Tender.LOYALTY_POINTS),), "loyalty_cap_amount": 100},
        "at most 1.00 USD may be",
    ),
    (RefusalCode.TIPS_UNASSIGNED, {"transactions": (a_payment(tip=1000),)}, "10.00 is unassigned"),
    (
        RefusalCode.COULD_NOT_BE_CLOSED,
        {"transactions": (a_payment(), a_payment(100, name="late", state=TransactionState.PENDING))},
        "1.00 USD is pending",
    ),
]


@pytest.mark.parametrize(("code", "fields", "detail"), REFUSED, ids=[row[0].name for row in REFUSED])
async def test_each_broken_rule_has_its_code_message_and_amounts(
    site: Site, code: RefusalCode, fields: dict[str, Any], detail: str
) -> None:
    await site.put(an_invoice(**{"transactions": (a_payment(),), **fields}))
    before = await site.rows()
    reply = await site.post(CLOSE)
    assert reply.status == 409
    assert (reply.error["code"], reply.error["message"]) == (code.wire_code, code.message)
    assert detail in reply.error["InternalMessage"]
    assert await site.rows() == before


def test_the_table_above_has_a_row_for_every_rule() -> None:
    assert len(REFUSED) == len(RULES)


async def test_an_unknown_invoice_is_428_with_404(site: Site) -> None:
    reply = await site.post(CLOSE)
    assert reply.status == 404
    assert (reply.error["code"], reply.error["message"]) == (428, "Invoice not found.")


async def test_an_unknown_closer_is_refused_by_name(site: Site) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    reply = await site.post(CLOSE, {"closed_by_id": guid_of("nobody")})
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith("closed_by_id: ")
    assert await site.rows() == before


async def test_refusals_are_answered_with_200_where_that_is_wanted(site: Site) -> None:
    site.alter(errors_as_200=True)
    refused = await site.post(CLOSE)
    assert (refused.status, refused.error["code"]) == (200, 428)
    malformed = await site.post("/v1/invoices/x/close")
    assert (malformed.status, malformed.error["code"]) == (200, 502)
    # What is no answer of a route keeps its status: clients decide by it whether to come back.
    assert (await site.post(CLOSE, key=None)).status == 401
    assert (await site.get("/v1/nothing")).status == 404
    assert (await site.get(CLOSE)).status == 405


async def test_a_batch_answers_each_invoice_in_order(site: Site) -> None:
    await site.put(a_paid_invoice("1"), an_invoice("2", paid=40000), a_paid_invoice("3"))
    ids = [guid_of(f"invoice {name}") for name in ("3", "2", "nobody", "1")]
    reply = await site.post("/v1/invoices/close", {"invoice_ids": [id_.upper() for id_ in ids]})
    assert reply.status == 200
    assert reply.document["error"] is None
    results = reply.document["results"]
    assert [result["invoice_id"] for result in results] == ids
    assert [result["is_invoice_closed"] for result in results] == [True, False, False, True]
    assert [result["error"] and result["error"]["code"] for result in results] == [None, 419, 428, None]
    assert {results[0]["receipt_number"], results[3]["receipt_number"]} == {"1", "2"}
    assert results[1]["error"]["InternalMessage"] == "400.00 of 488.00 USD is paid; 88.00 is missing."
    assert results[1]["receipt_number"] is None


async def test_an_empty_batch_has_no_results(site: Site) -> None:
    reply = await site.post("/v1/invoices/close", {"invoice_ids": []})
    assert reply.document == {"results": [], "error": None}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"invoice_ids": [FIRST, guid_of("x"), FIRST.upper()]}, 400, "invoice_ids[2]: "),
        ({"invoice_ids": [FIRST, "x"]}, 400, "invoice_ids[1]: 'x' is not a GUID"),
        ({"invoice_ids": [FIRST, 5]}, 400, "invoice_ids[1]: must be a string, not an integer"),
        ({"invoice_ids": FIRST}, 400, "invoice_ids: must be an array, not a string"),
        ({}, 400, "invoice_ids: is missing"),
        ({"invoice_ids": [FIRST], "closed_by_id": 5}, 400, "closed_by_id: must be a string or null"),
        ({"invoice_ids": [guid_of(str(n)) for n in range(1001)]}, 413, "invoice_ids: has 1001 entries; at most 1000"),
    ],
)
async def test_a_malformed_batch_closes_nothing(site: Site, body: Any, status: int, message: str) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    reply = await site.post("/v1/invoices/close", body)
    assert reply.status == status
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_a_thousand_invoices_close_in_one_call(site: Site) -> None:
    names = [str(number) for number in range(1000)]
    await site.put(*(a_paid_invoice(name) for name in names))
    reply = await site.post("/v1/invoices/close", {"invoice_ids": [guid_of(f"invoice {name}") for name in names]})
    numbers = [int(result["receipt_number"]) for result in reply.document["results"]]
    assert sorted(numbers) == list(range(1, 1001))


async def test_today_is_the_centres_own(site: Site) -> None:
    await site.put(a_paid_invoice(appointments=(an_appointment(start_time="2026-01-06T10:00:00"),)))
    site.clock.set(datetime(2026, 1, 6, 7, 59, tzinfo=UTC))
    assert (await site.post(CLOSE)).error["code"] == 1113
    site.clock.set(datetime(2026, 1, 6, 8, tzinfo=UTC))
    assert (await site.post(CLOSE)).status == 200


async def test_assigned_tips_let_the_invoice_close(site: Site) -> None:
    paid = a_payment(tip=1000)
    await site.put(an_invoice(transactions=(paid,), employee_tips=(a_tip(1000, transaction="payment"),)))
    assert (await site.post(CLOSE)).status == 200
