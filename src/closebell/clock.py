"""The only module that asks for the time or for luck; everything else is told."""

from __future__ import annotations

import random
import secrets
import uuid
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock.

    >>> SystemClock().now().tzinfo is UTC
    True
    """

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


class Luck(Protocol):
    """Anything that gives chance: for identifiers, for secrets, and for jitter."""

    def entropy(self, size: int) -> bytes:
        """That many unpredictable bytes."""
        ...

    def guid(self) -> str:
        """A fresh GUID in its wire spelling."""
        ...

    def fraction(self) -> float:
        """A number from 0 up to and without 1."""
        ...


class SystemLuck:
    """The operating system's randomness."""

    def entropy(self, size: int) -> bytes:
        """That many unpredictable bytes."""
        return secrets.token_bytes(size)

    def guid(self) -> str:
        """A fresh GUID in its wire spelling."""
        return str(uuid.uuid4())

    def fraction(self) -> float:
        """A number from 0 up to and without 1."""
        return random.random()  # noqa: S311 (jitter, not a secret)
