"""Concurrent close calls share a transaction; each caller still gets an answer of their own.

The first call opens a batch. It is closed as soon as the previous one is committed, so a lone call never waits and a
crowd is served in batches as large as the crowd. Where the engine can commit several transactions at once, another
batch starts beside the first once it is full or its oldest call has waited BATCH_WAIT_S.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from closebell.clock import Clock, Luck
from closebell.dispatch.loop import Dispatcher
from closebell.errors import ClosebellError, Unavailable
from closebell.store.deliveries import LeaseOffer
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.tracing.spans import Kind, Span, Tracer, Untraced
from closebell.usecase.close_invoices import CloseCommand, Closed, CloseReport, close_invoices

log = structlog.get_logger()

BATCH_MAX = 128
"""Invoices in one transaction."""

BATCH_WAIT_S = 0.002
"""How long a call waits for a busy writer before a second one is tried."""

SPAN = "close invoices"

_Call = tuple[CloseCommand, "asyncio.Future[Closed]"]


class CloseDesk:
    """Takes close calls and sees to it that each is answered after the commit that made it true."""

    def __init__(
        self,
        *,
        database: Database,
        dispatcher: Dispatcher | None,
        wake: Wake,
        clock: Clock,
        luck: Luck,
        observe: Callable[[CloseReport], None] = lambda _report: None,
        tracer: Tracer | None = None,
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._wake = wake
        self._clock = clock
        self._luck = luck
        self._observe = observe
        self._tracer = tracer or Untraced(luck)
        self._waiting: deque[_Call] = deque()
        self._lines = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def close(self, command: CloseCommand) -> Closed:
        """Close one invoice.

        Errors: Refusal with the first broken rule, InvalidInput for an unknown employee, Unavailable.
        """
        return await self._enter(command)

    async def close_many(self, commands: Sequence[CloseCommand]) -> list[Closed | ClosebellError]:
        """Close many; one answer per command, in order, and no refusal affects another invoice."""
        answers = await asyncio.gather(*(self._enter(command) for command in commands), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ClosebellError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Closed | ClosebellError)]

    async def drain(self) -> None:
        """Wait until every call is answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _enter(self, command: CloseCommand) -> asyncio.Future[Closed]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Closed] = loop.create_future()
        self._waiting.append((command, answer))
        if not self._lines or len(self._waiting) >= BATCH_MAX:
            self._open()
        elif self._timer is None and self._lines < self._database.writers:
            self._timer = loop.call_later(BATCH_WAIT_S, self._open)
        return answer

    def _open(self) -> None:
        """Start one more line of batches, if the engine can take it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._lines < self._database.writers:
            self._lines += 1
            # In a context of its own: the calls of many requests share it, and its log lines are of none of them.
            task = asyncio.create_task(self._serve(), name="close-desk", context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        """Commit batch after batch until nobody waits."""
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
                await self._commit(batch)
        finally:
            # Here and not when the task is seen to be done: a call in between would wait for a line that has ended.
            self._lines -= 1

    async def _commit(self, batch: Sequence[_Call]) -> None:
        try:
            report = await self._close([command for command, _ in batch])
        except Unavailable as error:
            for _, answer in batch:
                _answer(answer, error)
        except Exception as error:
            if len(batch) == 1:
                log.exception("close.failed", invoice_id=batch[0][0].invoice_id)
                _answer(batch[0][1], error)
                return
            # Something unforeseen in one invoice must not fail the others: each gets a transaction of its own.
            for call in batch:
                await self._commit([call])
        else:
            for (_, answer), result in zip(batch, report.answers, strict=True):
                _answer(answer, result)

    async def _close(self, commands: Sequence[CloseCommand]) -> CloseReport:
        """One transaction, with what the dispatcher can send at once already leased to it."""
        offer = LeaseOffer.NONE if self._dispatcher is None else self._dispatcher.offer(len(commands))
        report = CloseReport(answers=())
        try:
            with _span(self._tracer, commands):
                report = await self._database.write(
                    close_invoices, commands, clock=self._clock, luck=self._luck, offer=offer
                )
        finally:
            if self._dispatcher is not None:
                self._dispatcher.accept(offer, report.deliveries, report.listeners)
        if report.deliveries or any(isinstance(answer, Closed) for answer in report.answers):
            self._wake.notify()
        self._observe(report)
        return report


def _span(tracer: Tracer, commands: Sequence[CloseCommand]) -> Span:
    """The transaction within the trace of those who asked for it: as its part when it is one, else linked to each."""
    traces = {one.caller.traceparent for one in commands}
    parent = next(iter(traces)) if len(traces) == 1 else None
    links = () if parent is not None else (trace for trace in traces if trace is not None)
    span = tracer.begin(SPAN, Kind.INTERNAL, parent=parent, links=links)
    if span.is_recorded:
        span.note({"closebell.invoices": len(commands)})
    return span


def _answer(future: asyncio.Future[Closed], result: Closed | Exception) -> None:
    """Answer a caller who is still there."""
    if future.done():
        return
    if isinstance(result, Closed):
        future.set_result(result)
    else:
        future.set_exception(result)
