"""What the others do while one process is gone, and what all of them do while PostgreSQL is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet import closed_means_told, look, subscribe
from postgres_servers import OwnPostgres, own_postgres
from receiving import Call, receiving
from serving import Server, invoice_id, invoices, serving, start

pytestmark = pytest.mark.xdist_group("many_processes")

AWAITED_S = 120
SETTINGS = {"lease_s": "9", "delivery_timeout_s": "4"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@asynccontextmanager
async def role(name: str, database_url: str, directory: Path, **settings: str) -> AsyncIterator[Server]:
    async with serving(database_url, directory, role=name, **settings) as server:
        yield server


async def closable(server: Server, count: int, *, first: int = 0) -> None:
    status, report = await server.ask("POST", "/v1/import", {"invoices": invoices(count, first=first)})
    assert status == 200, report


async def test_what_a_killed_process_had_leased_another_sends(postgres_url: str, tmp_path: Path) -> None:
    async with role("api", postgres_url, tmp_path) as api:
        victim = await start(postgres_url, tmp_path, role="dispatch", **SETTINGS)

        def killed_in_the_call(_call: Call) -> int | None:
            """The first call finds its sender dead before it is answered."""
            if victim.process.returncode is None and len(receiver.calls) == 1:
                victim.process.kill()
                return None
            return 200

        async with receiving(killed_in_the_call) as receiver:
            await subscribe(api, [receiver])
            await closable(api, 1)
            await api.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
            await receiver.wait_for(1)
            await victim.process.wait()
            ((state, lease_id, left_s),) = await look(postgres_url, LEFT)
            assert (state, lease_id is not None) == ("pending", True)
            assert left_s <= int(SETTINGS["lease_s"])

            async with role("dispatch", postgres_url, tmp_path, **SETTINGS):
                first, second = await receiver.wait_for(2)
                assert second.headers["webhook-id"] == first.headers["webhook-id"]
                assert second.body == first.body
                await until_recorded(api, 1)


LEFT = "SELECT state, lease_id, due_at / 1000000 - extract(epoch FROM now()) FROM deliveries"


async def until_recorded(api: Server, count: int) -> None:
    """Return once so many deliveries are over."""
    delivered: list[Any] = []
    async with asyncio.timeout(AWAITED_S):
        while len(delivered) < count:
            delivered = (await api.ask("GET", "/v1/deliveries?state=delivered&limit=100"))[1]["deliveries"]


async def test_while_postgresql_is_away_callers_are_asked_to_come_back(postgres: OwnPostgres, tmp_path: Path) -> None:
    url = postgres.url
    async with (
        receiving() as receiver,
        role("api", url, tmp_path) as api,
        role("dispatch", url, tmp_path, **SETTINGS) as dispatch,
        role("all", url, tmp_path, **SETTINGS) as both,
    ):
        await subscribe(api, [receiver])
        await closable(api, 40)
        await api.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
        await receiver.wait_for(1)

        await asyncio.to_thread(postgres.crash)
        for server in (api, both):
            status, headers, body = await server.exchange("POST", f"/v1/invoices/{invoice_id(1)}/close")
            assert (status, headers["retry-after"], body["error"]["code"]) == (503, "1", 719)
            # More at once than there are connections; each is told, and none waits.
            answers = await asyncio.gather(*(server.exchange("GET", "/v1/webhook_endpoints") for _ in range(30)))
            assert {answer[0] for answer in answers} == {503}
        for server in (api, dispatch, both):
            assert (await server.ask("GET", "/readyz"))[0] == 503
            assert (await server.ask("GET", "/healthz"))[0] == 200

        await asyncio.to_thread(postgres.start)
        promised = dict([await closed(api, 0)])
        for number in range(1, 40):
            promised.update([await closed((api, both)[number % 2], number)])
        await until_recorded(api, 40)
        for server in (api, dispatch, both):
            assert (await server.ask("GET", "/readyz"))[0] == 200
        await closed_means_told(url, promised, endpoints=1)


async def closed(server: Server, number: int) -> tuple[str, str]:
    """The receipt of an invoice that is closed as soon as the server can."""
    async with asyncio.timeout(AWAITED_S):
        while True:
            status, body = await server.ask("POST", f"/v1/invoices/{invoice_id(number)}/close")
            if status == 200:
                return invoice_id(number), body["receipt_number"]
            assert status == 503, body
            await asyncio.sleep(0.05)
