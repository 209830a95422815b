"""What nobody calls for happens by itself: here, that what is of no use any more is forgotten."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select
from structlog.testing import capture_logs

from closebell.background.upkeep import PURGE, go_round, keep_up
from closebell.domain.endpoint import EndpointState
from closebell.domain.grant import Grant
from closebell.errors import Unavailable
from closebell.store import endpoints, tables
from closebell.store.kept_answers import KEPT_FOR, Call
from closebell.store.lanes import IS_PENDING
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, an_endpoint
from closebell.usecase.answer_once import begin
from closebell.usecase.manage_users import UserDraft, create_user
from closebell.usecase.sign_in import REFRESH_FOR, sign_in
from queueing import queue

LUCK = SeededLuck()


def answers(connection: Connection, count: int) -> None:
    row = {"caller_id": "c", "route": "", "request_digest": b"", "status": 200, "headers": "[]", "body": b"x"}
    connection.execute(insert(tables.kept_answers), [{**row, "key": str(n), "created_at": NOON} for n in range(count)])


def left(connection: Connection) -> tuple[int, int]:
    counts = [
        connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (tables.kept_answers, tables.tokens)
    ]
    return counts[0], counts[1]


async def told(database: Database, clock: FixedClock) -> list[str]:
    """What the log says of one round."""
    with capture_logs() as logs:
        await go_round(database, clock)
    return [f"{entry['what']} {entry['count']}" for entry in logs]


async def test_old_answers_and_tokens_are_forgotten_in_portions(database: Database) -> None:
    clock = FixedClock()
    draft = UserDraft(user_name="ada", grant=Grant())
    user = await database.write(create_user, draft, "hash", clock=clock, luck=LUCK)
    await database.write(sign_in, user, app_id="", clock=clock, luck=LUCK)
    await database.write(answers, PURGE.rows + 5)
    clock.advance(KEPT_FOR - timedelta(seconds=1))
    call = Call(caller_id="c", key="young", route="", digest=b"")
    assert await database.write(begin, call, now=clock.now()) is None
    assert await told(database, clock) == []
    clock.advance(timedelta(seconds=1))
    assert await told(database, clock) == [f"answers {PURGE.rows + 5}"]
    assert await database.read(left) == (1, 1)
    clock.advance(REFRESH_FOR)
    assert await told(database, clock) == ["answers 1", "tokens 1"]
    assert await database.read(left) == (0, 0)


async def test_what_is_left_of_a_deleted_endpoint_is_cancelled_in_portions(database: Database) -> None:
    gone, stays = an_endpoint("gone", state=EndpointState.DELETED), an_endpoint("stays")
    for endpoint in (gone, stays):
        await database.write(endpoints.insert_one, endpoint)
        await database.write(queue, endpoint.id, PURGE.rows + 5, attempts=0, due_at=NOON)
    with capture_logs() as logs:
        await go_round(database, FixedClock())
        await go_round(database, FixedClock())
    assert [(log["event"], log["count"]) for log in logs] == [("upkeep.deliveries_cancelled", PURGE.rows + 5)]
    pending = select(tables.deliveries.c.endpoint_id, func.count()).where(IS_PENDING)
    found = await database.read(lambda c: c.execute(pending.group_by(tables.deliveries.c.endpoint_id)).all())
    assert [tuple(row) for row in found] == [(stays.id, PURGE.rows + 5)]


async def test_the_rounds_are_done_by_themselves(database: Database) -> None:
    await database.write(answers, 1)
    looked = asyncio.Event()

    class Watched(FixedClock):
        def now(self) -> datetime:
            looked.set()
            return super().now()

    keeping = asyncio.create_task(keep_up(database, clock=Watched(NOON + KEPT_FOR), every_s=0))
    async with asyncio.timeout(10):
        while await database.read(left) != (0, 0):
            looked.clear()
            await looked.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_database_that_cannot_answer_is_asked_again(database: Database) -> None:
    await database.write(answers, 1)
    tries: list[str] = []
    done = asyncio.Event()

    class Failing:
        async def write(self, *arguments: Any, **named: Any) -> Any:
            tries.append("try")
            if len(tries) == 1:
                raise Unavailable("disk full")
            result = await database.write(*arguments, **named)
            if await database.read(left) == (0, 0):
                done.set()
            return result

    failing: Any = Failing()
    keeping = asyncio.create_task(keep_up(failing, clock=FixedClock(NOON + KEPT_FOR), every_s=0))
    async with asyncio.timeout(10):
        await done.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
