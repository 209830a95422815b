"""The server is killed again and again under load. Closed still means told, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyreqwest.exceptions import PyreqwestError
from sqlalchemy import Connection, text

from closebell.store.database import open_database
from receiving import Receiver, receiving
from serving import Server, invoice_id, invoices, serving, start

KILLS = 20
INVOICES = 3000
CALLERS = 16
ENDPOINTS = 2
SEED = 20261122
CLOSES_BEFORE_KILL_MAX = INVOICES // KILLS - CALLERS
"""Closes that are promised at most between two kills, so that there is work left for the next."""


class Load:
    """Callers who close invoices, one after another, and remember what they were promised."""

    def __init__(self) -> None:
        self.left = [invoice_id(number) for number in range(INVOICES)]
        self.promised: dict[str, str] = {}
        self.answered = asyncio.Event()

    async def promises(self, count: int) -> None:
        """Wait until so many closes are promised."""
        while len(self.promised) < count:
            self.answered.clear()
            await self.answered.wait()

    async def run(self, server: Server) -> None:
        await asyncio.gather(*(self._call(server) for _ in range(CALLERS)))

    async def _call(self, server: Server) -> None:
        while self.left:
            wanted = self.left.pop()
            try:
                status, body = await server.ask("POST", f"/v1/invoices/{wanted}/close")
            except (PyreqwestError, json.JSONDecodeError):
                self.left.append(wanted)  # nobody answered, so nothing was promised
                return
            assert status == 200, body
            assert self.promised.setdefault(wanted, body["receipt_number"]) == body["receipt_number"]
            self.answered.set()


async def look(database_url: str, statement: str) -> list[Any]:
    """The rows of a query, read beside the server."""
    database = open_database(database_url)

    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(text(statement)))

    try:
        return await database.read(read)
    finally:
        await database.close()


CLOSED_AND_TOLD = """
    SELECT i.id, i.receipt_number, i.close_sequence, e.sequence, count(d.id)
    FROM invoices i
    FULL JOIN events e ON e.invoice_id = i.id AND e.close_sequence = i.close_sequence
    LEFT JOIN deliveries d ON d.sequence = e.sequence
    WHERE i.close_sequence > 0 OR e.sequence IS NOT NULL
    GROUP BY i.id, i.receipt_number, i.close_sequence, e.sequence
    ORDER BY e.sequence
"""


async def closed_means_told(database_url: str, load: Load) -> None:
    """Closed <=> event <=> one delivery per endpoint; sequences and receipts without holes; promises kept."""
    rows = await look(database_url, CLOSED_AND_TOLD)
    assert [row[2] for row in rows] == [1] * len(rows), "closed once each"
    assert [row[3] for row in rows] == list(range(1, len(rows) + 1)), "every close has its event, without gaps"
    assert [row[4] for row in rows] == [ENDPOINTS] * len(rows), "every event has one delivery per endpoint"
    assert [row[1] for row in rows] == [f"R{number}" for number in range(1, len(rows) + 1)]
    kept = {row[0]: row[1] for row in rows}
    assert {wanted: kept.get(wanted) for wanted in load.promised} == load.promised, "an answer is a promise"


async def subscribe(server: Server, receivers: list[Receiver]) -> None:
    for number, receiver in enumerate(receivers):
        draft = {"name": f"receiver {number}", "url": receiver.url, "event_types": ["Invoice.Closed"]}
        status, body = await server.ask("POST", "/v1/webhook_endpoints", draft)
        assert status == 201, body


async def kill_under_load(server: Server, load: Load, chance: random.Random) -> None:
    """Let the callers work, and kill the server at some moment in between."""
    working = asyncio.create_task(load.run(server))
    async with asyncio.timeout(60):
        await load.promises(len(load.promised) + chance.randint(1, CLOSES_BEFORE_KILL_MAX))
    await server.kill()
    await working


async def all_recorded(server: Server, receiver: Receiver) -> None:
    """Wait until nothing is pending: what a killed server had leased is sent anew when its lease has ended."""
    async with asyncio.timeout(60):
        while (await server.ask("GET", "/v1/deliveries?state=pending&limit=1"))[1]["deliveries"]:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await receiver.wait_for(len(receiver.calls) + 1)


async def test_killed_again_and_again_it_loses_nothing(database_url: str, tmp_path: Path) -> None:
    chance, load = random.Random(SEED), Load()
    settings = {"lease_s": "6", "delivery_timeout_s": "1"}
    async with receiving() as first, receiving() as second:
        server = await start(database_url, tmp_path, **settings)
        await subscribe(server, [first, second])
        status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(INVOICES)})
        assert status == 200, report
        for _ in range(KILLS):
            await kill_under_load(server, load, chance)
            await closed_means_told(database_url, load)
            server = await start(database_url, tmp_path, **settings)
        assert 0 < len(load.promised) < INVOICES, "it was killed while there was work"
        await load.run(server)
        await closed_means_told(database_url, load)
        assert len(load.promised) == INVOICES
        for receiver in (first, second):
            calls = await receiver.wait_until(lambda calls: len({c.headers["webhook-id"] for c in calls}) == INVOICES)
            repeats = Counter(call.headers["webhook-id"] for call in calls)
            assert max(repeats.values()) <= KILLS + 1, "what is sent again was in flight at a kill"
        await all_recorded(server, first)
        assert await server.stop() == 0
    states = await look(database_url, "SELECT state, lease_id IS NULL, count(*) FROM deliveries GROUP BY 1, 2")
    assert [tuple(row) for row in states] == [("delivered", 1, ENDPOINTS * INVOICES)]


async def test_a_clean_stop_under_load_leaves_nothing_leased(database_url: str, tmp_path: Path) -> None:
    load = Load()
    async with receiving() as first, receiving() as second:
        async with serving(database_url, tmp_path) as server:
            await subscribe(server, [first, second])
            status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(INVOICES)})
            assert status == 200, report
            working = asyncio.create_task(load.run(server))
            await first.wait_for(50)
            assert await server.stop() == 0
            await working
        await closed_means_told(database_url, load)
        leased = await look(database_url, "SELECT count(*) FROM deliveries WHERE lease_id IS NOT NULL")
        assert leased[0][0] == 0
        recorded = await look(database_url, "SELECT count(*) FROM deliveries WHERE state = 'delivered'")
        assert recorded[0][0] == len(first.calls) + len(second.calls), "what was sent is recorded, so never repeated"
