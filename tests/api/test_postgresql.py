from __future__ import annotations

import asyncio

import pytest

from calling import KEY, running
from closebell.config import Settings
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_paid_invoice, guid_of

pytestmark = pytest.mark.xdist_group("postgresql")
CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"


async def test_whoever_waits_at_one_process_hears_what_another_did(postgres_url: str) -> None:
    migrate(postgres_url)
    settings = Settings(database_url=postgres_url, admin_key=KEY, secret_keys=(SECRET_KEY,))
    async with running(settings) as first, running(settings) as second:
        assert (await first.get("/readyz", key=None)).status == 200
        await first.put(a_paid_invoice())
        waiting = asyncio.create_task(second.get("/v1/events?wait=30"))
        replies = await asyncio.gather(*(site.post(CLOSE) for site in (first, second) * 8))
        assert {(reply.status, reply.document["receipt_number"]) for reply in replies} == {(200, "1")}
        async with asyncio.timeout(10):
            assert [event["sequence"] for event in (await waiting).document["events"]] == [1]
        assert (await second.get("/v1/reconciliation")).document["balanced"] is True


@pytest.mark.parametrize("body", [b'{"closed_by_id": "\\u0000"}', b'{"x": "\\u0000"}'])
async def test_a_nul_never_reaches_the_database(postgres_url: str, body: bytes) -> None:
    migrate(postgres_url)
    async with running(Settings(database_url=postgres_url, admin_key=KEY, secret_keys=(SECRET_KEY,))) as site:
        assert (await site.post(CLOSE, body)).status == 400
        guest = {"id": guid_of("g"), "first_name": "a\0b"}
        assert (await site.post("/v1/import", {"guests": [guest]})).document["refused"] == 1
        assert (await site.get("/v1/deliveries?state=%00")).status == 400
        assert (await site.post("/v1/keys", {"name": "a\0b"})).status == 400
