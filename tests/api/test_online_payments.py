"""Payments online over HTTP: what the processor says is what is answered and stored, whatever goes wrong between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from calling import KEY, Reply, Site, running
from closebell.api.card_desk import PAYMENTS_UNDER_WAY_MAX, CardDesk
from closebell.config import Settings
from closebell.dispatch.processors import DECLINES, SETTLES, STAYS_PENDING
from closebell.domain.invoice import TransactionState
from closebell.domain.payment_page import OPEN_FOR
from closebell.domain.processor import Charge
from closebell.errors import Unavailable
from closebell.testing import NOON, a_centre, a_guest, a_paid_invoice, a_payment, an_employee, an_invoice, guid_of
from paying import Script, a_saved_card, put_accounts

OPEN = guid_of("invoice open")
AT = f"/v1/invoices/{OPEN}"
CARDS = {number: a_saved_card(number) for number in (SETTLES, DECLINES, STAYS_PENDING)}
HERE = a_centre().id
REFUSED = Charge(state=TransactionState.SETTLED, reason="Too late.")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings of an application that takes payments online with the test processor."""
    return replace(settings, payment_processor="test", public_url="https://till.example/")


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    """The application with one open invoice, whose guest has a card of each kind."""
    async with running(settings) as site:
        await furnish(site)
        yield site


async def furnish(site: Site) -> None:
    await site.put(an_invoice("open", total=10000, ssg_amount=300, fee_amount=200), employees=(an_employee(),))
    await site.service.database.write(put_accounts, saved=list(CARDS.values()))


def script(site: Site, **options: Any) -> Script:
    """Let this site's processor do as it is told."""
    processor = Script(**options)
    site.alter(cards=CardDesk(processor, deadline_s=5))
    return processor


def asked(number: str | None = SETTLES, **fields: Any) -> dict[str, Any]:
    account = {} if number is None else {"account_id": CARDS[number].id}
    return {"center_id": HERE, **account, **fields}


async def collect(site: Site, number: str | None = SETTLES, **fields: Any) -> Reply:
    return await site.post(f"{AT}/online_payments", asked(number, **fields))


async def tenders(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await site.get(f"{AT}?expand=Transactions")).document["invoice"]["transactions"]
    return found


async def told(site: Site) -> list[str]:
    return [one["event_type"] for one in (await site.get("/v1/events")).document["events"]]


async def test_a_saved_card_pays_all_that_is_due_and_the_tip(site: Site) -> None:
    billing = {"email": "ada@guests.example", "zipcode": 98004, "unknown": 1}
    reply = await collect(site, tip_amount=20, source="web", billing_info=billing, redirect_uri="https://spa.example")
    (paid,) = await tenders(site)
    assert reply.status == 200
    assert reply.document == {
        "success": True,
        "error": None,
        "invoice_transaction_id": paid["transaction_id"],
        "state": "settled",
        "token_id": None,
    }
    parts = [paid[name] for name in ("amount_paid", "fee_amount", "ssg_amount", "tip_amount", "total_amount_paid")]
    assert parts == [100, 2, 3, 20, 125]
    assert paid["payment_option"] == {
        "id": None,
        "payment_mode": 1,
        "payment_name": "Online card",
        "card_number": "4242",
    }
    assert await told(site) == ["Invoice.Payments.Added"]
    tips = {"employee_tips": [{"employee_id": an_employee(), "amount": 20}]}
    assert (await site.call("PUT", f"{AT}/tips", tips)).status == 200
    assert (await site.post(f"{AT}/close")).status == 200


async def test_a_tip_alone_is_taken_of_a_paid_invoice(site: Site) -> None:
    await site.put(a_paid_invoice("paid"))
    path = f"/v1/invoices/{guid_of('invoice paid')}"
    reply = await site.post(f"{path}/online_payments", asked(amount=0, tip_amount="7.5"))
    assert reply.document["success"] is True
    shown = (await site.get(f"{path}?expand=Transactions")).document["invoice"]["transactions"][1]
    assert (shown["transaction_id"], shown["amount_paid"]) == (reply.document["invoice_transaction_id"], 0)
    assert shown["tip_amount"] == Decimal("7.5")


async def test_a_declined_card_is_402_and_stays_to_be_seen(site: Site) -> None:
    reply = await collect(site, DECLINES)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (402, 402, "The payment was declined.")
    assert reply.document["success"] is False
    (failed,) = await tenders(site)
    assert failed["state"] == "failed"
    assert failed["transaction_id"] in reply.error["InternalMessage"]
    assert await told(site) == []
    site.alter(errors_as_200=True)
    assert (await collect(site, DECLINES)).status == 200


async def test_a_payment_that_stays_on_its_way_is_settled_later(site: Site) -> None:
    reply = await collect(site, STAYS_PENDING)
    assert (reply.status, reply.document["success"], reply.document["state"]) == (200, True, "pending")
    assert await told(site) == []
    blockers = (await site.get(f"{AT}/close_check")).document["blockers"]
    assert "must_have_nothing_pending" in {one["rule"] for one in blockers}
    again = await collect(site)
    assert (again.status, again.error["code"]) == (409, 460)
    at = f"{AT}/payments/{reply.document['invoice_transaction_id']}"
    for wrong, message in [({"state": "pending"}, "state: 'pending' is not one of settled, failed"), ({}, "state: is")]:
        refused = await site.call("PUT", at, wrong)
        assert (refused.status, refused.error["code"]) == (400, 502)
        assert refused.error["message"].startswith(message)
    settled = await site.call("PUT", at, {"state": "settled"})
    assert (settled.status, settled.document["transaction"]) == (200, (await tenders(site))[0])
    assert await told(site) == ["Invoice.Payments.Added"]
    assert (await site.call("PUT", at, {"state": "failed"})).status == 409
    assert (await site.post(f"{AT}/close")).status == 200


async def test_what_is_pending_is_there_before_the_processor_is_asked(site: Site) -> None:
    processor = script(site)
    processor.go_on.clear()
    paying = asyncio.create_task(collect(site))
    await processor.begun.wait()
    (pending,) = await tenders(site)
    assert pending["state"] == "pending"
    assert (await site.post(f"{AT}/close")).status == 409
    assert processor.asked[0].transaction_id == pending["transaction_id"]
    processor.go_on.set()
    assert (await paying).document["state"] == "settled"


async def test_a_slow_processor_keeps_nobody_waiting(site: Site) -> None:
    processor = script(site)
    processor.go_on.clear()
    paying = [asyncio.create_task(collect(site, amount=1)) for _ in range(5)]
    await processor.begun.wait()
    cash = await asyncio.wait_for(site.post(f"{AT}/payments/cash", {"amount": 1}), timeout=5)
    assert cash.status == 200
    processor.go_on.set()
    assert [reply.status for reply in await asyncio.gather(*paying)] == [200] * 5
    assert sum(one["amount_paid"] for one in await tenders(site)) == 6


async def test_whoever_hangs_up_does_not_stop_what_has_begun(site: Site) -> None:
    processor = script(site)
    processor.go_on.clear()
    paying = asyncio.create_task(collect(site))
    await processor.begun.wait()
    paying.cancel()
    await asyncio.wait([paying])
    processor.go_on.set()
    await site.service.cards.drain()
    assert [one["state"] for one in await tenders(site)] == ["settled"]


async def test_a_processor_that_fails_or_says_nothing_leaves_the_payment_pending(site: Site) -> None:
    script(site).fault = RuntimeError("connection lost")
    with capture_logs() as logs:
        reply = await collect(site, amount=1)
    assert (reply.document["success"], reply.document["state"]) == (True, "pending")
    assert [entry["event"] for entry in logs if entry["event"].startswith("processor")] == ["processor.no_answer"]
    silent = Script()
    silent.go_on.clear()
    site.alter(cards=CardDesk(silent, deadline_s=0.01))
    assert (await collect(site, amount=1)).document["state"] == "pending"
    assert [one["state"] for one in await tenders(site)] == ["pending", "pending"]


async def test_a_crash_between_the_steps_leaves_what_can_be_seen_and_cleared(settings: Settings) -> None:
    async with running(settings) as site:
        await furnish(site)
        processor = script(site)
        processor.go_on.clear()
        paying = asyncio.create_task(collect(site))
        await processor.begun.wait()
        for task in site.service.cards._tasks:
            task.cancel()  # as if the process were gone
        await asyncio.wait([paying])
    async with running(settings) as site:
        (pending,) = await tenders(site)
        assert pending["state"] == "pending"
        closing = await site.post(f"{AT}/close")
        assert (closing.status, closing.error["code"]) == (409, 419)
        assert "is pending" in closing.error["InternalMessage"]
        assert (await site.call("DELETE", f"{AT}/payments/{pending['transaction_id']}")).status == 200
        assert (await collect(site)).document["state"] == "settled"
        assert (await site.post(f"{AT}/close")).status == 200


async def test_the_same_key_charges_once(site: Site) -> None:
    processor = script(site)
    headers = {"idempotency-key": "once"}
    one, other = await asyncio.gather(*(site.post(f"{AT}/online_payments", asked(), headers=headers) for _ in range(2)))
    assert (one.status, one.body) == (other.status, other.body) == (200, one.body)
    assert len(processor.asked) == 1
    assert len(await tenders(site)) == 1


async def test_no_more_than_so_many_are_under_way(site: Site) -> None:
    processor = script(site)
    processor.go_on.clear()
    idle = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(PAYMENTS_UNDER_WAY_MAX)]
    site.service.cards._tasks.update(idle)
    reply = await collect(site)
    assert (reply.status, reply.error["code"]) == (503, 719)
    assert await tenders(site) == []
    for task in idle:
        task.cancel()
        site.service.cards._tasks.discard(task)


# --- taking it off again


async def remove(site: Site) -> Reply:
    (paid,) = await tenders(site)
    return await site.call("DELETE", f"{AT}/payments/{paid['transaction_id']}")


async def test_removing_a_settled_one_gives_the_money_back_first(site: Site) -> None:
    processor = script(site)
    transaction_id = (await collect(site)).document["invoice_transaction_id"]
    assert (await remove(site)).document == {"is_payment_removed": True, "error": None}
    assert processor.voided == [(transaction_id, "ref-1")]
    assert await tenders(site) == []
    assert await told(site) == ["Invoice.Payments.Added", "Invoice.Payments.Deleted"]


async def test_what_is_not_given_back_stays_settled(site: Site) -> None:
    script(site, voids=REFUSED)
    await collect(site)
    before = await site.rows()
    reply = await remove(site)
    assert (reply.status, reply.error["code"]) == (409, 409)
    assert reply.error["message"].endswith("back: Too late.")
    assert await site.rows() == before
    assert await told(site) == ["Invoice.Payments.Added"]


async def test_when_nobody_says_whether_it_is_given_back_it_is_pending_until_somebody_does(site: Site) -> None:
    processor = script(site)
    await collect(site)
    processor.fault = RuntimeError("connection lost")
    assert (await remove(site)).status == 409
    assert [one["state"] for one in await tenders(site)] == ["pending"]
    assert (await site.post(f"{AT}/close")).status == 409
    processor.fault = None
    assert (await remove(site)).status == 200


async def test_a_pending_one_that_the_processor_has_taken_by_now_is_not_removed(site: Site) -> None:
    processor = script(site, charges=Charge(state=TransactionState.PENDING, reference="ref-1"))
    await collect(site)
    processor.finds = Charge(state=TransactionState.SETTLED, reference="ref-1")
    reply = await remove(site)
    assert (reply.status, "settle it with PUT" in reply.error["message"]) == (409, True)
    assert processor.voided == []
    processor.finds = Charge(state=TransactionState.PENDING, reference="ref-1")
    assert (await remove(site)).status == 200


async def test_what_is_removed_while_it_is_charged_is_given_back(site: Site) -> None:
    processor = script(site)
    processor.go_on.clear()
    paying = asyncio.create_task(collect(site))
    await processor.begun.wait()
    assert (await remove(site)).status == 200
    processor.voided.clear()
    processor.go_on.set()
    reply = await paying
    assert (reply.status, reply.error["code"]) == (409, 409)
    assert "its money is given back" in reply.error["message"]
    assert [reference for _, reference in processor.voided] == ["ref-1"]
    assert await tenders(site) == []
    assert (await site.post(f"{AT}/payments/cash", {"amount": 105})).status == 200


async def test_money_that_cannot_be_given_back_is_shouted_about(site: Site) -> None:
    processor = script(site, voids=REFUSED)
    processor.go_on.clear()
    paying = asyncio.create_task(collect(site))
    await processor.begun.wait()
    (pending,) = await tenders(site)
    await site.call("PUT", f"{AT}/payments/{pending['transaction_id']}", {"state": "failed"})
    with capture_logs() as logs:
        processor.go_on.set()
        await paying
    (shouted,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (shouted["event"], shouted["reference"]) == ("payment.not_given_back", "ref-1")


async def test_another_processors_money_is_not_ours_to_give_back(site: Site) -> None:
    held = replace(a_payment(10000), processor="other", processor_reference="x")
    await site.put(an_invoice("held", transactions=(held,)))
    path = f"/v1/invoices/{guid_of('invoice held')}/payments/{held.id}"
    before = await site.rows()
    reply = await site.call("DELETE", path)
    assert (reply.status, "Processor other holds" in reply.error["message"]) == (409, True)
    assert await site.rows() == before


# --- the page


async def page_of(site: Site, **fields: Any) -> tuple[str, Any]:
    told_of = (await collect(site, None, **fields)).document
    return told_of["hosted_payment_uri"].removeprefix("https://till.example"), told_of


async def test_without_a_saved_card_there_is_a_page_to_pay_on(site: Site) -> None:
    path, answer = await page_of(site, tip_amount=5, redirect_uri="https://spa.example/thanks")
    assert answer == {
        "success": True,
        "error": None,
        "invoice_transaction_id": (await tenders(site))[0]["transaction_id"],
        "state": "pending",
        "token_id": answer["token_id"],
        "hosted_payment_uri": f"https://till.example/v1/hosted_payments/{answer['token_id']}",
    }
    shown = await site.get(path, key=None)
    assert (shown.status, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"
    assert b"110.00 USD for invoice IINVopen" in shown.body
    assert b"<script" not in shown.body
    assert b"http" not in shown.body.replace(b"http-equiv", b"")
    paid = await site.post(path, {"card_number": SETTLES}, key=None)
    assert paid.document == {
        "success": True,
        "error": None,
        "invoice_transaction_id": answer["invoice_transaction_id"],
        "state": "settled",
        "token_id": None,
    }
    assert [one["state"] for one in await tenders(site)] == ["settled"]
    for method in ("GET", "POST"):
        gone = await site.call(method, path, {"card_number": SETTLES}, key=None)
        assert (gone.status, gone.error["code"]) == (404, 404)


async def by_form(site: Site, path: str, number: str) -> Reply:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await site.post(path, f"card_number={quote(number)}".encode(), key=None, headers=headers)


async def test_the_pages_form_is_answered_with_a_page(site: Site) -> None:
    path, _ = await page_of(site, redirect_uri='https://spa.example/?a="><script>')
    wrong = await by_form(site, path, "<b>")
    assert (wrong.status, wrong.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert b"card_number: is not the number of a card" in wrong.body
    paid = await by_form(site, path, "4242 4242 4242 4242")
    assert (paid.status, b"Thank you" in paid.body) == (200, True)
    assert b'href="https://spa.example/?a=&quot;&gt;&lt;script&gt;"' in paid.body
    again = await by_form(site, path, SETTLES)
    assert (again.status, b"it has been used" in again.body) == (404, True)


async def test_a_page_links_to_no_script_and_shows_names_as_text(site: Site) -> None:
    centre = a_centre("<b>Spa</b>")
    await site.put(an_invoice("open 2", centre=centre))
    at = f"/v1/invoices/{guid_of('invoice open 2')}/online_payments"
    made = await site.post(at, {"center_id": centre.id, "redirect_uri": "javascript:alert(1)"})
    path = f"/v1/hosted_payments/{made.document['token_id']}"
    shown = await site.get(path, key=None)
    assert b"&lt;b&gt;Spa&lt;/b&gt;" in shown.body
    assert b"<b>" not in shown.body
    assert b"href" not in (await by_form(site, path, SETTLES)).body


async def test_a_declined_card_uses_the_page_up(site: Site) -> None:
    path, _ = await page_of(site)
    declined = await by_form(site, path, DECLINES)
    assert (declined.status, b"This card was not accepted" in declined.body) == (402, True)
    assert (await site.get(path, key=None)).status == 404
    assert [one["state"] for one in await tenders(site)] == ["failed"]


async def test_a_page_takes_what_can_be_read_and_fits(site: Site) -> None:
    path, _ = await page_of(site)
    for body, code in [({"card_number": "42"}, 502), ({}, 502), (b"{", 400), (b"", 400)]:
        reply = await site.post(path, body, key=None)
        assert (reply.status, reply.error["code"], reply.document["success"]) == (400, code, False)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for form in (b"", b"card_number=1&card_number=2", b"\xff", b"&".join([b"a=1"] * 11)):
        assert (await site.post(path, form, key=None, headers=headers)).status == 400
    assert (await site.get("/v1/hosted_payments/x", key=None)).status == 404
    assert [one["state"] for one in await tenders(site)] == ["pending"]


async def test_a_page_closes_when_its_time_is_over(site: Site) -> None:
    path, _ = await page_of(site)
    site.clock.advance(OPEN_FOR)
    assert (await site.get(path, key=None)).status == 404
    assert (await site.post(path, {"card_number": SETTLES}, key=None)).status == 404
    assert [one["state"] for one in await tenders(site)] == ["pending"]


async def test_pages_are_given_up_by_themselves(settings: Settings) -> None:
    async with running(settings) as site:
        await furnish(site)
        site.clock.set(NOON - OPEN_FOR - timedelta(seconds=1))
        await page_of(site)
        assert [one["state"] for one in await tenders(site)] == ["pending"]
    async with running(settings) as site:
        while [one["state"] for one in await tenders(site)] == ["pending"]:  # noqa: ASYNC110  # it runs by itself
            await asyncio.sleep(0)
        assert [one["state"] for one in await tenders(site)] == ["failed"]


async def test_the_address_of_a_page_does_not_come_from_the_caller(settings: Settings) -> None:
    async with running(replace(settings, public_url=None)) as site:
        await furnish(site)
        body = {"center_id": HERE}
        answer = await site.post(f"{AT}/online_payments", body, headers={"host": "evil.example"})
        assert answer.document["hosted_payment_uri"] == f"/v1/hosted_payments/{answer.document['token_id']}"


async def test_neither_token_nor_card_is_in_the_log_or_the_rows(site: Site) -> None:
    with capture_logs() as logs:
        path, answer = await page_of(site)
        await site.get(path, key=None)
        await site.post(path, {"card_number": SETTLES}, key=None)
        await site.get(path, key=None)
    text = repr(logs) + repr(await site.rows())
    assert answer["token_id"] not in text
    assert SETTLES not in text
    assert "/v1/hosted_payments/{token_id}" in repr(logs)


async def test_what_is_told_of_a_fault_does_not_tell_what_pays(site: Site) -> None:
    class Broken:
        engine_name = "sqlite"

        def __init__(self, error: Exception) -> None:
            self.error = error

        async def read(self, *_: object, **__: object) -> None:
            raise self.error

    path, answer = await page_of(site)
    for error in (Unavailable("disk full"), RuntimeError("a bug")):
        site.alter(database=Broken(error))
        with capture_logs() as logs:
            await site.get(path, key=None)
            await site.get("/v1/giftcards/GC-100200300/balance")
        assert len(logs) == 4
        assert answer["token_id"] not in repr(logs)
        assert "GC-100200300" not in repr(logs)
        assert "/v1/giftcards/{giftcard_number}/balance" in repr(logs)


# --- saved cards


async def test_the_saved_cards_of_a_guest_are_listed(site: Site) -> None:
    guest_id = a_guest().id
    reply = await site.get(f"/v1/guests/{guest_id}/accounts")
    assert reply.status == 200
    assert {one["account_id"]: one["last_four"] for one in reply.document["accounts"]} == {
        card.id: number[-4:] for number, card in CARDS.items()
    }
    assert SETTLES.encode() not in reply.body
    unknown = await site.get(f"/v1/guests/{guid_of('nobody')}/accounts", key=KEY)
    assert (unknown.status, unknown.error["code"]) == (404, 404)
