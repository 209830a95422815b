"""Turns: each endpoint's comes when its instant has, and nobody looks before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from closebell.clock import Clock, SystemClock
from closebell.dispatch.turns import Turns
from closebell.testing import NOON, FixedClock

AWAITED_S = 30


class Taken:
    """Whose turn has come, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.news = asyncio.Event()

    def __call__(self, name: str) -> None:
        self.names.append(name)
        self.news.set()

    async def reach(self, count: int) -> list[str]:
        async with asyncio.timeout(AWAITED_S):
            while len(self.names) < count:
                self.news.clear()
                await self.news.wait()
        return self.names


@asynccontextmanager
async def running(clock: Clock) -> AsyncIterator[tuple[Turns, Taken]]:
    turns, taken = Turns(clock), Taken()
    task = asyncio.create_task(turns.run(taken))
    yield turns, taken
    turns.stop()
    await task


async def test_turns_come_in_order_of_their_instants_on_a_clock_that_runs() -> None:
    clock = SystemClock()
    async with running(clock) as (turns, taken):
        turns.wait("later", clock.now() + timedelta(milliseconds=80))
        turns.wait("sooner", clock.now() + timedelta(milliseconds=20))
        assert await taken.reach(2) == ["sooner", "later"]


async def test_no_turn_comes_before_its_instant_and_each_comes_once() -> None:
    clock = FixedClock()
    async with running(clock) as (turns, taken):
        turns.wait("a", NOON + timedelta(milliseconds=30))
        turns.wait("b", NOON)
        assert await taken.reach(1) == ["b"]
        clock.advance(timedelta(seconds=1))
        assert await taken.reach(2) == ["b", "a"]
        turns.wait("c", NOON)
        assert await taken.reach(3) == ["b", "a", "c"]


async def test_nobody_who_waits_keeps_it_from_ending() -> None:
    async with running(FixedClock()) as (turns, taken):
        turns.wait("a", NOON + timedelta(days=1))
    assert taken.names == []
