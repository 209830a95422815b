"""Small duties that nobody calls for: they run by themselves, and a test proves that they do."""

from __future__ import annotations

from typing import Final

import structlog

from closebell.background.duty import repeat
from closebell.background.forgetting import Bounds, KeptFor, forget_old, in_portions
from closebell.clock import Clock
from closebell.store import deliveries, kept_answers, secrets, tokens
from closebell.store.unit import Database

log = structlog.get_logger()

UPKEEP_EVERY_S = 60
"""Seconds between two rounds."""
PURGE: Final = Bounds(rows=1_000, portions=100)
"""What one round does away with of one kind; what is left is left to the next."""
FOR_EVER: Final = KeptFor()
"""Nothing that was told is forgotten."""


async def keep_up(
    database: Database, *, clock: Clock, kept_for: KeptFor = FOR_EVER, every_s: float = UPKEEP_EVERY_S
) -> None:
    """Do the rounds until cancelled; a database that cannot answer is asked again the next time."""
    await repeat("upkeep.database_unavailable", lambda: go_round(database, clock, kept_for), every_s=every_s)


async def go_round(database: Database, clock: Clock, kept_for: KeptFor = FOR_EVER) -> None:
    """Do every duty once.

    Errors: Unavailable.
    """
    if cancelled := await in_portions(database, deliveries.cancel_left_over, PURGE):
        log.info("upkeep.deliveries_cancelled", count=cancelled)
    for what, purge in (("answers", kept_answers.purge), ("tokens", tokens.purge), ("secrets", secrets.purge)):
        if forgotten := await in_portions(database, purge, PURGE, now=clock.now()):
            log.info("upkeep.forgotten", what=what, count=forgotten)
    old = await forget_old(database, kept_for, clock=clock)
    for what, count in (("bodies", old.bodies), ("attempts", old.attempts)):
        if count:
            log.info("upkeep.forgotten", what=what, count=count)
