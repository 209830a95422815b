"""What every measurement stands on: one server, one driver beside it, one receiver, and invoices to close."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bench import driver as books
from bench.callers import Crowd, Load, Stock
from bench.driver import Driver, Told
from bench.plan import SEED
from bench.receiver import Receiver
from bench.receiver_process import Report
from bench.server import Server
from bench.verified import NotVerified
from closebell import samples
from closebell.domain.event import INVOICE_CLOSED

DELIVERED_WITHIN_S: Final = 120
"""Seconds after which what has not been delivered and recorded is given up."""
RECORDED_EVERY_S: Final = 0.003
"""How often it is asked whether everything is recorded, once everything has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint that the server calls, and the receiver's port behind it."""

    id: str
    port: int
    url: str
    secret: str


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that runs, and the count of what was done on it."""

    server: Server
    driver: Driver
    receiver: Receiver
    crowd: Crowd
    stock: Stock
    body: bytes = b""
    endpoints: list[Endpoint] = field(default_factory=list)
    closes: int = 0
    driver_closes: int = 0
    webhooks: int = 0
    repeats: int = 0

    def closed(self, load: Load) -> None:
        """Count closes that were answered as they should be."""
        self.closes += len(load.answers)

    async def subscribe(self, count: int) -> None:
        """Let there be that many endpoints."""
        for number in range(len(self.endpoints), count):
            url = self.receiver.url(number)
            draft = {"name": f"receiver {number}", "url": url, "event_types": [INVOICE_CLOSED]}
            made = await self.server.ask("POST", "/v1/webhook_endpoints", draft)
            self.endpoints.append(
                Endpoint(id=made["id"], port=self.receiver.ports[number], url=url, secret=made["secret"])
            )

    async def switch(self, endpoints: Sequence[Endpoint], to: str) -> None:
        """`enable` or `disable` these."""
        for endpoint in endpoints:
            await self.server.ask("POST", f"/v1/webhook_endpoints/{endpoint.id}/{to}")

    async def expect(
        self, endpoints: Sequence[Endpoint], events: int, *, timed: bool = False, silent: Sequence[Endpoint] = ()
    ) -> None:
        """Let the receiver forget what came, and expect that many events at each; `silent` ones never answer."""
        secrets = {endpoint.port: endpoint.secret for endpoint in endpoints}
        await self.receiver.begin(
            secrets,
            expected=events * len(endpoints),
            timed=timed,
            silent=[endpoint.port for endpoint in silent],
        )

    async def all_came(self, endpoints: Sequence[Endpoint], events: Sequence[Told]) -> Report:
        """Wait until each of these has each of the events.

        Errors: NotVerified.
        """
        wanted = books.digest_of(events)
        expected = {endpoint.port: wanted for endpoint in endpoints}
        report = await self.receiver.all_came(expected, within_s=DELIVERED_WITHIN_S)
        self.webhooks += report.events
        self.repeats += report.repeats
        return report

    async def all_recorded(self) -> None:
        """Wait until no delivery is pending.

        Errors: NotVerified.
        """
        for _ in range(round(DELIVERED_WITHIN_S / RECORDED_EVERY_S)):
            if not await books.pending(self.driver):
                return
            await asyncio.sleep(RECORDED_EVERY_S)
        raise NotVerified(f"{await books.pending(self.driver)} deliveries came and are not recorded")


def invoice_ids(count: int) -> list[str]:
    """So many identifiers, in no order, the same in every run."""
    chance = random.Random(SEED)
    return [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]


async def load_template(server: Server) -> str:
    """Load the public sample invoice as open and pay it; its id."""
    sample = samples.invoice_closed()
    await server.ask("POST", "/v1/import?as_open=true", sample)
    invoice_id: str = msgspec.json.decode(sample)["data"]["invoice"]["id"]
    check = await server.ask("GET", f"/v1/invoices/{invoice_id}/close_check")
    suggested = check["blockers"][0]["clear_with"]
    await server.ask("POST", suggested["path"], suggested["body"])
    return invoice_id
