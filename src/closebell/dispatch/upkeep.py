"""Small duties that nobody calls for: they run by themselves, and a test proves that they do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from closebell.clock import Clock
from closebell.dispatch.forgetting import KeptFor, forget_old
from closebell.errors import Unavailable
from closebell.store import deliveries, kept_answers, secrets, tokens
from closebell.store.unit import Database

log = structlog.get_logger()

UPKEEP_EVERY_S = 60
"""Seconds between two rounds."""


PURGE_ROWS: Final = 1_000
"""Rows that are forgotten or cancelled in one transaction, so that nobody waits long for it."""
PURGES_MAX: Final = 100
"""Transactions in a row that do away with something of one kind; what is left is left to the next round."""

Purge = Callable[..., int]

FOR_EVER: Final = KeptFor()
"""Nothing that was told is forgotten."""


async def keep_up(
    database: Database, *, clock: Clock, kept_for: KeptFor = FOR_EVER, every_s: float = UPKEEP_EVERY_S
) -> None:
    """Do the rounds until cancelled; a database that cannot answer is asked again the next time."""
    while True:
        try:
            await go_round(database, clock, kept_for)
        except Unavailable as error:
            log.warning("upkeep.database_unavailable", error=str(error))
        await asyncio.sleep(every_s)


async def go_round(database: Database, clock: Clock, kept_for: KeptFor = FOR_EVER) -> None:
    """Do every duty once.

    Errors: Unavailable.
    """
    if cancelled := await _in_portions(database, deliveries.cancel_left_over):
        log.info("upkeep.deliveries_cancelled", count=cancelled)
    for what, purge in (("answers", kept_answers.purge), ("tokens", tokens.purge), ("secrets", secrets.purge)):
        if forgotten := await _in_portions(database, purge, now=clock.now()):
            log.info("upkeep.forgotten", what=what, count=forgotten)
    old = await forget_old(database, kept_for, clock=clock)
    for what, count in (("bodies", old.bodies), ("attempts", old.attempts)):
        if count:
            log.info("upkeep.forgotten", what=what, count=count)


async def _in_portions(database: Database, purge: Purge, **named: Any) -> int:
    """Do away with what is of no use any more, in small portions; how much there was."""
    gone = 0
    for _ in range(PURGES_MAX):
        portion = await database.write(purge, **named, limit=PURGE_ROWS)
        gone += portion
        if portion < PURGE_ROWS:
            break
    return gone
