"""Fairness: one endpoint of a hundred never answers, and the others should not notice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from bench import driver as books
from bench import figures
from bench.figures import Figure
from bench.latency import stamp_ns
from bench.plan import CROWDED, SEED, Plan
from bench.stage import Endpoint, Stage

TIMES_MAX: Final = 1.2
"""How much longer the healthy may wait; design, "Speed"."""
CALLERS: Final = 8
"""Connections that the closes come over: few, so that none is idle for so long that the server ends it."""


async def measure_fairness(stage: Stage, plan: Plan) -> list[Figure]:
    """The 99th percentile from commit to receipt of the endpoints that answer, with and without one that does not.

    Of all rounds together: the slowest hundredth of one round is that of a single close.
    """
    await stage.subscribe(CROWDED)
    well, ill = list[float](), list[float]()
    for _ in range(plan.fairness_rounds):
        # Before each, all answer: whoever hangs next begins with all its slots.
        await stage.driver.queue([], [])
        await stage.switch(stage.endpoints, "enable")
        await _told(stage, plan, plan.fairness_closes // 5, ())
        well += await _told(stage, plan, plan.fairness_closes, ())
        ill += await _told(stage, plan, plan.fairness_closes, stage.endpoints[-1:])
        await stage.switch(stage.endpoints, "disable")
    before, after = figures.percentile(well, 99), figures.percentile(ill, 99)
    return [
        figures.at_most(f"Commit to received at {CROWDED} endpoints, p99", before, "ms"),
        figures.at_most("The same, while one of them hangs", after, "ms"),
        figures.at_most("That is so many times as long", after / before, "x", target=TIMES_MAX),
    ]


async def _told(stage: Stage, plan: Plan, count: int, hanging: Sequence[Endpoint]) -> list[float]:
    """Milliseconds from commit to receipt, of each of that many closes at each endpoint that answers."""
    answering = [endpoint for endpoint in stage.endpoints if endpoint not in hanging]
    first = await books.last_sequence(stage.driver) + 1
    await stage.expect(answering, count, timed=True, silent=hanging)
    load = await stage.crowd.close_at(plan.fairness_rate_per_s, stage.stock.take(count), random.Random(SEED))
    stage.closed(load)
    events = await books.told(stage.driver, first, count)
    report = await stage.all_came(answering, events)
    return [(one.at_ns - stamp_ns(one.event_timestamp)) / 1e6 for one in report.arrivals]
