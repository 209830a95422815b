"""Collects the outcomes of calls and records them in batches: what came in during the last, and a moment more.

A transaction costs as much as recording some dozens of outcomes in it, and nobody waits for a success to be recorded:
its slot is free, and the receiver has it. So a lone outcome waits a little for others, and leaves the processor to
closes and calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from closebell.clock import Clock, Luck
from closebell.dispatch.recording import RecordReport, Sent, record_outcomes
from closebell.errors import Unavailable
from closebell.store.unit import Database
from closebell.tracing.spans import Kind, Tracer

log = structlog.get_logger()

BATCH_MAX = 256
"""Outcomes recorded in one transaction."""

LINGER_S = 0.01
"""How long an outcome waits for others to be recorded with it."""

ENOUGH = 64
"""Outcomes that wait for no more of them."""

SPAN = "record outcomes"

UNAVAILABLE_PAUSE_S = 0.5
"""How long to wait before recording again in a database that could not answer."""


class Recorder:
    """One task that records; `recorded` is told once outcomes are durable, with what they changed."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        luck: Luck,
        recorded: Callable[[Sequence[Sent], RecordReport], None],
        tracer: Tracer,
        mails_failures: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._luck = luck
        self._recorded = recorded
        self._mails_failures = mails_failures
        self._tracer = tracer
        self._waiting: list[Sent] = []
        self._news = asyncio.Event()
        self._enough = asyncio.Event()
        self._stopping = False
        self._unrecorded = 0

    @property
    def waiting(self) -> int:
        """How many outcomes are not durable yet."""
        return self._unrecorded

    def add(self, sent: Sent) -> None:
        """Put an outcome in line."""
        self._waiting.append(sent)
        self._unrecorded += 1
        self._news.set()
        if len(self._waiting) >= ENOUGH:
            self._enough.set()

    async def stop(self) -> None:
        """Record what is in line, and end."""
        self._stopping = True
        self._news.set()
        self._enough.set()

    async def run(self) -> None:
        """Record until stopped and nothing is in line."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._linger()
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                await self._record(batch)
            if self._stopping:
                return

    async def _linger(self) -> None:
        """Wait for more outcomes, unless there are enough."""
        if len(self._waiting) >= ENOUGH or self._stopping:
            return
        self._enough.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await self._enough.wait()

    async def _record(self, batch: Sequence[Sent]) -> None:
        """Record until it is durable. Giving up after stop is safe: the leases run out and the calls are repeated."""
        while True:
            try:
                report = await self._write(batch)
            except Unavailable as error:
                log.warning("dispatch.recording_delayed", outcomes=len(batch), error=str(error))
                if self._stopping:
                    self._done(batch, RecordReport(lost=len(batch)))
                    return
                await asyncio.sleep(UNAVAILABLE_PAUSE_S)
            except Exception:
                log.exception("dispatch.recording_failed", outcomes=len(batch))
                await self._record_apart(batch)
                return
            else:
                self._done(batch, report)
                return

    async def _write(self, batch: Sequence[Sent]) -> RecordReport:
        links = (one.traceparent for one in batch if one.traceparent is not None)
        with self._tracer.begin(SPAN, Kind.INTERNAL, links=links) as span:
            if span.is_recorded:
                span.note({"closebell.outcomes": len(batch)})
            return await self._database.write(
                record_outcomes,
                batch,
                clock=self._clock,
                luck=self._luck,
                mails_failures=self._mails_failures,
            )

    async def _record_apart(self, batch: Sequence[Sent]) -> None:
        """Something unforeseen in one outcome must not hold up the others; its delivery waits for its lease to end."""
        if len(batch) == 1:
            self._done(batch, RecordReport(lost=1))
            return
        for sent in batch:
            await self._record([sent])

    def _done(self, batch: Sequence[Sent], report: RecordReport) -> None:
        self._unrecorded -= len(batch)
        self._recorded(batch, report)
