"""What waits for each endpoint is counted through indexes, up to a cap: never by looking at every delivery."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, event, insert, update

from closebell.store import endpoints, tables
from closebell.store.backlog import Backlog, Pile, survey
from closebell.store.unit import Database
from closebell.testing import NOON, an_endpoint, guid_of

INDEXES = ("ix_deliveries_fresh", "ix_deliveries_retried", "ix_deliveries_exhausted")


def add_endpoints(connection: Connection, *names: str) -> None:
    for name in names:
        endpoints.insert_one(connection, an_endpoint(name))


def add_deliveries(connection: Connection, name: str, count: int, *, first: int = 1, **fields: Any) -> None:
    """So many deliveries to the endpoint, each of an event of its own, made a second apart."""
    numbers = range(first, first + count)
    connection.execute(insert(tables.events), [_event(number) for number in numbers])
    connection.execute(insert(tables.deliveries), [_delivery(number, name, fields) for number in numbers])


def _at(number: int) -> datetime:
    return NOON + timedelta(seconds=number)


def _event(number: int) -> dict[str, Any]:
    return {
        "sequence": number,
        "event_id": f"{number:024x}",
        "event_type": "Guest.Created",
        "body": b"{}",
        "hash": b"",
        "listeners": 1,
        "created_at": _at(number),
    }


def _delivery(number: int, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{number:024x}",
        "sequence": number,
        "endpoint_id": guid_of(f"endpoint {name}"),
        "state": "pending",
        "due_at": _at(number),
        "attempts": 0,
        "created_at": _at(number),
        "reason": "",
        **fields,
    }


def by_name(found: list[Backlog]) -> dict[str, Backlog]:
    return {one.name: one for one in found}


async def test_an_empty_service_has_no_backlog(database: Database) -> None:
    assert await database.read(survey) == []


async def test_each_endpoint_has_its_own_and_a_deleted_one_has_none(database: Database) -> None:
    def fill(connection: Connection) -> None:
        add_endpoints(connection, "busy", "idle", "gone")
        add_deliveries(connection, "busy", 3)
        # Tried once: due much later than the fresh ones, and older.
        add_deliveries(connection, "busy", 2, first=10, attempts=1, created_at=NOON - timedelta(hours=1))
        add_deliveries(connection, "busy", 1, first=20, state="exhausted", finished_at=NOON, reason="x")
        add_deliveries(connection, "busy", 5, first=30, state="delivered", finished_at=NOON)
        add_deliveries(connection, "gone", 1, first=40)
        table = tables.endpoints
        connection.execute(update(table).where(table.c.name == "gone").values(state="deleted"))
        held = update(table).where(table.c.name == "idle").values(consecutive_failures=20, state="deactivated")
        connection.execute(held)

    await database.write(fill)
    found = by_name(await database.read(survey))
    assert found.keys() == {"busy", "idle"}
    assert found["busy"] == Backlog(
        endpoint_id=guid_of("endpoint busy"),
        name="busy",
        is_active=True,
        consecutive_failures=0,
        waiting=Pile(count=5, is_capped=False, oldest_at=NOON - timedelta(hours=1)),
        exhausted=Pile(count=1, is_capped=False, oldest_at=_at(20)),
    )
    none = Pile(count=0, is_capped=False, oldest_at=None)
    assert (found["idle"].waiting, found["idle"].exhausted) == (none, none)
    assert (found["idle"].is_active, found["idle"].consecutive_failures) == (False, 20)


async def test_counting_stops_at_a_cap_and_says_so(database: Database) -> None:
    def fill(connection: Connection) -> None:
        add_endpoints(connection, "busy", "idle")
        add_deliveries(connection, "busy", 9)
        add_deliveries(connection, "idle", 4, first=20)

    await database.write(fill)
    found = by_name(await database.read(survey, counted_max=16))
    assert found["busy"].waiting == Pile(count=8, is_capped=True, oldest_at=_at(1)), "each has half of what is counted"
    assert found["idle"].waiting == Pile(count=4, is_capped=False, oldest_at=_at(20))


async def test_no_look_goes_through_all_deliveries(database: Database) -> None:
    plan = await database.write(_plan_among_many)
    for index in INDEXES:
        assert index in plan, plan
    assert not re.search(r"Seq Scan on deliveries|SCAN deliveries|\bSort\b|TEMP B-TREE", plan), plan


def _plan_among_many(connection: Connection) -> str:
    """How the survey is carried out where most deliveries are over, and one endpoint has all that are not."""
    add_endpoints(connection, "busy", "idle")
    add_deliveries(connection, "idle", 3_000, state="delivered", finished_at=NOON)
    add_deliveries(connection, "busy", 1_000, first=4_000)
    add_deliveries(connection, "busy", 1_000, first=6_000, attempts=1)
    add_deliveries(connection, "busy", 500, first=8_000, state="exhausted", finished_at=NOON)
    connection.exec_driver_sql("ANALYZE")
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    survey(connection)
    event.remove(connection, "before_cursor_execute", note)
    (*_, (statement, parameters)) = sent
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
