"""Claiming: the oldest of both lanes in turn, once, by an index, whatever the backlog."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from closebell.domain.endpoint import EndpointState
from closebell.store import deliveries, endpoints, lanes, tables
from closebell.store.lanes import Claimed, Due
from closebell.store.unit import Database
from closebell.testing import NOON, an_endpoint
from planning import plans, scanned
from queueing import APART, queue

BOOKS, OTHER = an_endpoint("books"), an_endpoint("other")
MINUTE = timedelta(minutes=1)
LATER = NOON + 10 * MINUTE


@pytest.fixture
async def books(database: Database) -> Database:
    await database.write(endpoints.insert_one, BOOKS)
    await database.write(endpoints.insert_one, OTHER)
    return database


async def queued(database: Database, count: int, *, attempts: int, due_at: datetime = NOON) -> list[str]:
    return await database.write(queue, BOOKS.id, count, attempts=attempts, due_at=due_at)


async def claimed(
    database: Database, most: int, *, lease_id: str = "a", now: datetime = LATER, retried_first: Collection[str] = ()
) -> list[Claimed]:
    return await database.write(
        lanes.claim,
        {BOOKS.id: most},
        now=now,
        lease_id=lease_id,
        leased_until=now + MINUTE,
        retried_first=retried_first,
    )


def ids(found: list[Claimed]) -> list[str]:
    return [one.id for one in found]


async def test_a_backlog_of_retries_and_what_is_fresh_share_a_claim_whatever_is_older(books: Database) -> None:
    retried = await queued(books, 500, attempts=3)
    fresh = await queued(books, 500, attempts=0, due_at=NOON + MINUTE)
    found = await claimed(books, 20)
    assert Counter(one.is_retry for one in found) == {False: 10, True: 10}
    assert sorted(ids(found)) == sorted([*retried[:10], *fresh[:10]]), "the oldest due of each"
    assert {one.body for one in found} == {f'{{"id":"{one.id}","event_id":"{one.id}"}}'.encode() for one in found}


@pytest.mark.parametrize(
    ("retried", "fresh", "taken"), [(3, 50, (3, 17)), (50, 4, (16, 4)), (0, 50, (0, 20)), (2, 3, (2, 3))]
)
async def test_what_one_lane_cannot_use_goes_to_the_other(
    books: Database, retried: int, fresh: int, taken: tuple[int, int]
) -> None:
    old = await queued(books, retried, attempts=1) if retried else []
    new = await queued(books, fresh, attempts=0) if fresh else []
    found = await claimed(books, 20)
    assert sorted(ids(found)) == sorted([*old[: taken[0]], *new[: taken[1]]])


async def test_who_claims_one_at_a_time_lets_the_lanes_take_turns(books: Database) -> None:
    retried = await queued(books, 5, attempts=1)
    fresh = await queued(books, 5, attempts=0)
    found = [
        ids(await claimed(books, 1, lease_id=f"{turn}", retried_first=[BOOKS.id] if turn % 2 else []))[0]
        for turn in range(6)
    ]
    assert found == [fresh[0], retried[0], fresh[1], retried[1], fresh[2], retried[2]]


async def test_nothing_is_claimed_before_it_is_due_or_for_an_endpoint_that_is_not_called(books: Database) -> None:
    first, *_ = await queued(books, 3, attempts=1, due_at=LATER)
    await queued(books, 3, attempts=0, due_at=LATER + APART)
    assert ids(await claimed(books, 20)) == [first]
    await books.write(_set_state, EndpointState.DEACTIVATED)
    assert await claimed(books, 20, now=LATER + MINUTE, lease_id="b") == []


def _set_state(connection: Connection, state: EndpointState) -> None:
    connection.execute(update(tables.endpoints).where(tables.endpoints.c.id == BOOKS.id).values(state=state.value))


async def test_claims_at_the_same_moment_have_nothing_in_common_and_leave_nothing(books: Database) -> None:
    everything = [*await queued(books, 40, attempts=1), *await queued(books, 40, attempts=0)]
    found: list[str] = []
    while len(found) < len(everything):
        before = len(found)
        for part in await asyncio.gather(*(claimed(books, 10, lease_id=f"{before} {n}") for n in range(4))):
            found += ids(part)
        assert len(found) > before, "one of several always has something"
    assert sorted(found) == sorted(everything)


async def test_the_first_due_of_each_lane_is_known(books: Database) -> None:
    assert await books.read(lanes.earliest_due) == {}
    await queued(books, 3, attempts=2, due_at=NOON + MINUTE)
    assert await books.read(lanes.earliest_due) == {BOOKS.id: Due(fresh_at=None, retried_at=NOON + MINUTE)}
    await queued(books, 3, attempts=0, due_at=LATER)
    assert await books.read(lanes.earliest_due) == {BOOKS.id: Due(fresh_at=LATER, retried_at=NOON + MINUTE)}
    await books.write(_set_state, EndpointState.DEACTIVATED)
    assert await books.read(lanes.earliest_due) == {}


async def test_deleting_an_endpoint_ends_both_lanes_and_nobody_elses(books: Database) -> None:
    await queued(books, 3, attempts=2)
    await queued(books, 4, attempts=0)
    (kept,) = await books.write(queue, OTHER.id, 1, attempts=0, due_at=NOON)
    for count in (5, 2, 0):
        assert await books.write(deliveries.cancel_pending, BOOKS.id, reason="Gone.", now=NOON, limit=5) == count
    pending = select(tables.deliveries.c.id).where(lanes.IS_PENDING)
    assert await books.read(lambda connection: [row.id for row in connection.execute(pending)]) == [kept]


async def test_every_look_at_the_queue_goes_in_by_the_index_of_its_lane(books: Database) -> None:
    await queued(books, 60, attempts=1)
    await queued(books, 60, attempts=0)
    await books.write(_add_history)
    found = await books.write(_queue_plans)
    for name, explained in found.items():
        text = "\n".join(explained)
        assert "ix_deliveries_fresh" in text, f"{name}\n{text}"
        assert "ix_deliveries_retried" in text, f"{name}\n{text}"
        assert not scanned(text) & {"deliveries", "events"}, f"{name}\n{text}"


def _add_history(connection: Connection) -> None:
    """What was delivered long ago, which nobody must look at."""
    queue(connection, OTHER.id, 2_000, attempts=1, due_at=NOON)
    of_other = tables.deliveries.c.endpoint_id == OTHER.id
    connection.execute(update(tables.deliveries).where(of_other).values(state="delivered", finished_at=NOON))
    connection.exec_driver_sql("ANALYZE")


def _queue_plans(connection: Connection) -> dict[str, list[str]]:
    if connection.dialect.name == "postgresql":
        # A table this small is scanned because that is cheap; what is asked is whether it has to be.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    looks: dict[str, Any] = {
        "earliest": lanes.earliest_due,
        "claim": partial(lanes.claim, wanted={BOOKS.id: 5}, now=LATER, lease_id="a", leased_until=LATER),
        "cancel": partial(deliveries.cancel_pending, endpoint_id=BOOKS.id, reason="Gone.", now=NOON, limit=5),
    }
    return {name: plans(connection, look) for name, look in looks.items()}
