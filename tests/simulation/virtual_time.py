"""An event loop whose clock goes on only when nobody has anything to do, and then at once to whatever comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Never

STEPS_AT_ONCE_MAX = 100_000
"""Rounds of the loop without time passing; more means that something runs in a circle."""


class Stuck(AssertionError):
    """Everybody waits for something that will never happen, or somebody runs in a circle."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """A loop without a network and without threads: sleeping for a day takes as long as sleeping for a second."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._now_s = 0.0
        self._steps = 0

    def time(self) -> float:
        """Seconds since the world began."""
        return self._now_s

    def skip(self, seconds: float) -> None:
        """Let time pass in which nobody does anything; timers that end within it end at its end."""
        assert seconds >= 0, "time does not go back"
        self._now_s += seconds

    def select(self, timeout: float | None) -> Sequence[Never]:
        """What the loop asks when it has nothing to do at once: here it is the passing of time."""
        if timeout is None:
            raise Stuck("everybody waits and no timer is set")
        self._steps = 0 if timeout > 0 else self._steps + 1
        if self._steps > STEPS_AT_ONCE_MAX:
            raise Stuck(f"{self._steps} rounds at {self._now_s} s: somebody runs in a circle")
        self._now_s += timeout
        return ()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Never:  # type: ignore[override]
        """Refused: what a thread does is decided by the machine and not by the seed."""
        raise AssertionError(f"{func} would run in a thread")

    def _process_events(self, event_list: Sequence[Never]) -> None:
        """Nothing: no sockets, no events."""

    def _write_to_self(self) -> None:
        """Nothing: nobody calls from another thread."""
