"""Pages that nobody paid on in time are given up, and keep no invoice from closing then."""

from __future__ import annotations

from typing import Final

import structlog

from closebell.background.duty import repeat
from closebell.clock import Clock
from closebell.store.unit import Database
from closebell.usecase.settle_payment import give_up_overdue_pages

log = structlog.get_logger()

PAGES_EVERY_S: Final = 60
"""Seconds between two looks for pages that nobody paid on in time."""


async def give_up_pages(database: Database, *, clock: Clock, every_s: float = PAGES_EVERY_S) -> None:
    """Give up what is overdue, until cancelled."""

    async def look() -> None:
        if count := await database.write(give_up_overdue_pages, clock=clock):
            log.info("payment_pages.given_up", count=count)

    await repeat("payment_pages.database_unavailable", look, every_s=every_s)
