from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calling import KEY, Site, running
from closebell.app import begin_stop
from closebell.config import Settings
from closebell.receiver.feed import Feed, FeedUnavailable, verify_chain
from closebell.testing import a_paid_invoice, guid_of
from receiving import receiving

HASHES = ("hash", "previous_hash", "body_hash")
HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}


async def _close(site: Site, *names: str) -> None:
    await site.put(*(a_paid_invoice(name) for name in names))
    for name in names:
        assert (await site.post(f"/v1/invoices/{guid_of(f'invoice {name}')}/close")).status == 200


async def test_the_feed_is_read_in_pages_without_gaps(site: Site) -> None:
    await _close(site, "1", "2", "3")
    first = (await site.get("/v1/events?limit=2")).document
    assert [event["sequence"] for event in first["events"]] == [1, 2]
    assert (first["next_after"], first["has_more"], first["error"]) == (2, True, None)
    second = (await site.get(f"/v1/events?after={first['next_after']}&limit=2")).document
    assert [event["sequence"] for event in second["events"]] == [3]
    assert (second["next_after"], second["has_more"]) == (3, False)
    assert second["events"][0]["previous_hash"] == first["events"][1]["hash"]
    empty = (await site.get("/v1/events?after=3")).document
    assert (empty["events"], empty["next_after"], empty["has_more"]) == ([], 3, False)


async def test_an_event_has_exactly_the_members_that_receivers_read(site: Site) -> None:
    await _close(site, "1")
    (event,) = (await site.get("/v1/events")).document["events"]
    assert list(event) == ["sequence", "event_id", "event_type", "created_at", *HASHES, "redacted_at", "body"]
    assert event["created_at"] == "2026-01-05T12:00:00Z"
    assert event["body"].startswith(f'{{"id":"{event["event_id"]}","event_id":"{event["event_id"]}"')
    one = (await site.get(f"/v1/events/{event['event_id'].upper()}")).document
    assert one == {**event, "error": None}
    missing = await site.get(f"/v1/events/{'0' * 24}")
    assert (missing.status, missing.error["code"]) == (404, 404)


async def test_whoever_waits_is_answered_as_soon_as_something_happens(site: Site) -> None:
    waiting = asyncio.create_task(site.get("/v1/events?wait=30"))
    await asyncio.sleep(0)
    await _close(site, "1")
    async with asyncio.timeout(5):
        reply = await waiting
    assert [event["sequence"] for event in reply.document["events"]] == [1]


async def test_whoever_waits_for_nothing_is_answered_when_the_time_is_up(site: Site) -> None:
    reply = await site.get("/v1/events?wait=1")
    assert reply.document == {"events": [], "next_after": 0, "has_more": False, "error": None}


async def test_whoever_waits_is_let_go_when_the_service_stops(site: Site) -> None:
    waiting = asyncio.create_task(site.get("/v1/events?wait=30"))
    await asyncio.sleep(0)
    begin_stop(site.app)
    async with asyncio.timeout(5):
        assert (await waiting).document["events"] == []


async def test_the_receivers_own_reader_understands_it(site: Site, address: tuple[str, int]) -> None:
    await _close(site, "1", "2", "3")
    base_url = f"http://{address[0]}:{address[1]}"
    feed = Feed(base_url=base_url, api_key=KEY, limit=2)
    events = await asyncio.to_thread(lambda: list(feed.pull(after=0)))
    assert [event.sequence for event in events] == [1, 2, 3]
    assert verify_chain(events) == events[-1].hash
    assert events[0].data["invoice"]["is_closed"] is True
    with pytest.raises(FeedUnavailable) as refused:
        await asyncio.to_thread(Feed(base_url=base_url, api_key="wrong").page, after=0)
    assert refused.value.status == 401


async def test_deliveries_are_listed_newest_first_with_their_attempts(settings: Settings) -> None:
    async with receiving() as receiver:
        async with running(settings) as site:
            made = (await site.post("/v1/webhook_endpoints", {**HOOK, "url": receiver.url})).document
            await _close(site, "1", "2")
            calls = await receiver.wait_for(2)
        # Whoever stops records first what it has sent.
        async with running(settings) as site:
            newest, oldest = (await site.get("/v1/deliveries?state=delivered")).document["deliveries"]
            one = (await site.get(f"/v1/deliveries/{newest['id']}")).document
    assert newest["id"] > oldest["id"]
    assert {call.body[7:31].decode() for call in calls} == {newest["id"], oldest["id"]}
    (attempt,) = newest["attempts"]
    assert (attempt["number"], attempt["status"], attempt["fault"]) == (1, 200, None)
    assert newest["endpoint_id"] == made["id"]
    assert one == {**newest, "error": None}


async def test_deliveries_are_filtered_and_paged(site: Site) -> None:
    first = (await site.post("/v1/webhook_endpoints", HOOK)).document["id"]
    second = (await site.post("/v1/webhook_endpoints", {**HOOK, "name": "Till"})).document["id"]
    for endpoint_id in (first, second):
        await site.post(f"/v1/webhook_endpoints/{endpoint_id}/disable")
    await _close(site, "1", "2")

    async def count(query: str) -> int:
        return len((await site.get(f"/v1/deliveries?{query}")).document["deliveries"])

    event_id = (await site.get("/v1/events")).document["events"][0]["event_id"]
    assert await count("") == 4
    assert await count(f"endpoint_id={first}") == 2
    assert await count(f"event_id={event_id}") == 2
    assert await count(f"invoice_id={guid_of('invoice 2')}&endpoint_id={second}") == 1
    assert await count("state=held") == 4
    assert await count("state=delivered") == 0
    page = (await site.get("/v1/deliveries?limit=3")).document
    rest = (await site.get(f"/v1/deliveries?limit=3&before={page['next_before']}")).document
    assert (len(page["deliveries"]), len(rest["deliveries"]), rest["next_before"]) == (3, 1, None)
    assert (await site.get(f"/v1/deliveries/{'0' * 24}")).status == 404


async def test_a_reconciliation_balances_and_covers_its_period_alone(site: Site) -> None:
    endpoint_id = (await site.post("/v1/webhook_endpoints", HOOK)).document["id"]
    await site.post(f"/v1/webhook_endpoints/{endpoint_id}/disable")
    await _close(site, "1")
    site.clock.advance(timedelta(days=1))
    await _close(site, "2", "3")
    whole = (await site.get("/v1/reconciliation")).document
    assert (whole["closes"], whole["events"], whole["balanced"], whole["error"]) == (3, 3, True, None)
    assert whole["reasons"] == []
    (totals,) = whole["endpoints"]
    assert (totals["endpoint_id"], totals["held"], totals["total"]) == (endpoint_id, 3, 3)
    first_day = (await site.get("/v1/reconciliation?from=2026-01-05&to=2026-01-06T00:00:00Z")).document
    assert (first_day["closes"], first_day["from"], first_day["to"]) == (
        1,
        "2026-01-05T00:00:00Z",
        "2026-01-06T00:00:00Z",
    )
    with_offset = (await site.get("/v1/reconciliation?from=2026-01-06T02:00:00+02:00")).document
    assert (with_offset["closes"], with_offset["from"]) == (2, "2026-01-06T00:00:00Z")
