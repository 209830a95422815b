"""What is older than it is to be kept is forgotten, in portions so small that nobody who closes or delivers waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from closebell.clock import Clock
from closebell.store import retention
from closebell.store.unit import Database

BODIES_AT_ONCE: Final = 200
"""Events whose bodies are forgotten in one transaction: a few milliseconds of the one writer that SQLite has."""
ATTEMPTS_AT_ONCE: Final = 1_000
"""Attempts that are forgotten in one transaction."""
WAITING_AT_ONCE: Final = 500
"""Old events with deliveries pending that one round looks at again."""
PORTIONS_MAX: Final = 300
"""Transactions of one round; what is left is left to the next."""
PAUSE_S: Final = 0.05
"""Seconds between two of them, in which others write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFor:
    """How long bodies and attempts are kept; None is for ever."""

    bodies: timedelta | None = None
    attempts: timedelta | None = None

    @classmethod
    def days(cls, *, bodies: int, attempts: int) -> Self:
        """So many days; 0 is for ever.

        >>> KeptFor.days(bodies=400, attempts=0)
        KeptFor(bodies=datetime.timedelta(days=400), attempts=None)
        """
        return cls(bodies=timedelta(days=bodies) or None, attempts=timedelta(days=attempts) or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How much one round has forgotten."""

    bodies: int = 0
    attempts: int = 0


async def forget_old(database: Database, kept_for: KeptFor, *, clock: Clock, pause_s: float = PAUSE_S) -> Forgotten:
    """Forget what is too old, as far as one round goes.

    Errors: Unavailable; what was forgotten before stays so.
    """
    now = clock.now()
    bodies = attempts = 0
    if kept_for.bodies is not None:
        bodies = await _bodies(database, before=now - kept_for.bodies, now=now, pause_s=pause_s)
    if kept_for.attempts is not None:
        attempts = await _attempts(database, before=now - kept_for.attempts, pause_s=pause_s)
    return Forgotten(bodies=bodies, attempts=attempts)


async def _bodies(database: Database, *, before: datetime, now: datetime, pause_s: float) -> int:
    waited_for = await database.write(retention.forget_waited_for, now=now, limit=WAITING_AT_ONCE)
    forgotten = waited_for.forgotten
    for _ in range(PORTIONS_MAX):
        portion = await database.write(retention.forget_bodies, before=before, now=now, limit=BODIES_AT_ONCE)
        forgotten += portion.forgotten
        if portion.looked_at < BODIES_AT_ONCE:
            break
        await asyncio.sleep(pause_s)
    return forgotten


async def _attempts(database: Database, *, before: datetime, pause_s: float) -> int:
    forgotten = 0
    for _ in range(PORTIONS_MAX):
        portion = await database.write(retention.forget_attempts, before=before, limit=ATTEMPTS_AT_ONCE)
        forgotten += portion
        if portion < ATTEMPTS_AT_ONCE:
            break
        await asyncio.sleep(pause_s)
    return forgotten
