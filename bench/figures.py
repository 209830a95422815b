"""What a run yields: figures, each with its ceiling, its target, and whether that is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured.

    Shape: `value` is the median of `rounds`, and `ceiling` of the ceilings beside them; `ratio` is the median of the
           ratios of each round. `is_met` is None where the design sets no target. `server_cpu_us` is the processor
           time that the server used for one.
    """

    name: str
    value: float
    unit: str
    rounds: list[float] = msgspec.field(default_factory=list)
    ceiling: float | None = None
    ceiling_rounds: list[float] = msgspec.field(default_factory=list)
    ratio: float | None = None
    target: str = ""
    is_met: bool | None = None
    server_cpu_us: float | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One rate, what it cost the server, and the ceiling measured beside it."""

    rate_per_s: float
    server_cpu_us: float
    ceiling_per_s: float | None = None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified on the way to the figures.

    Shape: `closes` were answered 200 with a receipt of their own, and are in the books; `webhooks` came with a valid
           signature, each event once per endpoint and none missing; `repeats` came again on top of that. `reads`
           showed exactly what the database holds.
    """

    closes: int = 0
    driver_closes: int = 0
    webhooks: int = 0
    repeats: int = 0
    reads: int = 0


class EngineReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one engine."""

    engine: str
    version: str
    figures: list[Figure]
    proof: Proof


def rate(name: str, rounds: Sequence[Round], *, target: float | None = None) -> Figure:
    """The figure of a rate per second, over its rounds; `target` is the least ratio to the ceiling."""
    ceilings = [one.ceiling_per_s for one in rounds if one.ceiling_per_s is not None]
    ratios = [one.rate_per_s / one.ceiling_per_s for one in rounds if one.ceiling_per_s is not None]
    ratio = statistics.median(ratios) if ratios else None
    return Figure(
        name=name,
        value=statistics.median(one.rate_per_s for one in rounds),
        unit="/s",
        rounds=[one.rate_per_s for one in rounds],
        ceiling=statistics.median(ceilings) if ceilings else None,
        ceiling_rounds=ceilings,
        ratio=ratio,
        target="" if target is None else f"ratio ≥ {target:g}",
        is_met=None if target is None or ratio is None else ratio >= target,
        server_cpu_us=statistics.median(one.server_cpu_us for one in rounds),
    )


def latency(
    name: str,
    taken_ms: Sequence[float],
    ceiling_ms: Sequence[float],
    *,
    target: float | None = None,
    server_cpu_us: float,
) -> list[Figure]:
    """Median and 99th percentile of how long something took; the ratio says how much of the median the ceiling took."""
    median = statistics.median(taken_ms)
    ceiling = statistics.median(ceiling_ms) if ceiling_ms else None
    typical = Figure(
        name=f"{name}, p50",
        value=median,
        unit="ms",
        rounds=[*taken_ms],
        ceiling=ceiling,
        ceiling_rounds=[*ceiling_ms],
        ratio=None if ceiling is None else ceiling / median,
        target="" if target is None else f"< {target:g} ms",
        is_met=None if target is None else median < target,
        server_cpu_us=server_cpu_us,
    )
    return [typical, at_most(f"{name}, p99", percentile(taken_ms, 99), "ms")]


def at_most(name: str, value: float, unit: str, *, target: float | None = None) -> Figure:
    """The figure of something that should stay under its target."""
    return Figure(
        name=name,
        value=value,
        unit=unit,
        target="" if target is None else f"< {target:g} {unit}",
        is_met=None if target is None else value < target,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed.

    >>> percentile([4, 1, 3, 2], 50), percentile([4, 1, 3, 2], 99)
    (2, 4)
    """
    assert values, "a percentile of nothing"
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
