"""A real HTTP receiver on loopback: it answers as told, remembers every call, and lets tests wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CALLS_AWAITED_S = 30
"""How long a test waits for calls before it fails."""

HANG_UP = 0
"""Instead of a status: the connection ends without an answer."""

Answer = Callable[["Call"], int | None]
"""The status for a call; None never answers, HANG_UP hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, in order."""

    answer: Answer
    extra_head: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/hook"

    async def wait_for(self, count: int) -> list[Call]:
        """The calls, once there are that many."""
        return await self.wait_until(lambda calls: len(calls) >= count)

    async def wait_until(self, satisfied: Callable[[list[Call]], bool]) -> list[Call]:
        """The calls, once they satisfy."""
        async with asyncio.timeout(CALLS_AWAITED_S), self.news:
            await self.news.wait_for(lambda: satisfied(self.calls))
            return list(self.calls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                call = await _read(reader)
                async with self.news:
                    self.calls.append(call)
                    self.news.notify_all()
                status = self.answer(call)
                if status is None:
                    await asyncio.Event().wait()
                if status == HANG_UP:
                    return
                writer.write(f"HTTP/1.1 {status} Told\r\n{self.extra_head}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the sender has left, as it may
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method=method, path=path, headers=headers, body=body)


@asynccontextmanager
async def receiving(
    answer: Answer = lambda _call: 200, *, extra_head: str = "", address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver that listens as long as the block runs; `extra_head` are header lines of its answers.

    Any address in 127.0.0.0/8 will do, and each is another host.
    """
    receiver = Receiver(answer=answer, extra_head=extra_head, address=address)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []
    is_over = False

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_over:
            writer.transport.abort()
            return
        writers.append(writer)
        tasks.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(accept, address, port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        is_over = True
        server.close()
        for task in tasks:
            task.cancel()
        # Here too, because a task that is cancelled before its first step never reaches its own end.
        for writer in writers:
            writer.transport.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
