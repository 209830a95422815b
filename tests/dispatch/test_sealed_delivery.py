"""Deliveries to endpoints whose secrets are sealed: signed by what is live, and kept even where nothing opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select
from standardwebhooks import Webhook

from closebell.clock import SystemLuck
from closebell.domain.address import parse_networks
from closebell.domain.endpoint import Endpoint
from closebell.domain.rotation import Rotation
from closebell.domain.signature import Secret
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import a_vault, an_endpoint
from closebell.usecase.manage_endpoints import EndpointDraft, create_endpoint
from closebell.usecase.rotate_secret import EndpointWithSecret, rotate_secret
from dispatching import Works, working
from receiving import Call, receiving

VAULT, LUCK = a_vault(), SystemLuck()
LOST = "sealed.v1.lost.AAAA.AAAA"


@pytest.fixture
async def works(database: Database) -> AsyncIterator[Works]:
    async with working(database) as built:
        yield built


async def create(works: Works, url: str) -> EndpointWithSecret:
    draft = EndpointDraft(name="till", url=url, event_types=("Invoice.Closed",), headers={"X-Api-Key": "hunter2"})

    def made(connection: Connection) -> EndpointWithSecret:
        networks = parse_networks(["127.0.0.0/8"])
        return create_endpoint(connection, draft, networks=networks, vault=VAULT, clock=works.clock, luck=LUCK)

    return await works.database.write(made)


def unopenable(name: str, url: str) -> Endpoint:
    endpoint = an_endpoint(name, url=url)
    return replace(endpoint, secrets=(replace(endpoint.secrets[0], text=LOST),), sealed_headers=LOST)


def expected(secret: Secret | None, call: Call) -> str:
    """What the independent library signs."""
    assert secret is not None
    at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    return str(Webhook(secret.reveal()).sign(call.headers["webhook-id"], at, call.body.decode()))


def attempts(connection: Connection) -> list[tuple[str | None, str]]:
    found = tables.attempts.c
    return [(row.error, row.detail) for row in connection.execute(select(found.error, found.detail))]


async def test_a_rotation_reaches_a_dispatcher_that_runs(works: Works) -> None:
    async with receiving() as receiver:
        made = await create(works, receiver.url)
        dispatcher = await works.start(works.dispatcher())
        desk = works.desk(dispatcher)
        await works.close(desk, "1")
        (first,) = await receiver.wait_for(1)
        rotated = await works.database.write(
            rotate_secret, made.endpoint.id, Rotation(), vault=VAULT, clock=works.clock, luck=LUCK
        )
        await works.close(desk, "2")
        second = (await receiver.wait_for(2))[1]
        await works.settled("delivered", 2)  # or the lease ends with the day, and it is sent again
        works.clock.advance(timedelta(hours=25))
        await works.close(desk, "3")
        third = (await receiver.wait_for(3))[2]
        await works.settled("delivered", 3)
    assert [call.headers["x-api-key"] for call in receiver.calls] == ["hunter2"] * 3
    assert first.headers["webhook-signature"] == expected(made.secret, first)
    both = [expected(rotated.secret, second), expected(made.secret, second)]
    assert second.headers["webhook-signature"].split(" ") == both
    assert third.headers["webhook-signature"] == expected(rotated.secret, third)


async def test_a_close_opens_nothing(works: Works) -> None:
    await works.database.write(endpoints.insert_one, unopenable("lost", "https://till.example/hook"))
    await works.close(works.desk(None), "1", "2")
    assert [row.state for row in await works.rows()] == ["pending"] * 2


async def test_what_does_not_open_is_a_failed_attempt_and_delays_nobody_else(works: Works) -> None:
    async with receiving() as receiver:
        await works.database.write(endpoints.insert_one, unopenable("lost", receiver.url))
        made = await create(works, receiver.url)
        dispatcher = await works.start(works.dispatcher())
        await works.close(works.desk(dispatcher), "1")
        (call,) = await receiver.wait_for(1)
        await works.settled("delivered", 1)

        async def both() -> bool:
            return len(await works.database.read(attempts)) == 2

        await works.until(both)
        await works.stop(dispatcher)
    assert len(receiver.calls) == 1
    assert call.headers["webhook-signature"] == expected(made.secret, call)
    (failed,) = [detail for error, detail in await works.database.read(attempts) if error == "unsendable"]
    assert "needs the key lost" in failed
    assert sorted(row.state for row in await works.rows()) == ["delivered", "pending"]
