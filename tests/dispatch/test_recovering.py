"""Recoveries are carried out by themselves: a portion at a time, none twice and none left out, whatever crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, text

from closebell.clock import Clock, SystemLuck
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.recovering import LOOK_EVERY_S, PORTION_EVERY, Recoverer, recover_portion
from closebell.domain.endpoint import EndpointState
from closebell.domain.recovery import Recovery, RecoveryState
from closebell.domain.retry import RetryPolicy
from closebell.errors import Unavailable
from closebell.store import endpoints, recoveries, retention
from closebell.store.database import open_database
from closebell.store.exhausted import Stretch
from closebell.store.postgresql import PostgresqlDatabase
from closebell.store.recoveries import PUT_OFF_MAX
from closebell.store.schema import migrate
from closebell.store.unit import Database, P, R, Unit
from closebell.store.wake import Wake
from closebell.testing import NOON, FixedClock, an_endpoint
from closebell.usecase.examine import CHECKS, run_check
from closebell.usecase.manage_endpoints import enable_endpoint
from closebell.usecase.reconcile import reconcile
from closebell.usecase.recover_endpoint import (
    Recoverable,
    RecoveryPlan,
    count_recoverable,
    list_recoveries,
    read_recovery,
    start_recovery,
)
from closebell.usecase.resend_delivery import resend_delivery
from dispatching import Works, working
from exhausting import ATTEMPTS, close, exhaust, rows
from receiving import receiving

ENDPOINT = an_endpoint()
AWAITED_S = 30
LUCK = SystemLuck()
SECOND = timedelta(seconds=1)


class Watched:
    """A database that can do something before, during and after every unit of work."""

    engine_name = "watched"
    writers = 2

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.asked = 0
        self.answered = 0
        self.writes = 0
        self.done = Wake()
        self.interfere: Callable[[str, int], None] = lambda _when, _count: None

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.writes += 1
        return await self._do(lambda: self.inner.write(unit, *args, **kwargs))

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._do(lambda: self.inner.read(unit, *args, **kwargs))

    async def _do(self, work: Callable[[], Awaitable[R]]) -> R:
        self.asked += 1
        count = self.asked
        self.interfere("before", count)
        await asyncio.sleep(0)
        self.interfere("during", count)
        try:
            result = await work()
            self.interfere("after", count)
            await asyncio.sleep(0)
        finally:
            self.answered += 1
            self.done.notify()
        return result

    async def listen(self, heard: Callable[[], None]) -> None:
        await self.inner.listen(heard)

    async def close(self) -> None:
        await self.inner.close()


async def prepared(database: Database, count: int) -> FixedClock:
    """That many exhausted deliveries."""
    clock = FixedClock()
    await database.write(endpoints.insert_one, ENDPOINT)
    await database.write(close, [f"{n}" for n in range(count)], clock=clock)
    await database.write(exhaust, at=clock.now())
    return clock


async def started(database: Database, clock: Clock, *, rate_per_s: int) -> Recovery:
    plan = RecoveryPlan(since=NOON - SECOND, rate_per_s=rate_per_s)
    found = await database.read(count_recoverable, ENDPOINT.id, plan, clock=clock)
    return await database.write(start_recovery, found, clock=clock, luck=LUCK)


@asynccontextmanager
async def running(
    database: Any, clock: Clock, wake: Wake | None = None, recovered: Callable[[], None] = lambda: None
) -> AsyncIterator[asyncio.Task[None]]:
    """A recoverer, stopped at the end."""
    recoverer = Recoverer(database=database, clock=clock, wake=wake or Wake(), recovered=recovered, pause_s=0)
    task = asyncio.create_task(recoverer.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ended(watched: Watched, recovery: Recovery) -> Recovery:
    """The recovery once it is over."""
    async with asyncio.timeout(AWAITED_S):
        while True:
            ticket = watched.done.ticket()
            found = await watched.inner.read(read_recovery, recovery.endpoint_id, recovery.id)
            if found.state is not RecoveryState.RUNNING:
                return found
            await ticket.wait()


def killing(watched: Watched, when: str, at: int, victims: list[asyncio.Task[None]]) -> None:
    """Let the victim be cancelled before, during or after so many units of work, and be struck from the list."""

    def interfere(moment: str, count: int) -> None:
        if (moment, count) == (when, at):
            victims.pop().cancel()

    watched.interfere = interfere


@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_a_crash_leaves_nothing_out_and_does_nothing_twice(database: Database, when: str) -> None:
    clock = FixedClock(tick=SECOND)
    await prepared(database, 5)
    at = 0
    while True:
        at += 1
        watched = Watched(database)
        job = await started(database, clock, rate_per_s=2)
        victims: list[asyncio.Task[None]] = []
        killing(watched, when, at, victims)
        async with running(watched, clock) as first:
            victims.append(first)
            async with asyncio.timeout(AWAITED_S):
                while not first.done() and await _goes_on(watched, job):
                    await asyncio.wait([first], timeout=0)
        async with running(watched, clock):
            over = await ended(watched, job)
        assert (over.state, over.recovered, over.matched) == (RecoveryState.DONE, 5, 5), f"killed {when} unit {at}"
        found = await database.read(rows)
        assert [(row.state, row.attempts_before) for row in found] == [("pending", row.attempts) for row in found]
        await database.write(exhaust, at=clock.now())
        if victims:
            break  # it came to the end of its work before it was to be killed
    assert at > 6, "three portions, each a look and a transaction"


async def _goes_on(watched: Watched, job: Recovery) -> bool:
    """Whether it is running, or the unit of work that has ended it is not yet over for who asked for it."""
    found = await _read(watched.inner, job)
    return found.state is RecoveryState.RUNNING or watched.answered < watched.asked


async def _read(database: Database, job: Recovery) -> Recovery:
    return await database.read(read_recovery, job.endpoint_id, job.id)


async def test_two_share_the_work_and_do_no_portion_twice(database: Database) -> None:
    clock = FixedClock(tick=SECOND)
    await prepared(database, 12)
    watched = Watched(database)
    job = await started(database, clock, rate_per_s=3)
    async with running(watched, clock), running(watched, clock):
        over = await ended(watched, job)
    assert (over.recovered, over.matched) == (12, 12)
    found = await database.read(rows)
    times = sorted(row.due_at for row in found)
    portions = [times[index : index + 3] for index in range(0, 12, 3)]
    assert all(len(set(portion)) == 1 for portion in portions), "each portion is one transaction"
    firsts = [portion[0] for portion in portions]
    assert all(later - earlier >= PORTION_EVERY for earlier, later in pairwise(firsts))


async def test_the_pace_is_kept_by_the_clock(database: Database) -> None:
    clock = await prepared(database, 7)
    watched, wake = Watched(database), Wake()
    job = await started(database, clock, rate_per_s=3)
    async with running(watched, clock, wake):
        for expected in (3, 6):
            await _recovered(watched, job, expected)
            looked = watched.asked
            clock.advance(PORTION_EVERY - timedelta(microseconds=1))
            wake.notify()
            await _asked(watched, looked + 1)
            assert (await _read(database, job)).recovered == expected, "not before its time"
            clock.advance(timedelta(microseconds=1))
            wake.notify()
        over = await ended(watched, job)
    assert over.recovered == 7


async def _recovered(watched: Watched, job: Recovery, count: int) -> None:
    async with asyncio.timeout(AWAITED_S):
        while True:
            ticket = watched.done.ticket()
            if (await _read(watched.inner, job)).recovered >= count:
                return
            await ticket.wait()


async def _asked(watched: Watched, count: int) -> None:
    """Wait until it has looked so often."""
    async with asyncio.timeout(AWAITED_S):
        while True:
            ticket = watched.done.ticket()
            if watched.asked >= count:
                return
            await ticket.wait()


async def test_a_clock_that_is_set_back_stops_no_recovery_and_hastens_none(database: Database) -> None:
    clock = await prepared(database, 7)
    watched, wake = Watched(database), Wake()
    job = await started(database, clock, rate_per_s=3)
    async with running(watched, clock, wake):
        await _recovered(watched, job, 3)
        clock.advance(-timedelta(hours=1))
        wake.notify()
        await _recovered(watched, job, 6)
        looked = watched.asked
        clock.advance(PORTION_EVERY - timedelta(microseconds=1))
        wake.notify()
        await _asked(watched, looked + 1)
        assert (await _read(database, job)).recovered == 6, "not before its time by the new clock"
        clock.advance(timedelta(microseconds=1))
        wake.notify()
        over = await ended(watched, job)
    assert over.recovered == 7


async def test_one_that_was_put_off_is_due_beside_one_that_was_not(database: Database) -> None:
    clock = await prepared(database, 3)
    job = await started(database, clock, rate_per_s=1)
    await database.write(recover_portion, now=clock.now())
    other = an_endpoint("other")
    await database.write(endpoints.insert_one, other)
    now = clock.now() - timedelta(hours=1)
    found = Recoverable(stretch=Stretch(endpoint_id=other.id, since=NOON, until=NOON + SECOND), count=1)
    await database.write(start_recovery, found, clock=FixedClock(now + SECOND / 2), luck=LUCK)
    assert await database.read(recoveries.next_at, now=now) == now
    after = await database.write(recover_portion, now=now)
    assert after is not None
    assert (after.id, after.recovered, after.next_at) == (job.id, 2, now + PORTION_EVERY)
    assert await database.read(recoveries.next_at, now=now) == now + SECOND / 2


async def test_clocks_that_are_a_little_apart_do_not_hasten_a_recovery(database: Database) -> None:
    """Or each would take what the other has put off to be due, and portions would follow without a pause."""
    clock = await prepared(database, 3)
    await started(database, clock, rate_per_s=1)
    ahead = clock.now() + PUT_OFF_MAX - PORTION_EVERY
    assert await database.write(recover_portion, now=ahead) is not None
    assert await database.read(recoveries.next_at, now=clock.now()) == ahead + PORTION_EVERY
    assert await database.write(recover_portion, now=clock.now()) is None
    assert await database.write(recover_portion, now=clock.now() - timedelta(microseconds=1)) is not None


async def test_idle_it_sleeps_and_a_new_job_wakes_it(database: Database) -> None:
    clock = await prepared(database, 1)
    watched, wake = Watched(database), Wake()
    assert LOOK_EVERY_S <= 15
    async with running(watched, clock, wake):
        await _asked(watched, 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (watched.asked, watched.writes) == (1, 0), "one look, and nothing written"
        job = await started(database, clock, rate_per_s=1)
        wake.notify()
        assert (await _recovered_all(watched, job)).recovered == 1


async def _recovered_all(watched: Watched, job: Recovery) -> Recovery:
    await _recovered(watched, job, job.matched)
    return await _read(watched.inner, job)


async def test_a_database_that_cannot_answer_is_asked_again(database: Database) -> None:
    clock = FixedClock(tick=SECOND)
    await prepared(database, 1)
    watched = Watched(database)

    def fail_once(moment: str, count: int) -> None:
        if (moment, count) == ("before", 1):
            raise Unavailable("disk full")

    watched.interfere = fail_once
    job = await started(database, clock, rate_per_s=10)
    async with running(watched, clock):
        assert (await ended(watched, job)).recovered == 1


# --- PostgreSQL: what two transactions do to each other ----------------------------------------------------------


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresqlDatabase]:
    migrate(postgres_url)
    opened = open_database(postgres_url)
    assert isinstance(opened, PostgresqlDatabase)
    yield opened
    await opened.close()


async def test_a_portion_that_another_dispatcher_works_on_is_passed_over(postgres: PostgresqlDatabase) -> None:
    clock = await prepared(postgres, 3)
    job = await started(postgres, clock, rate_per_s=2)
    async with postgres.engine.connect() as other, other.begin():
        theirs = await other.run_sync(recover_portion, now=clock.now())
        assert theirs is not None
        assert await postgres.write(recover_portion, now=clock.now()) is None
    assert (await _read(postgres, job)).recovered == 2
    assert await postgres.write(recover_portion, now=clock.now()) is None, "it is not due yet"
    ours = await postgres.write(recover_portion, now=clock.now() + PORTION_EVERY)
    assert ours is not None
    assert (ours.recovered, ours.state) == (3, RecoveryState.DONE)


async def test_what_is_sent_again_at_the_same_moment_ends_no_job_early(postgres: PostgresqlDatabase) -> None:
    clock = await prepared(postgres, 4)
    job = await started(postgres, clock, rate_per_s=2)
    first = (await postgres.read(rows))[0]
    async with postgres.engine.connect() as other:
        async with other.begin():
            await other.run_sync(resend_delivery, first.id, clock=clock)
            portion = asyncio.create_task(postgres.write(recover_portion, now=clock.now()))
            await _waits_for_a_lock(postgres)
        after = await portion
    assert after is not None
    assert (after.state, after.recovered) == (RecoveryState.RUNNING, 1)
    for count in (2, 3):
        await postgres.write(recover_portion, now=clock.now() + count * PORTION_EVERY)
    over = await _read(postgres, job)
    assert (over.state, over.recovered, over.matched) == (RecoveryState.DONE, 3, 4)
    assert {row.state for row in await postgres.read(rows)} == {"pending"}


async def test_what_is_forgotten_at_the_same_moment_is_not_brought_back(postgres: PostgresqlDatabase) -> None:
    clock = await prepared(postgres, 3)
    job = await started(postgres, clock, rate_per_s=2)
    async with postgres.engine.connect() as other:
        async with other.begin():
            assert await other.run_sync(_forget) == 3
            portion = asyncio.create_task(postgres.write(recover_portion, now=clock.now()))
            await _waits_for_a_lock(postgres)
        after = await portion
    assert after is not None
    assert after.recovered == 0
    await postgres.write(recover_portion, now=clock.now() + PORTION_EVERY)
    over = await _read(postgres, job)
    assert (over.state, over.recovered, over.matched) == (RecoveryState.DONE, 0, 3)
    assert {row.state for row in await postgres.read(rows)} == {"exhausted"}


async def test_what_comes_back_at_the_same_moment_is_not_forgotten(postgres: PostgresqlDatabase) -> None:
    clock = await prepared(postgres, 1)
    await started(postgres, clock, rate_per_s=2)
    async with postgres.engine.connect() as other:
        async with other.begin():
            await other.run_sync(recover_portion, now=clock.now())
            forgetting = asyncio.create_task(postgres.write(_forget))
            await _waits_for_a_lock(postgres)
        assert await forgetting == 0


def _forget(connection: Connection) -> int:
    """Forget every body that nobody waits for; how many there were."""
    return retention.forget_bodies(connection, before=NOON + SECOND, now=NOON, limit=10).forgotten


async def _waits_for_a_lock(database: Database) -> None:
    def waiting(connection: Connection) -> int:
        statement = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(connection.execute(statement).scalar_one())

    async with asyncio.timeout(AWAITED_S):
        while not await database.read(waiting):
            pass


# --- to a real receiver ------------------------------------------------------------------------------------------


@pytest.fixture
async def works(database: Database) -> AsyncIterator[Works]:
    async with working(database) as built:
        yield built


async def test_what_comes_back_is_called_for_and_fails_its_whole_policy_again(works: Works) -> None:
    async with receiving(lambda _call: 500) as receiver:
        endpoint_id = await works.endpoint("till", receiver.url, policy=RetryPolicy.ZENOTI)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), "1")
        await _fails(works, dispatcher.survey_soon, ATTEMPTS)
        (delivery,) = await works.deliveries(state="exhausted")
        plan, wake = RecoveryPlan(since=NOON - SECOND), Wake()
        found = await works.database.read(count_recoverable, endpoint_id, plan, clock=works.clock)
        assert found.count == 1
        async with running(works.database, works.clock, wake, dispatcher.survey_soon):
            await works.database.write(start_recovery, found, clock=works.clock, luck=LUCK)
            wake.notify()
            await _fails(works, dispatcher.survey_soon, 2 * ATTEMPTS)
        (again,) = await works.deliveries(state="exhausted")
        assert (again.id, [one.number for one in again.attempts]) == (delivery.id, list(range(1, 2 * ATTEMPTS + 1)))
        assert again.reason.startswith("Attempt 12 was the last and failed")
        await _holds(works, exhausted=1)
        receiver.answer = lambda _call: 200
        await works.database.write(resend_delivery, again.id, clock=works.clock)
        dispatcher.survey_soon()
        await receiver.wait_for(2 * ATTEMPTS + 1)
        await works.settled("delivered", 1)
        await _holds(works, delivered=1)


async def test_enabling_brings_back_by_itself_what_the_trouble_exhausted(works: Works) -> None:
    async with receiving(lambda _call: 500) as receiver:
        fields = {"policy": RetryPolicy.ZENOTI, "recovers_when_enabled": True}
        endpoint_id = await works.endpoint("till", receiver.url, **fields)
        dispatcher = await works.start(works.dispatcher())
        desk = works.desk(dispatcher)
        await works.close(desk, "1", "2", "3")
        await works.until(_as_time_goes_by(works, dispatcher, lambda states, _: states.count("exhausted") == 3))
        await works.close(desk, "4")
        await works.until(_as_time_goes_by(works, dispatcher, lambda _, state: state is EndpointState.DEACTIVATED))
        receiver.answer = lambda _call: 200
        wake = Wake()
        async with running(works.database, works.clock, wake, dispatcher.survey_soon):
            await works.database.write(enable_endpoint, endpoint_id, clock=works.clock, luck=LUCK)
            wake.notify()
            await works.until(_as_time_goes_by(works, dispatcher, lambda states, _: set(states) == {"delivered"}))
    (job,) = await works.database.read(list_recoveries, endpoint_id, clock=works.clock)
    told = min(row.created_at for row in await works.rows())
    assert (job.is_automatic, job.since, job.matched, job.recovered) == (True, told, 3, 3)
    (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
    assert (endpoint.failing_since, endpoint.consecutive_failures) == (None, 0)
    await _holds(works, delivered=4)


def _as_time_goes_by(
    works: Works, dispatcher: Dispatcher, satisfied: Callable[[list[str], EndpointState], bool]
) -> Callable[[], Awaitable[bool]]:
    """Asks again and again, and lets time pass whenever nothing is being sent, so that every retry has its turn."""

    async def look() -> bool:
        found = await works.rows()
        (endpoint,) = await works.database.read(endpoints.all_kept, now=works.clock.now())
        if satisfied([row.state for row in found], endpoint.state):
            return True
        if not any(row.lease_id for row in found):
            works.clock.advance(timedelta(minutes=20))
            dispatcher.survey_soon()
        return False

    return look


async def _fails(works: Works, survey_soon: Callable[[], None], count: int) -> None:
    """Let so many attempts fail in all, each as soon as it may be made."""
    for number in range(1, count + 1):

        async def made(number: int = number) -> bool:
            (delivery,) = await works.deliveries()
            return len(delivery.attempts) >= number

        await works.until(made)
        works.clock.advance(timedelta(minutes=20))
        survey_soon()


async def _holds(works: Works, **counts: int) -> None:
    now: datetime = works.clock.now()
    found = await works.database.read(reconcile, since=NOON - SECOND, until=now, clock=works.clock)
    (tally,) = found.endpoints
    assert found.balanced, found.reasons
    assert {name: getattr(tally, name) for name in counts} == counts
    for check in CHECKS:
        assert await works.database.read(run_check, check) == []


async def test_nothing_is_due_while_nothing_runs(database: Database) -> None:
    assert await database.read(recoveries.next_at, now=NOON) is None
    assert await database.write(recover_portion, now=NOON) is None
