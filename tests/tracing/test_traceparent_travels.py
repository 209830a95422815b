"""The trace of the call that made something happen reaches every receiver that is told of it, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, select

from calling import KEY, Site, running
from closebell.config import Settings
from closebell.domain import traceparent
from closebell.domain.event import EVENT_TYPES
from closebell.store import tables
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_paid_invoice, an_invoice, guid_of
from receiving import Receiver, receiving
from watching import BETWEEN_ATTEMPTS, until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"


@asynccontextmanager
async def listening(database_url: str, receiver: Receiver) -> AsyncIterator[Site]:
    """A service with one endpoint, which is told of everything."""
    migrate(database_url)
    settings = Settings(
        database_url=database_url, admin_key=KEY, secret_keys=(SECRET_KEY,), allowed_networks=("127.0.0.0/8",)
    )
    async with running(settings) as site:
        draft = {"name": "all", "url": receiver.url, "event_types": sorted(EVENT_TYPES)}
        reply = await site.post("/v1/webhook_endpoints", draft)
        assert reply.status == 201, reply.body
        await site.put(a_paid_invoice("1"), an_invoice("2"))
        yield site


async def stored(site: Site) -> list[str | None]:
    """The trace of each event, in sequence."""

    def read(connection: Connection) -> list[Any]:
        events = tables.events.c
        return list(connection.execute(select(events.traceparent).order_by(events.sequence)).scalars())

    return await site.service.database.read(read)


async def test_each_attempt_is_of_the_callers_trace_and_a_span_of_its_own(database_url: str) -> None:
    answers = iter((500, 200))
    async with receiving(lambda _call: next(answers)) as receiver, listening(database_url, receiver) as site:
        headers = {"traceparent": SENT, "tracestate": "vendor=secret", "baggage": "guest=ada"}
        assert (await site.post(CLOSE, headers=headers)).status == 200
        assert await stored(site) == [SENT]
        await until(site, lambda found: found("closebell_record_outcomes_sum") == 1)
        site.clock.advance(BETWEEN_ATTEMPTS)
        site.service.told()
        calls = await receiver.wait_for(2)
    received = [call.headers["traceparent"] for call in calls]
    assert [traceparent.parse(one.encode()) for one in received] == received, "what goes out is sound"
    assert {traceparent.trace_id(one) for one in received} == {TRACE}
    assert all(traceparent.is_sampled(one) for one in received)
    assert len({traceparent.span_id(one) for one in (SENT, *received)}) == 3
    for call in calls:
        assert not {"tracestate", "baggage"} & call.headers.keys(), "what others put beside it is not ours to pass on"


@pytest.mark.parametrize("header", [None, "garbage", f"00-{'0' * 32}-00f067aa0ba902b7-01", SENT.upper(), "x" * 9_000])
async def test_without_a_trace_none_is_sent(sqlite_url: str, header: str | None) -> None:
    async with receiving() as receiver, listening(sqlite_url, receiver) as site:
        headers = {} if header is None else {"traceparent": header}
        assert (await site.post(CLOSE, headers=headers)).status == 200
        (call,) = await receiver.wait_for(1)
        assert await stored(site) == [None]
    assert "traceparent" not in call.headers


async def test_whatever_a_call_makes_happen_is_of_its_trace(sqlite_url: str) -> None:
    async with receiving() as receiver, listening(sqlite_url, receiver) as site:
        headers = {"traceparent": SENT}
        payment = {"amount": 1, "custom_payment_id": guid_of("voucher")}
        paid = await site.post(f"/v1/invoices/{guid_of('invoice 2')}/payment/custom", payment, headers=headers)
        assert paid.status == 200, paid.body
        transaction_id = paid.document["transaction"]["transaction_id"]
        at = f"/v1/invoices/{guid_of('invoice 2')}/payments/{transaction_id}"
        removed = await site.call("DELETE", at, headers=headers)
        assert removed.status == 200, removed.body
        guest = {
            "center_id": an_invoice().centre.id,
            "personal_info": {"first_name": "Ada", "last_name": "L", "email": "ada@salon.example"},
        }
        created = await site.post("/v1/guests", guest, headers=headers)
        assert created.status in {200, 201}, created.body
        assert (
            await site.post("/v1/invoices/close", {"invoice_ids": [guid_of("invoice 1")]}, headers=headers)
        ).status == 200
        assert await stored(site) == [SENT] * 4
        calls = await receiver.wait_for(4)
    assert {traceparent.trace_id(call.headers["traceparent"]) for call in calls} == {TRACE}


async def test_calls_that_share_a_transaction_keep_their_traces(sqlite_url: str) -> None:
    async with receiving() as receiver, listening(sqlite_url, receiver) as site:
        other = f"00-{'a' * 32}-{'b' * 16}-00"
        names = ("1", "3")
        await site.put(a_paid_invoice("3"))
        commands = [(guid_of(f"invoice {name}"), trace) for name, trace in zip(names, (SENT, other), strict=True)]
        for invoice_id, trace in commands:
            assert (await site.post(f"/v1/invoices/{invoice_id}/close", headers={"traceparent": trace})).status == 200
        assert await stored(site) == [SENT, other]
        calls = await receiver.wait_for(2)
    flags = {traceparent.trace_id(call.headers["traceparent"]): call.headers["traceparent"][-2:] for call in calls}
    assert flags == {TRACE: "01", "a" * 32: "00"}


async def test_a_stranger_gives_no_trace(sqlite_url: str) -> None:
    async with receiving() as receiver, listening(sqlite_url, receiver) as site:
        assert (await site.post(CLOSE, headers={"traceparent": SENT}, key=None)).status == 401
        assert await stored(site) == []
