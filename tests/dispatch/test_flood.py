"""A receiver that pours is cut off, and nobody else is."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from closebell.clock import SystemClock
from closebell.dispatch.address import AddressBook
from closebell.dispatch.flood import (
    CAN_LOOK,
    LOOK_EVERY_S,
    POURED_BYTES_MAX,
    POURED_PER_BYTE_MAX,
    shut_those_that_pour,
)
from closebell.dispatch.sender import BODY_BYTES_MAX, OutgoingRequest, Sender
from closebell.domain.address import parse_networks
from closebell.domain.delivery import Fault, Outcome
from receiving import receiving

pytestmark = pytest.mark.skipif(not CAN_LOOK, reason="only Linux tells what a connection has brought")

DEADLINE_S = 60
"""Far more than a flood lasts, so that no deadline ends one."""
LOOPBACK = "127.0.0.1"


async def loopback(_host: str) -> tuple[str, ...]:
    return (LOOPBACK,)


@asynccontextmanager
async def sending() -> AsyncIterator[Sender]:
    book = AddressBook(allowed_networks=parse_networks(["127.0.0.0/8"]), resolve=loopback)
    sender = Sender(clock=SystemClock(), addresses=book, deadline_s=DEADLINE_S)
    try:
        yield sender
    finally:
        await sender.close()


async def call(sender: Sender, host: str, port: int, *, body: bytes = b"{}") -> Outcome:
    url = f"http://{host}:{port}/hook"
    return await sender.send(OutgoingRequest(method="POST", url=url, headers=(), body=body))


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server that does this with each connection until that ends; its port."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.create_task(until_it_ends(reader, writer)))

    async def until_it_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, *(writer.wait_closed() for writer in writers), return_exceptions=True)
        await server.wait_closed()


def pouring(piece: bytes, *, pause_s: float = 0) -> AbstractAsyncContextManager[int]:
    """A server that reads a little and then writes this again and again; its port."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return serving(pour)


EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n" + b"link: </a>\r\n" * 90 + b"\r\n"


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", EARLY_HINTS], ids=["100", "103"])
async def test_endless_interim_answers_are_cut_off_and_others_are_called_meanwhile(interim: bytes) -> None:
    async with pouring(interim * (65_536 // len(interim))) as port, receiving() as well, sending() as sender:
        floods = [asyncio.create_task(call(sender, "flood.example", port)) for _ in range(8)]
        while not all(one.done() for one in floods):
            assert (await call(sender, "well.example", well.port)).error is None
        for outcome in await asyncio.gather(*floods):
            assert (outcome.error, outcome.status) == (Fault.NOT_HTTP, None)
            assert outcome.detail == (
                f"flood.example:{port} answered what is not HTTP: far more than an answer, and never one."
            )
        # The next is no other.
        assert (await call(sender, "flood.example", port)).error is Fault.NOT_HTTP


async def test_some_interim_answers_are_passed_over() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async with serving(answer) as port, sending() as sender:
        assert (await call(sender, "hints.example", port)).status == 200


async def test_a_slow_receiver_is_looked_at_and_left_alone() -> None:
    async with pouring(b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=LOOK_EVERY_S / 10) as port, sending() as sender:
        slow = asyncio.create_task(call(sender, "slow.example", port))
        await asyncio.wait([slow], timeout=LOOK_EVERY_S * 5)
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_a_connection_that_brought_much_in_many_calls_is_left_alone() -> None:
    body = b"x" * (BODY_BYTES_MAX - 1)
    connections = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(600)
            writer.write(b"HTTP/1.1 500 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with serving(answer) as port, sending() as sender:
        for _ in range(2 * POURED_BYTES_MAX // len(body)):
            assert (await call(sender, "busy.example", port, body=b"x" * 600)).status == 500
            assert shut_those_that_pour({(LOOPBACK, port)}) == set()
    assert len(connections) == 1


# --- one look ----------------------------------------------------------------------------------------------------


@contextmanager
def brought(count: int, *, sent: int = 1, address: str = LOOPBACK) -> Iterator[socket.socket]:
    """A connection that has sent and brought so many bytes."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.create_server((address, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as ours,
        server.accept()[0] as theirs,
    ):
        for source, target, size in ((ours, theirs, sent), (theirs, ours, count)):
            for begin in range(0, size, 10_000):
                piece = b"x" * min(size - begin, 10_000)
                source.sendall(piece)
                assert target.recv(len(piece), socket.MSG_WAITALL) == piece
        yield ours


def is_open(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("address", [LOOPBACK, "::1"])
def test_what_pours_is_shut_if_it_is_asked_about(address: str) -> None:
    if ":" in address and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with brought(2 * POURED_BYTES_MAX, address=address) as asked, brought(2 * POURED_BYTES_MAX) as other:
        peer = asked.getpeername()[:2]
        assert shut_those_that_pour({peer, (address, 1)}) == {peer}
        assert (is_open(asked), is_open(other)) == (False, True)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("count", "sent", "shut"),
    [
        (POURED_BYTES_MAX, 1, False),
        (POURED_BYTES_MAX + 100 * POURED_PER_BYTE_MAX, 1, True),
        (2 * POURED_BYTES_MAX, POURED_BYTES_MAX // POURED_PER_BYTE_MAX, False),
    ],
)
def test_what_a_connection_may_bring_grows_with_what_it_was_sent(count: int, sent: int, *, shut: bool) -> None:
    with brought(count, sent=sent) as connection:
        assert bool(shut_those_that_pour({connection.getpeername()})) == shut
        assert is_open(connection) != shut


def test_a_look_leaves_nothing_open() -> None:
    with brought(1) as connection:
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        shut_those_that_pour({connection.getpeername()})
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


def test_a_look_leaves_the_locks_of_the_database_alone(tmp_path: Path) -> None:
    """The system drops a process's locks on a file when any descriptor of it is closed, a copy of one even."""
    path = tmp_path / "books.db"
    take = f"import fcntl; fcntl.lockf(open({str(path)!r}, 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with path.open("w") as books:
        fcntl.lockf(books, fcntl.LOCK_EX)
        shut_those_that_pour({(LOOPBACK, 1)})
        assert subprocess.run([sys.executable, "-c", take], capture_output=True, check=False).returncode != 0
    assert subprocess.run([sys.executable, "-c", take], capture_output=True, check=False).returncode == 0


def test_a_process_that_may_open_nothing_more_looks_at_nothing_and_goes_on() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert shut_those_that_pour({(LOOPBACK, 1)}) == set()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
