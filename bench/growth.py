"""Growth: what one delivery costs when a thousand are due, and when a million are."""

from __future__ import annotations

import asyncio
import statistics
from typing import Final

from bench import driver as books
from bench import figures
from bench.figures import Figure
from bench.plan import ENDPOINTS, Plan
from bench.stage import DELIVERED_WITHIN_S, Stage
from bench.verified import must

TIMES_MAX: Final = 1.2
"""How much more a delivery out of the largest backlog may cost than one out of the smallest; design, "Speed"."""
MEMORY_MIB: Final = 400
SWITCHES: Final = 5
"""How often the endpoints are enabled with nothing to send, to know what that alone costs."""
SETTLES_S: Final = 0.05


async def measure_growth(stage: Stage, plan: Plan) -> list[Figure]:
    """The server's processor time for a delivery, out of backlogs of growing size; the same number is sent of each."""
    await stage.subscribe(ENDPOINTS)
    await stage.driver.queue([], [])
    await stage.switch(stage.endpoints, "disable")
    await _drained_s(stage, plan.backlogs[0], plan.backlogs[0])  # the first of anything costs more
    fixed_s = statistics.median([await _switching_s(stage) for _ in range(SWITCHES)])
    stage.server.forget_peak()
    costs = [await _cost_us(stage, plan, backlog, fixed_s) for backlog in plan.backlogs]
    await stage.driver.queue([], [])
    named = [
        figures.at_most(f"Processor time for a delivery, {backlog:,} due", cost_us, "µs")
        for backlog, cost_us in zip(plan.backlogs, costs, strict=True)
    ]
    largest, times = f"{plan.backlogs[-1]:,}", max(costs[1:]) / costs[0]
    return [
        *named,
        figures.at_most(f"{largest} due cost so many times as much each", times, "x", target=TIMES_MAX),
        figures.at_most(f"Memory with {largest} due, peak", stage.server.peak_mib(), "MiB", target=MEMORY_MIB),
    ]


async def _switching_s(stage: Stage) -> float:
    """The server's processor time for enabling and disabling the endpoints when there is nothing to send."""
    before_s = stage.server.cpu_s()
    await stage.switch(stage.endpoints[:ENDPOINTS], "enable")
    await stage.switch(stage.endpoints[:ENDPOINTS], "disable")
    await asyncio.sleep(SETTLES_S)
    return stage.server.cpu_s() - before_s


async def _cost_us(stage: Stage, plan: Plan, backlog: int, fixed_s: float) -> float:
    """Microseconds of the server's processor for one delivery: so many rounds that the same number is sent."""
    sample = min(plan.growth_sample, backlog)
    rounds = plan.growth_sample // sample
    costs = [await _drained_s(stage, backlog, sample) - fixed_s for _ in range(rounds)]
    return sum(costs) / (rounds * sample) * 1e6


async def _drained_s(stage: Stage, backlog: int, sample: int) -> float:
    """Processor time from enabling the endpoints until the sample was sent and recorded, and they are disabled again.

    Errors: NotVerified unless what is recorded is what came.
    """
    endpoints = stage.endpoints[:ENDPOINTS]
    await stage.driver.queue([endpoint.id for endpoint in endpoints], range(1, backlog // ENDPOINTS + 1))
    await stage.driver.tidy()
    await stage.expect(endpoints, sample // ENDPOINTS)
    before_s = stage.server.cpu_s()
    await stage.switch(endpoints, "enable")
    came = await stage.receiver.enough_came(within_s=DELIVERED_WITHIN_S)
    must(came.events >= sample, f"{came.events} of {sample} webhooks came in {DELIVERED_WITHIN_S} s")
    await stage.switch(endpoints, "disable")
    sent = await _settled(stage)
    used_s = stage.server.cpu_s() - before_s
    came = await stage.receiver.enough_came(within_s=0)
    must(came.events == sent, f"{came.events} webhooks came, and {sent} are recorded")
    stage.webhooks += came.events
    stage.repeats += came.repeats
    # More went out than the sample, by what was under way when the endpoints were disabled.
    return used_s * sample / sent


async def _settled(stage: Stage) -> int:
    """How many deliveries are recorded as received, once no call is under way any more."""
    before = -1
    while (now := await books.delivered(stage.driver)) != before or await _leased(stage):
        before = now
        await asyncio.sleep(SETTLES_S)
    return now


async def _leased(stage: Stage) -> int:
    rows = await stage.driver.rows("SELECT count(*) FROM deliveries WHERE lease_id IS NOT NULL")
    return int(rows[0][0])
