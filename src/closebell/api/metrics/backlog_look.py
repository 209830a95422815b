"""Looks at the backlog when somebody asks for the metrics, and not again for a while, however many ask."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import structlog

from closebell.api.metrics.counting import Metrics
from closebell.clock import Clock
from closebell.errors import Unavailable
from closebell.store.backlog import Backlog, Pile, survey
from closebell.store.unit import Database

log = structlog.get_logger()

KEPT_FOR_S: Final = 10
"""Seconds for which one look is good enough; scrapers come every 15 or 30, several of them at once."""


class BacklogLook:
    """Puts into the metrics what the database says of each endpoint."""

    def __init__(self, *, database: Database, metrics: Metrics, clock: Clock) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._found: list[Backlog] = []
        self._looked_at: datetime | None = None
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> None:
        """Show how it stands; nothing of it where others deliver, or when the database does not say."""
        if not self._metrics.delivers:
            return
        async with self._one_at_a_time:
            if not self._is_recent():
                try:
                    self._found = await self._database.read(survey)
                except Unavailable as error:
                    log.warning("backlog.unknown", error=str(error))
                    self._looked_at = None
                    self._metrics.show_nothing()
                    return
                self._looked_at = self._clock.now()
            self._metrics.show(self._found, age_s=self._age_s)

    def _is_recent(self) -> bool:
        if self._looked_at is None:
            return False
        # Either way: a clock that was set back must not keep an old figure.
        return abs((self._clock.now() - self._looked_at).total_seconds()) < KEPT_FOR_S

    def _age_s(self, pile: Pile) -> float:
        """How old the oldest is by now; another machine's clock made its date, and may be ahead."""
        if pile.oldest_at is None:
            return 0
        return max((self._clock.now() - pile.oldest_at).total_seconds(), 0)
