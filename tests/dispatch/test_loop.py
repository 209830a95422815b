"""The delivery worker, end to end over real databases, real HTTP and a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, update
from standardwebhooks import Webhook

from closebell.background.upkeep import keep_up
from closebell.clock import SystemClock, SystemLuck
from closebell.dispatch.ahead import AHEAD_PER_ENDPOINT
from closebell.dispatch.due import SURVEY_EVERY
from closebell.dispatch.loop import Dispatcher
from closebell.domain.endpoint import EndpointState
from closebell.domain.event import body_for_call
from closebell.store import endpoints, events, tables
from closebell.store.unit import Database
from closebell.testing import a_paid_invoice, guid_of, put, secret_of
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from dispatching import Works, working
from queueing import queue
from receiving import Call, receiving

NAMES = [f"{number}" for number in range(40)]


@pytest.fixture
async def works(database: Database) -> AsyncIterator[Works]:
    async with working(database) as built:
        yield built


def event_ids(calls: list[Call]) -> list[str]:
    return sorted(call.headers["webhook-id"] for call in calls)


async def test_every_endpoint_gets_every_event_once_signed_and_as_stored(works: Works) -> None:
    works.clock.set(SystemClock().now())  # the independent verifier looks at the real time
    async with receiving() as first, receiving() as second:
        await works.endpoint("first", first.url)
        await works.endpoint("second", second.url)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), *NAMES)
        calls = [await first.wait_for(len(NAMES)), await second.wait_for(len(NAMES))]
        await works.settled("delivered", 2 * len(NAMES))
    feed = {event.event_id: event for event in await works.database.read(events.after, 0, 1000)}
    for name, received in zip(("first", "second"), calls, strict=True):
        assert event_ids(received) == sorted(feed)
        secret = secret_of(name)
        for call in received:
            envelope = json.loads(call.body)
            stored = feed[envelope["event_id"]]
            assert stored.body is not None
            assert call.body == body_for_call(stored.body, envelope["id"])
            assert call.headers["closebell-sequence"] == str(stored.sequence)
            assert call.headers["content-type"] == "application/json"
            Webhook(secret.reveal()).verify(call.body.decode(), call.headers, json_parse=False)
    ids = [json.loads(call.body)["id"] for received in calls for call in received]
    assert len(set(ids)) == 2 * len(NAMES), "each endpoint's call has an id of its own"


async def test_what_was_closed_while_nobody_dispatched_is_sent_at_the_start(works: Works) -> None:
    async with receiving() as receiver:
        await works.endpoint("late", receiver.url)
        await works.close(works.desk(None), *NAMES)
        await works.start(works.dispatcher(per_endpoint=3))
        assert len(set(event_ids(await receiver.wait_for(len(NAMES))))) == len(NAMES)
        await works.settled("delivered", len(NAMES))


async def test_a_failed_call_is_due_again_and_keeps_its_ids(works: Works) -> None:
    answers = iter([500, 503, 200])
    async with receiving(lambda _call: next(answers)) as receiver:
        await works.endpoint("shaky", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), "1")
        for attempt in (1, 2):
            await receiver.wait_for(attempt)
            await _attempts_recorded(works, attempt)
            works.clock.advance(timedelta(minutes=10))
            dispatcher.survey_soon()
        calls = await receiver.wait_for(3)
        await works.settled("delivered", 1)
    assert len({call.headers["webhook-id"] for call in calls}) == 1
    assert len({json.loads(call.body)["id"] for call in calls}) == 1
    assert len({call.headers["webhook-timestamp"] for call in calls}) == 3, "each attempt is signed anew"
    (delivery,) = await works.deliveries()
    assert [(a.number, a.status) for a in delivery.attempts] == [(1, 500), (2, 503), (3, 200)]


async def _attempts_recorded(works: Works, number: int) -> None:
    async def enough() -> bool:
        return len((await works.deliveries())[0].attempts) >= number

    await works.until(enough)


async def test_a_dead_endpoint_does_not_delay_a_healthy_one(works: Works) -> None:
    async with receiving(lambda _call: None) as dead, receiving() as healthy:
        await works.endpoint("dead", dead.url)
        await works.endpoint("healthy", healthy.url)
        dispatcher = await works.start(works.dispatcher(all_endpoints=8, per_endpoint=4))
        await works.close(works.desk(dispatcher), *NAMES)
        assert len(await healthy.wait_for(len(NAMES))) == len(NAMES)
        assert len(dead.calls) <= 4, "it fills its own slots and no more"


async def test_no_more_calls_are_made_at_once_than_there_are_slots(works: Works) -> None:
    async with receiving(lambda _call: None) as receiver:
        await works.endpoint("slow", receiver.url)
        dispatcher = await works.start(works.dispatcher(all_endpoints=64, per_endpoint=5))
        await works.close(works.desk(dispatcher), *NAMES)
        await receiver.wait_for(5)
        assert dispatcher.calls_under_way == 5
        leased = sum(row.lease_id is not None for row in await works.rows())
        assert leased <= 5 + AHEAD_PER_ENDPOINT, "room is taken before a claim"


async def test_after_five_failures_in_a_row_one_call_at_a_time_probes(works: Works) -> None:
    async with receiving(lambda _call: 500) as receiver:
        await works.endpoint("failing", receiver.url)
        dispatcher = await works.start(works.dispatcher(per_endpoint=5))
        await works.close(works.desk(dispatcher), *NAMES[:5])
        await receiver.wait_for(5)
        await _failures_counted(works, 5)
        receiver.answer = lambda _call: None
        await works.close(works.desk(dispatcher), *NAMES[5:10])
        await receiver.wait_for(6)
        assert dispatcher.calls_under_way == 1


async def _failures_counted(works: Works, count: int) -> None:
    async def enough() -> bool:
        (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
        return endpoint.consecutive_failures >= count

    await works.until(enough)


async def test_twenty_failures_in_a_row_deactivate_and_hold_and_enabling_sends_the_rest(works: Works) -> None:
    async with receiving(lambda _call: 500) as receiver:
        endpoint_id = await works.endpoint("broken", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), *NAMES)
        await works.until(lambda: _an_hour_later(works, dispatcher))
        await works.until(lambda: _nothing_leased(works))
        held = await works.deliveries(state="held")
        assert {delivery.state for delivery in held} == {"held"}
        (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
        assert endpoint.state is EndpointState.DEACTIVATED
        assert "in a row" in endpoint.state_reason
        receiver.answer = lambda _call: 200
        await works.database.write(_enable, endpoint_id)
        works.clock.advance(timedelta(days=2))
        dispatcher.survey_soon()
        await works.settled("delivered", len(held))


async def _nothing_leased(works: Works) -> bool:
    return all(row.lease_id is None for row in await works.rows())


async def _an_hour_later(works: Works, dispatcher: Dispatcher) -> bool:
    """Whether the endpoint is deactivated; if not, and nothing is under way, time goes on and its retries are due."""
    if await _nothing_leased(works):
        works.clock.advance(timedelta(hours=1))
        dispatcher.survey_soon()
    return bool(await works.deliveries(state="held"))


def _enable(connection: Connection, endpoint_id: str) -> None:
    connection.execute(
        update(tables.endpoints)
        .where(tables.endpoints.c.id == endpoint_id)
        .values(state="active", consecutive_failures=0, state_reason="")
    )


async def test_gone_deactivates_at_once_and_loses_nothing(works: Works) -> None:
    async with receiving(lambda _call: 410) as receiver:
        await works.endpoint("gone", receiver.url)
        dispatcher = await works.start(works.dispatcher(per_endpoint=1))
        await works.close(works.desk(dispatcher), *NAMES[:3])
        await works.until(lambda: _held(works, 3))
        assert len(receiver.calls) == 1


async def test_what_is_held_is_not_called_however_often_something_else_closes(works: Works) -> None:
    async with receiving() as paused, receiving() as other:
        await works.endpoint("paused", paused.url, state=EndpointState.DEACTIVATED)
        await works.endpoint("other", other.url)
        dispatcher = await works.start(works.dispatcher())
        for name in NAMES[:5]:
            await works.close(works.desk(dispatcher), name)
            works.clock.advance(timedelta(hours=1))
            dispatcher.survey_soon()
        await other.wait_for(5)
        await works.settled("delivered", 5)
    assert paused.calls == []
    assert {delivery.state for delivery in await works.deliveries(endpoint_id=guid_of("endpoint paused"))} == {"held"}


async def _held(works: Works, count: int) -> bool:
    return len(await works.deliveries(state="held")) == count


async def test_a_lease_whose_holder_died_is_claimed_by_another(works: Works) -> None:
    async with receiving() as receiver:
        await works.endpoint("heir", receiver.url)
        await works.close(works.desk(None), "1", "2")
        await works.database.write(_lease_to_the_dead, works)
        dispatcher = await works.start(works.dispatcher())
        assert dispatcher.calls_under_way == 0
        works.clock.advance(timedelta(seconds=61))
        dispatcher.survey_soon()
        assert len(await receiver.wait_for(2)) == 2
        await works.settled("delivered", 2)


def _lease_to_the_dead(connection: Connection, works: Works) -> None:
    connection.execute(
        update(tables.deliveries).values(lease_id="dead", due_at=works.clock.now() + timedelta(seconds=60))
    )


async def test_what_another_process_tells_after_the_clock_was_set_right_is_sent_at_once(works: Works) -> None:
    async with receiving() as receiver:
        await works.endpoint("on time", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        works.clock.advance(timedelta(hours=6))
        await works.close(works.desk(dispatcher), "told in the future")
        await works.settled("delivered", 1)
        works.clock.advance(-timedelta(hours=6))
        await works.close(works.desk(None), "told next")
        dispatcher.survey_soon()
        assert len(await receiver.wait_for(2)) == 2
        await works.settled("delivered", 2)


async def test_a_close_that_took_longer_than_its_lease_is_sent_under_a_new_one(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("patient", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.until(lambda: _offers(dispatcher, endpoint_id))
        invoice = a_paid_invoice("slow")
        await works.database.write(put, invoice)
        offer = dispatcher.offer(1)
        command = CloseCommand(invoice_id=invoice.id)
        report = await works.database.write(
            close_invoices, [command], clock=works.clock, luck=SystemLuck(), offer=offer
        )
        assert [new.lease_id for new in report.deliveries] == [offer.lease_id]
        works.clock.advance(timedelta(seconds=59.5))
        dispatcher.accept(offer, report.deliveries, report.listeners)
        assert dispatcher.calls_under_way == 0, "its lease would end under the call"
        await works.settled("delivered", 1)
        assert len(receiver.calls) == 1


async def _offers(dispatcher: Dispatcher, endpoint_id: str) -> bool:
    """Whether the dispatcher knows the endpoint by now; what it offers is given back."""
    offer = dispatcher.offer(1)
    dispatcher.accept(offer, [], [])
    return endpoint_id in offer.room


async def test_what_nobody_rang_for_is_found_however_busy_the_dispatcher_is(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("busy", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.until(lambda: _offers(dispatcher, endpoint_id))
        await works.database.inner.write(queue, endpoint_id, 1, attempts=0, due_at=works.clock.now())
        works.clock.advance(SURVEY_EVERY)
        await works.close(works.desk(dispatcher), "1")
        await works.settled("delivered", 2)


async def test_stopping_finishes_what_is_under_way_and_holds_nothing(works: Works) -> None:
    async with receiving() as receiver:
        await works.endpoint("last", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), *NAMES)
        await works.stop(dispatcher)
    rows = await works.rows()
    assert all(row.lease_id is None for row in rows)
    assert {row.state for row in rows} <= {"delivered", "pending"}
    delivered = {row.id for row in rows if row.state == "delivered"}
    assert delivered == {json.loads(call.body)["id"] for call in receiver.calls}, "what was received is recorded"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # a SQLite file has one dispatcher
async def test_two_dispatchers_share_the_work_and_repeat_none(works: Works) -> None:
    async with receiving() as receiver:
        await works.endpoint("shared", receiver.url)
        await works.close(works.desk(None), *NAMES)
        await works.start(works.dispatcher(per_endpoint=4))
        await works.start(works.dispatcher(per_endpoint=4))
        await receiver.wait_for(len(NAMES))
        await works.settled("delivered", len(NAMES))
    assert len(set(event_ids(receiver.calls))) == len(receiver.calls) == len(NAMES)


async def test_upkeep_ends_what_was_made_for_a_deleted_endpoint(works: Works) -> None:
    endpoint_id = await works.endpoint("deleted", "https://receiver.example/hook")
    await works.close(works.desk(None), "1")
    await works.database.write(_mark_deleted, endpoint_id)
    upkeep = asyncio.create_task(keep_up(works.database, clock=works.clock))
    await works.settled("cancelled", 1)
    upkeep.cancel()
    (row,) = await works.rows()
    assert (row.state, row.reason) == ("cancelled", "The endpoint was deleted.")


def _mark_deleted(connection: Connection, endpoint_id: str) -> None:
    connection.execute(update(tables.endpoints).where(tables.endpoints.c.id == endpoint_id).values(state="deleted"))


async def test_an_endpoint_hears_only_of_its_centres(works: Works) -> None:
    async with receiving() as here, receiving() as elsewhere:
        await works.endpoint("here", here.url, center_ids=(guid_of("centre Main Street"),))
        await works.endpoint("elsewhere", elsewhere.url, center_ids=(guid_of("centre Elm Street"),))
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), "1")
        await here.wait_for(1)
        await works.settled("delivered", 1)
    assert elsewhere.calls == []
    assert len(await works.rows()) == 1
