"""A dispatcher over a real database and the real sender, and a desk that closes into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from closebell.api.close_desk import CloseDesk
from closebell.clock import SystemLuck
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.claiming import survey
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.sender import Sender, Sends
from closebell.dispatch.slots import Slots
from closebell.domain.address import parse_networks
from closebell.store import delivery_log, endpoints, tables
from closebell.store.delivery_log import DeliveryFilter, DeliveryRecord
from closebell.store.unit import Database, P, R, Unit
from closebell.store.wake import Wake
from closebell.testing import FixedClock, a_paid_invoice, a_vault, an_endpoint, put
from closebell.usecase.close_invoices import CloseCommand

DEADLINE_S = 1
AWAITED_S = 30


class Watched:
    """A database whose every write, and every survey of the queue, can be waited for."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.written = Wake()
        self.surveyed: Callable[[], None] = lambda: None

    @property
    def engine_name(self) -> str:
        return self.inner.engine_name

    @property
    def writers(self) -> int:
        return self.inner.writers

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self.inner.write(unit, *args, **kwargs)
        finally:
            self.written.notify()

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self.inner.read(unit, *args, **kwargs)
        finally:
            if unit is survey:
                self.surveyed()
                self.written.notify()

    async def listen(self, heard: Callable[[], None]) -> None:
        await self.inner.listen(heard)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Works:
    """Everything between a close and a receiver, on a clock that the test moves."""

    database: Watched
    clock: FixedClock = field(default_factory=lambda: FixedClock(tick=timedelta(microseconds=1)))
    wake: Wake = field(default_factory=Wake)
    running: list[Dispatcher] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    def dispatcher(
        self,
        *,
        all_endpoints: int = 64,
        per_endpoint: int = 8,
        per_host: int | None = None,
        lease_s: int = 60,
        seen: Callable[[Sends], Sends] = lambda sender: sender,
        **wiring: Any,
    ) -> Dispatcher:
        """One that calls for real; `seen` may put something between it and its sender, `wiring` is as it is."""
        book = AddressBook(allowed_networks=parse_networks(["127.0.0.0/8"]), resolve=SystemResolver())
        sender = Sender(clock=self.clock, addresses=book, deadline_s=DEADLINE_S)
        dispatcher = Dispatcher(
            database=self.database,
            sender=seen(sender),
            vault=a_vault(),
            clock=self.clock,
            luck=SystemLuck(),
            slots=Slots(all_endpoints=all_endpoints, per_endpoint=per_endpoint, per_host=per_host or all_endpoints),
            lease_s=lease_s,
            deadline_s=DEADLINE_S,
            **wiring,
        )
        self.senders.append(sender)
        return dispatcher

    async def start(self, dispatcher: Dispatcher) -> Dispatcher:
        await dispatcher.start()
        self.running.append(dispatcher)
        return dispatcher

    async def stop(self, dispatcher: Dispatcher) -> None:
        self.running.remove(dispatcher)
        await dispatcher.stop()

    def desk(self, dispatcher: Dispatcher | None) -> CloseDesk:
        return CloseDesk(
            database=self.database, dispatcher=dispatcher, wake=self.wake, clock=self.clock, luck=SystemLuck()
        )

    async def endpoint(self, name: str, url: str, **fields: Any) -> str:
        endpoint = an_endpoint(name, url=url, **fields)
        await self.database.write(endpoints.insert_one, endpoint)
        return endpoint.id

    async def close(self, desk: CloseDesk, *names: str) -> None:
        """Make and close an invoice for each name."""
        invoices = [a_paid_invoice(name) for name in names]
        await self.database.write(put, *invoices)
        answers = await desk.close_many([CloseCommand(invoice_id=invoice.id) for invoice in invoices])
        assert [getattr(answer, "again", answer) for answer in answers] == [False] * len(names)

    async def deliveries(self, **wanted: Any) -> list[DeliveryRecord]:
        return await self.database.read(delivery_log.page, DeliveryFilter(**wanted), limit=1000)

    async def until(self, satisfied: Callable[[], Awaitable[bool]]) -> None:
        """Wait until this is so; it is looked at again after every write."""
        async with asyncio.timeout(AWAITED_S):
            while True:
                ticket = self.database.written.ticket()
                if await satisfied():
                    return
                await ticket.wait()

    async def settled(self, state: str, count: int) -> None:
        """Wait until that many deliveries are in this state."""

        async def enough() -> bool:
            return len([row for row in await self.rows() if row.state == state]) >= count

        await self.until(enough)

    async def rows(self) -> list[Any]:
        def read(connection: Connection) -> list[Any]:
            return list(connection.execute(select(tables.deliveries).order_by(tables.deliveries.c.id)))

        return await self.database.read(read)


@asynccontextmanager
async def working(database: Database) -> AsyncIterator[Works]:
    """The works, taken down at the end."""
    works = Works(database=Watched(database))
    yield works
    for dispatcher in works.running:
        await dispatcher.stop()
    for sender in works.senders:
        await sender.close()
