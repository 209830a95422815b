"""The server is killed again and again: under load, while it starts, while it stops. Closed still means told."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from closebell.store.wake import Wake
from fleet import Load, Repeats, all_over, closed_means_told, commands_find_nothing, look, subscribe
from receiving import receiving
from serving import Server, invoices, serving, spawn, start

KILLS = {"sqlite": 100, "postgresql": 10}
"""Several processes on PostgreSQL are killed elsewhere."""
KILLING_S_MAX = 240
"""Where processes take long to start, fewer are killed in the time."""
LOOKS_EVERY = 20
"""Kills between two examinations of the whole database."""
CLOSES_A_KILL = 30
PROMISES_A_KILL_MAX = 20
"""Closes that are promised at most before the next kill, so that there is work left for it."""
ENDPOINTS = 2
SETTINGS = {"lease_s": "10", "delivery_timeout_s": "5"}
STOP_S = 0.3
"""About how long a stop takes that nobody disturbs."""
PROMISED_WITHIN_S = 120
SEED = 20261122

LEASED = "SELECT id FROM deliveries WHERE lease_id IS NOT NULL"


@dataclass
class OneServer:
    """The only server there is on its database, or none, just after it was killed."""

    database_url: str
    directory: Path
    server: Server | None = None
    start_s: float = 1.0
    news: Wake = field(default_factory=Wake)

    async def up(self) -> Server:
        """The server, once it is up."""
        while self.server is None:
            await self.news.ticket().wait()
        return self.server

    async def start(self) -> Server:
        began_s = asyncio.get_running_loop().time()
        self.server = await start(self.database_url, self.directory, **SETTINGS)
        self.start_s = asyncio.get_running_loop().time() - began_s
        self.news.notify()
        return self.server

    async def kill(self) -> None:
        server, self.server = self.server, None
        assert server is not None
        assert server.process.returncode is None, "it ended without having been killed"
        await server.kill()


async def kill_under_load(one: OneServer, load: Load, chance: random.Random) -> None:
    """Kill it between two answers, while it recovers what the last one left or long after that."""
    await one.start()
    async with asyncio.timeout(PROMISED_WITHIN_S):
        await load.promises(len(load.promised) + chance.randint(0, PROMISES_A_KILL_MAX))
    await one.kill()


async def kill_at_start(one: OneServer, _load: Load, chance: random.Random) -> None:
    """Kill it between the first step of the program and its first answers."""
    process = await spawn(one.database_url, one.directory, **SETTINGS)
    await asyncio.sleep(chance.uniform(0, one.start_s * 1.2))
    assert process.returncode is None, "it ended without having been killed"
    process.kill()
    await process.wait()


async def kill_at_stop(one: OneServer, load: Load, chance: random.Random) -> None:
    """Kill it while it finishes what was under way when it was told to stop."""
    server = await one.start()
    async with asyncio.timeout(PROMISED_WITHIN_S):
        await load.promises(len(load.promised) + 1)
    server.process.terminate()
    await asyncio.sleep(chance.uniform(0, STOP_S))
    one.server = None
    await server.kill()


MOMENTS = (kill_under_load, kill_at_start, kill_at_stop)


@pytest.mark.xdist_group("sigkill")
async def test_killed_again_and_again_it_loses_nothing(database_url: str, tmp_path: Path) -> None:
    kills = KILLS[database_url.partition(":")[0]]
    chance, repeats, one = random.Random(SEED), Repeats(), OneServer(database_url, tmp_path)
    async with receiving() as first, receiving() as second, asyncio.TaskGroup() as tasks:
        server = await one.start()
        await subscribe(server, [first, second])
        status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(kills * CLOSES_A_KILL)})
        assert status == 200, report
        await one.kill()

        load = Load(one.up)
        working = tasks.create_task(load.run())
        until_s = asyncio.get_running_loop().time() + KILLING_S_MAX
        for number in range(kills):
            if asyncio.get_running_loop().time() > until_s:
                break
            load.add(CLOSES_A_KILL)
            await MOMENTS[number % len(MOMENTS)](one, load, chance)
            repeats.may_follow([row.id for row in await look(database_url, LEASED)])
            if number % LOOKS_EVERY == 0:
                await closed_means_told(database_url, load.promised, endpoints=ENDPOINTS)
                await commands_find_nothing(database_url, tmp_path, "audit", "doctor")

        server = await one.start()
        async with asyncio.timeout(PROMISED_WITHIN_S):
            await load.promises(load.added)
        working.cancel()
        await all_over(database_url, first)
        assert await server.stop() == 0
        await closed_means_told(database_url, load.promised, endpoints=ENDPOINTS)
        await repeats.none_beyond(database_url, (first, second))
    await commands_find_nothing(database_url, tmp_path, "audit", "doctor", "reconcile")
    states = await look(database_url, "SELECT state, lease_id IS NULL, count(*) FROM deliveries GROUP BY 1, 2")
    assert [tuple(row) for row in states] == [("delivered", 1, ENDPOINTS * load.added)]


async def test_a_clean_stop_under_load_leaves_nothing_leased(database_url: str, tmp_path: Path) -> None:
    async with receiving() as first, receiving() as second, asyncio.TaskGroup() as tasks:
        async with serving(database_url, tmp_path) as server:
            await subscribe(server, [first, second])
            status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(3000)})
            assert status == 200, report
            one = OneServer(database_url, tmp_path, server)
            load = Load(one.up)
            load.add(3000)
            working = tasks.create_task(load.run())
            await first.wait_for(50)
            assert await server.stop() == 0
            working.cancel()
        await closed_means_told(database_url, load.promised, endpoints=ENDPOINTS)
        leased = await look(database_url, "SELECT count(*) FROM deliveries WHERE lease_id IS NOT NULL")
        assert leased[0][0] == 0
        recorded = await look(database_url, "SELECT count(*) FROM deliveries WHERE state = 'delivered'")
        assert recorded[0][0] == len(first.calls) + len(second.calls), "what was sent is recorded, so never repeated"
