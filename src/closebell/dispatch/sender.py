"""One POST, PUT or PATCH, and what came of it. No transaction is open here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from time import perf_counter_ns
from typing import Final, Protocol

from pyreqwest.bytes import Bytes
from pyreqwest.client import Client
from pyreqwest.exceptions import DetailedPyreqwestError
from pyreqwest.http import Url
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from closebell.clock import Clock
from closebell.dispatch.address import AddressBook, AddressRefused, NameNotResolved
from closebell.dispatch.clients import CLIENTS_MAX, PinnedClients
from closebell.dispatch.faults import Explained, explain, poured
from closebell.dispatch.flood import Floods
from closebell.domain.delivery import (
    DETAIL_CHARACTERS_MAX,
    EXCERPT_CHARACTERS_MAX,
    Fault,
    Outcome,
    explain_status,
    fit_to_store,
    is_success,
)
from closebell.domain.retry import parse_retry_after

DEADLINE_S: Final = 10.0
"""Seconds for the whole exchange: resolving, connecting, TLS, sending, answer head and answer body."""
BODY_BYTES_MAX: Final = 16 * 1024
"""Bytes of an answer that are read; whatever follows is dropped together with the connection."""
ADDRESSES_TRIED_MAX: Final = 3
"""Addresses of one host that are tried within one attempt, when the first ones take no connection."""

TARGETS_MAX: Final = 4096
"""Parsed URLs that are kept; parsing one costs as much as building the request."""

_NS_PER_US: Final = 1000
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """What goes out. Nothing of it shows in a repr: URL and headers may hold secrets, the body is personal data."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where to, as the HTTP client itself reads the URL: another parser might read another host out of it."""

    url: Url
    host: str
    port: int
    receiver: str
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One attempt under way: when it began, and how its outcome is put together."""

    started_at: datetime
    started_ns: int

    def elapsed_s(self) -> float:
        """Seconds since the attempt began."""
        return (perf_counter_ns() - self.started_ns) / _NS_PER_S

    def succeeded(self, status: int, detail: str, excerpt: str) -> Outcome:
        """The receiver has it."""
        return Outcome(
            started_at=self.started_at,
            duration_us=(perf_counter_ns() - self.started_ns) // _NS_PER_US,
            status=status,
            detail=detail,
            response_excerpt=excerpt,
        )

    def failed(
        self,
        fault: Fault,
        detail: str,
        *,
        duration_us: int | None = None,
        status: int | None = None,
        excerpt: str = "",
        retry_after_s: int | None = None,
    ) -> Outcome:
        """The receiver does not have it, or did not say so."""
        return Outcome(
            started_at=self.started_at,
            duration_us=(perf_counter_ns() - self.started_ns) // _NS_PER_US if duration_us is None else duration_us,
            status=status,
            error=fault,
            detail=fit_to_store(detail, DETAIL_CHARACTERS_MAX),
            response_excerpt=excerpt,
            retry_after_s=retry_after_s,
        )


class _Unreached(Exception):
    """An address took no connection, so nothing was sent and another address of the host may be tried."""

    def __init__(self, explained: Explained) -> None:
        super().__init__(explained.detail)
        self.explained = explained


class Sends(Protocol):
    """Whatever carries a request to a receiver and says what came of it."""

    async def send(self, request: OutgoingRequest) -> Outcome:
        """One exchange; whatever the network does is an outcome."""
        ...


class Sender:
    """Sends one request at a time for each caller, any number of callers at once.

    Shape: `trusted_roots_pem` adds certificate authorities; TLS is verified always.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        addresses: AddressBook,
        deadline_s: float = DEADLINE_S,
        trusted_roots_pem: bytes | None = None,
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        self._clock = clock
        self._addresses = addresses
        self._deadline_s = deadline_s
        self._floods = Floods()
        self._clients = PinnedClients(
            user_agent=f"Closebell/{importlib.metadata.version('closebell')} (+webhook)",
            deadline_s=deadline_s,
            trusted_roots_pem=trusted_roots_pem,
            clients_max=clients_max,
        )

    async def send(self, request: OutgoingRequest) -> Outcome:
        """One exchange, over by the deadline. Whatever the network does is an outcome; only a bug of ours is raised."""
        exchange = _Exchange(started_at=self._clock.now(), started_ns=perf_counter_ns())
        try:
            return await self._exchange(request, exchange)
        except AddressRefused as refused:
            # How long it took would tell the endpoint's owner about the network behind us.
            return exchange.failed(Fault.ADDRESS_REFUSED, str(refused), duration_us=0)
        except NameNotResolved as unresolved:
            return exchange.failed(Fault.DNS, str(unresolved))
        except _Unreached as unreached:
            return exchange.failed(unreached.explained.fault, unreached.explained.detail)

    async def close(self) -> None:
        """Ends every connection; call it when no request is under way."""
        self._floods.close()
        await self._clients.close()
        await self._addresses.close()

    async def _exchange(self, request: OutgoingRequest, exchange: _Exchange) -> Outcome:
        target = _target(request.url)
        if target is None:
            return exchange.failed(Fault.UNSENDABLE, "The endpoint's URL cannot be called; set another.")
        addresses = self._addresses.known(target.host, plain=target.plain)
        if addresses is not None and len(addresses) == 1:
            # The common case: the client's own deadline covers all that is left to do.
            return await self._attempt(request, target, addresses[0], exchange, None)
        if addresses is None:
            try:
                addresses = await self._addresses.vet(target.host, plain=target.plain, deadline_s=self._deadline_s)
            except TimeoutError:
                detail = f"{target.host} was not resolved within {self._deadline_s:g} s."
                return exchange.failed(Fault.TIMEOUT, detail)
        return await self._first_reached(request, target, addresses[:ADDRESSES_TRIED_MAX], exchange)

    async def _first_reached(
        self, request: OutgoingRequest, target: _Target, addresses: Sequence[str], exchange: _Exchange
    ) -> Outcome:
        """What came of the first address that took a connection."""
        failure: _Unreached | None = None
        for address in addresses:
            left_s = self._deadline_s - exchange.elapsed_s()
            if left_s <= 0:
                break
            try:
                return await self._attempt(request, target, address, exchange, left_s)
            except _Unreached as unreached:
                failure = unreached
        if failure is not None:
            raise failure
        return exchange.failed(Fault.TIMEOUT, f"{target.host} was not resolved within {self._deadline_s:g} s.")

    async def _attempt(
        self, request: OutgoingRequest, target: _Target, address: str, exchange: _Exchange, left_s: float | None
    ) -> Outcome:
        pinned = self._clients.borrow(target.host, address)
        awaited = self._floods.begin(address, target.port)
        try:
            built = _built(pinned.client, request, target, left_s)
            if built is None:
                return exchange.failed(Fault.UNSENDABLE, "A header of the endpoint cannot be sent; set another.")
            # Entering waits until the body is complete or BODY_BYTES_MAX of it are here, so reading finds it buffered.
            async with built as response:
                body = await response.body_reader.read(BODY_BYTES_MAX)
                return self._answered(response, body, target, exchange)
        except DetailedPyreqwestError as error:
            explained = explain(error, receiver=target.receiver, secure=not target.plain, deadline_s=self._deadline_s)
            if awaited.is_shut and not explained.unreached:
                explained = poured(target.receiver)
            if explained.unreached:
                raise _Unreached(explained) from None
            return exchange.failed(explained.fault, explained.detail)
        finally:
            self._floods.end(awaited)
            await self._clients.give_back(pinned)

    def _answered(self, response: Response, body: Bytes | None, target: _Target, exchange: _Exchange) -> Outcome:
        status = response.status
        excerpt = _excerpt(body) if body else ""
        if is_success(status):
            return exchange.succeeded(status, f"{target.receiver} answered {status}.", excerpt)
        fault, detail = explain_status(status, receiver=target.receiver, location=_header(response, "location"))
        retry_after = _header(response, "retry-after")
        return exchange.failed(
            fault,
            detail,
            status=status,
            excerpt=excerpt,
            retry_after_s=None if retry_after is None else parse_retry_after(retry_after, now=self._clock.now()),
        )


def host_of(url: str) -> str:
    """The host that a call to the URL goes to, as the HTTP client reads it; nothing when it goes nowhere.

    >>> host_of("https://Receiver.Example.:8443/hook"), host_of("not a URL")
    ('receiver.example', '')
    """
    target = _target(url)
    return "" if target is None else target.host.lower().rstrip(".")


@lru_cache(maxsize=TARGETS_MAX)
def _target(text: str) -> _Target | None:
    """Where the URL leads; None when it leads nowhere a webhook can go."""
    try:
        url = Url(text)
    except ValueError:
        return None
    if url.scheme not in {"http", "https"} or not url.host_str or not url.port_or_known_default or url.username:
        return None
    return _Target(
        url=url,
        host=url.host_str.strip("[]"),
        port=url.port_or_known_default,
        receiver=f"{url.host_str}:{url.port_or_known_default}",
        plain=url.scheme == "http",
    )


def _built(client: Client, request: OutgoingRequest, target: _Target, left_s: float | None) -> StreamRequest | None:
    """The request ready to go; None when a header cannot be put on the wire."""
    builder = client.request(request.method, target.url)
    try:
        builder = builder.headers(request.headers)
    except ValueError:
        return None
    if left_s is not None:
        builder = builder.timeout(timedelta(seconds=left_s))
    return builder.body_bytes(request.body).streamed_read_buffer_limit(BODY_BYTES_MAX).build_streamed()


def _header(response: Response, name: str) -> str | None:
    """The header's value; None when it is absent or not text."""
    try:
        return response.get_header(name)
    except ValueError:
        return None


def _excerpt(body: Bytes) -> str:
    # Copied whole, then cut: slicing the client's own buffer type costs more.
    return fit_to_store(body.to_bytes()[:EXCERPT_CHARACTERS_MAX].decode("utf-8", "replace"), EXCERPT_CHARACTERS_MAX)
