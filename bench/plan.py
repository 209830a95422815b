"""How much is measured: the sizes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CALLERS: Final = 64
"""Connections over which invoices are closed at the same time."""
DRIVER_BATCH: Final = 32
"""Invoices in one transaction of the driver's own."""
LISTENERS: Final = 2
"""Endpoints that are told while invoices are closed, and while latency is measured."""
ENDPOINTS: Final = 10
"""Endpoints that a backlog is spread over, beside the one that gets all of another."""
SEED: Final = 20_261_122


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The sizes of one run.

    Shape: each round measures the ceiling and Closebell, one right after the other, and yields one ratio; the median
           of the rounds is what is reported.
    """

    closing_rounds: int
    closes: int
    told_rounds: int
    told_closes: int
    latency_s: float
    rate_per_s: int
    sending_rounds: int
    backlog: int
    warm_up: int
    history: int
    reads: int

    def __post_init__(self) -> None:
        assert min(self.closing_rounds, self.told_rounds, self.sending_rounds) >= 1, "a median needs a round"
        assert self.backlog % ENDPOINTS == 0, "a backlog is spread evenly"
        assert self.invoices >= self.backlog, "a backlog tells of invoices that are closed"

    @property
    def timed_closes(self) -> int:
        """Closes at the even rate at which latency is measured."""
        return round(self.latency_s * self.rate_per_s)

    @property
    def invoices(self) -> int:
        """Invoices that one engine closes in the whole run."""
        closing = self.closing_rounds * 2 * self.closes
        return self.warm_up + closing + self.told_rounds * self.told_closes + self.timed_closes


FULL: Final = Plan(
    closing_rounds=7,
    closes=6_400,
    told_rounds=3,
    told_closes=3_200,
    latency_s=15,
    rate_per_s=200,
    sending_rounds=5,
    backlog=10_000,
    warm_up=1_000,
    history=1_000_000,
    reads=500,
)
"""Six to eight minutes for both engines."""

QUICK: Final = Plan(
    closing_rounds=3,
    closes=2_560,
    told_rounds=1,
    told_closes=1_280,
    latency_s=4,
    rate_per_s=200,
    sending_rounds=1,
    backlog=4_000,
    warm_up=500,
    history=20_000,
    reads=200,
)
"""About a minute for both engines."""

TINY: Final = Plan(
    closing_rounds=1,
    closes=64,
    told_rounds=1,
    told_closes=64,
    latency_s=0.5,
    rate_per_s=100,
    sending_rounds=1,
    backlog=100,
    warm_up=32,
    history=400,
    reads=4,
)
"""Seconds; its figures mean nothing, and everything in it is verified all the same."""
