"""The calls under way, each a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from closebell.dispatch.attempt import Attempts
from closebell.dispatch.recording import Sent
from closebell.domain.endpoint import Endpoint
from closebell.store.lanes import Claimed

log = structlog.get_logger()


class Calls:
    """Makes calls meanwhile; `ended` is told what came of each, `lost` of which endpoint one came to nothing."""

    def __init__(self, *, attempts: Attempts, ended: Callable[[Sent], None], lost: Callable[[str], None]) -> None:
        self._attempts = attempts
        self._ended = ended
        self._lost = lost
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, claimed: Claimed, endpoint: Endpoint) -> None:
        """Call the endpoint with the delivery."""
        task = asyncio.create_task(self._deliver(claimed, endpoint), name=claimed.endpoint_id)
        self._under_way.add(task)
        task.add_done_callback(self._over)

    async def finish(self, *, within_s: float) -> None:
        """Wait until all calls are over, and no longer than that."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=within_s)
            for task in late:
                task.cancel()

    async def _deliver(self, claimed: Claimed, endpoint: Endpoint) -> None:
        sent = await self._attempts.make(claimed, endpoint)
        if sent.outcome.error is not None:
            log.info(
                "delivery.attempt_failed",
                delivery_id=claimed.id,
                endpoint_id=endpoint.id,
                name=endpoint.name,
                error=sent.outcome.error,
                detail=sent.outcome.detail,
            )
        self._ended(sent)

    def _over(self, task: asyncio.Task[None]) -> None:
        """A call is over. One that failed through a bug of ours waits for its lease to end."""
        self._under_way.discard(task)
        if task.cancelled():
            self._lost(task.get_name())
        elif (error := task.exception()) is not None:
            log.error("dispatch.call_failed", endpoint_id=task.get_name(), exc_info=error)
            self._lost(task.get_name())
