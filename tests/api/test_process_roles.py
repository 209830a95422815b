"""Processes that divide the work: who answers, who delivers, and what each says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from calling import KEY, Site, running
from closebell.api.catalogue import OPERATIONS
from closebell.config import Settings
from closebell.errors import MisuseError
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_paid_invoice, guid_of
from receiving import Receiver, receiving

pytestmark = pytest.mark.xdist_group("postgresql")
CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"
WATCHED = ("/healthz", "/readyz", "/metrics")


@pytest.fixture
def chain(postgres_url: str) -> Settings:
    """What all processes of a chain share."""
    migrate(postgres_url)
    return Settings(
        database_url=postgres_url, admin_key=KEY, allowed_networks=("127.0.0.0/8",), secret_keys=(SECRET_KEY,)
    )


@asynccontextmanager
async def answering_and_delivering(chain: Settings) -> AsyncIterator[tuple[Site, Site]]:
    async with running(replace(chain, role="api")) as api, running(replace(chain, role="dispatch")) as dispatch:
        yield api, dispatch


async def subscribe(api: Site, receiver: Receiver) -> str:
    reply = await api.post(
        "/v1/webhook_endpoints", {"name": "till", "url": receiver.url, "event_types": ["Invoice.Closed"]}
    )
    assert reply.status == 201, reply.body
    return str(reply.document["id"])


def names_of_tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def test_what_one_process_closes_another_delivers_at_once(chain: Settings) -> None:
    async with receiving() as receiver, answering_and_delivering(chain) as (api, dispatch):
        endpoint_id = await subscribe(api, receiver)
        await api.put(a_paid_invoice())
        assert (await api.post(CLOSE)).status == 200
        (call,) = await receiver.wait_for(1)
        delivered = f'closebell_delivery_attempts_total{{endpoint="{endpoint_id}",outcome="delivered"}} 1.0'.encode()
        async with asyncio.timeout(30):
            while delivered not in await counted(dispatch):
                await api.get("/v1/deliveries")
        assert b"closebell_delivery_attempts_total{" not in await counted(api)
        assert b"closebell_invoices_closed_total 1.0" in await counted(api)
        (event,) = (await api.get("/v1/events")).document["events"]
        assert call.headers["webhook-id"] == event["event_id"]


async def counted(site: Site) -> bytes:
    return (await site.get("/metrics")).body


async def test_what_an_endpoint_was_told_to_do_is_known_to_who_delivers(chain: Settings) -> None:
    async with receiving() as receiver, answering_and_delivering(chain) as (api, _):
        endpoint_id = await subscribe(api, receiver)
        await api.post(f"/v1/webhook_endpoints/{endpoint_id}/disable")
        await api.put(a_paid_invoice())
        assert (await api.post(CLOSE)).status == 200
        assert receiver.calls == []
        await api.post(f"/v1/webhook_endpoints/{endpoint_id}/enable")
        await receiver.wait_for(1)


async def test_an_api_process_runs_nothing_that_calls_or_tidies(chain: Settings) -> None:
    async with running(replace(chain, role="api")) as api:
        assert not names_of_tasks() & {"dispatch", "dispatch-record", "upkeep", "payment pages"}
        assert "listener" in names_of_tasks()
        assert (await api.get("/readyz", key=None)).status == 200
        assert (await api.get("/openapi.json")).status == 200


async def test_an_api_process_sends_a_test_under_the_rules_of_any_call(chain: Settings) -> None:
    async with receiving() as receiver, running(replace(chain, role="api")) as api:
        endpoint_id = await subscribe(api, receiver)
        tested = await api.post(f"/v1/webhook_endpoints/{endpoint_id}/test")
        assert tested.document["is_delivered"] is True
        assert len(receiver.calls) == 1
    async with receiving() as receiver, running(replace(chain, role="api", allowed_networks=())) as strict:
        refused = await strict.post(f"/v1/webhook_endpoints/{endpoint_id}/test")
        assert (refused.document["is_delivered"], receiver.calls) == (False, [])


async def test_a_dispatch_process_answers_those_who_watch_it_and_nobody_else(chain: Settings) -> None:
    async with running(replace(chain, role="dispatch")) as dispatch:
        assert names_of_tasks() >= {"dispatch", "dispatch-record", "upkeep", "payment pages", "listener"}
        for path in ("/healthz", "/readyz"):
            assert (await dispatch.get(path, key=None)).status == 200
        assert (await dispatch.get("/metrics", key=None)).status == 401
        assert (await dispatch.get("/metrics")).status == 200
        elsewhere = {operation.doc.path for operation in OPERATIONS} - set(WATCHED)
        for path in (*sorted(elsewhere), "/metrics/", "/nowhere"):
            for key in (KEY, None):
                reply = await dispatch.get(path, key=key)
                assert (reply.status, reply.error["message"]) == (404, "There is no such route."), path
        assert (await dispatch.post("/v1/import", {})).status == 404


async def test_a_dispatch_process_makes_no_key(postgres_url: str) -> None:
    migrate(postgres_url)
    keyless = Settings(database_url=postgres_url, secret_keys=(SECRET_KEY,))
    async with running(replace(keyless, role="dispatch")) as dispatch:
        assert dispatch.shown_keys == []
    async with running(replace(keyless, role="api")) as api:
        assert len(api.shown_keys) == 1


@pytest.mark.parametrize("name", ["dispatch", "dispatch-record"])
@pytest.mark.parametrize("role", ["all", "dispatch"])
async def test_a_process_whose_dispatcher_ended_is_not_ready_and_says_so(
    settings: Settings, request: pytest.FixtureRequest, name: str, role: Any
) -> None:
    chosen = settings if role == "all" else replace(request.getfixturevalue("chain"), role=role)
    async with running(chosen) as site:
        end(name)
        async with asyncio.timeout(30):
            await site.service.failed.wait()
        assert site.app.has_failed
        reply = await site.get("/readyz", key=None)
        assert (reply.status, reply.error["code"]) == (503, 719)
        assert (await site.get("/healthz", key=None)).status == 200


def end(name: str) -> None:
    """Let a task end as a bug would end it."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == name)
    task.cancel()


async def test_stopping_is_no_failure(settings: Settings) -> None:
    async with running(settings) as site:
        assert not site.app.has_failed
        service = site.service
    assert service.stopping.is_set()
    assert not service.failed.is_set()


@pytest.mark.parametrize("role", ["api", "dispatch"])
def test_a_sqlite_file_has_no_roles(role: Any) -> None:
    with pytest.raises(MisuseError, match=r"role \(CLOSEBELL_ROLE\) is '.*': one process does everything on SQLite"):
        Settings(role=role)
    assert Settings(role="all").role == "all"
