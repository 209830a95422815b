"""A real mail server on loopback: it keeps what it takes, and refuses what it is told to."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail that the server took, and for whom."""

    sender: str
    to: tuple[str, ...]
    mail: EmailMessage


@dataclass(kw_only=True)
class Mailbox:
    """What the server does and what it got. `refused` has an answer by recipient, `answer` ends the mail itself."""

    taken: list[Taken] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answer: str = "250 Taken"
    signed_in: list[bytes] = field(default_factory=list)
    password: bytes = b"hunter2"
    came: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _open: list[SMTP] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # the library names and calls it so
        self, _server: SMTP, _session: object, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Any) -> str:  # noqa: N802  # as above
        if self.answer.startswith("250"):
            read = email.message_from_bytes(envelope.content, policy=email.policy.default)
            to = tuple(envelope.rcpt_tos)
            self.taken.append(Taken(sender=envelope.mail_from, to=to, mail=read))
        self.came.set()
        return self.answer

    def sign_in(self, _server: SMTP, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login)
        return AuthResult(success=data.password == self.password, handled=False)

    def connected(self, **options: Any) -> SMTP:
        protocol = SMTP(
            self,
            hostname="mail.example",
            loop=asyncio.get_running_loop(),
            authenticator=self.sign_in,
            auth_require_tls=False,
            **options,
        )
        self._open.append(protocol)
        return protocol

    async def end(self) -> None:
        """Every connection that was made is over."""
        for protocol in self._open:
            if protocol.transport is not None:
                cast("asyncio.WriteTransport", protocol.transport).abort()
        # There is no public name for it; after a handshake that failed it would wait for ever.
        tasks = [task for protocol in self._open if (task := protocol._handler_coroutine) is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def mailing(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, **answers: Any
) -> AsyncIterator[Mailbox]:
    """A mail server: in the open, with STARTTLS (and then not without), or TLS from the first byte."""
    mailbox = Mailbox(**answers)
    options = {"tls_context": starttls, "require_starttls": True} if starttls else {}
    server = await asyncio.get_running_loop().create_server(lambda: mailbox.connected(**options), HOST, 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await mailbox.end()
        await server.wait_closed()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def misbehaving(behave: Behaviour) -> AsyncIterator[int]:
    """The port of something that takes connections and does this with each; what still goes on at the end is ended."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the connection and never say a word."""
    await reader.read()


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, and be gone."""
    writer.write(b"220 mail.example ready\r\n")
    await writer.drain()


async def hang_up_after_the_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole mail, and be gone before saying so."""
    await _take(reader, writer)


async def take_and_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole mail, say so, and be gone without a farewell."""
    await _take(reader, writer)
    writer.write(b"250 Taken\r\n")
    await writer.drain()
    await reader.readline()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ready\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            return
        writer.write(b"250 OK\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate for HOST that vouches for itself: what a server shows, and what trusts it."""

    shown: ssl.SSLContext
    trusted: ssl.SSLContext


def identity(directory: Path, *, days: int = 1) -> Identity:
    """One that ends so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=30))
        .not_valid_after(today + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = directory / "mail.pem"
    file.write_bytes(pem + secret)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    return Identity(shown=shown, trusted=ssl.create_default_context(cadata=pem.decode()))
