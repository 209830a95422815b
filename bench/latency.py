"""From the commit to the receiver, at a steady rate that leaves the service time to breathe."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from bench import driver as books
from bench import figures
from bench.figures import Figure
from bench.plan import SEED, Plan
from bench.stage import Stage

P50_MS: Final = 5.0
P99_MS: Final = 50.0
_STAMP_MICROSECONDS: Final = 26
"""Characters of an event's timestamp up to the microseconds; a seventh digit and the zone follow."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def measure_latency(stage: Stage, plan: Plan) -> list[Figure]:
    """How long after its close each webhook is at its receiver.

    Measured twice. From the event's own timestamp, which is taken inside the transaction: that includes the rest of
    the transaction and the forcing to disk, so it is never less than from the commit. And from the moment the caller
    has the 200: a webhook that came before that counts as negative.
    """
    await stage.driver.tidy()
    first = await books.last_sequence(stage.driver) + 1
    await stage.expect(stage.endpoints, plan.timed_closes, timed=True)
    wanted = stage.stock.take(plan.timed_closes)
    load = await stage.crowd.close_at(plan.rate_per_s, wanted, random.Random(SEED))
    stage.closed(load)
    events = await books.told(stage.driver, first, plan.timed_closes)
    report = await stage.all_came(stage.endpoints, events)
    await stage.all_recorded()
    answered_ns = {answer.invoice_id: answer.at_ns for answer in load.answers}
    from_commit = [(one.at_ns - stamp_ns(one.event_timestamp)) / 1e6 for one in report.arrivals]
    from_answer = [(one.at_ns - answered_ns[one.invoice_id]) / 1e6 for one in report.arrivals]
    return [
        figures.at_most("Commit to received, p50", figures.percentile(from_commit, 50), "ms", target=P50_MS),
        figures.at_most("Commit to received, p99", figures.percentile(from_commit, 99), "ms", target=P99_MS),
        figures.at_most("Answer to received, p50", figures.percentile(from_answer, 50), "ms"),
        figures.at_most("Answer to received, p99", figures.percentile(from_answer, 99), "ms"),
    ]


def stamp_ns(stamp: str) -> int:
    """Nanoseconds since 1970 of an event's timestamp."""
    at = datetime.fromisoformat(stamp[:_STAMP_MICROSECONDS]).replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
