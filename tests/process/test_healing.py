"""A receiver that loses three calls in ten ends with every event exactly once, because it reads the feed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from closebell.receiver import Event, Feed, Receiver, SqliteInbox, heal, verify_chain
from receiving import HANG_UP, Call, receiving
from serving import ADMIN_KEY, Server, invoice_id, invoices, serving

PAID = 240
UNPAID = 80
CALLERS = 16
SEED = 20261122
LOST = 0.3
HEAL_EVERY = 40
"""Pushes between two looks at the feed while events are still being written."""


class Application:
    """What an integrator writes, with `closebell.receiver` and a database of its own."""

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        self._receiver = Receiver(secret)
        with closing(self._connection()) as connection:
            SqliteInbox(connection).create_tables()
            # No key: whatever is applied twice must show.
            connection.execute("CREATE TABLE applied (event_id TEXT NOT NULL, event_type TEXT NOT NULL)")
            connection.commit()

    def receive(self, body: bytes, headers: dict[str, str]) -> None:
        """One call that was not lost."""
        event = self._receiver.verify(body, headers)
        with closing(self._connection()) as connection, connection:
            if SqliteInbox(connection).remember(event):
                self._apply(connection, event)

    def heal(self, feed: Feed) -> int:
        """Read the feed on from where it was read last; how many events no call had brought."""
        with closing(self._connection()) as connection:
            inbox = SqliteInbox(connection)
            return heal(feed, inbox, lambda event: self._apply(connection, event), transaction=lambda: connection)

    def applied(self) -> Counter[str]:
        """How often each event was applied."""
        with closing(self._connection()) as connection:
            return Counter(row[0] for row in connection.execute("SELECT event_id FROM applied"))

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)

    def _apply(self, connection: sqlite3.Connection, event: Event) -> None:
        connection.execute("INSERT INTO applied VALUES (?, ?)", (event.event_id, event.event_type))


@dataclass
class Losing:
    """Answers calls for an application, and loses three in ten of them in three ways."""

    application: Application | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    fates: Counter[str] = field(default_factory=Counter)
    due: threading.Event = field(default_factory=threading.Event)

    def __call__(self, call: Call) -> int:
        fate = self.chance.choice(["dropped", "refused", "hung up"]) if self.chance.random() < LOST else "kept"
        self.fates[fate] += 1
        if self.fates.total() % HEAL_EVERY == 0:
            self.due.set()
        if fate == "kept":
            assert self.application is not None, "nobody is told before there is an application"
            self.application.receive(call.body, call.headers)
        return {"kept": 204, "dropped": 200, "refused": 500, "hung up": HANG_UP}[fate]


@asynccontextmanager
async def servers(database_url: str, directory: Path) -> AsyncIterator[list[Server]]:
    """Two where processes may share a database, so that the feed has several writers."""
    async with AsyncExitStack() as stack:
        count = 2 if database_url.startswith("postgresql") else 1
        yield [await stack.enter_async_context(serving(database_url, directory)) for _ in range(count)]


async def pay_and_close(several: list[Server]) -> None:
    """Everybody at once: events of payments and of closes, from every server."""
    numbers = list(range(PAID + UNPAID))
    random.Random(SEED).shuffle(numbers)

    async def call(server: Server) -> None:
        while numbers:
            number = numbers.pop()
            if number >= PAID:
                status, body = await server.ask(
                    "POST", f"/v1/invoices/{invoice_id(number)}/payments/cash", {"amount": 10}
                )
                assert status == 200, body
            status, body = await server.ask("POST", f"/v1/invoices/{invoice_id(number)}/close")
            assert status == 200, body

    await asyncio.gather(*(call(several[index % len(several)]) for index in range(CALLERS)))


def heal_now_and_then(application: Application, feed: Feed, due: threading.Event, is_over: threading.Event) -> None:
    """What a timer would do: look at the feed beside the calls that come in."""
    while not is_over.is_set():
        due.wait()
        due.clear()
        application.heal(feed)


async def test_a_receiver_that_loses_three_in_ten_heals_by_pulling(database_url: str, tmp_path: Path) -> None:
    losing, is_over = Losing(), threading.Event()
    async with receiving(losing) as receiver, servers(database_url, tmp_path) as several:
        draft = {"name": "lossy", "url": receiver.url, "event_types": ["Invoice.Closed", "Invoice.Payments.Added"]}
        status, made = await several[0].ask("POST", "/v1/webhook_endpoints", draft)
        assert status == 201, made
        losing.application = application = Application(tmp_path / "application.db", made["secret"])
        status, report = await several[0].ask("POST", "/v1/import", {"invoices": [*invoices(PAID), *unpaid()]})
        assert status == 200, report

        feed = Feed(base_url=several[-1].url, api_key=ADMIN_KEY, limit=17)
        healing = asyncio.create_task(asyncio.to_thread(heal_now_and_then, application, feed, losing.due, is_over))
        try:
            await pay_and_close(several)
            await receiver.wait_for(PAID + 2 * UNPAID)
        finally:
            is_over.set()
            losing.due.set()
            await healing
        await asyncio.to_thread(application.heal, feed)
        told = await asyncio.to_thread(lambda: list(feed.pull(after=0)))

        assert [event.sequence for event in told] == list(range(1, PAID + 2 * UNPAID + 1)), "the feed has no gap"
        verify_chain(told)
        assert application.applied() == Counter(event.event_id for event in told), "every event, each once"
        assert min(losing.fates[fate] for fate in ("dropped", "refused", "hung up")) > PAID // 20, losing.fates
        assert await asyncio.to_thread(application.heal, feed) == 0, "what is healed stays so"


def unpaid() -> list[dict[str, object]]:
    return invoices(UNPAID, first=PAID, paid={})
