"""Processes of a chain on one PostgreSQL are killed, one a second, and PostgreSQL too. Closed still means told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import (
    OVER_WITHIN_S,
    Fleet,
    Load,
    Repeats,
    all_over,
    closed_means_told,
    commands_find_nothing,
    look,
    subscribe,
)
from postgres_servers import OwnPostgres, own_postgres
from receiving import receiving
from serving import Server, invoices

pytestmark = pytest.mark.xdist_group("many_processes")

KILLS = 30
"""Before PostgreSQL crashes, and again after it: one a second, so that the two take a minute."""
KILLING_S_MAX = 60
"""Where processes take long to start, fewer are killed in the time."""
CLOSES_A_KILL = 50
UP_MIN = 4
"""Processes that are up when one is killed: the last victim may still be on its way."""
ENDPOINTS = 2
LEASE_S = 15
SETTINGS = {"lease_s": str(LEASE_S), "delivery_timeout_s": "10"}
SEED = 20261122

LEASED = "SELECT id FROM deliveries WHERE lease_id IS NOT NULL"


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


async def crash(postgres: OwnPostgres) -> list[str]:
    """Have PostgreSQL crash and recover; what was under lease while it was away."""
    await asyncio.to_thread(postgres.crash)
    leased = await asyncio.to_thread(postgres.rows_while_nobody_else_is_there, LEASED)
    await asyncio.to_thread(postgres.start)
    return leased


async def kill_every_second(fleet: Fleet, load: Load, repeats: Repeats, chance: random.Random) -> int:
    """Kill one of the processes every second, while there is something to close; how often."""
    until_s = asyncio.get_running_loop().time() + KILLING_S_MAX
    for kills in range(KILLS):
        load.add(CLOSES_A_KILL)
        await asyncio.sleep(1)
        await fleet.kill(chance.choice(await fleet.up(UP_MIN)))
        repeats.may_follow([row.id for row in await look(fleet.database_url, LEASED)])
        if asyncio.get_running_loop().time() > until_s:
            return kills
    return KILLS


async def test_killed_every_second_for_a_minute_they_lose_nothing(postgres: OwnPostgres, tmp_path: Path) -> None:
    chance, repeats = random.Random(SEED), Repeats()
    async with receiving() as first, receiving() as second, asyncio.TaskGroup() as tasks:
        receivers = (first, second)
        fleet = Fleet(postgres.url, tmp_path, tasks, SETTINGS)
        fleet.add("dispatch", "dispatch", "dispatch", "api", "api")
        await fleet.all_up()
        await subscribe(await fleet.one("api", chance), receivers)
        await furnish(await fleet.one("api", chance))

        load = Load(lambda: fleet.one("api", chance))
        working = tasks.create_task(load.run())
        assert await kill_every_second(fleet, load, repeats, chance) > 0
        repeats.may_follow(await crash(postgres))
        assert await kill_every_second(fleet, load, repeats, chance) > 0

        async with asyncio.timeout(OVER_WITHIN_S):
            await load.promises(load.added)
            working.cancel()
            await fleet.all_up()
        await all_over(postgres.url, first)
        await closed_means_told(postgres.url, load.promised, endpoints=ENDPOINTS)
        await repeats.none_beyond(postgres.url, receivers)
        await balances(await fleet.one("api", chance), closes=load.added)
        await commands_find_nothing(postgres.url, tmp_path, "audit", "doctor", "reconcile")
        assert await fleet.stop() == [0] * 5
    states = await look(postgres.url, "SELECT state, lease_id IS NULL, count(*) FROM deliveries GROUP BY 1, 2")
    assert [tuple(row) for row in states] == [("delivered", True, ENDPOINTS * load.added)]


async def furnish(server: Server) -> None:
    """Import more invoices than can be closed."""
    for first in range(0, 2 * KILLS * CLOSES_A_KILL, 1000):
        status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(1000, first=first)})
        assert status == 200, report


async def balances(server: Server, *, closes: int) -> None:
    """The reconciliation says that all is well."""
    _, report = await server.ask("GET", "/v1/reconciliation")
    assert (report["balanced"], report["closes"], report["events"]) == (True, closes, closes)
