"""Small duties that nobody calls for: they run by themselves, and a test proves that they do."""

from __future__ import annotations

import asyncio

import structlog

from closebell.clock import Clock
from closebell.errors import Unavailable
from closebell.store import deliveries
from closebell.store.unit import Database

log = structlog.get_logger()

UPKEEP_EVERY_S = 60
"""Seconds between two rounds."""


async def keep_up(database: Database, *, clock: Clock, every_s: float = UPKEEP_EVERY_S) -> None:
    """Do the rounds until cancelled; a database that cannot answer is asked again the next time."""
    while True:
        try:
            cancelled = await database.write(deliveries.cancel_strays, now=clock.now())
        except Unavailable as error:
            log.warning("upkeep.database_unavailable", error=str(error))
        else:
            if cancelled:
                log.info("upkeep.deliveries_cancelled", count=cancelled)
        await asyncio.sleep(every_s)
