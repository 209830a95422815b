"""Sending: a backlog is drained and recorded, against a bare loop of the same HTTP client to the same receiver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import Url

from bench import driver as books
from bench import figures
from bench.driver import Told
from bench.figures import Figure, Round
from bench.plan import ENDPOINTS, Plan
from bench.stage import Endpoint, Stage
from bench.verified import must
from closebell.config import Settings
from closebell.dispatch.clients import IDLE_CONNECTIONS_MAX
from closebell.domain.signature import Secret, SignatureStyle, headers

TARGET: Final = 0.4
"""Of the bare client loop; design, "Speed"."""
SETTINGS: Final = Settings()
MEMORY_DRAINING_MIB: Final = 400

Request = tuple[Url, list[tuple[str, str]], bytes]


async def measure_sending(stage: Stage, plan: Plan) -> list[Figure]:
    """The backlog goes to one endpoint, then the same number of deliveries to ten."""
    await stage.subscribe(ENDPOINTS)
    await stage.switch(stage.endpoints, "disable")
    stage.server.forget_peak()
    to_one = await _drain_rounds(stage, plan, stage.endpoints[:1])
    to_ten = await _drain_rounds(stage, plan, stage.endpoints)
    peak_mib = stage.server.peak_mib()
    return [
        figures.rate(f"Send {plan.backlog:,} to 1 endpoint", to_one, target=TARGET),
        figures.rate(f"Send {plan.backlog:,} to {ENDPOINTS} endpoints", to_ten, target=TARGET),
        figures.at_most("Memory while draining, peak", peak_mib, "MiB", target=MEMORY_DRAINING_MIB),
    ]


async def _drain_rounds(stage: Stage, plan: Plan, endpoints: Sequence[Endpoint]) -> list[Round]:
    events = await books.told(stage.driver, 1, plan.backlog // len(endpoints))
    requests = _signed(events, endpoints)
    concurrency = min(SETTINGS.slots_global, SETTINGS.slots_per_endpoint * len(endpoints))
    await _queue(stage, endpoints, events[: len(events) // 10])
    await _drain(stage, endpoints, events[: len(events) // 10])
    rounds = []
    for _ in range(plan.sending_rounds):
        await stage.expect(endpoints, len(events))
        ceiling = await _bare_rate(requests, concurrency)
        await stage.all_came(endpoints, events)
        await _queue(stage, endpoints, events)
        rate, cpu_us = await _drain(stage, endpoints, events)
        rounds.append(Round(rate_per_s=rate, server_cpu_us=cpu_us, ceiling_per_s=ceiling))
    return rounds


# --- Closebell -------------------------------------------------------------------------------------------------------


async def _queue(stage: Stage, endpoints: Sequence[Endpoint], events: Sequence[Told]) -> None:
    """A backlog as one comes about: the endpoints were disabled while these were closed."""
    await stage.driver.queue([endpoint.id for endpoint in endpoints], [event.sequence for event in events])
    await stage.driver.tidy()


async def _drain(stage: Stage, endpoints: Sequence[Endpoint], events: Sequence[Told]) -> tuple[float, float]:
    """Deliveries a second from enabling the endpoints to the last record, and the server's processor time for one."""
    await stage.expect(endpoints, len(events))
    cpu_s, started_s = stage.server.cpu_s(), time.perf_counter()
    await stage.switch(endpoints, "enable")
    await stage.all_came(endpoints, events)
    await stage.all_recorded()
    seconds = time.perf_counter() - started_s
    cpu_s = stage.server.cpu_s() - cpu_s
    await stage.switch(endpoints, "disable")
    count = len(events) * len(endpoints)
    return count / seconds, cpu_s / count * 1e6


# --- the ceiling -----------------------------------------------------------------------------------------------------


def _signed(events: Sequence[Told], endpoints: Sequence[Endpoint]) -> list[Request]:
    """The same webhooks, ready to be sent: nothing is left to do for the loop but to send them."""
    at = datetime.now(UTC)
    keys = {endpoint.id: (Url(endpoint.url), [Secret.parse(endpoint.secret)]) for endpoint in endpoints}
    requests = []
    for event in events:
        for endpoint in endpoints:
            url, secrets = keys[endpoint.id]
            signed = headers(
                event_id=event.event_id, at=at, body=event.body, secrets=secrets, styles=[SignatureStyle.STANDARD]
            )
            fields = [("content-type", "application/json"), *signed.items(), ("closebell-sequence", "1")]
            requests.append((url, fields, event.body))
    return requests


async def _bare_rate(requests: Sequence[Request], concurrency: int) -> float:
    """Requests a second by the client alone."""
    left = iter(requests)
    async with ClientBuilder().http1_only().no_proxy().pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).build() as client:
        started_s = time.perf_counter()
        await asyncio.gather(*(_send_on(client, left) for _ in range(concurrency)))
        return len(requests) / (time.perf_counter() - started_s)


async def _send_on(client: Client, left: Iterator[Request]) -> None:
    for url, fields, body in left:
        response = await client.post(url).headers(fields).body_bytes(body).build().send()
        must(response.status == 200, f"the receiver answered {response.status}")
