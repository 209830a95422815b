"""Bringing back what was exhausted: what a recovery covers, and what may be asked of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import Connection, update

from closebell.dispatch.recovering import recover_portion
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.domain.recovery import RECOVERED_PER_S_MAX, Recovery, RecoveryState
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import endpoints, recoveries, tables
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, an_endpoint, guid_of, snapshot
from closebell.usecase.examine import CHECKS, run_check
from closebell.usecase.manage_endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from closebell.usecase.recover_endpoint import (
    Missed,
    Recoverable,
    RecoveryPlan,
    cancel_recovery,
    count_missed,
    count_recoverable,
    list_recoveries,
    read_recovery,
    start_recovery,
)
from closebell.usecase.resend_delivery import resend_delivery
from exhausting import ATTEMPTS, close, exhaust, rows
from planning import noted
from tampering import tamper

ENDPOINT = an_endpoint()
HOUR = timedelta(hours=1)
LUCK = SeededLuck()
EVER = RecoveryPlan(since=NOON - HOUR)


async def with_exhausted(
    database: Database, count: int, *, endpoint: Endpoint = ENDPOINT, apart: timedelta = timedelta(0)
) -> FixedClock:
    """That many deliveries to the endpoint, of events so far apart; none was taken."""
    clock = FixedClock()
    await database.write(endpoints.insert_one, endpoint)
    await database.write(close, [f"{n}" for n in range(count)], clock=clock, apart=apart)
    clock.advance(HOUR)
    await database.write(exhaust, at=clock.now())
    return clock


async def counted(database: Database, clock: FixedClock, plan: RecoveryPlan = EVER) -> Recoverable:
    return await database.read(count_recoverable, ENDPOINT.id, plan, clock=clock)


async def started(database: Database, clock: FixedClock, plan: RecoveryPlan = EVER) -> Recovery:
    found = await counted(database, clock, plan)
    return await database.write(start_recovery, found, clock=clock, luck=LUCK)


async def carried_out(database: Database, clock: FixedClock) -> list[Recovery]:
    """Every portion that is due, and those that are due after it."""
    found = []
    while (job := await database.write(recover_portion, now=clock.now())) is not None:
        found.append(job)
        clock.advance(timedelta(seconds=1))
    return found


async def due(database: Database) -> list[Any]:
    return [row for row in await database.read(rows) if row.state == "pending"]


# --- what comes back ---------------------------------------------------------------------------------------------


async def test_what_comes_back_is_due_and_has_its_retries_before_it(database: Database) -> None:
    clock = await with_exhausted(database, 3)
    begun = await started(database, clock)
    assert (begun.matched, begun.recovered, begun.state, begun.percent) == (3, 0, RecoveryState.RUNNING, 0)
    assert not await due(database), "it only begins"
    at = clock.now()
    (job,) = await carried_out(database, clock)
    assert (job.id, job.state, job.recovered, job.percent, job.finished_at) == (begun.id, "done", 3, 100, at)
    found = await due(database)
    assert [(row.due_at, row.attempts, row.attempts_before, row.reason, row.finished_at) for row in found] == [
        (at, ATTEMPTS, ATTEMPTS, "", None)
    ] * 3
    for check in CHECKS:
        assert await database.read(run_check, check) == []


async def test_a_period_covers_its_first_instant_and_not_its_last(database: Database) -> None:
    apart = timedelta(microseconds=400_000)
    clock = await with_exhausted(database, 6, apart=apart)
    told = sorted(row.created_at for row in await database.read(rows))
    instant = timedelta(microseconds=1)
    bounds = [told[0] - HOUR, *(at + by for at in told for by in (-instant, timedelta(0), instant)), told[-1] + HOUR]
    for since, until in combinations(bounds, 2):
        plan = RecoveryPlan(since=since, until=until)
        assert (await counted(database, clock, plan)).count == sum(since <= at < until for at in told), (since, until)


async def test_what_is_counted_is_what_comes_back(database: Database) -> None:
    clock = await with_exhausted(database, 9, apart=timedelta(microseconds=300_000))
    told = sorted(row.created_at for row in await database.read(rows))
    plan = RecoveryPlan(since=told[2], until=told[7], rate_per_s=2)
    before = await database.read(snapshot)
    dry = await counted(database, clock, plan)
    assert await database.read(snapshot) == before
    await started(database, clock, plan)
    jobs = await carried_out(database, clock)
    assert [job.recovered for job in jobs] == [2, 4, 5]
    assert jobs[-1].recovered == jobs[-1].matched == dry.count == 5
    assert sorted(row.created_at for row in await due(database)) == told[2:7]


async def test_a_period_ends_now_unless_it_says(database: Database) -> None:
    clock = await with_exhausted(database, 1)
    clock.set(NOON)
    found = await counted(database, clock)
    assert found.count == 1, "what was told at this very instant is covered"
    assert found.stretch.until == NOON + timedelta(microseconds=1)


async def test_a_period_without_an_end_covers_what_a_clock_that_was_ahead_has_told(database: Database) -> None:
    clock = await with_exhausted(database, 2)
    clock.set(NOON - HOUR)
    found = await counted(database, clock, RecoveryPlan(since=NOON - HOUR))
    assert (found.count, found.stretch.until) == (2, NOON + timedelta(microseconds=1))
    await started(database, clock, RecoveryPlan(since=NOON - HOUR))
    (job,) = await carried_out(database, clock)
    assert (job.state, job.recovered) == ("done", 2)


@pytest.mark.parametrize(
    "until", [datetime(9999, 12, 31, tzinfo=NOON.tzinfo), datetime(2107, 1, 1, tzinfo=NOON.tzinfo)]
)
async def test_a_period_may_be_as_long_as_time(database: Database, until: datetime) -> None:
    clock = await with_exhausted(database, 2)
    plan = RecoveryPlan(since=datetime(1, 1, 1, tzinfo=NOON.tzinfo), until=until)
    await started(database, clock, plan)
    (job,) = await carried_out(database, clock)
    assert job.recovered == 2


async def test_other_endpoints_and_other_states_are_left_alone(database: Database) -> None:
    other = an_endpoint("other")
    await database.write(endpoints.insert_one, other)
    clock = await with_exhausted(database, 2)
    await database.write(close, ["waits"], clock=clock)
    before = {row.id: row for row in await database.read(rows)}
    await started(database, clock)
    (job,) = await carried_out(database, clock)
    assert job.recovered == 2
    changed = [row for row in await database.read(rows) if row != before[row.id]]
    assert {row.endpoint_id for row in changed} == {ENDPOINT.id}
    assert {before[row.id].state for row in changed} == {"exhausted"}


async def test_what_has_no_body_any_more_does_not_match(database: Database) -> None:
    clock = await with_exhausted(database, 3)
    await database.write(tamper, "UPDATE events SET body = :body, redacted_at = 1 WHERE sequence = 2", body=b"")
    assert (await counted(database, clock)).count == 2
    await started(database, clock)
    (job,) = await carried_out(database, clock)
    assert (job.recovered, job.matched) == (2, 2)
    assert [row.sequence for row in await database.read(rows) if row.state == "exhausted"] == [2]


async def test_what_is_exhausted_again_behind_the_job_is_left(database: Database) -> None:
    clock = await with_exhausted(database, 4)
    await started(database, clock, RecoveryPlan(since=NOON - HOUR, rate_per_s=2))
    (first,) = [await database.write(recover_portion, now=clock.now())]
    assert first is not None
    assert first.recovered == 2
    await database.write(exhaust, at=clock.now())
    clock.advance(timedelta(seconds=1))
    jobs = await carried_out(database, clock)
    assert [job.recovered for job in jobs] == [4, 4]


async def test_what_somebody_sent_again_meanwhile_is_not_counted(database: Database) -> None:
    clock = await with_exhausted(database, 4)
    await started(database, clock, RecoveryPlan(since=NOON - HOUR, rate_per_s=2))
    last = (await database.read(rows))[-1]
    await database.write(resend_delivery, last.id, clock=clock)
    jobs = await carried_out(database, clock)
    assert (jobs[-1].state, jobs[-1].recovered, jobs[-1].matched, jobs[-1].percent) == ("done", 3, 4, 100)


async def test_a_job_without_anything_to_bring_is_done_at_once(database: Database) -> None:
    clock = await with_exhausted(database, 0)
    at = clock.now()
    job = await started(database, clock)
    assert (job.shown_state, job.matched, job.recovered, job.percent, job.finished_at) == ("done", 0, 0, 100, at)
    assert await database.read(read_recovery, ENDPOINT.id, job.id) == job
    assert await carried_out(database, clock) == []
    await database.write(disable_endpoint, ENDPOINT.id, clock=clock)
    again = await started(database, clock)
    assert again.shown_state == "done", "it is not in the way of the next, and nothing of it is held"
    await database.write(close, ["late"], clock=clock)
    await database.write(exhaust, at=clock.now())
    assert (await started(database, clock)).shown_state == "held"


# --- what may be asked -------------------------------------------------------------------------------------------


async def test_a_period_that_ends_before_it_begins_is_refused(database: Database) -> None:
    clock = await with_exhausted(database, 1)
    for plan in (RecoveryPlan(since=NOON, until=NOON), RecoveryPlan(since=clock.now() + HOUR)):
        with pytest.raises(InvalidInput) as caught:
            await counted(database, clock, plan)
        assert caught.value.field == "since"


@pytest.mark.parametrize("rate", [0, -1, RECOVERED_PER_S_MAX + 1])
def test_the_pace_is_bounded(rate: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        RecoveryPlan(since=NOON, rate_per_s=rate)
    assert caught.value.field == "rate_per_s"


async def test_an_endpoint_that_is_not_there_is_not_found(database: Database) -> None:
    clock = await with_exhausted(database, 1)
    found = await counted(database, clock)
    await database.write(delete_endpoint, ENDPOINT.id, clock=clock)
    before = await database.read(snapshot)
    with pytest.raises(NotFound, match=ENDPOINT.id):
        await counted(database, clock)
    with pytest.raises(NotFound, match=ENDPOINT.id):
        await database.write(start_recovery, found, clock=clock, luck=LUCK)
    with pytest.raises(NotFound, match=ENDPOINT.id):
        await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert await database.read(snapshot) == before


async def test_one_runs_at_a_time_and_is_named(database: Database) -> None:
    clock = await with_exhausted(database, 2)
    running = await started(database, clock)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match=f"recovery {running.id} is running for this endpoint \\(0 of 2\\)"):
        await started(database, clock)
    assert await database.read(snapshot) == before
    await carried_out(database, clock)
    again = await started(database, clock)
    assert again.matched == 0
    listed = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert [one.id for one in listed] == [again.id, running.id]
    assert listed[0] == await database.read(read_recovery, ENDPOINT.id, again.id) == again


async def test_one_that_is_cancelled_goes_no_further(database: Database) -> None:
    clock = await with_exhausted(database, 5)
    begun = await started(database, clock, RecoveryPlan(since=NOON - HOUR, rate_per_s=2))
    await database.write(recover_portion, now=clock.now())
    clock.advance(HOUR)
    ended = await database.write(cancel_recovery, ENDPOINT.id, begun.id, clock=clock)
    assert (ended.state, ended.recovered, ended.percent, ended.finished_at) == ("cancelled", 2, 40, clock.now())
    assert await carried_out(database, clock) == []
    assert len(await due(database)) == 2, "what it brought back stays due"
    clock.advance(HOUR)
    assert await database.write(cancel_recovery, ENDPOINT.id, begun.id, clock=clock) == ended
    rest = await started(database, clock)
    assert rest.matched == 3


async def test_one_that_is_done_cannot_be_cancelled(database: Database) -> None:
    clock = await with_exhausted(database, 1)
    begun = await started(database, clock)
    await carried_out(database, clock)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match="is done"):
        await database.write(cancel_recovery, ENDPOINT.id, begun.id, clock=clock)
    assert await database.read(snapshot) == before


async def test_one_of_another_endpoint_is_not_found(database: Database) -> None:
    clock = await with_exhausted(database, 1)
    begun = await started(database, clock)
    for endpoint_id, recovery_id in ((guid_of("other"), begun.id), (ENDPOINT.id, guid_of("other"))):
        with pytest.raises(NotFound, match=recovery_id):
            await database.read(read_recovery, endpoint_id, recovery_id)
        with pytest.raises(NotFound, match=recovery_id):
            await database.write(cancel_recovery, endpoint_id, recovery_id, clock=clock)


# --- what becomes of its endpoint --------------------------------------------------------------------------------


async def test_it_is_held_while_its_endpoint_is_deactivated(database: Database) -> None:
    clock = await with_exhausted(database, 2)
    await database.write(disable_endpoint, ENDPOINT.id, clock=clock)
    begun = await started(database, clock)
    assert (begun.shown_state, begun.state) == ("held", RecoveryState.RUNNING)
    assert (await database.read(read_recovery, ENDPOINT.id, begun.id)).is_held
    assert await carried_out(database, clock) == []
    assert await database.read(recoveries.next_at, now=clock.now()) is None
    await database.write(enable_endpoint, ENDPOINT.id, clock=clock, luck=LUCK)
    assert await database.read(recoveries.next_at, now=clock.now()) == begun.next_at
    (job,) = await carried_out(database, clock)
    assert (job.shown_state, job.recovered) == ("done", 2)


async def test_it_is_cancelled_when_its_endpoint_is_deleted(database: Database) -> None:
    clock = await with_exhausted(database, 3)
    begun = await started(database, clock, RecoveryPlan(since=NOON - HOUR, rate_per_s=2))
    await database.write(recover_portion, now=clock.now())
    clock.advance(HOUR)
    await database.write(delete_endpoint, ENDPOINT.id, clock=clock)
    ended = await database.read(read_recovery, ENDPOINT.id, begun.id)
    assert (ended.shown_state, ended.finished_at) == ("cancelled", clock.now())
    assert await carried_out(database, clock) == []
    states = sorted(row.state for row in await database.read(rows))
    assert states == ["cancelled", "cancelled", "exhausted"]


# --- when an endpoint is enabled ---------------------------------------------------------------------------------


def fail(connection: Connection, /, *, since: datetime, **fields: Any) -> None:
    """As if the endpoint had failed since then and been deactivated."""
    changed = {"state": "deactivated", "failing_since": since, "consecutive_failures": 20, **fields}
    connection.execute(update(tables.endpoints).where(tables.endpoints.c.id == ENDPOINT.id).values(**changed))


AUTOMATIC = an_endpoint(recovers_when_enabled=True)


async def enable(database: Database, clock: FixedClock) -> None:
    """As whoever asks for it does: count in a read, then enable."""
    counted = await database.read(count_missed, ENDPOINT.id, clock=clock)
    await database.write(enable_endpoint, ENDPOINT.id, counted=counted, clock=clock, luck=LUCK)


async def test_what_comes_back_is_not_looked_for_while_others_wait_to_write(database: Database) -> None:
    clock = await with_exhausted(database, 3, endpoint=AUTOMATIC)
    await database.write(fail, since=NOON)
    counted = await database.read(count_missed, ENDPOINT.id, clock=clock)
    looks = await database.write(_looks_at_deliveries, counted, clock)
    assert looks == []
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.is_automatic, job.state, job.matched, job.since) == (True, RecoveryState.RUNNING, 3, NOON)
    await database.write(fail, since=NOON)
    assert await database.write(_looks_at_deliveries, None, clock) != [], "nobody has counted before"


def _looks_at_deliveries(connection: Connection, counted: Missed | None, clock: FixedClock) -> list[str]:
    """The statements about deliveries that enabling sends."""
    with noted(connection) as sent:
        enable_endpoint(connection, ENDPOINT.id, counted=counted, clock=clock, luck=LUCK)
    return [statement for statement, _ in sent if "deliveries" in statement]


async def test_counting_changes_nothing_and_needs_the_endpoint(database: Database) -> None:
    clock = await with_exhausted(database, 1, endpoint=AUTOMATIC)
    await database.write(fail, since=NOON)
    before = await database.read(snapshot)
    await database.read(count_missed, ENDPOINT.id, clock=clock)
    assert await database.read(snapshot) == before
    with pytest.raises(NotFound, match=guid_of("other")):
        await database.read(count_missed, guid_of("other"), clock=clock)


async def test_what_failed_since_it_was_counted_comes_back_too(database: Database) -> None:
    clock = await with_exhausted(database, 1, endpoint=AUTOMATIC)
    await database.write(close, ["late"], clock=clock)
    clock.advance(HOUR)
    await database.write(fail, since=clock.now(), consecutive_failures=20)
    counted = await database.read(count_missed, ENDPOINT.id, clock=clock)
    assert counted.found is None
    (late,) = await database.write(exhaust, at=clock.now())
    await database.write(fail, since=clock.now(), consecutive_failures=21)
    await database.write(enable_endpoint, ENDPOINT.id, counted=counted, clock=clock, luck=LUCK)
    await carried_out(database, clock)
    assert [row.id for row in await due(database)] == [late]


async def test_a_success_since_it_was_counted_ends_the_trouble(database: Database) -> None:
    clock = await with_exhausted(database, 1, endpoint=AUTOMATIC)
    await database.write(fail, since=NOON)
    counted = await database.read(count_missed, ENDPOINT.id, clock=clock)
    assert counted.found is not None
    await database.write(_was_well, ENDPOINT.id)
    await database.write(enable_endpoint, ENDPOINT.id, counted=counted, clock=clock, luck=LUCK)
    assert await database.read(list_recoveries, ENDPOINT.id, clock=clock) == []


async def test_a_recovery_that_was_cancelled_since_it_was_counted_is_not_widened(database: Database) -> None:
    clock = await with_exhausted(database, 4, endpoint=AUTOMATIC, apart=timedelta(seconds=1))
    told = [row.created_at for row in await database.read(rows)]
    begun = await started(database, clock, RecoveryPlan(since=told[0], rate_per_s=1))
    clock.advance(HOUR)
    last = (await database.read(rows))[-1]
    await database.write(resend_delivery, last.id, clock=clock)
    await database.write(exhaust, at=clock.now())
    await database.write(fail, since=clock.now())
    counted = await database.read(count_missed, ENDPOINT.id, clock=clock)
    await database.write(cancel_recovery, ENDPOINT.id, begun.id, clock=clock)
    await database.write(enable_endpoint, ENDPOINT.id, counted=counted, clock=clock, luck=LUCK)
    jobs = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert [(job.is_automatic, job.state, job.since, job.matched) for job in jobs] == [
        (True, RecoveryState.RUNNING, told[3], 1),
        (False, RecoveryState.CANCELLED, told[0], 4),
    ]


async def test_enabling_brings_back_what_was_exhausted_since_the_last_success(database: Database) -> None:
    clock = await with_exhausted(database, 2, endpoint=AUTOMATIC)
    clock.advance(HOUR)
    await database.write(close, ["late"], clock=clock)
    began = clock.now()
    clock.advance(HOUR)
    (late,) = await database.write(exhaust, at=clock.now())
    await database.write(fail, since=began)
    await enable(database, clock)
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.is_automatic, job.state, job.matched, job.since) == (True, RecoveryState.RUNNING, 1, began)
    await carried_out(database, clock)
    assert [row.id for row in await due(database)] == [late]


async def test_an_old_event_that_was_exhausted_in_the_trouble_comes_back(database: Database) -> None:
    clock = await with_exhausted(database, 2, endpoint=AUTOMATIC)
    await database.write(fail, since=clock.now())
    await enable(database, clock)
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.since, job.matched) == (NOON, 2)


async def test_enabling_brings_back_what_a_clock_that_was_ahead_has_told(database: Database) -> None:
    clock = await with_exhausted(database, 2, endpoint=AUTOMATIC)
    clock.set(NOON - HOUR)
    await database.write(fail, since=clock.now())
    await enable(database, clock)
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.since, job.until, job.matched) == (NOON, NOON + timedelta(microseconds=1), 2)
    await carried_out(database, clock)
    assert len(await due(database)) == 2


@pytest.mark.parametrize(
    "fields",
    [{"recovers_when_enabled": False}, {"failing_since": None}, {"state": "active"}],
    ids=["not asked for", "not failing", "not deactivated"],
)
async def test_enabling_alone_brings_nothing_back(database: Database, fields: dict[str, Any]) -> None:
    clock = await with_exhausted(database, 2, endpoint=AUTOMATIC)
    await database.write(fail, **{"since": NOON, **{k: v for k, v in fields.items() if k != "failing_since"}})
    if "failing_since" in fields:
        await database.write(disable_endpoint, ENDPOINT.id, clock=clock)
        await database.write(_was_well, ENDPOINT.id)
    await enable(database, clock)
    assert await database.read(list_recoveries, ENDPOINT.id, clock=clock) == []


def _was_well(connection: Connection, endpoint_id: str) -> None:
    endpoints.set_failures(connection, endpoint_id, 0, failing_since=None, failed_at=None)


async def test_nothing_exhausted_needs_no_recovery(database: Database) -> None:
    clock = await with_exhausted(database, 2, endpoint=AUTOMATIC)
    clock.advance(HOUR)
    await database.write(fail, since=clock.now())
    await enable(database, clock)
    assert await database.read(list_recoveries, ENDPOINT.id, clock=clock) == []


async def test_enabling_widens_the_recovery_that_is_running(database: Database) -> None:
    clock = await with_exhausted(database, 4, endpoint=AUTOMATIC, apart=timedelta(seconds=1))
    told = [row.created_at for row in await database.read(rows)]
    plan = RecoveryPlan(since=told[0], until=told[2], rate_per_s=1)
    begun = await started(database, clock, plan)
    await database.write(recover_portion, now=clock.now())
    clock.advance(timedelta(seconds=1))
    (again,) = await database.write(exhaust, at=clock.now())
    await database.write(fail, since=NOON)
    await enable(database, clock)
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.id, job.since, job.recovered, job.matched) == (begun.id, told[0], 1, 5)
    jobs = await carried_out(database, clock)
    assert (jobs[-1].state, jobs[-1].recovered, jobs[-1].matched) == (RecoveryState.DONE, 5, 5)
    assert again in {row.id for row in await due(database)}
    assert len(await due(database)) == 4


async def test_widening_keeps_what_was_asked_for(database: Database) -> None:
    clock = await with_exhausted(database, 4, endpoint=AUTOMATIC, apart=timedelta(seconds=1))
    first, *_, last = await database.read(rows)
    begun = await started(database, clock, RecoveryPlan(since=first.created_at, until=last.created_at))
    clock.advance(HOUR)
    await database.write(resend_delivery, last.id, clock=clock)
    await database.write(exhaust, at=clock.now())
    await database.write(fail, since=clock.now())
    await enable(database, clock)
    (job,) = await database.read(list_recoveries, ENDPOINT.id, clock=clock)
    assert (job.id, job.since, job.matched, job.is_automatic) == (begun.id, first.created_at, 4, False)
    assert last.created_at < job.until


async def test_a_failure_begins_the_trouble_and_a_success_ends_it(database: Database) -> None:
    await database.write(endpoints.insert_one, ENDPOINT)
    for failures, since in ((3, NOON), (0, None)):
        await database.write(endpoints.set_failures, ENDPOINT.id, failures, failing_since=since, failed_at=since)
        found = await database.read(endpoints.find, ENDPOINT.id, now=NOON)
        assert found is not None
        assert (found.consecutive_failures, found.failing_since, found.state) == (failures, since, EndpointState.ACTIVE)
