"""The receiver: a process of its own that verifies every webhook and counts each event once per endpoint.

It listens on an address and a port of its own per endpoint, so that each is another host. It takes orders on its
standard input, one line of JSON each, which it answers on its standard output: `Begin` forgets what came and says what
to expect, `Await` answers once all of it is there.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import hmac
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, cast

import httptools
import msgspec
import uvloop

LOOPBACK: Final = "127.0.0.1"
ADDRESSES_MAX: Final = 200
"""Endpoints that there can be, each on an address of its own."""
BACKLOG: Final = 1024
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_SECRET_PREFIX: Final = "whsec_"
_INVOICE_ID: Final = b'"invoice":{"id":"'
_INVOICE_ID_LENGTH: Final = 36
_STAMP: Final = b'"event_timestamp":"'
_STAMP_LENGTH: Final = 28


class Begin(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Forget what came; expect that many events in all, each signed with the secret of the port it comes to.

    Shape: `timed` keeps when each webhook came, and of which invoice it told. `silent` are ports that never answer;
           what comes to them does not count.
    """

    expected: int
    secrets: dict[int, str]
    timed: bool = False
    silent: list[int] = []


class Await(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Answer once everything expected is there, or the time is up."""

    within_s: float


class Arrival(msgspec.Struct, array_like=True, frozen=True):
    """When a webhook came, and what it told: the invoice, and when that was closed as the body says it."""

    at_ns: int
    invoice_id: str
    event_timestamp: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came since `Begin`.

    Shape: `events` is the number of different events and `digests` what they were, by port; `repeats` came again;
           `refused` had no valid signature. `last_ns` is on the machine's monotonic clock.
    """

    events: int
    repeats: int
    refused: int
    last_ns: int
    digests: dict[int, str]
    arrivals: list[Arrival]


class Ports(msgspec.Struct, frozen=True):
    """Where the receiver listens, told once at its start: a port on each address of `address_of`."""

    ports: list[int]


def address_of(number: int) -> str:
    """The loopback address of the endpoint with this number."""
    assert 0 <= number < ADDRESSES_MAX, "there are only so many"
    return f"127.0.0.{number + 1}"


def digest_of(event_ids: set[bytes]) -> str:
    """One value for a set of events, whatever the order they came in."""
    return hashlib.sha256(b" ".join(sorted(event_ids))).hexdigest()


class Inbox:
    """What came, and whether it is all."""

    def __init__(self) -> None:
        self.begin(Begin(expected=0, secrets={}))

    def begin(self, order: Begin) -> None:
        """Forget everything and expect that much."""
        self._keys = {
            port: base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
            for port, text in order.secrets.items()
        }
        self._expected = order.expected
        self._silent = frozenset(order.silent)
        self._seen: defaultdict[int, set[bytes]] = defaultdict(set)
        self._events = self._repeats = self._refused = self._last_ns = 0
        self._came: list[tuple[int, bytes]] | None = [] if order.timed else None
        self.complete = asyncio.Event()

    def take(self, port: int, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        """Verify and count one webhook; whether it is to be answered."""
        now_ns = time.time_ns()
        if port in self._silent:
            return False
        event_id = headers.get(b"webhook-id", b"")
        if not self._is_signed(port, event_id, headers, body):
            self._refused += 1
            self.complete.set()  # there is nothing left to wait for: the run has failed
        elif event_id in self._seen[port]:
            self._repeats += 1
        else:
            self._seen[port].add(event_id)
            self._count(now_ns, body)
        return True

    def _count(self, now_ns: int, body: bytes) -> None:
        self._events += 1
        self._last_ns = time.monotonic_ns()
        if self._came is not None:
            self._came.append((now_ns, body))
        if self._events == self._expected:
            self.complete.set()

    def _is_signed(self, port: int, event_id: bytes, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        key = self._keys.get(port)
        if key is None:
            return False
        message = b"%b.%b.%b" % (event_id, headers.get(b"webhook-timestamp", b""), body)
        wanted = b"v1," + base64.b64encode(hmac.digest(key, message, "sha256"))
        return hmac.compare_digest(wanted, headers.get(b"webhook-signature", b""))

    def report(self) -> Report:
        """What came."""
        return Report(
            events=self._events,
            repeats=self._repeats,
            refused=self._refused,
            last_ns=self._last_ns,
            digests={port: digest_of(seen) for port, seen in self._seen.items()},
            arrivals=[_arrival(at_ns, body) for at_ns, body in self._came or ()],
        )


def _arrival(at_ns: int, body: bytes) -> Arrival:
    invoice = body.index(_INVOICE_ID) + len(_INVOICE_ID)
    stamp = body.index(_STAMP) + len(_STAMP)
    return Arrival(
        at_ns,
        body[invoice : invoice + _INVOICE_ID_LENGTH].decode(),
        body[stamp : stamp + _STAMP_LENGTH].decode(),
    )


class Connection(asyncio.Protocol):
    """One sender's connection: reads requests, hands them to the inbox, answers 200."""

    def __init__(self, inbox: Inbox, port: int) -> None:
        self._inbox = inbox
        self._port = port
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._headers = {}
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; its name may be in any case."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """The body, or a part of it."""
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """A request is there: judge it, and answer."""
        if self._inbox.take(self._port, self._headers, self._body):
            self._transport.write(_OK)


async def main(ports: int) -> None:
    """Listen on that many free ports, each of an address of its own, and follow orders until the input ends."""
    loop = asyncio.get_running_loop()
    inbox = Inbox()
    servers: dict[int, asyncio.Server] = {}
    while len(servers) < ports:
        server, port = await _listen(loop, inbox, address_of(len(servers)))
        if port in servers:
            server.close()  # another address has a port of this number, and ports are what tells endpoints apart
        else:
            servers[port] = server
    _say(Ports(list(servers)))
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orders = msgspec.json.Decoder(Begin | Await)
    while line := await reader.readline():
        match orders.decode(line):
            case Begin() as begin:
                inbox.begin(begin)
                gc.collect()
            case Await(within_s=within_s):
                await _all_there(inbox, within_s)
        _say(inbox.report())
    for server in servers.values():
        server.close()


async def _listen(loop: asyncio.AbstractEventLoop, inbox: Inbox, address: str) -> tuple[asyncio.Server, int]:
    port = 0

    def connected() -> Connection:
        return Connection(inbox, port)

    server = await loop.create_server(connected, address, 0, backlog=BACKLOG)
    port = int(server.sockets[0].getsockname()[1])
    return server, port


async def _all_there(inbox: Inbox, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await inbox.complete.wait()
    except TimeoutError:
        return  # the report says what is missing


def _say(answer: Report | Ports) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
