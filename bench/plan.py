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
CROWDED: Final = 100
"""Endpoints of which one hangs; as many as there can be."""
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
    fairness_rounds: int
    fairness_closes: int
    fairness_rate_per_s: int
    backlogs: tuple[int, ...]
    growth_sample: int
    warm_up: int
    history: int
    reads: int

    def __post_init__(self) -> None:
        assert min(self.closing_rounds, self.told_rounds, self.sending_rounds) >= 1, "a median needs a round"
        assert self.backlog % ENDPOINTS == 0, "a backlog is spread evenly"
        told_of = self.invoices - self.fairness_rounds * self.closes_a_fairness_round
        assert told_of * ENDPOINTS >= max(*self.backlogs, self.backlog), "a backlog tells of invoices that are closed"
        assert all(self.growth_sample % ENDPOINTS == backlog % ENDPOINTS == 0 for backlog in self.backlogs), "evenly"

    @property
    def timed_closes(self) -> int:
        """Closes at the even rate at which latency is measured."""
        return round(self.latency_s * self.rate_per_s)

    @property
    def invoices(self) -> int:
        """Invoices that one engine closes in the whole run."""
        closing = self.closing_rounds * 2 * self.closes
        fairness = self.fairness_rounds * self.closes_a_fairness_round
        return self.warm_up + closing + self.told_rounds * self.told_closes + self.timed_closes + fairness

    @property
    def closes_a_fairness_round(self) -> int:
        """Closes of one round: a fifth to warm up, all answering, one hanging."""
        return self.fairness_closes // 5 + 2 * self.fairness_closes


FULL: Final = Plan(
    closing_rounds=7,
    closes=6_400,
    told_rounds=3,
    told_closes=3_200,
    latency_s=15,
    rate_per_s=200,
    sending_rounds=5,
    backlog=10_000,
    fairness_rounds=5,
    fairness_closes=60,
    fairness_rate_per_s=6,
    backlogs=(1_000, 100_000, 1_000_000),
    growth_sample=10_000,
    warm_up=1_000,
    history=1_000_000,
    reads=500,
)
"""About eleven minutes for both engines."""

QUICK: Final = Plan(
    closing_rounds=3,
    closes=2_560,
    told_rounds=1,
    told_closes=1_280,
    latency_s=4,
    rate_per_s=200,
    sending_rounds=1,
    backlog=4_000,
    fairness_rounds=1,
    fairness_closes=30,
    fairness_rate_per_s=6,
    backlogs=(1_000, 30_000),
    growth_sample=2_000,
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
    fairness_rounds=1,
    fairness_closes=5,
    fairness_rate_per_s=5,
    backlogs=(100, 1_000),
    growth_sample=200,
    warm_up=32,
    history=400,
    reads=4,
)
"""Seconds; its figures mean nothing, and everything in it is verified all the same."""
