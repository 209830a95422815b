"""Those who close invoices: connections kept open, requests built by hand, so that the load costs little to make."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast

import httptools
import msgspec

from bench.receiver_process import LOOPBACK
from bench.server import ADMIN_KEY, Server
from bench.verified import NotVerified, must

ANSWERS_WITHIN_S: Final = 120
"""Seconds after which a load that is not answered is given up."""


class _CloseAnswer(msgspec.Struct, frozen=True):
    """What a close must answer."""

    is_invoice_closed: bool
    receipt_number: str


_ANSWER: Final = msgspec.json.Decoder(_CloseAnswer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call was answered, and when: `at_ns` is the time of day."""

    invoice_id: str
    status: int
    body: bytes
    at_ns: int


@dataclass(slots=True, kw_only=True)
class Load:
    """A number of closes: what was answered so far, and how long it took."""

    expected: int
    answers: list[Answer] = field(default_factory=list)
    started_ns: int = field(default_factory=time.monotonic_ns)
    ended_ns: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, answer: Answer) -> None:
        """One more is answered."""
        self.answers.append(answer)
        if len(self.answers) == self.expected:
            self.ended_ns = time.monotonic_ns()
            self.complete.set()

    async def answered(self) -> None:
        """Wait until all are.

        Errors: NotVerified unless every close was answered with 200, closed, and a receipt number of its own.
        """
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await self.complete.wait()
        except TimeoutError:
            missing = self.expected - len(self.answers)
            raise NotVerified(f"{missing} closes were not answered in {ANSWERS_WITHIN_S} s") from None
        must(len(self.answers) == self.expected, "the server ended a connection that it had not answered")
        receipts = set()
        for answer in self.answers:
            must(answer.status == 200, f"close answered {answer.status}: {answer.body[:500]!r}")
            said = _ANSWER.decode(answer.body)
            must(said.is_invoice_closed, f"close answered 200 and not closed: {answer.body!r}")
            receipts.add(said.receipt_number)
        must(len(receipts) == self.expected, "two invoices got the same receipt number")

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return (self.ended_ns - self.started_ns) / 1e9


class Caller(asyncio.Protocol):
    """One connection: sends a request, reads the answer, and says so."""

    def __init__(self, answered: Callable[[Caller, Answer], None], lost: Callable[[], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._parser = httptools.HttpResponseParser(self)
        self._invoice_id = ""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to send."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for an answer waits in vain."""
        self._lost()

    def close_invoice(self, invoice_id: str) -> None:
        """Ask the server to close this invoice."""
        self._invoice_id = invoice_id
        self._transport.write(
            f"POST /v1/invoices/{invoice_id}/close HTTP/1.1\r\nhost: {LOOPBACK}\r\n"
            f"authorization: apikey {ADMIN_KEY}\r\ncontent-length: 0\r\n\r\n".encode("ascii")
        )

    def hang_up(self) -> None:
        """End the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """An answer begins."""
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """The body, or a part of it."""
        self._body += body

    def on_message_complete(self) -> None:
        """The answer is there."""
        answer = Answer(
            invoice_id=self._invoice_id,
            status=self._parser.get_status_code(),
            body=self._body,
            at_ns=time.time_ns(),
        )
        self._answered(self, answer)


class Crowd:
    """Callers, each with a connection of its own."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self._load = Load(expected=0)
        self._next: Callable[[Caller], None] = lambda _caller: None

    async def close_all(self, invoice_ids: Sequence[str]) -> Load:
        """Close these as fast as the callers can: each asks for the next once it is answered."""
        left = iter(invoice_ids)

        def ask_on(caller: Caller) -> None:
            if (invoice_id := next(left, None)) is not None:
                caller.close_invoice(invoice_id)

        self._load, self._next = Load(expected=len(invoice_ids)), ask_on
        for caller in self.callers:
            ask_on(caller)
        await self._load.answered()
        return self._load

    async def close_at(self, rate_per_s: int, invoice_ids: Sequence[str], chance: random.Random) -> Load:
        """Close these at a rate, independently of each other and of the answers (Poisson arrivals).

        A call that finds every connection busy waits for one, and its wait is not forgiven: nothing slows the next.
        """
        idle, waiting = deque(self.callers), deque[str]()

        def ask_or_rest(caller: Caller) -> None:
            if waiting:
                caller.close_invoice(waiting.popleft())
            else:
                idle.append(caller)

        self._load, self._next = Load(expected=len(invoice_ids)), ask_or_rest
        loop = asyncio.get_running_loop()
        at_s = loop.time()
        for invoice_id in invoice_ids:
            at_s += chance.expovariate(rate_per_s)
            await asyncio.sleep(max(0.0, at_s - loop.time()))
            if idle:
                idle.popleft().close_invoice(invoice_id)
            else:
                waiting.append(invoice_id)
        await self._load.answered()
        return self._load

    def answered(self, caller: Caller, answer: Answer) -> None:
        """One caller has its answer, and goes on."""
        self._load.add(answer)
        self._next(caller)

    def lost(self) -> None:
        """One caller has no connection any more: what is not answered now will not be."""
        self._load.complete.set()


@asynccontextmanager
async def calling(server: Server, callers: int) -> AsyncIterator[Crowd]:
    """A crowd of callers for the length of the block."""
    crowd = Crowd()
    loop = asyncio.get_running_loop()
    for _ in range(callers):
        _, caller = await loop.create_connection(lambda: Caller(crowd.answered, crowd.lost), LOOPBACK, server.port)
        crowd.callers.append(caller)
    try:
        yield crowd
    finally:
        for caller in crowd.callers:
            caller.hang_up()


class Stock:
    """Invoices that are open and paid, handed out once each."""

    def __init__(self, invoice_ids: Sequence[str]) -> None:
        self._left: Iterator[str] = iter(invoice_ids)

    def take(self, count: int) -> list[str]:
        """The next so many."""
        taken = list(islice(self._left, count))
        assert len(taken) == count, "the plan counts every invoice it closes"
        return taken
