"""Secrets over the wire: shown once, masked ever after, and all of them at work at the receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from calling import Site, running
from closebell.config import Settings
from closebell.domain.asymmetric import PublicKey
from closebell.domain.signature import verify_standard
from closebell.receiver import Receiver, SignatureMismatch
from closebell.store import endpoints
from closebell.testing import NOON, an_endpoint, guid_of, secret_of
from closebell.usecase.seal_secrets import count_sealed
from receiving import Call, receiving

AT = "/v1/webhook_endpoints"
HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}
HEADERS = {"X-Api-Key": "hunter2-header", "X-Tenant": "salon"}
BASIC = {"type": "basic", "username": "till", "password": "hunter2-password"}


async def create(site: Site, **fields: Any) -> Any:
    reply = await site.post(AT, {**HOOK, **fields})
    assert reply.status == 201, reply.document
    return reply.document


async def tried(site: Site, endpoint_id: str, calls: list[Call]) -> Call:
    """The call that a test makes."""
    outcome = (await site.post(f"{AT}/{endpoint_id}/test")).document
    assert outcome["is_delivered"], outcome
    return calls[-1]


async def test_what_is_stored_is_shown_masked_and_goes_out_whole(site: Site) -> None:
    async with receiving() as receiver:
        made = await create(site, url=receiver.url, headers=HEADERS, authorization=BASIC)
        assert made["headers"] == {"X-Api-Key": "****", "X-Tenant": "****"}
        assert made["authorization"] == {"type": "basic", "username": "till"}
        call = await tried(site, made["id"], receiver.calls)
    assert (call.headers["x-api-key"], call.headers["x-tenant"]) == ("hunter2-header", "salon")
    assert call.headers["authorization"] == "Basic " + base64.b64encode(b"till:hunter2-password").decode()
    for reply in (await site.get(AT), await site.get(f"{AT}/{made['id']}")):
        assert b"hunter2" not in reply.body


async def test_headers_are_replaced_whole_and_cleared_and_left_alone(site: Site) -> None:
    async with receiving() as receiver:
        made = await create(site, url=receiver.url, headers=HEADERS, authorization={"type": "bearer", "token": "tok"})
        one = f"{AT}/{made['id']}"
        changed = (await site.call("PATCH", one, {"headers": {"X-Other": "hunter2"}})).document
        assert changed["headers"] == {"X-Other": "****"}
        assert changed["authorization"] == {"type": "bearer", "username": None}
        call = await tried(site, made["id"], receiver.calls)
        assert ("x-api-key" in call.headers, call.headers["x-other"]) == (False, "hunter2")
        assert call.headers["authorization"] == "Bearer tok"
        # A replacement keeps what nobody who reads the endpoint could have written back.
        replaced = (await site.call("PUT", one, {**HOOK, "url": receiver.url})).document
        assert (replaced["headers"], replaced["authorization"]["type"]) == ({"X-Other": "****"}, "bearer")
        cleared = (await site.call("PATCH", one, {"headers": {}, "authorization": {"type": "none"}})).document
        assert (cleared["headers"], cleared["authorization"]) == ({}, {"type": "none", "username": None})
        call = await tried(site, made["id"], receiver.calls)
    assert not {"x-other", "authorization"} & call.headers.keys()


async def test_what_was_read_cannot_be_written_back_by_mistake(site: Site) -> None:
    made = await create(site, headers=HEADERS)
    one = f"{AT}/{made['id']}"
    read = (await site.get(one)).document
    refused = await site.call("PATCH", one, {"headers": read["headers"]})
    assert (refused.status, refused.error["message"][:18]) == (400, "headers.X-Api-Key:")
    assert "mask" in refused.error["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"headers": {"Host": "evil"}}, "headers.Host"),
        ({"headers": {"X-A": "hunter2\r\nX-B: 1"}}, "headers.X-A"),
        ({"headers": {"X-A": 1}}, "headers"),
        ({"headers": ["X-A"]}, "headers"),
        ({"authorization": {"type": "basic", "username": "a:b", "password": "hunter2"}}, "authorization.username"),
        ({"authorization": {"type": "bearer", "token": "hunter2 "}}, "authorization.token"),
        ({"authorization": {"type": "oauth"}}, "authorization.type"),
        ({"authorization": {}}, "authorization"),
        ({"authorization": "hunter2"}, "authorization"),
        ({"headers": {"Authorization": "hunter2"}, "authorization": BASIC}, "authorization"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(site: Site, fields: dict[str, Any], field: str) -> None:
    refused = await site.post(AT, {**HOOK, **fields})
    assert refused.status == 400
    assert refused.error["message"].startswith(field)
    assert b"hunter2" not in refused.body
    assert (await site.get(AT)).document["webhook_endpoints"] == []


async def test_what_is_stored_for_one_host_does_not_go_to_another(site: Site) -> None:
    async with receiving() as receiver:
        made = await create(site, headers=HEADERS, authorization=BASIC)
        one = f"{AT}/{made['id']}"
        for how in ("PATCH", "PUT"):
            refused = await site.call(how, one, {**HOOK, "url": receiver.url})
            assert (refused.status, refused.error["message"][:4]) == (400, "url:")
        assert (await site.get(one)).document["url"] == HOOK["url"]
        again = {"url": receiver.url, "headers": {"X-New": "1"}, "authorization": {"type": "none"}}
        assert (await site.call("PATCH", one, again)).status == 200
        call = await tried(site, made["id"], receiver.calls)
    assert "hunter2" not in f"{call.headers}"
    assert call.headers["x-new"] == "1"


# --- rotation --------------------------------------------------------------------------------------------------------


async def test_a_rotation_shows_the_new_secret_once_and_both_sign(site: Site) -> None:
    async with receiving() as receiver:
        made = await create(site, url=receiver.url)
        rotated = await site.post(f"{AT}/{made['id']}/secret/rotate")
        assert rotated.status == 200
        new, old = rotated.document["secret"], made["secret"]
        assert new.startswith("whsec_")
        assert new != old
        expiries = [(one["kind"], one["expires_at"]) for one in rotated.document["secrets"]]
        assert expiries == [("hmac", None), ("hmac", "2026-01-06T12:00:00Z")]
        shown = await site.get(f"{AT}/{made['id']}")
        assert new.encode() not in shown.body
        assert shown.document["secret"] == "whsec_****"
        call = await tried(site, made["id"], receiver.calls)
        assert signatures(call) == [expected(new, call), expected(old, call)]
        site.clock.advance(timedelta(hours=24))
        call = await tried(site, made["id"], receiver.calls)
    assert signatures(call) == [expected(new, call)]


def signatures(call: Call) -> list[str]:
    return call.headers["webhook-signature"].split(" ")


def expected(secret: str, call: Call) -> str:
    """What the independent library signs."""
    at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    return str(Webhook(secret).sign(call.headers["webhook-id"], at, call.body.decode()))


async def test_a_rotation_takes_a_secret_and_an_overlap(site: Site) -> None:
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = await create(site)
    rotated = (await site.post(f"{AT}/{made['id']}/secret/rotate", {"secret": own, "overlap_hours": 0})).document
    assert rotated["secret"] == own
    assert [one["expires_at"] for one in rotated["secrets"]] == [None]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overlap_hours": 721}, "overlap_hours"),
        ({"overlap_hours": -1}, "overlap_hours"),
        ({"overlap_hours": "1"}, "overlap_hours"),
        ({"kind": "rsa"}, "kind"),
        ({"secret": "hunter2"}, "secret"),
        ({"kind": "ed25519", "secret": "whsec_hunter2"}, "secret"),
    ],
)
async def test_a_rotation_that_cannot_be_is_refused(site: Site, body: dict[str, Any], field: str) -> None:
    made = await create(site)
    refused = await site.post(f"{AT}/{made['id']}/secret/rotate", body)
    assert refused.status == 400
    assert field in refused.error["message"]
    assert b"hunter2" not in refused.body
    assert len((await site.get(f"{AT}/{made['id']}")).document["secrets"]) == 1


async def test_a_rotation_needs_an_endpoint_and_room(site: Site) -> None:
    assert (await site.post(f"{AT}/{guid_of('nobody')}/secret/rotate")).status == 404
    made = await create(site)
    statuses = [(await site.post(f"{AT}/{made['id']}/secret/rotate")).status for _ in range(4)]
    assert statuses == [200, 200, 200, 409]


async def test_a_rotation_repeated_under_its_key_is_carried_out_once_and_not_shown_again(site: Site) -> None:
    made = await create(site)
    key = {"idempotency-key": "one"}
    first = await site.post(f"{AT}/{made['id']}/secret/rotate", headers=key)
    again = await site.post(f"{AT}/{made['id']}/secret/rotate", headers=key)
    assert (first.status, again.status) == (200, 409)
    assert first.document["secret"].encode() not in again.body
    assert len((await site.get(f"{AT}/{made['id']}")).document["secrets"]) == 2


# --- the two other styles --------------------------------------------------------------------------------------------


async def test_a_receiver_verifies_with_the_public_key_it_read(site: Site) -> None:
    async with receiving() as receiver:
        made = await create(site, url=receiver.url, signature_styles=["ed25519"])
        (public,) = made["public_keys"]
        call = await tried(site, made["id"], receiver.calls)
        assert [one.partition(",")[0] for one in signatures(call)] == ["v1a"]
        assert Receiver(public).verify(call.body, call.headers, now=NOON).event_type == "Closebell.Test"
        with pytest.raises(SignatureMismatch):
            Receiver(public).verify(call.body + b" ", call.headers, now=NOON)
        rotated = (await site.post(f"{AT}/{made['id']}/secret/rotate")).document
        assert rotated["secret"] == "whsec_****"
        newest, oldest = rotated["public_keys"]
        assert oldest == public
        call = await tried(site, made["id"], receiver.calls)
    for key in (newest, oldest):
        verify_standard(
            event_id=call.headers["webhook-id"],
            timestamp=call.headers["webhook-timestamp"],
            signature=call.headers["webhook-signature"],
            body=call.body,
            secrets=[],
            public_keys=[PublicKey.parse(key)],
            now=NOON,
        )


async def test_the_contracts_signature_is_what_the_contract_says(site: Site) -> None:
    # Section 6.3, by hand: "sha256 =" and the upper-case pairs of HMAC-SHA256(secret as text, raw body), joined by "-".
    async with receiving() as receiver:
        made = await create(site, url=receiver.url, signature_styles=["zenoti"])
        rotated = (await site.post(f"{AT}/{made['id']}/secret/rotate")).document
        for secret in (made["secret"], rotated["secret"]):
            call = await tried(site, made["id"], receiver.calls)
            digest = hmac.new(secret.encode("ascii"), call.body, hashlib.sha256).digest()
            pairs = "-".join(f"{byte:02X}" for byte in digest)
            assert call.headers["zenoti-webhook-signature"] == f"sha256 ={pairs}"
            # The old secret signs until it expires, so that who knows it alone goes on; then the new one does.
            site.clock.advance(timedelta(hours=24))


async def test_serving_seals_what_an_older_closebell_left_and_it_still_signs(settings: Settings) -> None:
    async with receiving() as receiver:
        async with running(settings) as site:
            await site.service.database.write(endpoints.insert_one, an_endpoint(url=receiver.url))
        async with running(settings) as site:
            assert await site.service.database.read(count_sealed) == {site.service.vault.sealing_key_id: 1}
            call = await tried(site, guid_of("endpoint till"), receiver.calls)
    assert signatures(call) == [expected(secret_of("till").reveal(), call)]
