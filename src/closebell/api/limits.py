"""How often may be asked, and how much of it is kept: buckets that are refilled evenly, as the contract has it."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from closebell.errors import TooOften
from closebell.store.kept_answers import KEPT_FOR

WINDOW_S: Final = 60
"""Seconds in which an empty bucket of calls is full again."""
NEW_KEYS_MAX: Final = 1_000_000
"""Idempotency-Keys that a caller may begin at once, and again within the time that their answers are kept."""
KEPT_BYTES_PER_CALLER_MAX: Final = 2 * 1024 * 1024 * 1024
"""Bytes of answers that are kept of a caller at once, and again within the time that they are kept."""
CALLERS_MAX: Final = 10_000
"""Callers whose use of keys is remembered: those who used one last."""

Headers = tuple[tuple[bytes, bytes], ...]
MonotonicS = Callable[[], float]


class Bucket:
    """So many of something, which come back evenly within so many seconds."""

    __slots__ = ("_at_s", "_left", "_monotonic_s", "most", "window_s")

    def __init__(self, most: float, *, window_s: float, monotonic_s: MonotonicS) -> None:
        self.most = most
        self.window_s = window_s
        self._monotonic_s = monotonic_s
        self._left = most
        self._at_s = monotonic_s()

    def left(self) -> float:
        """How many are in it; below zero where more was taken out than there was."""
        now_s = self._monotonic_s()
        self._left = min(self.most, self._left + (now_s - self._at_s) * self.most / self.window_s)
        self._at_s = now_s
        return self._left

    def take(self, count: float = 1) -> None:
        """Take so many out."""
        self._left = self.left() - count

    def seconds_until(self, count: float) -> int:
        """Whole seconds after which there will be so many."""
        return math.ceil((count - self.left()) * self.window_s / self.most)


class RateLimit:
    """The bucket of one process: it holds a minute's calls, and each call takes one out.

    >>> limit = RateLimit(per_minute=60, monotonic_s=lambda: 0.0)
    >>> limit.take()
    >>> limit.headers()[1:]
    ((b'ratelimit-remaining', b'59'), (b'ratelimit-reset', b'1'))
    """

    def __init__(self, *, per_minute: int, monotonic_s: MonotonicS = time.monotonic) -> None:
        assert per_minute > 0, "no limit is no RateLimit"
        self._most = per_minute
        self._bucket = Bucket(per_minute, window_s=WINDOW_S, monotonic_s=monotonic_s)

    def take(self) -> None:
        """Count one call.

        Errors: TooOften, naming the seconds after which there is room for one.
        """
        if self._bucket.left() < 1:
            raise TooOften(
                f"More than {self._most} calls were made in {WINDOW_S} s.", retry_after_s=self._bucket.seconds_until(1)
            )
        self._bucket.take()

    def headers(self) -> Headers:
        """What every answer tells of it: the limit, the calls left, and the seconds until all of them are there."""
        limit, window = b"%d" % self._most, b"%d" % WINDOW_S
        return (
            (b"organization-ratelimit-limit", b"%b;w=%b;b=%b" % (limit, window, limit)),
            (b"ratelimit-remaining", b"%d" % self._bucket.left()),
            (b"ratelimit-reset", b"%d" % self._bucket.seconds_until(self._most)),
        )


class KeyLimit:
    """How many new Idempotency-Keys each caller may begin, and how much of their answers is kept, in one process.

    Nobody can fill the database with keys. What was promised stays: whoever is over the limit is refused a new key and
    nothing is done, but repeats of those that are kept are answered; and where only the room for answers is used up,
    calls are carried out once all the same.
    """

    def __init__(
        self,
        *,
        keys_max: int = NEW_KEYS_MAX,
        bytes_max: int = KEPT_BYTES_PER_CALLER_MAX,
        callers_max: int = CALLERS_MAX,
        monotonic_s: MonotonicS = time.monotonic,
    ) -> None:
        self._keys_max, self._bytes_max, self._callers_max = keys_max, bytes_max, callers_max
        self._monotonic_s = monotonic_s
        self._callers: OrderedDict[str, tuple[Bucket, Bucket]] = OrderedDict()

    def begin(self, caller_id: str) -> None:
        """Count a new key of this caller.

        Errors: TooOften, naming the seconds after which there is room for one.
        """
        keys, _ = self._of(caller_id)
        if keys.left() < 1:
            raise TooOften(
                f"More than {self._keys_max} new Idempotency-Keys were used; calls without one are answered, and so "
                "are repeats.",
                retry_after_s=keys.seconds_until(1),
            )
        keys.take()

    def has_room(self, caller_id: str) -> bool:
        """Whether another answer to this caller may be kept."""
        return self._of(caller_id)[1].left() > 0

    def keep(self, caller_id: str, size: int) -> None:
        """Count an answer of so many bytes that is kept."""
        self._of(caller_id)[1].take(size)

    def _of(self, caller_id: str) -> tuple[Bucket, Bucket]:
        """The caller's keys and bytes; whoever used none for longest is forgotten, and their buckets are full again."""
        found = self._callers.pop(caller_id, None)
        if found is None:
            window_s = KEPT_FOR.total_seconds()
            keys, room = (
                Bucket(most, window_s=window_s, monotonic_s=self._monotonic_s)
                for most in (self._keys_max, self._bytes_max)
            )
            found = keys, room
        self._callers[caller_id] = found
        if len(self._callers) > self._callers_max:
            self._callers.popitem(last=False)
        return found
