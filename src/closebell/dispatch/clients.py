"""HTTP clients, each nailed to one address: whatever the name resolves to meanwhile, it connects there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pyreqwest.client import Client, ClientBuilder

CLIENTS_MAX: Final = 256
"""Clients kept at once, one per host and address; each takes about 0.1 MB and 4 ms to make."""
IDLE_CONNECTIONS_MAX: Final = 256
"""Idle connections kept to one receiver."""
IDLE_S: Final = 4
"""Seconds an idle connection is kept; under the 5 s after which common servers hang up, since a webhook that is just
then on its way would be lost and retried."""


@dataclass(slots=True, kw_only=True)
class PinnedClient:
    """A client for one host at one address, and how many requests it is busy with."""

    client: Client
    busy: int = 0
    evicted: bool = False


class PinnedClients:
    """The clients in use, the least recently used making room; one is closed only once it is idle.

    Shape: `trusted_roots_pem` adds certificate authorities of the operator's own; it replaces none and verification
           stays as strict.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        deadline_s: float,
        trusted_roots_pem: bytes | None = None,
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        assert clients_max >= 1, "one client at least"
        self._user_agent = user_agent
        self._deadline_s = deadline_s
        self._trusted_roots_pem = trusted_roots_pem
        self._clients_max = clients_max
        self._clients: OrderedDict[tuple[str, str], PinnedClient] = OrderedDict()

    def borrow(self, host: str, address: str) -> PinnedClient:
        """The client that reaches `host` at `address`; hand it to `give_back` afterwards."""
        key = (host, address)
        pinned = self._clients.get(key)
        if pinned is None:
            pinned = self._clients[key] = PinnedClient(client=self._built(host, address))
        else:
            self._clients.move_to_end(key)
        pinned.busy += 1
        return pinned

    async def give_back(self, pinned: PinnedClient) -> None:
        """Ends one use, and closes what has become superfluous."""
        pinned.busy -= 1
        if pinned.evicted and not pinned.busy:
            await pinned.client.close()
        while len(self._clients) > self._clients_max:
            _, oldest = self._clients.popitem(last=False)
            oldest.evicted = True
            if not oldest.busy:
                await oldest.client.close()

    async def close(self) -> None:
        """Closes every client; requests still under way fail."""
        while self._clients:
            _, pinned = self._clients.popitem()
            await pinned.client.close()

    def _built(self, host: str, address: str) -> Client:
        builder = (
            ClientBuilder()
            .user_agent(self._user_agent)
            .timeout(timedelta(seconds=self._deadline_s))
            # Half, so that there is time for another address of the host when the first is a black hole.
            .connect_timeout(timedelta(seconds=self._deadline_s / 2))
            .http1_only()
            .follow_redirects(enable=False)
            .no_proxy()
            .referer(enable=False)
            # Compressed answers stay compressed: an excerpt is kept, and a bomb has nothing to explode in.
            .gzip(enable=False)
            .brotli(enable=False)
            .zstd(enable=False)
            .deflate(enable=False)
            .pool_idle_timeout(timedelta(seconds=IDLE_S))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        )
        if self._trusted_roots_pem is not None:
            builder = builder.add_root_certificate_pem(self._trusted_roots_pem)
        # Port 0 keeps the port of each URL. A host that is an address is never resolved, so the pin changes nothing.
        return builder.resolve(host, address, 0).build()
