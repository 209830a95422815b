"""Where the processor of card payments is asked: each call within a deadline, never inside a transaction.

What was begun is seen through even when whoever asked hangs up, and before the service stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from closebell.domain.invoice import Transaction, TransactionState
from closebell.domain.processor import Charge, ChargeRequest, Processor
from closebell.errors import Unavailable

log = structlog.get_logger()
R = TypeVar("R")

PROCESSOR_DEADLINE_S: Final = 30
"""Seconds that a processor has for one answer; after that nobody knows what became of the charge."""
PAYMENTS_UNDER_WAY_MAX: Final = 256
"""Payments online that are under way at once in one process."""


class CardDesk:
    """Asks the processor, if there is one."""

    def __init__(self, processor: Processor | None, *, deadline_s: float = PROCESSOR_DEADLINE_S) -> None:
        self.processor = processor
        self._deadline_s = deadline_s
        self._tasks: set[asyncio.Task[Any]] = set()

    async def see_through(self, work: Coroutine[Any, Any, R]) -> R:
        """What the work comes to; it goes on when the caller is cancelled.

        Errors: those of the work; Unavailable when too much is under way.
        """
        if len(self._tasks) >= PAYMENTS_UNDER_WAY_MAX:
            work.close()
            raise Unavailable(f"{PAYMENTS_UNDER_WAY_MAX} payments are under way, which is the most at once")
        task = asyncio.create_task(work, name="payment")
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return await asyncio.shield(task)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here, as whoever waited for it may be gone

    async def drain(self) -> None:
        """Wait until everything that was begun is seen through."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def charge(self, request: ChargeRequest) -> Charge:
        """What the processor says of a charge; PENDING when it does not say."""
        return await self._asked("charge", self._held().charge(request), request.transaction_id)

    async def release(self, transaction: Transaction) -> Charge:
        """Have the processor give the money back, or never take it: FAILED once that is sure, else what it is.

        Money that was on its way and has been taken by now is left as it is: SETTLED.
        """
        processor, id_, reference = self._held(), transaction.id, transaction.processor_reference
        if transaction.state is TransactionState.PENDING:
            found = await self._asked("find", processor.find(id_, reference), id_)
            if found.state is TransactionState.SETTLED:
                return found
        return await self._asked("void", processor.void(id_, reference), id_)

    async def give_back(self, transaction_id: str, charge: Charge) -> None:
        """Void a charge that nothing here stands for any more; what cannot be voided is a matter for people."""
        voided = await self._asked("void", self._held().void(transaction_id, charge.reference), transaction_id)
        if voided.state is not TransactionState.FAILED:
            log.error("payment.not_given_back", transaction_id=transaction_id, reference=charge.reference)

    def _held(self) -> Processor:
        assert self.processor is not None, "no payment begins without a processor"
        return self.processor

    async def _asked(self, what: str, asked: Awaitable[Charge], transaction_id: str) -> Charge:
        """The answer. Whatever goes wrong outside, nobody here knows what became of the money."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asked
        except Exception as error:  # noqa: BLE001 (a processor may raise anything, and the payment must be recorded)
            log.warning("processor.no_answer", asked=what, transaction_id=transaction_id, error=type(error).__name__)
            return Charge(state=TransactionState.PENDING, reason="The processor gave no answer.")
