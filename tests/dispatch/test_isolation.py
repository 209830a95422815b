"""Isolation and pace, end to end: real receivers, the real dispatcher, both databases. Nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from closebell.clock import SystemClock, SystemLuck
from closebell.dispatch.ahead import AHEAD_PER_ENDPOINT
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.meter import SECOND
from closebell.dispatch.pace import PROBES_AFTER_FAILURES
from closebell.dispatch.sender import OutgoingRequest, Sends, host_of
from closebell.domain.delivery import Outcome
from closebell.domain.endpoint import EndpointState
from closebell.store import endpoints
from closebell.store.unit import Database
from closebell.testing import FixedClock
from closebell.usecase.manage_endpoints import disable_endpoint, enable_endpoint
from dispatching import AWAITED_S, Works, working
from queueing import queue
from receiving import Call, Receiver, receiving

NAMES = [f"{number}" for number in range(20)]
HANGING = "127.0.0.2"
AN_HOUR = timedelta(hours=1)


@pytest.fixture
async def works(database: Database) -> AsyncIterator[Works]:
    async with working(database) as built:
        yield built


class Seen:
    """Counts how many calls are under way at once to each host."""

    def __init__(self, sender: Sends) -> None:
        self._sender = sender
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def send(self, request: OutgoingRequest) -> Outcome:
        host = host_of(request.url)
        self.under_way[host] += 1
        self.most[host] = max(self.most[host], self.under_way[host])
        try:
            return await self._sender.send(request)
        finally:
            self.under_way[host] -= 1


class Gate:
    """Keeps from the dispatcher what its receivers answered until a test lets it through."""

    def __init__(self, sender: Sends) -> None:
        self._sender = sender
        self._waiting: list[asyncio.Event] = []
        self._news = asyncio.Condition()
        self._is_open = False

    async def send(self, request: OutgoingRequest) -> Outcome:
        outcome = await self._sender.send(request)
        if not self._is_open:
            let_through = asyncio.Event()
            async with self._news:
                self._waiting.append(let_through)
                self._news.notify_all()
            await let_through.wait()
        return outcome

    async def let_through(self, count: int) -> None:
        """Let so many answers through, once they have come."""
        async with asyncio.timeout(AWAITED_S), self._news:
            await self._news.wait_for(lambda: len(self._waiting) >= count)
            for waiting in self._waiting[:count]:
                waiting.set()
            del self._waiting[:count]

    def open(self) -> None:
        """Keep nothing back any more."""
        self._is_open = True
        for waiting in self._waiting:
            waiting.set()


def noted(into: list[Any], one: Any) -> Any:
    """The same, noted."""
    into.append(one)
    return one


def each_once(receiver: Receiver, count: int) -> bool:
    """Whether so many events came, each of them once."""
    ids = [call.headers["webhook-id"] for call in receiver.calls]
    return len(ids) == len(set(ids)) == count


async def test_an_endpoint_that_hangs_delays_no_other_at_the_same_host(works: Works) -> None:
    async with receiving(lambda _call: None) as hanging, receiving() as well:
        await works.endpoint("hanging", hanging.url)
        await works.endpoint("well", well.url)
        dispatcher = await works.start(works.dispatcher(all_endpoints=16, per_endpoint=8, per_host=8))
        for name in NAMES:
            await works.close(works.desk(dispatcher), name)
        await well.wait_for(len(NAMES))
        assert each_once(well, len(NAMES))


async def test_fifty_endpoints_at_a_host_that_hangs_leave_slots_and_room_to_the_others(works: Works) -> None:
    seen: list[Seen] = []
    async with receiving(lambda _call: None, address=HANGING) as hanging, receiving() as well:
        for number in range(50):
            await works.endpoint(f"hanging {number}", hanging.url)
        await works.endpoint("well", well.url)
        await works.close(works.desk(None), *NAMES[:10])
        dispatcher = await works.start(
            works.dispatcher(
                all_endpoints=32, per_endpoint=8, per_host=10, seen=lambda sender: noted(seen, Seen(sender))
            )
        )
        await works.close(works.desk(dispatcher), *NAMES[10:])
        await well.wait_for(len(NAMES))
        assert each_once(well, len(NAMES))
        assert seen[0].most[HANGING] == 10
        assert dispatcher.calls_under_way <= 10 + 8


async def test_endpoints_at_one_host_that_is_well_all_get_everything(works: Works) -> None:
    async with receiving() as receiver:
        for number in range(10):
            await works.endpoint(f"{number}", receiver.url)
        await works.close(works.desk(None), *NAMES)
        await works.start(works.dispatcher(all_endpoints=32, per_endpoint=8, per_host=4))
        await receiver.wait_for(10 * len(NAMES))
        await works.settled("delivered", 10 * len(NAMES))
    assert Counter(Counter(call.headers["webhook-id"] for call in receiver.calls).values()) == {10: len(NAMES)}


async def test_a_backlog_of_due_retries_lets_a_fresh_delivery_have_its_turn(works: Works) -> None:
    backlog = 5_000
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("busy", receiver.url)
        await works.database.write(queue, endpoint_id, backlog, attempts=1, due_at=works.clock.now() - AN_HOUR)
        dispatcher = await works.start(works.dispatcher(per_endpoint=4))
        await receiver.wait_for(10)
        await works.close(works.desk(dispatcher), "fresh")
        before = len(receiver.calls)
        await receiver.wait_until(lambda calls: any(_is_fresh(call) for call in calls))
        place = next(place for place, call in enumerate(receiver.calls) if _is_fresh(call))
        assert place - before <= AHEAD_PER_ENDPOINT + 2 * 4, "it waits for what was claimed before it, and no more"


def _is_fresh(call: Call) -> bool:
    """Whether the call tells of an invoice that was closed in the test."""
    return int(call.headers["closebell-sequence"]) < 1_000


async def test_what_was_held_comes_back_1_2_4_8_at_a_time(works: Works) -> None:
    gates: list[Gate] = []
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("held", receiver.url, state=EndpointState.DEACTIVATED)
        await works.database.write(queue, endpoint_id, 60, attempts=0, due_at=works.clock.now() - AN_HOUR)
        dispatcher = await works.start(works.dispatcher(per_endpoint=8, seen=lambda sender: noted(gates, Gate(sender))))
        await works.database.write(enable_endpoint, endpoint_id, clock=works.clock, luck=SystemLuck())
        dispatcher.survey_soon()
        answered = 0
        for width in (1, 2, 4, 8, 8, 8):
            await receiver.wait_for(answered + width)
            assert dispatcher.calls_under_way == width == len(receiver.calls) - answered
            await gates[0].let_through(width)
            answered += width
        gates[0].open()
        await works.settled("delivered", 60)
        assert each_once(receiver, 60)


async def test_after_the_probe_that_was_answered_the_endpoint_comes_back_slowly(works: Works) -> None:
    gates: list[Gate] = []
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("ill", receiver.url, consecutive_failures=PROBES_AFTER_FAILURES)
        await works.database.write(queue, endpoint_id, 20, attempts=0, due_at=works.clock.now() - AN_HOUR)
        await works.database.write(queue, endpoint_id, 20, attempts=2, due_at=works.clock.now() - AN_HOUR)
        recorded = asyncio.Event()
        dispatcher = await works.start(
            works.dispatcher(
                per_endpoint=8,
                seen=lambda sender: noted(gates, Gate(sender)),
                observe=lambda _sent, _report: recorded.set(),
            )
        )
        await receiver.wait_for(1)
        assert dispatcher.calls_under_way == 1
        await gates[0].let_through(1)
        async with asyncio.timeout(AWAITED_S):
            await recorded.wait()
        answered = 1
        for width in (1, 2, 4, 8):
            await receiver.wait_for(answered + width)
            assert dispatcher.calls_under_way == width
            await gates[0].let_through(width)
            answered += width
        gates[0].open()
        await works.settled("delivered", 40)
        assert each_once(receiver, 40)


async def test_a_rate_is_kept_by_whatever_way_deliveries_come_and_delays_nobody_else(works: Works) -> None:
    rate = 10
    async with receiving() as metered, receiving(address=HANGING) as free:
        metered_id = await works.endpoint("metered", metered.url, rate_per_s=rate)
        await works.endpoint("free", free.url)
        await works.close(works.desk(None), *NAMES[:10])
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), *NAMES[10:])
        await free.wait_for(len(NAMES))
        assert len(metered.calls) <= 2, "the clock stands still"
        while len(metered.calls) < len(NAMES):
            had = len(metered.calls)
            works.clock.advance(2 * SECOND / rate)
            dispatcher.survey_soon()
            await metered.wait_for(had + 1)
        await works.settled("delivered", 2 * len(NAMES))
        assert each_once(metered, len(NAMES))
        assert each_once(free, len(NAMES))
    began = await _began(works, metered_id)
    assert max(sum(first <= at < first + SECOND for at in began) for first in began) <= rate


async def _began(works: Works, endpoint_id: str) -> list[datetime]:
    """When each attempt began, as recorded."""
    found = await works.deliveries(endpoint_id=endpoint_id)
    return sorted(attempt.started_at for delivery in found for attempt in delivery.attempts)


async def test_a_rate_holds_for_what_a_close_hands_over(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("metered", receiver.url, rate_per_s=5)
        dispatcher = await works.start(works.dispatcher())
        await works.until(lambda: _offered(dispatcher, endpoint_id))
        offer = dispatcher.offer(8)
        assert offer.room == {endpoint_id: 8}
        assert dispatcher.offer(80).room == {endpoint_id: 10}, "no more is leased than two seconds' worth"
        await works.close(works.desk(dispatcher), *NAMES[:8])
        await receiver.wait_for(1)
        assert dispatcher.calls_under_way <= 1
        assert len(receiver.calls) == 1, "the clock stands still"


async def test_what_is_closed_while_an_endpoint_hangs_waits_for_it_and_costs_no_claim(works: Works) -> None:
    gates: list[Gate] = []
    claims: list[int] = []
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("hangs", receiver.url)
        dispatcher = await works.start(
            works.dispatcher(
                per_endpoint=4, seen=lambda sender: noted(gates, Gate(sender)), observe_claim=claims.append
            )
        )
        await works.until(lambda: _offered(dispatcher, endpoint_id))
        for name in NAMES:
            await works.close(works.desk(dispatcher), name)
        await receiver.wait_for(4)
        assert dispatcher.calls_under_way == 4
        gates[0].open()
        await works.settled("delivered", len(NAMES))
        assert each_once(receiver, len(NAMES))
    assert claims == []


async def test_what_is_offered_to_closes_keeps_nothing_from_being_claimed(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("well", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.until(lambda: _offered(dispatcher, endpoint_id))
        assert dispatcher.offer(1_000).room == {endpoint_id: AHEAD_PER_ENDPOINT}
        await works.database.write(queue, endpoint_id, 300, attempts=1, due_at=works.clock.now() - AN_HOUR)
        dispatcher.survey_soon()
        await works.settled("delivered", 300)
        assert each_once(receiver, 300)


async def test_who_rings_without_a_pause_does_not_stop_claims(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("well", receiver.url)
        await works.database.write(queue, endpoint_id, 20, attempts=0, due_at=works.clock.now() - AN_HOUR)
        dispatcher = works.dispatcher()
        works.database.surveyed = dispatcher.survey_soon
        await works.start(dispatcher)
        await works.settled("delivered", 20)
        assert each_once(receiver, 20)


async def test_what_waits_for_an_endpoint_that_a_close_saw_deactivated_is_let_go(works: Works) -> None:
    gates: list[Gate] = []
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("off soon", receiver.url)
        dispatcher = await works.start(works.dispatcher(per_endpoint=4, seen=lambda sender: noted(gates, Gate(sender))))
        await works.until(lambda: _offered(dispatcher, endpoint_id))
        await works.close(works.desk(dispatcher), *NAMES)
        await receiver.wait_for(4)
        await works.database.write(disable_endpoint, endpoint_id, clock=works.clock)
        await works.close(works.desk(dispatcher), "one more")
        gates[0].open()
        await works.settled("delivered", 4)
        await works.until(lambda: _nothing_is_leased(works))
        assert len(receiver.calls) == 4


async def _nothing_is_leased(works: Works) -> bool:
    return all(row.lease_id is None for row in await works.rows())


async def test_a_close_that_waited_brings_no_older_endpoint_back(works: Works) -> None:
    async with receiving() as receiver, receiving() as left:
        endpoint_id = await works.endpoint("moved", receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.until(lambda: _offered(dispatcher, endpoint_id))
        (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
        older = replace(endpoint, url=left.url, updated_at=endpoint.updated_at - SECOND)
        dispatcher.accept(dispatcher.offer(1), [], [older])
        await works.close(works.desk(dispatcher), "1")
        await works.settled("delivered", 1)
        assert (len(receiver.calls), len(left.calls)) == (1, 0)


async def _offered(dispatcher: Dispatcher, endpoint_id: str) -> bool:
    """Whether the dispatcher knows the endpoint by now; what it offers is given back."""
    offer = dispatcher.offer(1)
    dispatcher.accept(offer, [], [])
    return endpoint_id in offer.room


async def test_a_receiver_that_asks_to_be_left_alone_is_and_its_neighbours_are_not(works: Works) -> None:
    async with receiving(lambda _call: 429, extra_head="retry-after: 7\r\n") as busy, receiving() as well:
        busy_id = await works.endpoint("busy", busy.url)
        await works.endpoint("well", well.url)
        await works.database.write(queue, busy_id, 50, attempts=0, due_at=works.clock.now() - AN_HOUR)
        dispatcher = await works.start(works.dispatcher(per_endpoint=4))
        await works.until(lambda: _all_attempted(works, busy))
        await works.close(works.desk(dispatcher), *NAMES)
        await well.wait_for(len(NAMES))
        assert len(busy.calls) <= 4, "those under way when it asked, and no more"
        had = len(busy.calls)
        busy.answer = lambda _call: 200
        works.clock.advance(7 * SECOND)
        dispatcher.survey_soon()
        await works.settled("delivered", 50 + 2 * len(NAMES) - had)
        works.clock.advance(AN_HOUR)
        dispatcher.survey_soon()
        await works.settled("delivered", 50 + 2 * len(NAMES))
        assert each_once(well, len(NAMES))


async def test_one_answer_to_wait_to_all_calls_under_way_deactivates_nobody(works: Works) -> None:
    many = [f"{number}" for number in range(60)]
    async with receiving(lambda _call: 429, extra_head="retry-after: 1\r\n") as busy:
        busy_id = await works.endpoint("busy", busy.url)
        dispatcher = await works.start(works.dispatcher(per_endpoint=32))
        await works.until(lambda: _offered(dispatcher, busy_id))
        await works.close(works.desk(dispatcher), *many)
        await works.until(lambda: _attempted(works, 32))
        assert len(busy.calls) == 32, "as many as may be under way, which is more than twenty"
        (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
        assert (endpoint.state, endpoint.consecutive_failures) == (EndpointState.ACTIVE, 1)
        busy.answer = lambda _call: 200
        for wait in (SECOND, AN_HOUR):
            works.clock.advance(wait)
            dispatcher.survey_soon()
            await works.settled("delivered", 60 - 32 if wait is SECOND else 60)
        assert len(busy.calls) == 60 + 32


async def _attempted(works: Works, count: int) -> bool:
    """Whether that many attempts are recorded."""
    recorded: int = sum(row.attempts for row in await works.rows())
    return recorded == count


async def _all_attempted(works: Works, receiver: Receiver) -> bool:
    """Whether every call that was begun is recorded, and nothing is leased any more."""
    rows = await works.rows()
    tried = sum(row.attempts for row in rows)
    return tried > 0 and tried == len(receiver.calls) and all(row.lease_id is None for row in rows)


async def test_who_waits_for_its_turn_holds_no_slot_few_leases_and_none_after_the_end(works: Works) -> None:
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("metered", receiver.url, rate_per_s=1)
        await works.database.write(queue, endpoint_id, 50, attempts=0, due_at=works.clock.now() - AN_HOUR)
        dispatcher = await works.start(works.dispatcher())
        await works.settled("delivered", 1)
        assert len(receiver.calls) == 1
        assert sum(row.lease_id is not None for row in await works.rows()) <= 2
        await works.stop(dispatcher)
        assert dispatcher.calls_under_way == 0
    assert [row.lease_id for row in await works.rows()] == [None] * 50


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # a SQLite file has one dispatcher
async def test_each_of_two_dispatchers_probes_with_one_call(works: Works) -> None:
    gates: list[Gate] = []
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("ill", receiver.url, consecutive_failures=PROBES_AFTER_FAILURES)
        await works.database.write(queue, endpoint_id, 20, attempts=1, due_at=works.clock.now() - AN_HOUR)
        both = [await works.start(works.dispatcher(seen=lambda sender: noted(gates, Gate(sender)))) for _ in range(2)]
        await receiver.wait_for(2)
        assert [dispatcher.calls_under_way for dispatcher in both] == [1, 1]
        assert len(receiver.calls) == 2
        for gate in gates:
            gate.open()
        await works.settled("delivered", 20)
        assert each_once(receiver, 20)


class Running(FixedClock):
    """A clock that nobody needs to move."""

    def now(self) -> datetime:
        return SystemClock().now()


async def test_turns_come_by_themselves(works: Works) -> None:
    """Nobody tells the dispatcher that time has passed: it has slept until the next turn."""
    works.clock = Running()
    async with receiving() as receiver:
        endpoint_id = await works.endpoint("metered", receiver.url, rate_per_s=100)
        await works.database.write(queue, endpoint_id, 40, attempts=0, due_at=works.clock.now() - AN_HOUR)
        await works.start(works.dispatcher())
        await receiver.wait_for(40)
        await works.settled("delivered", 40)
        assert each_once(receiver, 40)
    began = await _began(works, endpoint_id)
    assert max(sum(first <= at < first + SECOND for at in began) for first in began) <= 100
