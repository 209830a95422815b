"""A recovery: a job that brings an endpoint's exhausted deliveries back, a portion at a time."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

RECOVERED_PER_S: Final = 50
"""Deliveries a second that a recovery makes due again, unless it was asked for another pace."""
RECOVERED_PER_S_MAX: Final = 1_000
"""The most of them; they are one portion, and one transaction."""


class RecoveryState(enum.StrEnum):
    """Where a recovery stands. A running one whose endpoint is deactivated is *held*; that is not stored."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    """By hand, or because the endpoint was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A job that brings back what was exhausted of the events from `since` up to and without `until`.

    Shape: `matched` is how many there were when it began, or became since; `recovered` how many are due again;
           `position` the id of the last delivery that was looked at. `is_held` while its endpoint is deactivated.
           `is_automatic` when it began because its endpoint was enabled. `just_recovered` is how many the portion
           brought back that was carried out just now; it is not stored.
    Units: one portion is `rate_per_s` deliveries; the next is due at `next_at`.
    """

    id: str
    endpoint_id: str
    since: datetime
    until: datetime
    state: RecoveryState
    matched: int
    recovered: int
    position: str
    rate_per_s: int
    next_at: datetime
    is_automatic: bool
    created_at: datetime
    finished_at: datetime | None
    is_held: bool = False
    just_recovered: int = 0

    def __post_init__(self) -> None:
        assert self.since < self.until, "a recovery covers some time"
        assert 0 <= self.recovered <= self.matched, "no more comes back than was there"
        assert 1 <= self.rate_per_s <= RECOVERED_PER_S_MAX, "the pace is bounded"

    @property
    def percent(self) -> int:
        """How far it is: whole percents, and 100 only when it is done."""
        if self.state is RecoveryState.DONE:
            return 100
        return min(99, 100 * self.recovered // self.matched) if self.matched else 0

    @property
    def shown_state(self) -> str:
        """Its state for people: `held` while it runs and its endpoint is deactivated."""
        return "held" if self.is_held else str(self.state)
