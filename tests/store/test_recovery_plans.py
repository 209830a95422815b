"""Every statement of resending and recovering goes in by an index, and a period is a stretch of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from closebell.clock import SystemLuck
from closebell.dispatch.recovering import recover_portion
from closebell.store import endpoints, exhausted, recoveries, tables
from closebell.store.exhausted import Stretch
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, an_endpoint
from closebell.usecase.recover_endpoint import (
    RecoveryPlan,
    cancel_recovery,
    count_recoverable,
    list_recoveries,
    read_recovery,
    start_recovery,
)
from closebell.usecase.resend_delivery import resend_delivery
from exhausting import close, exhaust, rows
from planning import plans, scanned

ENDPOINT = an_endpoint()
EVENTS = 60
LUCK = SystemLuck()
SMALL = {"endpoints", "endpoint_secrets"}
OF_THOSE_RUNNING = "ix_recoveries_running"
"""An index that holds what is running and nothing else, so looking all of it through is right."""
STRETCH = Stretch(endpoint_id=ENDPOINT.id, since=NOON, until=NOON + timedelta(minutes=10))

Work = Callable[[Connection], Any]


def fill(connection: Connection) -> None:
    """An hour of events that nobody took, and another that wait."""
    clock = FixedClock()
    endpoints.insert_one(connection, ENDPOINT)
    endpoints.insert_one(connection, an_endpoint("other"))
    close(connection, [f"{n}" for n in range(EVENTS)], clock=clock, apart=timedelta(minutes=1))
    exhaust(connection, at=clock.now())
    close(connection, [f"later {n}" for n in range(EVENTS)], clock=clock)
    connection.exec_driver_sql("ANALYZE")


def begin(connection: Connection) -> str:
    clock = FixedClock(NOON + timedelta(hours=3))
    plan = RecoveryPlan(since=STRETCH.since, until=STRETCH.until, rate_per_s=5)
    found = count_recoverable(connection, ENDPOINT.id, plan, clock=clock)
    assert found.count > 0
    return start_recovery(connection, found, clock=clock, luck=LUCK).id


def asked(connection: Connection) -> Iterator[tuple[str, Work]]:
    """What is done, each by its name."""
    recovery_id, last = begin(connection), rows(connection)[-1].id
    clock = FixedClock(NOON + timedelta(hours=4))
    yield "count", lambda c: exhausted.count(c, STRETCH)
    yield "next", lambda c: recoveries.next_at(c, now=clock.now())
    yield "portion", lambda c: recover_portion(c, now=clock.now())
    yield "list", lambda c: list_recoveries(c, ENDPOINT.id, clock=clock)
    yield "one", lambda c: read_recovery(c, ENDPOINT.id, recovery_id)
    yield "cancel", lambda c: cancel_recovery(c, ENDPOINT.id, recovery_id, clock=clock)
    yield "begin", begin
    yield "enable", lambda c: exhausted.earliest_since(c, ENDPOINT.id, NOON)
    yield "running", lambda c: recoveries.running(c, ENDPOINT.id)
    yield "resend", lambda c: resend_delivery(c, last, clock=clock)
    yield "endpoint gone", lambda c: recoveries.cancel_running(c, ENDPOINT.id, now=NOON)


def looked_through(connection: Connection) -> list[str]:
    """The statements that look through a whole table that grows, each with its plan."""
    _avoid_scans(connection)
    growing = set(tables.metadata.tables) - SMALL
    return [
        f"{name}: {plan}"
        for name, work in asked(connection)
        for plan in plans(connection, work)
        if scanned(plan) & growing and OF_THOSE_RUNNING not in plan
    ]


def _avoid_scans(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Tables this small are scanned because that is cheap; what is asked is whether they have to be.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


async def test_no_statement_looks_through_a_table(database: Database) -> None:
    await database.write(fill)
    found = await database.write(looked_through)
    assert not found, "\n\n".join(found)


def stretches(connection: Connection) -> list[str]:
    """The plans of what looks for a period's deliveries."""
    _avoid_scans(connection)
    works: list[Work] = [
        lambda c: exhausted.count(c, STRETCH),
        lambda c: exhausted.following(c, STRETCH, 5),
    ]
    return [plan for work in works for plan in plans(connection, work)]


async def test_a_period_is_a_stretch_of_the_index_of_what_is_exhausted(database: Database) -> None:
    await database.write(fill)
    for plan in await database.read(stretches):
        if database.engine_name == "sqlite":
            assert "USING INDEX ix_deliveries_exhausted (endpoint_id=? AND id>? AND id<?)" in plan
            assert "TEMP B-TREE" not in plan
        else:
            assert "ix_deliveries_exhausted" in plan
            (condition,) = [line for line in plan.splitlines() if "Index Cond" in line and "endpoint_id" in line]
            assert condition.count("(id)::text") == 2, condition
