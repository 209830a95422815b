"""What an unknown client can make the server hold is bounded: the size of a head, and the time it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from closebell.cli import bounded_http
from closebell.cli.bounded_http import HEAD_BYTES_MAX, BoundedHttp

HEAD = b"POST /x HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Answers with the size of the body."""
    assert scope["type"] == "http"
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    text = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(echo, http=BoundedHttp, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head.split(b"\r\n")[0] + b" | " + await reader.readexactly(length)


@pytest.mark.parametrize("large", [b"x: " + b"a" * HEAD_BYTES_MAX, b"x: y\r\n" * (HEAD_BYTES_MAX // 6)])
async def test_a_head_over_the_limit_is_refused_and_ends_the_connection(large: bytes) -> None:
    async with connection() as (reader, writer):
        writer.write(HEAD + large)
        assert (await answer(reader)).startswith(b"HTTP/1.1 431 ")
        assert await reader.read() == b""


async def test_a_large_body_is_no_large_head_and_requests_are_counted_apart() -> None:
    body = b"a" * (3 * HEAD_BYTES_MAX)
    request = HEAD + b"x: " + b"a" * (HEAD_BYTES_MAX // 2) + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    async with connection() as (reader, writer):
        for _ in range(3):
            writer.write(request)
            assert await answer(reader) == b"HTTP/1.1 200 OK | %d" % len(body)


async def test_a_head_that_takes_too_long_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_WITHIN_S", 0.05)
    async with connection() as (reader, writer):
        writer.write(HEAD)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
