"""What is older than it is to be kept is forgotten, in portions so small that nobody who closes or delivers waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from closebell.clock import Clock
from closebell.store import retention
from closebell.store.retention import Portion
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
class Bounds:
    """How much one round forgets of one kind: so many rows in one transaction, so many of those, a pause after each."""

    rows: int
    portions: int
    pause_s: float = 0


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
    bounds = Bounds(rows=BODIES_AT_ONCE, portions=PORTIONS_MAX, pause_s=pause_s)
    return waited_for.forgotten + await in_portions(database, retention.forget_bodies, bounds, before=before, now=now)


async def _attempts(database: Database, *, before: datetime, pause_s: float) -> int:
    bounds = Bounds(rows=ATTEMPTS_AT_ONCE, portions=PORTIONS_MAX, pause_s=pause_s)
    return await in_portions(database, retention.forget_attempts, bounds, before=before)


async def in_portions(database: Database, forget: Callable[..., Portion | int], bounds: Bounds, **named: Any) -> int:
    """Forget portion after portion, each in a transaction of its own, within these bounds; how much was forgotten.

    Shape: `forget` gets what is named, and `limit`; if it returns a number, it has looked at nothing else.
    """
    forgotten = 0
    for _ in range(bounds.portions):
        portion = await database.write(forget, **named, limit=bounds.rows)
        looked_at, gone = (portion, portion) if isinstance(portion, int) else (portion.looked_at, portion.forgotten)
        forgotten += gone
        if looked_at < bounds.rows:
            break
        await asyncio.sleep(bounds.pause_s)
    return forgotten
