"""What is old is forgotten, and nothing that somebody still waits for; nobody who closes waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from structlog.testing import capture_logs

from closebell.background import forgetting
from closebell.background.forgetting import BODIES_AT_ONCE, Forgotten, KeptFor, forget_old
from closebell.background.upkeep import go_round
from closebell.domain import event
from closebell.store import deliveries, delivery_log, endpoints, events, lanes, retention, tables
from closebell.store.deliveries import LeaseOffer
from closebell.store.events import NewEvent
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_paid_invoice, an_endpoint, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.read_deliveries import read_delivery
from closebell.usecase.read_feed import read_feed
from erasing import audited, examined
from planning import plans, scanned

DAYS = timedelta(days=400)
KEPT_FOR = KeptFor(bodies=DAYS, attempts=timedelta(days=90))


def tell(connection: Connection, count: int, *, at: datetime = NOON, listeners: Sequence[str] = ()) -> None:
    """So many events that nobody or these endpoints are told of."""
    head = events.lock_head(connection)
    luck = SeededLuck(head.sequence)
    kept = [one for one in endpoints.all_kept(connection, now=at) if one.name in listeners]
    new = []
    for _ in range(count):
        event_id = luck.entropy(12).hex()
        data = event.PaymentsData(invoice_id=guid_of("x"), is_closed=False, transactions=[])
        new.append(
            NewEvent(
                event_id=event_id,
                event_type=event.PAYMENTS_ADDED,
                invoice_id=None,
                close_sequence=None,
                center_id=None,
                body=event.stored(event.PAYMENTS_ADDED, data, event_id=event_id, at=at),
                listeners=tuple(kept),
                created_at=at,
            )
        )
    told = list(zip(events.append(connection, head, new), new, strict=True))
    deliveries.fan_out(connection, told, now=at, luck=luck, offer=LeaseOffer.NONE)


def end(connection: Connection, sequence: int, state: str = "delivered") -> None:
    over = {"state": state, "finished_at": NOON, "reason": "Why." if state == "exhausted" else ""}
    connection.execute(update(tables.deliveries).where(tables.deliveries.c.sequence == sequence).values(**over))


def with_bodies(connection: Connection) -> list[int]:
    found = select(tables.events.c.sequence).where(func.length(tables.events.c.body) > 0)
    return list(connection.execute(found.order_by(tables.events.c.sequence)).scalars())


async def forgotten(database: Database, clock: FixedClock, kept_for: KeptFor = KEPT_FOR) -> Forgotten:
    return await forget_old(database, kept_for, clock=clock, pause_s=0)


async def test_old_bodies_go_and_young_ones_stay(database: Database) -> None:
    clock = FixedClock()
    await database.write(tell, 3)
    await database.write(tell, 2, at=NOON + timedelta(days=1))
    clock.advance(DAYS)
    assert (await forgotten(database, clock)).bodies == 0, "they are not older than that"
    clock.advance(timedelta(seconds=1))
    assert (await forgotten(database, clock)).bodies == 3
    assert await database.read(with_bodies) == [4, 5]
    found = (await database.read(read_feed, after=0, limit=5)).events
    assert [(one.body is None, one.redacted_at) for one in found[2:4]] == [(True, clock.now()), (False, None)]
    progress = await audited(database)
    assert (progress.sequence, progress.problem) == (5, "")
    clock.advance(DAYS)
    assert (await forgotten(database, clock)).bodies == 2
    assert ((await audited(database)).problem, await examined(database)) == ("", [])


async def test_for_ever_is_for_ever(database: Database) -> None:
    await database.write(tell, 3)
    clock = FixedClock(NOON + 10 * DAYS)
    assert await forgotten(database, clock, KeptFor.days(bodies=0, attempts=0)) == Forgotten()
    assert await database.read(with_bodies) == [1, 2, 3]


async def test_what_a_delivery_waits_for_stays_until_it_has_it(database: Database) -> None:
    clock = FixedClock(NOON + 2 * DAYS)
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 3, listeners=["till"])
    await database.write(end, 1)
    assert (await forgotten(database, clock)).bodies == 1
    assert await database.read(with_bodies) == [2, 3]
    assert (await forgotten(database, clock)).bodies == 0
    await database.write(end, 3)
    assert (await forgotten(database, clock)).bodies == 1
    assert await database.read(with_bodies) == [2]
    assert (await audited(database)).problem == ""


async def test_many_that_wait_are_looked_at_in_turn(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "WAITING_AT_ONCE", 2)
    clock = FixedClock(NOON + 2 * DAYS)
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 5, listeners=["till"])
    assert (await forgotten(database, clock)).bodies == 0
    await database.write(end, 5)
    found = [(await forgotten(database, clock)).bodies for _ in range(4)]
    assert found == [0, 0, 1, 0], "two of them in each round, and the fifth in the third"
    await database.write(end, 1)
    assert sum([(await forgotten(database, clock)).bodies for _ in range(3)]) == 1


async def test_one_that_nobody_took_says_that_it_cannot_be_sent_any_more(database: Database) -> None:
    clock = FixedClock(NOON + 2 * DAYS)
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 1, listeners=["till"])
    await database.write(end, 1, "exhausted")
    (delivery,) = await database.read(delivery_log.page, delivery_log.DeliveryFilter(), limit=2)
    assert delivery.reason == "Why."
    await forgotten(database, clock)
    assert (await database.read(read_delivery, delivery.id)).reason == f"Why. {lanes.BODY_FORGOTTEN}"


async def test_one_made_due_just_as_its_body_was_forgotten_ends(database: Database) -> None:
    """Whoever made it due had not seen yet that there is nothing left to send."""
    clock = FixedClock(NOON + 2 * DAYS)
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 2, listeners=["till"])
    await database.write(end, 1, "exhausted")
    await forgotten(database, clock)
    again = text("UPDATE deliveries SET state = 'pending', finished_at = NULL, reason = '' WHERE sequence = 1")
    await database.write(lambda connection: connection.execute(again).rowcount)
    claimed = await database.write(
        lanes.claim,
        {guid_of("endpoint till"): 5},
        now=clock.now(),
        lease_id="lease",
        leased_until=clock.now() + timedelta(minutes=1),
    )
    assert [one.sequence for one in claimed] == [2]
    found = await database.read(delivery_log.page, delivery_log.DeliveryFilter(state="exhausted"), limit=2)
    assert [(one.sequence, one.reason) for one in found] == [(1, lanes.BODY_FORGOTTEN)]


def attempt(connection: Connection, *ages_days: int) -> None:
    """Attempts of the only delivery, each so many days before the 400th day."""
    (delivery_id,) = connection.execute(select(tables.deliveries.c.id)).scalars()
    connection.execute(
        insert(tables.attempts),
        [
            {
                "delivery_id": delivery_id,
                "number": number,
                "started_at": NOON + DAYS - timedelta(days=age),
                "duration_us": 1,
                "status": 500,
                "error": "status",
                "detail": "x",
                "response_excerpt": "x",
            }
            for number, age in enumerate(ages_days, start=1)
        ],
    )
    connection.execute(update(tables.deliveries).values(attempts=len(ages_days)))


def attempts_left(connection: Connection) -> tuple[list[int], int, int]:
    numbers = connection.execute(select(tables.attempts.c.number).order_by(tables.attempts.c.number)).scalars().all()
    row = connection.execute(select(tables.deliveries)).one()
    return list(numbers), row.attempts, row.attempts_forgotten


@pytest.mark.parametrize(
    ("ages", "left"),
    [
        ((200, 91, 89), [3]),
        ((200, 91), []),
        ((89, 1), [1, 2]),
        ((50, 100, 40), [3]),  # the clock went back in between
    ],
)
async def test_old_attempts_go_and_are_counted(database: Database, ages: tuple[int, ...], left: list[int]) -> None:
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 1, at=NOON + timedelta(days=200), listeners=["till"])
    await database.write(attempt, *ages)
    clock = FixedClock(NOON + DAYS)
    found = await forgotten(database, clock)
    assert (found.bodies, found.attempts) == (0, len(ages) - len(left))
    assert await database.read(attempts_left) == (left, len(ages), len(ages) - len(left))
    assert await examined(database) == []
    assert await forgotten(database, clock) == Forgotten()


async def attempted(database: Database, count: int) -> None:
    """So many deliveries, each with an old attempt and a young one."""
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, count, at=NOON + DAYS - timedelta(days=95), listeners=["till"])
    for age_days in (95, 1):
        await database.write(_attempt_each, age_days)


def _attempt_each(connection: Connection, age_days: int) -> None:
    found = connection.execute(select(tables.deliveries.c.id, tables.deliveries.c.attempts)).all()
    at = NOON + DAYS - timedelta(days=age_days)
    made = {"started_at": at, "duration_us": 1, "status": 500, "error": "status", "detail": "", "response_excerpt": ""}
    rows = [{"delivery_id": row.id, "number": row.attempts + 1, **made} for row in found]
    connection.execute(insert(tables.attempts), rows)
    connection.execute(update(tables.deliveries).values(attempts=tables.deliveries.c.attempts + 1))


async def test_the_attempts_of_several_deliveries_are_forgotten_and_counted(database: Database) -> None:
    await attempted(database, 3)
    before = NOON + DAYS - timedelta(days=90)
    assert await database.write(retention.forget_attempts, before=before, limit=10) == 3
    assert await database.read(_numbers_left) == [2, 2, 2]
    assert await examined(database) == []
    assert await database.write(retention.forget_attempts, before=before, limit=10) == 0


def _numbers_left(connection: Connection) -> list[int]:
    return list(connection.execute(select(tables.attempts.c.number)).scalars())


async def test_a_round_goes_on_until_no_old_attempt_is_left(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "ATTEMPTS_AT_ONCE", 3)
    await attempted(database, 8)
    with capture_logs() as logs:
        await go_round(database, FixedClock(NOON + DAYS), KEPT_FOR)
    assert [(entry["what"], entry["count"]) for entry in logs] == [("attempts", 8)]
    assert await database.read(_numbers_left) == [2] * 8
    assert await examined(database) == []


async def test_an_attempt_that_nobody_forgot_is_missed(database: Database) -> None:
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 1, at=NOON + timedelta(days=200), listeners=["till"])
    await database.write(attempt, 200, 91, 50, 40, 30)
    await forgotten(database, FixedClock(NOON + DAYS))
    remove = text("DELETE FROM attempts WHERE number = 4")
    await database.write(lambda connection: connection.execute(remove).rowcount)
    (problem,) = await examined(database)
    assert "5 times, 2 of them long ago, and has 2 attempts on record" in problem


async def test_a_backlog_is_worked_off_while_invoices_close(database: Database) -> None:
    """10,000 old events; each transaction takes a bounded part, and closes come between."""
    backlog = 10_000
    clock = FixedClock(NOON + 2 * DAYS)
    await database.write(tell, backlog)
    await database.write(put, *(a_paid_invoice(str(number)) for number in range(20)))
    closing = asyncio.create_task(_close_all(database, clock))
    through = []
    while (portion := await database.write(_a_portion, clock)).looked_at:
        assert portion.looked_at <= BODIES_AT_ONCE
        through.append(await database.read(retention.bodies_through))
    await closing
    assert len(through) == backlog / BODIES_AT_ONCE
    assert through[-1] == backlog
    assert await database.read(with_bodies) == list(range(backlog + 1, backlog + 21))
    progress = await audited(database)
    assert (progress.sequence, progress.problem) == (backlog + 20, "")


def _a_portion(connection: Connection, clock: FixedClock) -> retention.Portion:
    before = clock.now() - DAYS
    return retention.forget_bodies(connection, before=before, now=clock.now(), limit=BODIES_AT_ONCE)


async def _close_all(database: Database, clock: FixedClock) -> None:
    for number in range(20):
        command = CloseCommand(invoice_id=guid_of(f"invoice {number}"))
        report = await database.write(
            close_invoices, [command], clock=clock, luck=SeededLuck(number), offer=LeaseOffer.NONE
        )
        assert not isinstance(report.answers[0], Exception)


async def test_one_round_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "PORTIONS_MAX", 2)
    monkeypatch.setattr(forgetting, "BODIES_AT_ONCE", 3)
    await database.write(tell, 10)
    clock = FixedClock(NOON + 2 * DAYS)
    assert [(await forgotten(database, clock)).bodies for _ in range(3)] == [6, 4, 0]


async def test_it_is_done_by_the_round(database: Database) -> None:
    await database.write(tell, 3)
    with capture_logs() as logs:
        await go_round(database, FixedClock(NOON + 2 * DAYS), KEPT_FOR)
    assert [(entry["what"], entry["count"]) for entry in logs] == [("bodies", 3)]


def _all_work(connection: Connection) -> None:
    retention.forget_bodies(connection, before=NOON + DAYS, now=NOON, limit=20)
    retention.forget_waited_for(connection, now=NOON, limit=20)
    retention.forget_attempts(connection, before=NOON + DAYS, limit=20)


async def test_nothing_is_scanned_for_it(database: Database) -> None:
    await database.write(endpoints.insert_one, an_endpoint("till"))
    await database.write(tell, 2_000, listeners=["till"])
    await database.write(_attempt_each, 2 * DAYS.days)
    if database.engine_name == "postgresql":
        await database.write(lambda connection: connection.exec_driver_sql("ANALYZE").rowcount)
    found = await database.write(plans, _all_work)
    big = {"events", "deliveries", "attempts", "bodies_waiting"}
    assert [plan for plan in found if scanned(plan) & big and "LIMIT" not in plan.upper()] == []
