"""Closing: through HTTP by many callers, against the driver's own batch transaction on the same tables."""

from __future__ import annotations

import time

from bench import driver as books
from bench import figures
from bench.figures import Figure, Round
from bench.plan import DRIVER_BATCH, LISTENERS, Plan
from bench.stage import Stage

TARGET = 0.3
"""Of the driver's ceiling; design, "Speed"."""


async def warm_up(stage: Stage, count: int) -> None:
    """Close some that do not count, and keep the body of the last event: the driver writes ones like it."""
    stage.closed(await stage.crowd.close_all(stage.stock.take(count)))
    (last,) = await books.told(stage.driver, await books.last_sequence(stage.driver), 1)
    stage.body = last.body


async def measure_closing(stage: Stage, plan: Plan) -> Figure:
    """Nobody listens: what closing itself costs."""
    await warm_up(stage, plan.warm_up)
    rounds = []
    for _ in range(plan.closing_rounds):
        await stage.driver.tidy()
        ceiling = await _driver_rate(stage, plan.closes)
        await stage.driver.tidy()
        rate, cpu_us = await _server_rate(stage, plan.closes)
        rounds.append(Round(rate_per_s=rate, server_cpu_us=cpu_us, ceiling_per_s=ceiling))
    return figures.rate("Close", rounds, target=TARGET)


async def measure_told_closing(stage: Stage, plan: Plan) -> tuple[Figure, Figure]:
    """Two endpoints are told meanwhile: how fast closing goes on beside that, and how fast all of it is told."""
    await stage.subscribe(LISTENERS)
    closing, telling = [], []
    for _ in range(plan.told_rounds):
        await stage.driver.tidy()
        first = await books.last_sequence(stage.driver) + 1
        await stage.expect(stage.endpoints, plan.told_closes)
        cpu_s, started_ns = stage.server.cpu_s(), time.monotonic_ns()
        rate, cpu_us = await _server_rate(stage, plan.told_closes)
        events = await books.told(stage.driver, first, plan.told_closes)
        report = await stage.all_came(stage.endpoints, events)
        await stage.all_recorded()
        closing.append(Round(rate_per_s=rate, server_cpu_us=cpu_us))
        cost_us = (stage.server.cpu_s() - cpu_s) / plan.told_closes * 1e6
        told_rate = plan.told_closes / (report.last_ns - started_ns) * 1e9
        telling.append(Round(rate_per_s=told_rate, server_cpu_us=cost_us))
    return (
        figures.rate(f"Close while {LISTENERS} endpoints are told", closing),
        figures.rate(f"Close and tell {LISTENERS} endpoints, to the last receipt", telling),
    )


async def _server_rate(stage: Stage, count: int) -> tuple[float, float]:
    """Closes a second by all callers, and the server's processor time for one in microseconds."""
    wanted, cpu_s = stage.stock.take(count), stage.server.cpu_s()
    load = await stage.crowd.close_all(wanted)
    cpu_s = stage.server.cpu_s() - cpu_s
    stage.closed(load)
    return count / load.seconds, cpu_s / count * 1e6


async def _driver_rate(stage: Stage, count: int) -> float:
    """Closes a second by the driver, one batch after another."""
    wanted = stage.stock.take(count)
    started_s = time.perf_counter()
    for start in range(0, count, DRIVER_BATCH):
        await stage.driver.close_batch(wanted[start : start + DRIVER_BATCH], stage.body)
    seconds = time.perf_counter() - started_s
    stage.driver_closes += count
    return count / seconds
