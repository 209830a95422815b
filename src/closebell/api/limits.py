"""How often may be asked: a bucket of tokens for the whole service, refilled evenly, as the contract has it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from closebell.errors import TooOften

WINDOW_S: Final = 60
"""Seconds in which an empty bucket is full again."""

Headers = tuple[tuple[bytes, bytes], ...]


class RateLimit:
    """The bucket of one process: it holds a minute's calls, and each call takes one out.

    >>> limit = RateLimit(per_minute=60, monotonic_s=lambda: 0.0)
    >>> limit.take()
    >>> limit.headers()[1:]
    ((b'ratelimit-remaining', b'59'), (b'ratelimit-reset', b'1'))
    """

    def __init__(self, *, per_minute: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        assert per_minute > 0, "no limit is no RateLimit"
        self._most = per_minute
        self._monotonic_s = monotonic_s
        self._left: float = per_minute
        self._at_s = monotonic_s()

    def take(self) -> None:
        """Count one call.

        Errors: TooOften, naming the seconds after which there is room for one.
        """
        self._refill()
        if self._left < 1:
            raise TooOften(
                f"More than {self._most} calls were made in {WINDOW_S} s.",
                retry_after_s=math.ceil((1 - self._left) * WINDOW_S / self._most),
            )
        self._left -= 1

    def headers(self) -> Headers:
        """What every answer tells of it: the limit, the calls left, and the seconds until all of them are there."""
        self._refill()
        limit, window = b"%d" % self._most, b"%d" % WINDOW_S
        return (
            (b"organization-ratelimit-limit", b"%b;w=%b;b=%b" % (limit, window, limit)),
            (b"ratelimit-remaining", b"%d" % self._left),
            (b"ratelimit-reset", b"%d" % math.ceil((self._most - self._left) * WINDOW_S / self._most)),
        )

    def _refill(self) -> None:
        now_s = self._monotonic_s()
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._most / WINDOW_S)
        self._at_s = now_s
