"""Resending and recovering over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from calling import Site
from closebell.store import endpoints
from closebell.store.unit import Database, P, R, Unit
from closebell.testing import an_endpoint, guid_of, snapshot
from exhausting import close, exhaust, rows
from planning import noted
from receiving import receiving
from tampering import tamper

ENDPOINT = an_endpoint(url="http://127.0.0.1:9/hook")
AT = f"/v1/webhook_endpoints/{ENDPOINT.id}"
HOUR = timedelta(hours=1)
EVER = {"since": "2026-01-01"}


@pytest.fixture
async def exhausted(site: Site) -> list[str]:
    """Three deliveries that a disabled endpoint's receiver did not take."""
    database = site.service.database
    await database.write(endpoints.insert_one, ENDPOINT)
    await site.post(f"{AT}/disable")
    await database.write(close, ["1", "2", "3"], clock=site.clock, apart=HOUR)
    return await database.write(exhaust, at=site.clock.now())


async def states(site: Site) -> list[str]:
    return [row.state for row in await site.service.database.read(rows)]


async def test_a_dry_run_counts_and_changes_nothing(site: Site, exhausted: list[str]) -> None:
    before = await site.service.database.read(snapshot)
    reply = await site.post(f"{AT}/recover", {"since": "2026-01-05T13:00:00Z", "dry_run": True})
    assert reply.status == 200
    assert reply.document == {
        "is_dry_run": True,
        "since": "2026-01-05T13:00:00Z",
        "until": "2026-01-05T15:00:00.000001Z",
        "matched": 2,
        "recovery": None,
        "error": None,
    }
    assert await site.service.database.read(snapshot) == before


async def test_a_recovery_is_begun_read_listed_and_cancelled(site: Site, exhausted: list[str]) -> None:
    asked = {"since": "2026-01-05T12:00:00+00:00", "until": "2026-01-05T14:00:00", "dry_run": False, "rate_per_s": 7}
    reply = await site.post(f"{AT}/recover", asked)
    begun = reply.document
    recovery = begun["recovery"]
    assert (reply.status, begun["is_dry_run"], begun["matched"]) == (202, False, 2)
    assert recovery == {
        "id": recovery["id"],
        "endpoint_id": ENDPOINT.id,
        "since": "2026-01-05T12:00:00Z",
        "until": "2026-01-05T14:00:00Z",
        "state": "held",
        "matched": 2,
        "recovered": 0,
        "percent": 0,
        "rate_per_s": 7,
        "is_automatic": False,
        "created_at": "2026-01-05T15:00:00Z",
        "next_at": "2026-01-05T15:00:00Z",
        "finished_at": None,
    }
    one = f"{AT}/recoveries/{recovery['id']}"
    assert (await site.get(one)).document == {**recovery, "error": None}
    assert (await site.get(f"{AT}/recoveries")).document == {"recoveries": [recovery], "error": None}
    second = await site.post(f"{AT}/recover", asked)
    assert second.status == 409
    assert recovery["id"] in second.error["message"]
    ended = (await site.post(f"{one}/cancel")).document
    assert ended == {
        **recovery,
        "state": "cancelled",
        "next_at": None,
        "finished_at": "2026-01-05T15:00:00Z",
        "error": None,
    }
    assert await states(site) == ["exhausted"] * 3


async def test_an_enabled_endpoint_gets_it_from_the_running_service(site: Site, exhausted: list[str]) -> None:
    async with receiving() as receiver:
        await site.call("PATCH", AT, {"url": receiver.url})
        assert (await site.post(f"{AT}/recover", EVER)).status == 202
        await site.post(f"{AT}/enable")
        calls = await receiver.wait_for(3)
    sequences = sorted(call.headers["closebell-sequence"] for call in calls)
    assert sequences == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "since: is missing"),
        ({"since": "yesterday"}, "since: 'yesterday' is not an instant; write 2026-01-05T12:00:00Z"),
        ({"since": 5}, "since: must be a string, not an integer"),
        ({"since": "2026-01-01", "until": "later"}, "until: 'later' is not an instant; write 2026-01-05T12:00:00Z"),
        ({"since": "2026-01-02", "until": "2026-01-02"}, "since: is not earlier than until"),
        ({"since": "2027-01-01"}, "since: is not earlier than now"),
        ({"since": "2026-01-01", "rate_per_s": 0}, "rate_per_s: 0 is not a whole number from 1 to 1000"),
        ({"since": "2026-01-01", "rate_per_s": 1001}, "rate_per_s: 1001 is not a whole number from 1 to 1000"),
        ({"since": "2026-01-01", "rate_per_s": "9"}, "rate_per_s: must be an integer or null, not a string"),
        ({"since": "2026-01-01", "dry_run": "no"}, "dry_run: must be true or false or null, not a string"),
    ],
)
async def test_what_is_malformed_is_refused_by_its_field(
    site: Site, exhausted: list[str], body: dict[str, Any], says: str
) -> None:
    before = await site.service.database.read(snapshot)
    reply = await site.post(f"{AT}/recover", body)
    assert (reply.status, reply.error["message"].startswith(says)) == (400, True), reply.error
    assert await site.service.database.read(snapshot) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v1/webhook_endpoints/{guid_of('nobody')}/recover"),
        ("GET", f"/v1/webhook_endpoints/{guid_of('nobody')}/recoveries"),
        ("GET", f"{AT}/recoveries/{guid_of('nothing')}"),
        ("POST", f"{AT}/recoveries/{guid_of('nothing')}/cancel"),
        ("POST", f"/v1/deliveries/{'0' * 24}/resend"),
    ],
)
async def test_what_is_not_there_is_404(site: Site, exhausted: list[str], method: str, path: str) -> None:
    reply = await site.call(method, path, EVER if method == "POST" else None)
    assert (reply.status, reply.error["code"]) == (404, 404)


async def test_one_that_is_done_cannot_be_cancelled(site: Site, exhausted: list[str]) -> None:
    begun = (await site.post(f"{AT}/recover", EVER)).document["recovery"]
    done = "UPDATE recoveries SET state = 'done', finished_at = 1"
    await site.service.database.write(tamper, done)
    reply = await site.post(f"{AT}/recoveries/{begun['id']}/cancel")
    assert (reply.status, reply.error["message"]) == (
        409,
        f"recovery {begun['id']} is done; there is nothing left to cancel",
    )


async def test_a_held_delivery_is_resent_and_says_so(site: Site, exhausted: list[str]) -> None:
    reply = await site.post(f"/v1/deliveries/{exhausted[0]}/resend")
    assert (reply.status, reply.document["state"], reply.document["due_at"]) == (200, "held", None)
    assert [one["number"] for one in reply.document["attempts"]] == [1, 2, 3, 4, 5, 6]
    assert await states(site) == ["pending", "exhausted", "exhausted"]


async def test_a_resent_delivery_goes_out_at_once(site: Site, exhausted: list[str]) -> None:
    async with receiving() as receiver:
        await site.call("PATCH", AT, {"url": receiver.url})
        await site.post(f"{AT}/enable")
        reply = await site.post(f"/v1/deliveries/{exhausted[1]}/resend")
        assert (reply.status, reply.document["state"]) == (200, "pending")
        assert reply.document["due_at"] == "2026-01-05T15:00:00Z"
        (call,) = await receiver.wait_for(1)
    assert call.headers["closebell-sequence"] == "2"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE deliveries SET state = 'pending', finished_at = NULL, lease_id = 'x', due_at = due_at + 60000000000",
         "is being sent just now; look again when its attempt is recorded"),
        ("UPDATE endpoints SET state = 'deleted'", "cannot be sent again: its endpoint was deleted"),
        ("UPDATE events SET body = x'', redacted_at = 1", "cannot be sent again: what its event said is not kept"),
    ],
)  # fmt: skip
async def test_what_cannot_be_resent_says_why(site: Site, exhausted: list[str], statement: str, says: str) -> None:
    await site.service.database.write(tamper, statement)
    before = await site.service.database.read(snapshot)
    reply = await site.post(f"/v1/deliveries/{exhausted[0]}/resend")
    assert (reply.status, says in reply.error["message"]) == (409, True), reply.error
    assert await site.service.database.read(snapshot) == before


async def test_exhausted_deliveries_are_listed_with_their_reason(site: Site, exhausted: list[str]) -> None:
    listed = (await site.get(f"/v1/deliveries?state=exhausted&endpoint_id={ENDPOINT.id}")).document["deliveries"]
    assert [one["id"] for one in listed] == exhausted[::-1]
    assert {one["reason"] for one in listed} == {"It failed."}
    counted = (await site.get("/v1/reconciliation")).document["endpoints"]
    assert [(one["exhausted"], one["total"]) for one in counted] == [(3, 3)]


class Noting:
    """A database that notes the statements of its write transactions."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.written: list[str] = []

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        def watched(connection: Connection) -> R:
            with noted(connection) as sent:
                result = unit(connection, *args, **kwargs)
            self.written += [statement for statement, _ in sent]
            return result

        return await self.inner.write(watched)

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.inner.read(unit, *args, **kwargs)


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "enable-0001"}])
async def test_enabling_counts_what_comes_back_before_it_writes(
    site: Site, exhausted: list[str], headers: dict[str, str]
) -> None:
    await site.call("PATCH", AT, {"recovers_when_enabled": True})
    database = site.service.database
    await database.write(endpoints.set_failures, ENDPOINT.id, 20, failing_since=site.clock.now(), failed_at=None)
    noting = Noting(database)
    site.alter(database=noting)
    assert (await site.post(f"{AT}/enable", headers=headers)).document["state"] == "active"
    site.alter(database=database)
    (job,) = (await site.get(f"{AT}/recoveries")).document["recoveries"]
    assert (job["is_automatic"], job["matched"], job["state"]) == (True, 3, "running")
    assert any("INSERT INTO recoveries" in statement for statement in noting.written)
    assert not [statement for statement in noting.written if "deliveries" in statement]
