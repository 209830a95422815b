"""Telling: the feed's instants never go back; what comes of an event is due by the clock of who tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from closebell.domain.caller import OPERATOR
from closebell.domain.event import PAYMENTS_ADDED
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, an_endpoint
from closebell.usecase.tell import News, announce

LUCK = SeededLuck()


def _news(at: datetime) -> list[News]:
    return [News(event_type=PAYMENTS_ADDED, center_id=None, body=lambda _event_id: at.isoformat().encode())]


def _told(connection: Connection) -> list[Any]:
    joined = select(
        tables.events.c.created_at, tables.events.c.body, tables.deliveries.c.due_at, tables.deliveries.c.created_at
    ).join(tables.deliveries, tables.deliveries.c.sequence == tables.events.c.sequence)
    return [tuple(row) for row in connection.execute(joined.order_by(tables.events.c.sequence))]


async def test_news_told_behind_a_clock_that_was_ahead_is_due_at_once(database: Database) -> None:
    await database.write(endpoints.insert_one, an_endpoint("on", event_types=[PAYMENTS_ADDED]))
    ahead = NOON + timedelta(hours=6)
    for at in (ahead, NOON):
        await database.write(announce, _news, caller=OPERATOR, clock=FixedClock(at), luck=LUCK)
    body = ahead.isoformat().encode()
    assert await database.read(_told) == [(ahead, body, ahead, ahead), (ahead, body, NOON, ahead)]
