"""One request, and what came of it. The receivers are real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from closebell.dispatch.address import KNOWN_FOR_S, AddressBook
from closebell.dispatch.sender import BODY_BYTES_MAX, OutgoingRequest, Sender
from closebell.domain.address import SETTING, parse_networks
from closebell.domain.delivery import EXCERPT_CHARACTERS_MAX, Fault, Outcome
from closebell.domain.retry import RETRY_AFTER_S_MAX

pytestmark = pytest.mark.asyncio

HOST = "receiver.example"
SECRET = "hunter2"
NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
SHORT_S = 0.3
METADATA = "169.254.169.254"


class Noon:
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return NOON


@dataclass
class Receiver:
    """A server that reads requests and answers as told, and remembers what came."""

    answer: Callable[[asyncio.StreamWriter], Awaitable[None]]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                self.arrived.set()
                await self.answer(writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has left, as it may
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def receiving(
    answer: bytes | Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    async def act(writer: asyncio.StreamWriter) -> None:
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(receiver, writer)

    receiver = Receiver(answer=act)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if receiver.over.is_set():
            writer.transport.abort()
            return
        writers.append(writer)
        tasks.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.close()
        for task in tasks:
            task.cancel()
        # Here too, because a task that is cancelled before its first step never reaches its own end.
        for writer in writers:
            writer.transport.abort()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
    assert not [result for result in results if isinstance(result, Exception)]


async def loopback(host: str) -> Sequence[str]:
    assert host.endswith(".example")
    return ("127.0.0.1",)


@asynccontextmanager
async def sending(
    *,
    resolve: Callable[[str], Awaitable[Sequence[str]]] = loopback,
    allowed: Sequence[str] = ("127.0.0.0/8",),
    deadline_s: float = 10,
    trusted_roots_pem: bytes | None = None,
    clients_max: int = 4,
    monotonic_s: Callable[[], float] | None = None,
) -> AsyncIterator[Sender]:
    extra = {} if monotonic_s is None else {"monotonic_s": monotonic_s}
    addresses = AddressBook(allowed_networks=parse_networks(allowed), resolve=resolve, **extra)
    sender = Sender(
        clock=Noon(),
        addresses=addresses,
        deadline_s=deadline_s,
        trusted_roots_pem=trusted_roots_pem,
        clients_max=clients_max,
    )
    try:
        yield sender
    finally:
        await sender.close()


def request(
    port: int, *, host: str = HOST, scheme: str = "http", method: str = "POST", body: bytes = b'{"a":12.50}'
) -> OutgoingRequest:
    return OutgoingRequest(
        method=method,
        url=f"{scheme}://{host}:{port}/hook?token={SECRET}",
        headers=(("content-type", "application/json"), ("webhook-id", "1"), ("authorization", f"Bearer {SECRET}")),
        body=body,
    )


async def send(sender: Sender, outgoing: OutgoingRequest) -> Outcome:
    """Sends, and checks what holds for every outcome."""
    assert SECRET not in repr(outgoing)
    outcome = await sender.send(outgoing)
    assert outcome.started_at == NOON
    assert SECRET not in repr(outcome)
    return outcome


async def exchange(
    answer: bytes | Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]], deadline_s: float = 10
) -> tuple[Outcome, Receiver]:
    async with receiving(answer) as receiver, sending(deadline_s=deadline_s) as sender:
        outcome = await send(sender, request(receiver.port))
    return outcome, receiver


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_request_arrives_as_it_was_given(method: str) -> None:
    body = bytes(range(256)) * 20
    async with receiving(OK) as receiver, sending() as sender:
        outcome = await send(sender, request(receiver.port, method=method, body=body))
    assert outcome == Outcome(
        started_at=NOON,
        duration_us=outcome.duration_us,
        status=200,
        detail=f"{HOST}:{receiver.port} answered 200.",
        response_excerpt="ok",
    )
    assert outcome.duration_us > 0
    head, _, sent = receiver.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    line, *headers = head.decode().split("\r\n")
    assert line == f"{method} /hook?token={SECRET} HTTP/1.1"
    values = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
    assert values.pop("user-agent").startswith("Closebell/")
    # No cookie, no referer, and no offer to unpack anything.
    assert values == {
        "host": f"{HOST}:{receiver.port}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "webhook-id": "1",
        "authorization": f"Bearer {SECRET}",
        "accept": "*/*",
    }


async def test_connections_are_used_again() -> None:
    async with receiving(OK) as receiver, sending() as sender:
        for _ in range(5):
            assert (await send(sender, request(receiver.port))).error is None
    assert len(receiver.requests) == 5
    assert receiver.connections == 1


async def test_proxy_variables_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(OK) as receiver, receiving(OK) as proxy, sending() as sender:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await send(sender, request(receiver.port))).error is None
    assert (len(receiver.requests), proxy.connections) == (1, 0)


async def test_no_cookie_is_kept() -> None:
    answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\ncontent-length: 0\r\n\r\n"
    async with receiving(answer) as receiver, sending() as sender:
        for _ in range(2):
            await send(sender, request(receiver.port))
    assert b"cookie" not in receiver.requests[1].lower()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(status: int) -> None:
    outcome, _ = await exchange(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
    assert (outcome.status, outcome.error) == (status, None)


@pytest.mark.parametrize("status", [101, 400, 401, 404, 410, 429, 500, 503, 599, 999])
async def test_any_other_status_is_a_failure(status: int) -> None:
    outcome, receiver = await exchange(b"HTTP/1.1 %d X\r\ncontent-length: 4\r\n\r\nnope" % status)
    assert (outcome.status, outcome.error) == (status, Fault.HTTP_STATUS)
    assert outcome.detail == f"{HOST}:{receiver.port} answered {status}."
    assert outcome.response_excerpt == ("" if status == 101 else "nope")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120),
        (b"Mon, 05 Jan 2026 12:02:00 GMT", 120),
        (b"99999999999999999999", RETRY_AFTER_S_MAX),
        (b"-5", None),
        (b"soon", None),
        (b"\xff\xfe", None),
    ],
)
async def test_retry_after_is_read_with_care(value: bytes, seconds: int | None) -> None:
    outcome, _ = await exchange(b"HTTP/1.1 429 X\r\nretry-after: %b\r\ncontent-length: 0\r\n\r\n" % value)
    assert (outcome.status, outcome.retry_after_s) == (429, seconds)


async def test_a_redirect_to_the_metadata_service_is_not_followed() -> None:
    location = f"http://{METADATA}/latest/?token={SECRET}".encode()
    outcome, receiver = await exchange(b"HTTP/1.1 302 X\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % location)
    assert (outcome.status, outcome.error) == (302, Fault.REDIRECT)
    assert (
        outcome.detail
        == f"Redirects are not followed; {HOST}:{receiver.port} answered 302 and points to http://{METADATA}."
    )
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_kind_of_redirect_is_followed(status: int) -> None:
    async with receiving(OK) as elsewhere:
        location = b"location: http://receiver.example:%d/\r\n" % elsewhere.port
        outcome, receiver = await exchange(b"HTTP/1.1 %d X\r\n%bcontent-length: 0\r\n\r\n" % (status, location))
        assert (outcome.status, outcome.error) == (status, Fault.REDIRECT)
        assert (len(receiver.requests), elsewhere.connections) == (1, 0)


async def test_a_huge_answer_is_cut_and_dropped() -> None:
    piece = b"x" * 65_536
    written = 0

    async def pour(_receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(1_000_000_000 // len(piece)):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    outcome, _ = await exchange(pour)
    assert (outcome.status, outcome.error) == (200, None)
    assert outcome.response_excerpt == "x" * EXCERPT_CHARACTERS_MAX
    # What the sockets hold on top of the 16 KiB that are read; far from all of it.
    assert BODY_BYTES_MAX <= written + len(piece) < 100_000_000


async def test_a_compressed_answer_stays_compressed() -> None:
    bomb = b"\x1f\x8b\x08\x00notreallygzip"
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    outcome, _ = await exchange(head + bomb)
    assert outcome.error is None
    assert outcome.response_excerpt.endswith("notreallygzip")
    assert "\x00" not in outcome.response_excerpt


async def test_an_excerpt_is_always_text() -> None:
    body = b"caf\xe9 \xf0\x9f\x94" + "é".encode() * 1000
    outcome, _ = await exchange(b"HTTP/1.1 500 X\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    assert outcome.response_excerpt.startswith("caf\ufffd \ufffd\u00e9")
    assert len(outcome.response_excerpt) <= EXCERPT_CHARACTERS_MAX


async def silent(receiver: Receiver, _: asyncio.StreamWriter) -> None:
    await receiver.over.wait()


async def trickle(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for as long as anybody listens: no read ever times out by itself."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not receiver.over.is_set():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(receiver.over.wait(), SHORT_S / 10)


async def trickle_head(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not receiver.over.is_set():
        writer.write(b"x")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(receiver.over.wait(), SHORT_S / 10)


@pytest.mark.parametrize("answer", [silent, trickle, trickle_head])
async def test_the_deadline_covers_the_whole_exchange(
    answer: Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    outcome, receiver = await exchange(answer, deadline_s=SHORT_S)
    assert (outcome.status, outcome.error) == (None, Fault.TIMEOUT)
    assert outcome.detail == f"{HOST}:{receiver.port} did not finish answering within 0.3 s."
    # Generous above: the machine may be busy. The trickle itself would go on for ever.
    assert SHORT_S * 1e6 * 0.9 <= outcome.duration_us < 10_000_000


async def test_the_deadline_covers_the_resolver() -> None:
    async def hang(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError(host)

    async with sending(resolve=hang, deadline_s=SHORT_S) as sender:
        outcome = await send(sender, request(9))
    assert outcome.error is Fault.TIMEOUT
    assert outcome.detail == f"{HOST} was not resolved within 0.3 s."


async def close_at_once(_: Receiver, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: Receiver, writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def close_amid_body(_: Receiver, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\npart")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("answer", [close_at_once, reset, close_amid_body])
async def test_a_lost_connection_is_a_failure(
    answer: Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    outcome, receiver = await exchange(answer)
    assert (outcome.status, outcome.error) == (None, Fault.CLOSED)
    assert outcome.detail == f"{HOST}:{receiver.port} closed the connection before its answer was complete."


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x02 garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1_000_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_failure(answer: bytes) -> None:
    outcome, receiver = await exchange(answer)
    assert (outcome.status, outcome.error) == (None, Fault.NOT_HTTP)
    assert outcome.detail.startswith(f"{HOST}:{receiver.port} answered what is not HTTP: ")


async def test_nobody_listening_is_a_failure() -> None:
    async with receiving(OK) as receiver:
        port = receiver.port
    async with sending() as sender:
        outcome = await send(sender, request(port))
    assert (outcome.status, outcome.error) == (None, Fault.CONNECT_REFUSED)
    assert outcome.detail == f"{HOST}:{port} refused the connection."


async def test_an_unknown_name_is_a_failure() -> None:
    async def unknown(_: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with sending(resolve=unknown) as sender:
        outcome = await send(sender, request(9))
    assert outcome.error is Fault.DNS
    assert outcome.detail == f"{HOST} could not be resolved: Name or service not known."


async def test_another_address_is_tried_when_the_first_takes_no_connection() -> None:
    async def two(_: str) -> Sequence[str]:
        return ("127.0.0.2", "127.0.0.1")

    async with receiving(OK) as receiver, sending(resolve=two) as sender:
        assert (await send(sender, request(receiver.port))).error is None
        # Now the addresses are known already.
        assert (await send(sender, request(receiver.port))).error is None
    assert len(receiver.requests) == 2


async def test_another_address_is_not_tried_once_something_was_sent() -> None:
    async def twice(_: str) -> Sequence[str]:
        return ("127.0.0.1", "127.0.0.1")

    async with receiving(close_at_once) as receiver, sending(resolve=twice) as sender:
        assert (await send(sender, request(receiver.port))).error is Fault.CLOSED
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", HOST])
async def test_a_refused_address_is_never_connected_to(host: str) -> None:
    async with receiving(OK) as receiver, sending(allowed=()) as sender:
        for scheme in ("http", "https"):
            outcome = await send(sender, request(receiver.port, host=host, scheme=scheme))
            assert (outcome.status, outcome.error) == (None, Fault.ADDRESS_REFUSED)
            assert SETTING in outcome.detail
            assert "127.0.0.1" in outcome.detail
            # Nothing about timing or body.
            assert (outcome.duration_us, outcome.response_excerpt) == (0, "")
    assert receiver.connections == 0


async def test_mixed_answers_are_refused_as_a_whole() -> None:
    async def mixed(_: str) -> Sequence[str]:
        return ("127.0.0.1", METADATA)

    async with receiving(OK) as receiver, sending(resolve=mixed) as sender:
        outcome = await send(sender, request(receiver.port))
    assert outcome.error is Fault.ADDRESS_REFUSED
    assert METADATA in outcome.detail
    assert receiver.connections == 0


async def test_plain_http_is_refused_outside_allowed_networks() -> None:
    async def public(_: str) -> Sequence[str]:
        return ("93.184.215.14",)

    async with sending(resolve=public) as sender:
        outcome = await send(sender, request(80))
    assert outcome.error is Fault.ADDRESS_REFUSED
    assert "must be called by https" in outcome.detail


async def test_a_name_server_that_changes_its_answer_gains_nothing() -> None:
    answers = [["127.0.0.1"], [METADATA]]
    asked: list[str] = []
    now_s = 0.0

    async def rebind(host: str) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    # Keep-alive is off, so each request makes a connection of its own and would resolve again if anything did.
    answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

    async def once(_: Receiver, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with receiving(once) as receiver, sending(resolve=rebind, monotonic_s=lambda: now_s) as sender:
        for _ in range(3):
            assert (await send(sender, request(receiver.port))).error is None
        assert asked == [HOST]
        assert receiver.connections == 3
        assert f"Host: {HOST}:{receiver.port}".encode() in receiver.requests[0]

        now_s += KNOWN_FOR_S
        assert (await send(sender, request(receiver.port))).error is Fault.ADDRESS_REFUSED
        assert asked == [HOST, HOST]
        assert receiver.connections == 3


@pytest.mark.parametrize(
    "url",
    ["", "hook", "ftp://receiver.example/", "http://", "http://a b/", "http://1.2.3.4.5/", "http://u:p@127.0.0.1/"],
)
async def test_a_stored_url_that_cannot_be_called_is_an_outcome(url: str) -> None:
    async with sending() as sender:
        outcome = await send(sender, OutgoingRequest(method="POST", url=url, headers=(), body=b""))
    assert outcome.error is Fault.UNSENDABLE


@pytest.mark.parametrize("header", [("a b", "1"), ("a", "1\r\nx: 2"), ("", "1")])
async def test_a_stored_header_that_cannot_be_sent_is_an_outcome(header: tuple[str, str]) -> None:
    async with receiving(OK) as receiver, sending() as sender:
        url = f"http://{HOST}:{receiver.port}/"
        outcome = await send(sender, OutgoingRequest(method="POST", url=url, headers=(header,), body=b""))
    assert outcome.error is Fault.UNSENDABLE
    assert receiver.requests == []


async def test_a_client_makes_room_only_when_it_is_idle() -> None:
    go_on = asyncio.Event()

    async def wait(_: Receiver, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(OK)

    async with receiving(wait) as slow, receiving(OK) as quick, sending(clients_max=1) as sender:
        first = asyncio.create_task(send(sender, request(slow.port, host="slow.example")))
        await slow.arrived.wait()
        for number in range(3):
            outcome = await send(sender, request(quick.port, host=f"quick-{number}.example"))
            assert outcome.error is None
        go_on.set()
        assert (await first).error is None
        assert (await send(sender, request(slow.port, host="slow.example"))).error is None


async def test_a_cancelled_send_is_cancelled_and_nothing_else() -> None:
    async with receiving(silent) as receiver, sending() as sender:
        sent = asyncio.create_task(send(sender, request(receiver.port)))
        await receiver.arrived.wait()
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    context: ssl.SSLContext
    certificate_pem: bytes


def identity(directory: Path, name: str, *, days: int = 1) -> Identity:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=30))
        .not_valid_after(today + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = directory / f"{name}.pem"
    file.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return Identity(context=context, certificate_pem=pem)


async def test_tls_reaches_the_vetted_address_under_the_hosts_name(tmp_path: Path) -> None:
    server = identity(tmp_path, HOST)
    named: list[str | None] = []
    server.context.sni_callback = lambda _socket, name, _context: named.append(name)
    async with (
        receiving(OK, tls=server.context) as receiver,
        sending(trusted_roots_pem=server.certificate_pem) as sender,
    ):
        outcome = await send(sender, request(receiver.port, scheme="https"))
    assert (outcome.status, outcome.error) == (200, None)
    assert named == [HOST]


@pytest.mark.parametrize(("name", "days", "trusted"), [(HOST, 1, False), ("other.example", 1, True), (HOST, -1, True)])
async def test_a_certificate_is_always_verified(tmp_path: Path, name: str, days: int, *, trusted: bool) -> None:
    server = identity(tmp_path, name, days=days)
    roots = server.certificate_pem if trusted else None
    async with receiving(OK, tls=server.context) as receiver, sending(trusted_roots_pem=roots) as sender:
        outcome = await send(sender, request(receiver.port, scheme="https"))
    assert (outcome.status, outcome.error) == (None, Fault.TLS)
    assert outcome.detail.startswith(f"{HOST}:{receiver.port} offered no acceptable TLS: ")
    assert receiver.requests == []


async def test_plain_http_behind_https_is_a_failure() -> None:
    async with receiving(OK) as receiver, sending(deadline_s=SHORT_S) as sender:
        outcome = await send(sender, request(receiver.port, scheme="https"))
    assert outcome.status is None
    assert outcome.error in {Fault.TLS, Fault.TIMEOUT}
