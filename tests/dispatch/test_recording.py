"""Recording is fenced by the lease: only who holds a delivery has a say about it, and attempts have no holes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from closebell.clock import SystemLuck
from closebell.dispatch.recording import Sent, record_outcomes
from closebell.domain.delivery import Fault, Outcome
from closebell.domain.endpoint import EndpointState
from closebell.store import endpoints, lanes, tables
from closebell.store.delivery_log import DeliveryFilter, page
from closebell.store.lanes import Claimed
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_paid_invoice, an_endpoint, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices

LUCK = SystemLuck()
HOUR = timedelta(hours=1)


def outcome(*, status: int = 200) -> Outcome:
    error = None if status == 200 else Fault.HTTP_STATUS
    return Outcome(started_at=NOON, duration_us=1000, status=status, error=error, detail=f"answered {status}")


async def with_deliveries(database: Database, count: int) -> FixedClock:
    """A database in which that many deliveries to one endpoint are due."""
    clock = FixedClock()
    invoices = [a_paid_invoice(f"{number}") for number in range(count)]

    def prepare(connection: Connection) -> None:
        put(connection, *invoices)
        endpoints.insert_one(connection, an_endpoint())
        close_invoices(connection, [CloseCommand(invoice_id=i.id) for i in invoices], clock=clock, luck=LUCK)

    await database.write(prepare)
    return clock


async def claim(database: Database, clock: FixedClock, lease_id: str) -> list[Claimed]:
    return await database.write(
        lanes.claim,
        {an_endpoint().id: 100},
        now=clock.now(),
        lease_id=lease_id,
        leased_until=clock.now() + timedelta(seconds=60),
    )


def sent(claimed: Claimed, result: Outcome) -> Sent:
    return Sent(delivery_id=claimed.id, lease_id=claimed.lease_id, endpoint_id=claimed.endpoint_id, outcome=result)


async def test_a_claim_gives_everything_that_is_needed_to_send(database: Database) -> None:
    clock = await with_deliveries(database, 3)
    claimed = await claim(database, clock, "mine")
    assert sorted(one.sequence for one in claimed) == [1, 2, 3]
    assert all(one.body.startswith(b'{"id":"' + one.event_id.encode()) for one in claimed)
    assert await claim(database, clock, "theirs") == [], "what is leased is not claimed again"


async def test_the_oldest_due_are_claimed_first(database: Database) -> None:
    clock = await with_deliveries(database, 2)
    clock.advance(HOUR)
    later = a_paid_invoice("later")

    def close_one_more(connection: Connection) -> None:
        put(connection, later)
        close_invoices(connection, [CloseCommand(invoice_id=later.id)], clock=clock, luck=LUCK)

    await database.write(close_one_more)
    first = await database.write(
        lanes.claim, {an_endpoint().id: 2}, now=clock.now(), lease_id="a", leased_until=clock.now() + HOUR
    )
    assert sorted(one.sequence for one in first) == [1, 2]


async def test_nothing_is_claimed_for_an_endpoint_that_is_not_active(database: Database) -> None:
    clock = await with_deliveries(database, 1)
    await database.write(endpoints.deactivate, an_endpoint().id, reason="enough", now=clock.now())
    assert await claim(database, clock, "mine") == []


async def test_who_lost_the_lease_has_no_say(database: Database) -> None:
    clock = await with_deliveries(database, 1)
    (slow,) = await claim(database, clock, "slow")
    clock.advance(timedelta(seconds=61))
    (heir,) = await claim(database, clock, "heir")
    assert heir.id == slow.id
    report = await database.write(record_outcomes, [sent(slow, outcome(status=500))], clock=clock, luck=LUCK)
    assert (report.lost, report.delivered, report.failed) == (1, 0, 0)
    (delivery,) = await database.read(page, DeliveryFilter(), limit=10)
    assert (delivery.state, delivery.attempts) == ("pending", ())
    report = await database.write(record_outcomes, [sent(heir, outcome())], clock=clock, luck=LUCK)
    assert report.delivered == 1
    again = await database.write(record_outcomes, [sent(heir, outcome(status=500))], clock=clock, luck=LUCK)
    assert again.lost == 1, "an outcome is recorded once"
    (delivery,) = await database.read(page, DeliveryFilter(), limit=10)
    assert (delivery.state, [a.number for a in delivery.attempts]) == ("delivered", [1])


@pytest.mark.parametrize("late_first", [True, False])
async def test_of_two_outcomes_in_one_batch_the_one_whose_lease_holds_counts(
    database: Database, late_first: bool
) -> None:
    """A process that was held up has called under a lease that ended, and then again under a new one."""
    clock = await with_deliveries(database, 1)
    (late,) = await claim(database, clock, "ended")
    clock.advance(HOUR)
    (held,) = await claim(database, clock, "holds")
    both = [sent(late, outcome(status=500)), sent(held, outcome())]
    report = await database.write(record_outcomes, both if late_first else both[::-1], clock=clock, luck=LUCK)
    assert (report.lost, report.delivered, report.failed) == (1, 1, 0)
    (delivery,) = await database.read(page, DeliveryFilter(), limit=10)
    assert (delivery.state, [attempt.status for attempt in delivery.attempts]) == ("delivered", [200])


async def test_a_lease_that_was_given_back_is_due_at_once(database: Database) -> None:
    clock = await with_deliveries(database, 2)
    claimed = await claim(database, clock, "mine")
    await database.write(lanes.release, {one.id: "other" for one in claimed}, now=clock.now())
    assert await claim(database, clock, "theirs") == [], "only the holder gives a lease back"
    await database.write(lanes.release, {one.id: "mine" for one in claimed}, now=clock.now())
    assert len(await claim(database, clock, "theirs")) == 2


async def test_attempts_are_numbered_without_holes_until_the_policy_is_exhausted(database: Database) -> None:
    clock = await with_deliveries(database, 1)
    for _ in range(12):
        clock.advance(timedelta(days=2))
        (claimed,) = await claim(database, clock, "mine")
        await database.write(record_outcomes, [sent(claimed, outcome(status=503))], clock=clock, luck=LUCK)
    clock.advance(timedelta(days=30))
    assert await claim(database, clock, "mine") == []
    (delivery,) = await database.read(page, DeliveryFilter(state="exhausted"), limit=10)
    assert [a.number for a in delivery.attempts] == list(range(1, 13))
    assert delivery.finished_at is not None
    assert "the last" in delivery.reason


async def test_failures_in_a_row_are_counted_within_and_across_batches(database: Database) -> None:
    clock = await with_deliveries(database, 12)
    claimed = await claim(database, clock, "mine")
    results = [outcome(status=500)] * 4 + [outcome()] + [outcome(status=500)] * 3

    async def failures() -> int:
        (endpoint,) = await database.read(endpoints.all_kept, now=clock.now())
        return endpoint.consecutive_failures

    batch = [sent(one, result) for one, result in zip(claimed, results, strict=False)]
    report = await database.write(record_outcomes, batch, clock=clock, luck=LUCK)
    assert (report.delivered, report.failed) == (1, 7)
    assert report.failures == {an_endpoint().id: 3}
    assert await failures() == 3
    await database.write(record_outcomes, [sent(claimed[8], outcome(status=500))], clock=clock, luck=LUCK)
    assert await failures() == 4
    await database.write(record_outcomes, [sent(claimed[9], outcome())], clock=clock, luck=LUCK)
    assert await failures() == 0


async def test_of_calls_under_way_together_that_are_asked_to_wait_one_counts(database: Database) -> None:
    clock = await with_deliveries(database, 40)
    claimed = await claim(database, clock, "mine")
    assert len(claimed) == 40
    busy = replace(outcome(status=429), retry_after_s=1)

    async def record(*outcomes: Outcome) -> tuple[int, EndpointState]:
        batch = [sent(claimed.pop(), one) for one in outcomes]
        report = await database.write(record_outcomes, batch, clock=clock, luck=LUCK)
        assert report.failed == len(outcomes)
        (endpoint,) = await database.read(endpoints.all_kept, now=clock.now())
        assert report.failures == {endpoint.id: endpoint.consecutive_failures}
        return endpoint.consecutive_failures, endpoint.state

    clock.advance(timedelta(seconds=1))
    assert await record(*[busy] * 10) == (1, EndpointState.ACTIVE)
    clock.advance(timedelta(seconds=1))
    assert await record(*[busy] * 10) == (1, EndpointState.ACTIVE)
    again = replace(busy, started_at=clock.now())
    clock.advance(timedelta(seconds=1))
    assert await record(again, again, busy) == (2, EndpointState.ACTIVE)
    assert await record(*[outcome(status=500)] * 17) == (19, EndpointState.ACTIVE)
    later = await database.read(page, DeliveryFilter(), limit=100)
    assert sum(len(one.attempts) for one in later) == 40, "every one is an attempt of its delivery"


async def test_a_failed_write_leaves_the_lease_as_it_was(database: Database) -> None:
    clock = await with_deliveries(database, 1)
    (claimed,) = await claim(database, clock, "mine")

    def fail_after_recording(connection: Connection) -> None:
        record_outcomes(connection, [sent(claimed, outcome())], clock=clock, luck=LUCK)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(fail_after_recording)

    def look(connection: Connection) -> tuple[str, str | None, int]:
        row = connection.execute(select(tables.deliveries)).one()
        return row.state, row.lease_id, row.attempts

    assert await database.read(look) == ("pending", "mine", 0)
