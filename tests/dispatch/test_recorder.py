"""What is recorded together, in time that passes only when nobody has anything to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from closebell.clock import SystemLuck
from closebell.dispatch.recorder import ENOUGH, LINGER_S, Recorder
from closebell.dispatch.recording import RecordReport, Sent
from closebell.domain.delivery import Outcome
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock
from closebell.tracing.spans import Untraced
from simulation.virtual_time import VirtualTimeLoop

OUTCOME = Outcome(started_at=NOON, duration_us=1, status=200, detail="answered 200")


class Books:
    """Notes when how many were recorded; a transaction takes some time."""

    def __init__(self, takes_s: float = 0) -> None:
        self.written: list[tuple[float, int]] = []
        self._takes_s = takes_s

    async def write(self, _unit: Any, batch: Sequence[Sent], **_rest: Any) -> RecordReport:
        self.written.append((round(asyncio.get_running_loop().time(), 6), len(batch)))
        await asyncio.sleep(self._takes_s)
        return RecordReport(delivered=len(batch))


def sent(number: int) -> Sent:
    return Sent(delivery_id=f"{number}", lease_id="lease", endpoint_id="endpoint", outcome=OUTCOME)


def recorded(work: Callable[[Recorder], Awaitable[None]], books: Books) -> list[tuple[float, int]]:
    """When how many were recorded while the work went on, and once the recorder was stopped."""

    async def live() -> None:
        recorder = Recorder(
            database=cast("Database", books),
            clock=FixedClock(),
            luck=SystemLuck(),
            recorded=lambda _sent, _report: None,
            tracer=Untraced(SystemLuck()),
        )
        running = asyncio.create_task(recorder.run())
        await work(recorder)
        await recorder.stop()
        await running
        assert recorder.waiting == 0

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())
    return books.written


def test_outcomes_that_come_close_together_are_recorded_together() -> None:
    async def work(recorder: Recorder) -> None:
        for number in range(3):
            recorder.add(sent(number))
            await asyncio.sleep(LINGER_S / 4)
        await asyncio.sleep(1)
        recorder.add(sent(3))
        await asyncio.sleep(1)

    assert recorded(work, Books()) == [(LINGER_S, 3), (1 + LINGER_S * 7 / 4, 1)]


def test_enough_of_them_wait_for_no_more() -> None:
    async def work(recorder: Recorder) -> None:
        for number in range(ENOUGH):
            recorder.add(sent(number))
            await asyncio.sleep(0)
        await asyncio.sleep(1)

    assert recorded(work, Books()) == [(0, ENOUGH)]


def test_what_came_during_a_long_transaction_is_recorded_right_after_it() -> None:
    async def work(recorder: Recorder) -> None:
        recorder.add(sent(0))
        await asyncio.sleep(LINGER_S * 2)
        for number in range(ENOUGH):
            recorder.add(sent(1 + number))
        await asyncio.sleep(2)

    assert recorded(work, Books(takes_s=1)) == [(LINGER_S, 1), (1 + LINGER_S, ENOUGH)]


@pytest.mark.parametrize("after_s", [0, LINGER_S / 2])
def test_who_stops_waits_for_no_more(after_s: float) -> None:
    async def work(recorder: Recorder) -> None:
        recorder.add(sent(0))
        await asyncio.sleep(after_s)

    assert recorded(work, Books()) == [(after_s, 1)]
