"""Whoever reads: one connection that is kept open, and a request whose answer is timed to its last byte."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from bench.receiver_process import LOOPBACK
from bench.server import ADMIN_KEY, Server
from bench.verified import must

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Reader:
    """One connection to the server."""

    def __init__(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    async def get(self, path: str) -> tuple[float, Any]:
        """The seconds from the request to the last byte of its answer, and what the answer says.

        Errors: NotVerified when the status is not 200.
        """
        head = f"GET {path} HTTP/1.1\r\nhost: {LOOPBACK}\r\nauthorization: apikey {ADMIN_KEY}\r\n\r\n".encode("ascii")
        started_s = time.perf_counter()
        self._outgoing.write(head)
        answered = await self._incoming.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answered)
        body = await self._incoming.readexactly(int(length[1]) if length else 0)
        taken_s = time.perf_counter() - started_s
        must(answered.split(b" ", 2)[1] == b"200", f"GET {path} answered {answered[:60]!r} {body[:500]!r}")
        return taken_s, msgspec.json.decode(body)


@asynccontextmanager
async def reading(server: Server) -> AsyncIterator[Reader]:
    """A connection for the length of the block."""
    incoming, outgoing = await asyncio.open_connection(LOOPBACK, server.port, limit=ANSWER_BYTES_MAX)
    try:
        yield Reader(incoming, outgoing)
    finally:
        outgoing.close()
        await outgoing.wait_closed()
