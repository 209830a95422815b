"""Endpoints that are called at a rate wait here for their next turn; nobody looks before it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from closebell.clock import Clock

TURN_EVERY_S = 0.01
"""Between two looks at least. A high rate has several calls begin at each; the meter lets them make up for that."""


class Turns:
    """Sleeps until the next turn of any endpoint."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[str, datetime] = {}
        self._news = asyncio.Event()
        self._stopping = False

    def wait(self, endpoint_id: str, at: datetime) -> None:
        """Have the endpoint's turn come then."""
        if self._at.get(endpoint_id) != at:
            self._at[endpoint_id] = at
            self._news.set()

    def stop(self) -> None:
        """No turn comes any more."""
        self._stopping = True
        self._news.set()

    async def run(self, take: Callable[[str], object]) -> None:
        """Have `take` called for each endpoint whose turn has come; what it waits for again is another turn."""
        while not self._stopping:
            self._news.clear()
            now = self._clock.now()
            for endpoint_id in sorted((one for one, at in self._at.items() if at <= now), key=self._at.__getitem__):
                del self._at[endpoint_id]
                take(endpoint_id)
            await self._sleep()

    async def _sleep(self) -> None:
        """Wait for the next turn, or for one that is sooner."""
        if not self._at:
            await self._news.wait()
            return
        wait_s = (min(self._at.values()) - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(wait_s, TURN_EVERY_S)):
                await self._news.wait()
        except TimeoutError:
            pass
