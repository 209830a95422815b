"""Erasing a guest over the API, and what readers of events and deliveries see of what is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from calling import Site
from closebell.background.forgetting import KeptFor, forget_old
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.receiver.feed import Feed, verify_chain, verify_redactions
from closebell.store import lanes
from closebell.testing import SeededLuck, guid_of
from closebell.usecase.manage_keys import create_key
from erasing import HERE, a_known_guest, betrayed


async def known(site: Site) -> str:
    return await site.service.database.write(lambda connection: a_known_guest(connection, clock=site.clock))


async def undelivered(site: Site) -> dict[str, Any]:
    """All rows but those that the dispatcher changes meanwhile, as it tells of the erasure."""
    rows = await site.rows()
    return {name: found for name, found in rows.items() if name not in {"deliveries", "attempts", "endpoints"}}


async def test_a_guest_is_erased(site: Site) -> None:
    guest_id = await known(site)
    assert (await site.get(f"/v1/guests/{guest_id}/erasure")).status == 404

    asked = await site.post(f"/v1/guests/{guest_id}/erase")

    assert asked.status == 200
    assert asked.document == {
        "guest_id": guest_id,
        "state": "running",
        "created_at": "2026-01-05T12:00:00Z",
        "finished_at": None,
        "redacted_events": 6,
        "blanked_attempts": 6,
        "error": None,
    }
    assert (await site.post(f"/v1/guests/{guest_id}/erase")).document == asked.document
    assert (await site.get(f"/v1/guests/{guest_id}/erasure")).document == asked.document
    assert betrayed((await site.get(f"/v1/guests/{guest_id}")).body.decode()) == []
    assert betrayed((await site.get("/v1/events?limit=100")).body.decode()) == []
    assert betrayed((await site.get("/v1/deliveries")).body.decode()) == []


async def test_an_erased_guest_is_not_changed(site: Site) -> None:
    guest_id = await known(site)
    await site.post(f"/v1/guests/{guest_id}/erase")
    before = await undelivered(site)
    reply = await site.call("PUT", f"/v1/guests/{guest_id}", {"personal_info": {"first_name": "Ada"}})
    assert reply.status == 409
    assert "was erased" in reply.error["InternalMessage"]
    assert await undelivered(site) == before


async def test_who_may_not_erase(site: Site) -> None:
    guest_id = await known(site)
    grants = {
        "cashier": Grant(role=Role.CASHIER),
        "admin of one centre": Grant(role=Role.ADMIN, center_ids=(HERE.id,)),
    }
    for number, (name, grant) in enumerate(grants.items()):
        made: Any = await site.service.database.write(
            create_key, name, grant=grant, clock=site.clock, luck=SeededLuck(number)
        )
        for method, path in (("POST", "erase"), ("GET", "erasure")):
            reply = await site.call(method, f"/v1/guests/{guest_id}/{path}", key=made.key)
            assert reply.status == 403, name
    assert (await site.post(f"/v1/guests/{guid_of('nobody')}/erase")).status == 404
    assert (await site.post("/v1/guests/ada/erase")).status == 400


async def test_what_is_not_kept_any_more_is_null(site: Site) -> None:
    await known(site)
    site.clock.advance(timedelta(days=401))
    await forget_old(site.service.database, KeptFor.days(bodies=400, attempts=90), clock=site.clock, pause_s=0)
    events = (await site.get("/v1/events?limit=100")).document["events"]
    waiting = [event for event in events if event["body"] is not None]
    assert [event["sequence"] for event in waiting] == [1, len(events)], "their deliveries are still pending"
    assert {event["redacted_at"] for event in waiting} == {None}
    second = events[1]
    assert second["redacted_at"] == "2027-02-10T12:00:00Z"
    assert (await site.get(f"/v1/events/{second['event_id']}")).document == {**second, "error": None}
    (delivery,) = (await site.get(f"/v1/deliveries?event_id={second['event_id']}")).document["deliveries"]
    assert delivery["reason"].endswith(lanes.BODY_FORGOTTEN)
    assert delivery["attempts"] == []


async def test_the_receivers_feed_proves_what_is_left(site: Site) -> None:
    """Bodies from which a guest was erased, and then some that are gone."""
    guest_id = await known(site)
    database = site.service.database
    for is_old in (False, True):
        if is_old:
            site.clock.advance(timedelta(days=401))
            await forget_old(database, KeptFor.days(bodies=400, attempts=90), clock=site.clock, pause_s=0)
        else:
            await site.post(f"/v1/guests/{guest_id}/erase")
        answer = (await site.get("/v1/events?limit=100")).body
        feed = Feed(base_url="http://x", api_key="", fetch=lambda *_, answer=answer: (200, answer))
        found = list(feed.pull(after=0))
        assert verify_chain(found) == found[-1].hash
        verify_redactions(found)
        redacted = [event for event in found if event.redacted_at is not None]
        assert [bool(event.body) for event in redacted] == [True, *[not is_old] * 5]
        assert all(bool(event.data) == bool(event.body) for event in found)
