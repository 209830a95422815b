"""A bound on the calls that begin in a second, kept exactly for every second and spread evenly over it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
LATE_MAX = timedelta(milliseconds=100)
"""How much time that was let pass may be made up for at once; an endpoint that was idle has as much."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Meter:
    """A bucket of tokens, one for each call.

    Tokens come one by one, evenly, and few are saved up: what LATE_MAX brings. And whatever was saved, in no second
    whatsoever do more calls begin than the rate says.

    Units: every instant is the caller's; a clock that is set back starts the meter anew.
    """

    def __init__(self, rate_per_s: int) -> None:
        assert rate_per_s >= 1, "an endpoint is called at some rate"
        self.rate_per_s = rate_per_s
        self._apart = SECOND / rate_per_s
        self._began: deque[datetime] = deque()
        self._even_at = _LONG_AGO

    def ready(self, now: datetime) -> int:
        """How many calls may begin now."""
        self._look_at(now)
        even_at = max(self._even_at, now - LATE_MAX)
        evenly = (now - even_at) // self._apart + 1 if even_at <= now else 0
        return min(self.rate_per_s - len(self._began), evenly)

    def begin(self, now: datetime) -> None:
        """A call begins."""
        self._look_at(now)
        self._began.append(now)
        self._even_at = max(self._even_at, now - LATE_MAX) + self._apart

    def next_at(self) -> datetime:
        """When the next call may begin; long ago when it may now."""
        full = len(self._began) >= self.rate_per_s
        return max(self._began[0] + SECOND, self._even_at) if full else self._even_at

    def _look_at(self, now: datetime) -> None:
        """Forget the calls that began more than a second ago, and all there was if it seems to be still to come."""
        # When the last call is forgotten already, the turn after it still tells: none is more than a second away.
        if now < self._began[-1] if self._began else self._even_at > now + SECOND:
            self._began.clear()
            self._even_at = _LONG_AGO
        while self._began and self._began[0] <= now - SECOND:
            self._began.popleft()
