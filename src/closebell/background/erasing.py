"""Erasures that were asked for are carried out here, a portion at a time, and go on after a crash where they stood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from closebell.background.duty import repeat
from closebell.background.forgetting import PAUSE_S
from closebell.clock import Clock, Luck
from closebell.errors import Unavailable
from closebell.store import erasures
from closebell.store.erasures import Erasure
from closebell.store.unit import Database
from closebell.usecase.erase_guest import erase_portion, find_named, finish_erasure, forget_named, last_changed_at

log = structlog.get_logger()

LOOK_EVERY_S: Final = 5.0
"""Seconds between two looks for what is to be erased."""
ERASURES_AT_A_TIME: Final = 100
"""Erasures that are taken up in one look, the oldest first."""


def until_settled(*, lease_s: int, deadline_s: int) -> timedelta:
    """How long after a body was replaced no call is on its way any more with the one before: a lease and a call."""
    return timedelta(seconds=lease_s + deadline_s)


async def keep_erasing(
    database: Database,
    *,
    settled_after: timedelta,
    clock: Clock,
    luck: Luck,
    told: Callable[[], None],
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Carry out what is asked for until cancelled; `told` is called when the feed may have moved.

    An erasure that fails is told and tried again at the next look; the others do not wait for it.
    """

    async def look() -> None:
        for erasure in await database.read(erasures.running, limit=ERASURES_AT_A_TIME):
            await _carry_out_or_tell(database, erasure, settled_after=settled_after, clock=clock, luck=luck)
            told()

    await repeat("erasure.database_unavailable", look, every_s=every_s)


async def _carry_out_or_tell(
    database: Database, erasure: Erasure, *, settled_after: timedelta, clock: Clock, luck: Luck
) -> None:
    """Carry it out; what nobody foresaw is told of.

    Errors: Unavailable.
    """
    try:
        await carry_out(database, erasure, settled_after=settled_after, clock=clock, luck=luck)
    except Unavailable:
        raise
    except Exception:
        log.exception("erasure.failed", guest_id=erasure.guest_id)


async def carry_out(
    database: Database,
    erasure: Erasure,
    *,
    settled_after: timedelta,
    clock: Clock,
    luck: Luck,
    pause_s: float = PAUSE_S,
) -> Erasure:
    """The erasure after all portions that there are now, finished if `settled_after` has passed since the last change.

    The last change is the last body that was replaced, or the request itself. Before that a call may be on its way with
    a body from before, and a transaction under way that has read the guest as they were.

    Errors: Unavailable.
    """
    guest_id = erasure.guest_id
    while True:
        step = await database.write(erase_portion, guest_id, clock=clock, luck=luck)
        if not step.goes_on:
            break
        await asyncio.sleep(pause_s)
    changed_at = await database.read(last_changed_at, step.erasure)
    if step.erasure.finished_at is not None or clock.now() < changed_at + settled_after:
        return step.erasure
    await _forget_named(database, guest_id, pause_s=pause_s)
    done = await database.write(finish_erasure, guest_id, settled_after=settled_after, clock=clock, luck=luck)
    if done.finished_at is not None:
        log.info("erasure.finished", guest_id=guest_id, events=done.events, attempts=done.attempts)
    return done


async def _forget_named(database: Database, guest_id: str, *, pause_s: float) -> None:
    """Blank the texts in which the guest's id stands; they are looked for beside whoever writes."""
    while True:
        named = await database.read(find_named, guest_id)
        if not named.answers and not named.profiles:
            return
        await database.write(forget_named, guest_id, named)
        await asyncio.sleep(pause_s)
