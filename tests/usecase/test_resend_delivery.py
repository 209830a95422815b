"""Sending one delivery again: from every state it can be in, and with nothing of its past lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from closebell.clock import SystemLuck
from closebell.dispatch.recording import Sent, record_outcomes
from closebell.domain.delivery import Fault, Outcome
from closebell.domain.retry import RetryPolicy
from closebell.errors import Conflict, NotFound
from closebell.store import endpoints, lanes
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, an_endpoint, snapshot
from closebell.usecase.examine import CHECKS, run_check
from closebell.usecase.manage_endpoints import delete_endpoint
from closebell.usecase.read_deliveries import read_delivery
from closebell.usecase.reconcile import reconcile
from closebell.usecase.resend_delivery import resend_delivery
from exhausting import ATTEMPTS, close, exhaust, rows
from tampering import tamper

HOUR = timedelta(hours=1)
ENDPOINT = an_endpoint(policy=RetryPolicy.ZENOTI)
LUCK = SystemLuck()
FORGET = "UPDATE events SET body = :body, redacted_at = :at"


async def one_delivery(database: Database) -> tuple[str, FixedClock]:
    """A delivery that waits for its first attempt."""
    clock = FixedClock()
    await database.write(endpoints.insert_one, ENDPOINT)
    await database.write(close, ["1"], clock=clock)
    (row,) = await database.read(rows)
    return row.id, clock


async def lease(database: Database, clock: FixedClock) -> list[lanes.Claimed]:
    return await database.write(
        lanes.claim, {ENDPOINT.id: 10}, now=clock.now(), lease_id="mine", leased_until=clock.now() + HOUR
    )


async def attempt(database: Database, clock: FixedClock, status: int) -> None:
    """Claim what is due and record what its receiver answered."""
    (claimed,) = await lease(database, clock)
    error = None if status == 200 else Fault.HTTP_STATUS
    outcome = Outcome(started_at=clock.now(), duration_us=1, status=status, error=error, detail=f"answered {status}")
    sent = Sent(delivery_id=claimed.id, lease_id="mine", endpoint_id=ENDPOINT.id, outcome=outcome)
    report = await database.write(record_outcomes, [sent], clock=clock, luck=LUCK)
    assert report.lost == 0


async def resend(database: Database, clock: FixedClock, delivery_id: str) -> Any:
    return await database.write(resend_delivery, delivery_id, clock=clock)


async def holds(database: Database, clock: FixedClock, **counts: int) -> None:
    """What the reconciliation and the doctor say of it."""
    found = await database.read(reconcile, since=NOON - HOUR, until=NOON + HOUR, clock=clock)
    (tally,) = found.endpoints
    assert found.balanced, found.reasons
    assert {name: getattr(tally, name) for name in counts} == counts
    for check in CHECKS:
        assert await database.read(run_check, check) == []


async def test_an_exhausted_delivery_gets_a_whole_round_of_retries(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await database.write(exhaust, at=clock.now())
    clock.advance(HOUR)
    again = await resend(database, clock, delivery_id)
    assert (again.state, again.due_at, again.finished_at, again.reason) == ("pending", clock.now(), None, "")
    for number in range(ATTEMPTS + 1, 2 * ATTEMPTS + 1):
        await holds(database, clock, pending=1, exhausted=0)
        await attempt(database, clock, 503)
        found = await database.read(read_delivery, delivery_id)
        assert [one.number for one in found.attempts] == list(range(1, number + 1))
        clock.advance(HOUR)
    found = await database.read(read_delivery, delivery_id)
    assert (found.state, found.reason) == ("exhausted", "Attempt 12 was the last and failed: answered 503")
    await holds(database, clock, exhausted=1)


async def test_a_delivery_that_waits_for_its_retry_is_due_now(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    for _ in range(3):
        await attempt(database, clock, 500)
        clock.advance(HOUR)
    await attempt(database, clock, 500)
    assert await lease(database, clock) == [], "its next try is later"
    again = await resend(database, clock, delivery_id)
    assert (again.state, again.due_at) == ("pending", clock.now())
    for _ in range(ATTEMPTS):
        await attempt(database, clock, 500)
        clock.advance(HOUR)
    found = await database.read(read_delivery, delivery_id)
    assert (found.state, len(found.attempts)) == ("exhausted", 4 + ATTEMPTS)


async def test_a_new_delivery_is_due_already_and_stays_what_it_is(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    before = await database.read(snapshot)
    clock.advance(HOUR)
    assert (await resend(database, clock, delivery_id)).due_at == NOON
    assert await database.read(snapshot) == before


async def test_a_delivered_one_stays_delivered_when_sending_it_again_fails(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await attempt(database, clock, 200)
    clock.advance(HOUR)
    for round_ in (1, 2):
        again = await resend(database, clock, delivery_id)
        assert (again.state, again.finished_at) == ("pending", None)
        for _ in range(ATTEMPTS):
            await attempt(database, clock, 500)
            clock.advance(HOUR)
        found = await database.read(read_delivery, delivery_id)
        assert found.state == "delivered"
        assert found.reason.startswith("It had been delivered before it was sent again. Attempt ")
        assert [one.number for one in found.attempts] == list(range(1, 2 + round_ * ATTEMPTS))
        assert found.attempts[0].error is None, "its success stays on record"
        await holds(database, clock, delivered=1, exhausted=0)


async def test_a_delivered_one_can_be_delivered_again(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await attempt(database, clock, 200)
    await resend(database, clock, delivery_id)
    clock.advance(HOUR)
    await attempt(database, clock, 200)
    found = await database.read(read_delivery, delivery_id)
    assert (found.state, found.reason, found.finished_at) == ("delivered", "", clock.now())
    await holds(database, clock, delivered=1)


async def test_a_delivered_one_stays_delivered_when_its_endpoint_goes_meanwhile(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await attempt(database, clock, 200)
    await resend(database, clock, delivery_id)
    await database.write(delete_endpoint, ENDPOINT.id, clock=clock)
    found = await database.read(read_delivery, delivery_id)
    assert (found.state, found.reason) == ("delivered", "The endpoint was deleted.")
    await holds(database, clock, delivered=1, cancelled=0)


async def test_that_of_a_deactivated_endpoint_is_held_and_says_so(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await database.write(exhaust, at=clock.now())
    await database.write(endpoints.deactivate, ENDPOINT.id, reason="enough", now=clock.now())
    again = await resend(database, clock, delivery_id)
    assert (again.state, again.due_at) == ("held", None)
    await holds(database, clock, held=1)


async def refused(database: Database, clock: FixedClock, delivery_id: str, says: str) -> None:
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match=says):
        await resend(database, clock, delivery_id)
    assert await database.read(snapshot) == before


async def test_what_is_being_sent_is_refused_until_its_lease_is_over(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    (claimed,) = await lease(database, clock)
    await refused(database, clock, delivery_id, "is being sent just now")
    clock.advance(HOUR)
    assert (await resend(database, clock, delivery_id)).state == "pending"
    outcome = Outcome(started_at=NOON, duration_us=1, status=200, detail="answered 200")
    late = Sent(delivery_id=claimed.id, lease_id="mine", endpoint_id=ENDPOINT.id, outcome=outcome)
    assert (await database.write(record_outcomes, [late], clock=clock, luck=LUCK)).lost == 1


@pytest.mark.parametrize("state", ["exhausted", "cancelled"])
async def test_that_of_a_deleted_endpoint_is_refused(database: Database, state: str) -> None:
    delivery_id, clock = await one_delivery(database)
    if state == "exhausted":
        await database.write(exhaust, at=clock.now())
    await database.write(delete_endpoint, ENDPOINT.id, clock=clock)
    assert (await database.read(read_delivery, delivery_id)).state == state
    await refused(database, clock, delivery_id, "its endpoint was deleted")


async def test_an_event_whose_body_was_forgotten_is_refused(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await database.write(exhaust, at=clock.now())
    await database.write(tamper, FORGET, body=b"", at=1)
    await refused(database, clock, delivery_id, "is not kept any more")


async def test_an_event_from_which_a_guest_was_erased_is_sent_as_it_now_is(database: Database) -> None:
    delivery_id, clock = await one_delivery(database)
    await database.write(exhaust, at=clock.now())
    await database.write(tamper, FORGET, body=b'{"id":""}', at=1)
    assert (await resend(database, clock, delivery_id)).state == "pending"


async def test_a_delivery_that_is_not_there_is_not_found(database: Database) -> None:
    clock = FixedClock()
    with pytest.raises(NotFound, match="No delivery has the id"):
        await resend(database, clock, "0" * 24)
