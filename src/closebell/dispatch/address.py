"""May this resolved address be called?

A host is resolved once, every answer is judged, and a judged one is connected to. The rules themselves are in
`domain/address.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Thread
from typing import Final

from closebell.domain.address import SETTING, Network, is_listed, refusal, unwrapped
from closebell.errors import ClosebellError

KNOWN_FOR_S: Final = 5.0
"""Seconds an answer is used again. Short, so that a moved receiver is found; long enough that a burst of webhooks asks
the name server once."""
KNOWN_HOSTS_MAX: Final = 10_000
"""Hosts whose answers are kept at once."""
RESOLUTIONS_MAX: Final = 128
"""Host names in resolution at once. More than there are endpoints, so that all those whose names hang leave a thread to
whoever is well."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""All addresses of a host, best first. OSError or UnicodeError when it has none."""


class AddressRefused(ClosebellError):
    """The host may not be called; the text names address, rule and setting."""


class NameNotResolved(ClosebellError):
    """The host has no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetted:
    """What was found out about a host.

    Shape: `refused` is why it may not be called, or empty; `listed` says that every address is in an allowed network.
    """

    addresses: tuple[str, ...]
    refused: str
    listed: bool
    until_s: float


def system_addresses(host: str) -> Sequence[str]:
    """All addresses of the host as the machine itself resolves names, in its order of preference.

    It blocks until the system gives up, which with a name server that keeps silent takes from ten seconds to minutes.
    """
    rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))


class SystemResolver:
    """The machine's own resolver (hosts file, name servers), with a thread for each resolution under way.

    A thread that hangs cannot be ended. So hosts share no pool that some of them could fill, and a process that stops
    waits for none of them.

    Shape: `look_up` blocks until it has the addresses of a host.
    """

    def __init__(self, look_up: Callable[[str], Sequence[str]] = system_addresses) -> None:
        self._look_up = look_up
        self._room = asyncio.Semaphore(RESOLUTIONS_MAX)

    async def __call__(self, host: str) -> Sequence[str]:
        """All addresses of the host. Whoever stops waiting leaves the thread behind, which counts until it ends."""
        await self._room.acquire()
        found: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        thread = Thread(target=self._run, args=(host, found), name="closebell-resolver", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._room.release()
            raise OSError(errno.EAGAIN, "the system allows no further thread") from None
        return await found

    def _run(self, host: str, found: asyncio.Future[Sequence[str]]) -> None:
        addresses: Sequence[str] = ()
        failure: Exception | None = None
        try:
            addresses = self._look_up(host)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is over, and nobody waits
            found.get_loop().call_soon_threadsafe(self._ended, found, addresses, failure)

    def _ended(self, found: asyncio.Future[Sequence[str]], addresses: Sequence[str], failure: Exception | None) -> None:
        self._room.release()
        if found.done():
            return  # whoever waited has left
        if failure is None:
            found.set_result(addresses)
        else:
            found.set_exception(failure)


class AddressBook:
    """The vetted addresses of hosts, kept for a few seconds.

    Keeping them is safe. What is connected to is the kept, vetted address and never the name, so a name server that
    changes its answer meanwhile changes nothing; its new answer is judged before it is used.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network],
        resolve: Resolve,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed_networks = tuple(allowed_networks)
        self._resolve = resolve
        self._monotonic_s = monotonic_s
        self._known: dict[str, Vetted] = {}
        self._under_way: dict[str, asyncio.Task[Vetted]] = {}

    def known(self, host: str, *, plain: bool) -> tuple[str, ...] | None:
        """The host's addresses if they were vetted a moment ago; None when `vet` must be asked.

        Errors: AddressRefused.
        """
        vetted = self._known.get(host)
        if vetted is None or vetted.until_s <= self._monotonic_s():
            return None
        return _permitted(host, vetted, plain=plain)

    async def vet(self, host: str, *, plain: bool, deadline_s: float) -> tuple[str, ...]:
        """The host's addresses, all of which may be called, in the order to try them.

        Shape:  `host` as the HTTP client understands it, IPv6 without brackets; `plain` means http, not https.
        Errors: AddressRefused if any address is forbidden; NameNotResolved; TimeoutError after `deadline_s`.
        """
        task = self._under_way.get(host)
        if task is None:
            task = asyncio.create_task(self._look_up(host))
            self._under_way[host] = task
            task.add_done_callback(lambda done: self._looked_up(host, done))
        # Shielded: others wait for the same answer, and it is of use even if this caller's time is up.
        vetted = await asyncio.wait_for(asyncio.shield(task), deadline_s)
        return _permitted(host, vetted, plain=plain)

    async def close(self) -> None:
        """Abandons the look-ups under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, host: str) -> Vetted:
        addresses = await self._addresses_of(host)
        given = tuple(ip_address(address) for address in addresses)
        reasons = (refusal(address, self._allowed_networks) for address in given)
        refused = next((reason for reason in reasons if reason), "")
        judged = tuple(unwrapped(address) for address in given)
        return Vetted(
            addresses=tuple(str(address) for address in judged),
            refused=refused if host in addresses or not refused else f"{host} resolves to {refused}",
            listed=all(is_listed(address, self._allowed_networks) for address in judged),
            until_s=self._monotonic_s() + KNOWN_FOR_S,
        )

    async def _addresses_of(self, host: str) -> Sequence[str]:
        try:
            ip_address(host)
        except ValueError:
            pass
        else:
            return (host,)
        try:
            addresses = await self._resolve(host)
        except (OSError, UnicodeError) as error:
            raise NameNotResolved(f"{host} could not be resolved: {_reason(error)}.") from None
        if not addresses:
            raise NameNotResolved(f"{host} has no address.")
        return addresses

    def _looked_up(self, host: str, done: asyncio.Task[Vetted]) -> None:
        del self._under_way[host]
        # Failures are not kept, but must be read here: every caller may have left.
        if done.cancelled() or done.exception() is not None:
            return
        self._known.pop(host, None)
        if len(self._known) >= KNOWN_HOSTS_MAX:
            del self._known[next(iter(self._known))]
        self._known[host] = done.result()


def _permitted(host: str, vetted: Vetted, *, plain: bool) -> tuple[str, ...]:
    if vetted.refused:
        raise AddressRefused(f"{vetted.refused}.")
    if plain and not vetted.listed:
        addresses = ", ".join(vetted.addresses[:3])
        raise AddressRefused(
            f"{host} must be called by https; http is for the networks in {SETTING}, and {addresses} is not."
        )
    return vetted.addresses


def _reason(error: OSError | UnicodeError) -> str:
    return (isinstance(error, OSError) and error.strerror) or "the name is malformed"
