"""A clock and luck that obey."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When tests happen unless they say otherwise: a Monday, and the same date in most of the world."""


class FixedClock:
    """A clock that stands still until it is told to go on; with a `tick`, it goes on by itself at each look.

    >>> clock = FixedClock()
    >>> clock.advance(timedelta(minutes=5))
    >>> clock.now().isoformat()
    '2026-01-05T12:05:00+00:00'
    """

    def __init__(self, at: datetime = NOON, *, tick: timedelta = timedelta(0)) -> None:
        self._at = at
        self._tick = tick

    def now(self) -> datetime:
        """The instant it shows, aware, in UTC."""
        shown = self._at
        self._at += self._tick
        return shown

    def set(self, at: datetime) -> None:
        """Show this instant from now on; earlier than before is allowed, as it is with real clocks."""
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Go on by so much."""
        self._at += by


class SeededLuck:
    """Luck that repeats: the same seed gives the same identifiers, secrets and jitter in the same order."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 (to repeat is the point)

    def entropy(self, size: int) -> bytes:
        """That many bytes."""
        return self._random.randbytes(size)

    def guid(self) -> str:
        """A GUID in its wire spelling."""
        return str(uuid.UUID(bytes=self.entropy(16), version=4))

    def fraction(self) -> float:
        """A number from 0 up to and without 1."""
        return self._random.random()
