"""A real name server on loopback: it speaks DNS over UDP, answers as told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

TIME_TO_LIVE_S = 0
"""What a name server says that means to change its mind."""
SILENCE_ENDURED_S = 30
"""How long whoever asks waits for an answer."""
ASKED_AGAIN_S = 0.2
"""After how long a thread that waits repeats its question."""

Answers = Callable[[str, int], Sequence[str] | None]
"""The addresses of a host, given how often it was asked for; a name instead is an alias; None keeps silent."""


@dataclass
class NameServer:
    """Answers for every name; both kinds of address come from the same list."""

    answers: Answers
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    garbage: bool = False

    async def addresses_of(self, host: str) -> Sequence[str]:
        """What a resolver that asks this server alone makes of the host; as the resolver of an address book must."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        # Both kinds of a host come from one look-up of the test's list, so only the first counts as asking.
        found = [*await self._ask(resolver, host, "A"), *await self._ask(resolver, host, "AAAA")]
        if not found:
            raise OSError(f"{host} has no address")
        return found

    def look_up(self, host: str) -> Sequence[str]:
        """The same in a thread, which it blocks for as long as the server keeps silent."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        # It asks again and again, so that it ends soon after the server has begun to answer.
        resolver.timeout = ASKED_AGAIN_S
        try:
            answer = resolver.resolve(host, "A", lifetime=SILENCE_ENDURED_S, search=False)
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from error
        return [record.to_text() for record in answer]

    async def _ask(self, resolver: dns.asyncresolver.Resolver, host: str, kind: str) -> list[str]:
        try:
            answer = await resolver.resolve(
                host, kind, lifetime=SILENCE_ENDURED_S, search=False, raise_on_no_answer=False
            )
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from error
        return [record.to_text() for record in answer.rrset or ()]

    def reply(self, query: dns.message.QueryMessage) -> bytes | None:
        """The answer to one question, as bytes on the wire."""
        (question,) = query.question
        host = question.name.to_text(omit_final_dot=True)
        if question.rdtype == dns.rdatatype.A:
            self.asked[host] += 1
        given = self.answers(host, self.asked[host])
        if given is None:
            return None
        if self.garbage:
            return query.to_wire()[:2] + b"\xff" * 40
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        name = question.name
        for one in given:
            if not _is_address(one):
                reply.answer.append(dns.rrset.from_text(name, TIME_TO_LIVE_S, "IN", "CNAME", one + "."))
                name = dns.name.from_text(one)
                continue
            kind = "AAAA" if isinstance(ip_address(one), IPv6Address) else "A"
            if kind == dns.rdatatype.to_text(question.rdtype):
                reply.answer.append(dns.rrset.from_text(name, TIME_TO_LIVE_S, "IN", kind, one))
        return reply.to_wire()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class _Port(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        reply = self._server.reply(cast("dns.message.QueryMessage", dns.message.from_wire(data)))
        if reply is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def naming(answers: Answers, *, garbage: bool = False) -> AsyncIterator[NameServer]:
    """A name server that answers as long as the block runs."""
    server = NameServer(answers=answers, garbage=garbage)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Port(server), local_addr=("127.0.0.1", 0)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
