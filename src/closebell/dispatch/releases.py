"""Giving back leases of deliveries that are not called after all, each batch in a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from closebell.clock import Clock
from closebell.errors import Unavailable
from closebell.store import lanes
from closebell.store.unit import Database

log = structlog.get_logger()


class Releases:
    """Gives leases back meanwhile; `released` is told which endpoint has something due again, and since when."""

    def __init__(self, *, database: Database, clock: Clock, released: Callable[[str, datetime], None]) -> None:
        self._database = database
        self._clock = clock
        self._released = released
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, endpoint_id: str, leases: Mapping[str, str]) -> None:
        """Give back these leases of an endpoint, which are by delivery id."""
        task = asyncio.create_task(self._release(endpoint_id, leases), name=endpoint_id)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Wait until all that was begun is over."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _release(self, endpoint_id: str, leases: Mapping[str, str]) -> None:
        now = self._clock.now()
        try:
            await self._database.write(lanes.release, leases, now=now)
        except Unavailable as error:
            # They run out by themselves.
            log.warning("dispatch.leases_kept", endpoint_id=endpoint_id, leases=len(leases), error=str(error))
            return
        self._released(endpoint_id, now)
