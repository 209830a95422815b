from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from calling import Site
from closebell.testing import a_paid_invoice, guid_of
from receiving import receiving

AT = "/v1/webhook_endpoints"
HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}


async def test_an_endpoint_is_created_with_defaults_and_its_secret_shown(site: Site) -> None:
    reply = await site.post(AT, HOOK)
    assert reply.status == 201
    made = reply.document
    assert made["secret"].startswith("whsec_")
    assert len(made["secret"]) > 40
    assert {key: made[key] for key in HOOK} == HOOK
    assert (made["http_method"], made["state"], made["center_ids"], made["error"]) == ("POST", "active", [], None)
    assert (made["signature_styles"], made["policy"], made["description"]) == (["standard"], "standard", "")


async def test_the_secret_is_shown_once(site: Site) -> None:
    made = (await site.post(AT, HOOK)).document
    one = f"{AT}/{made['id']}"
    for method, path, body in [
        ("GET", AT, None),
        ("GET", one, None),
        ("PATCH", one, {"name": "Ledger"}),
        ("PUT", one, HOOK),
        ("POST", f"{one}/disable", None),
        ("POST", f"{one}/enable", None),
    ]:
        reply = await site.call(method, path, body)
        assert reply.status == 200, path
        assert made["secret"].encode() not in reply.body, path
        assert b"whsec_****" in reply.body, path


async def test_a_receiver_may_bring_its_own_secret(site: Site) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert (await site.post(AT, {**HOOK, "secret": secret})).document["secret"] == secret
    refused = await site.post(AT, {**HOOK, "secret": "hunter2"})
    assert refused.status == 400
    assert refused.error["message"].startswith("secret: ")
    assert b"hunter2" not in refused.body


async def test_a_change_leaves_the_rest_and_a_replacement_resets_it(site: Site) -> None:
    made = (await site.post(AT, {**HOOK, "description": "old", "http_method": "PUT"})).document
    one = f"{AT}/{made['id']}"
    changed = (await site.call("PATCH", one, {"name": "Ledger", "description": None})).document
    assert (changed["name"], changed["description"], changed["http_method"]) == ("Ledger", "old", "PUT")
    replaced = (await site.call("PUT", one, HOOK)).document
    assert (replaced["name"], replaced["description"], replaced["http_method"]) == ("Books", "", "POST")
    assert (await site.get(one)).document == replaced


async def test_a_deleted_endpoint_is_gone(site: Site) -> None:
    made = (await site.post(AT, HOOK)).document
    one = f"{AT}/{made['id']}"
    assert (await site.call("DELETE", one)).document == {"is_deleted": True, "error": None}
    for method in ("GET", "DELETE"):
        reply = await site.call(method, one)
        assert (reply.status, reply.error["code"]) == (404, 404)
    assert (await site.get(AT)).document == {"webhook_endpoints": [], "error": None}


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/enable"), ("POST", "/disable")]
)
async def test_an_unknown_endpoint_is_404(site: Site, method: str, suffix: str) -> None:
    reply = await site.call(method, f"{AT}/{guid_of('endpoint')}{suffix}")
    assert reply.status == 404
    assert guid_of("endpoint") in reply.error["message"]


async def test_a_disabled_endpoint_says_so_and_holds_what_comes(site: Site) -> None:
    made = (await site.post(AT, HOOK)).document
    disabled = (await site.post(f"{AT}/{made['id']}/disable")).document
    assert (disabled["state"], disabled["state_reason"]) == ("deactivated", "Deactivated by hand.")
    await site.put(a_paid_invoice())
    await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")
    (held,) = (await site.get("/v1/deliveries?state=held")).document["deliveries"]
    assert (held["endpoint_id"], held["attempts"]) == (made["id"], [])


async def test_a_test_call_is_signed_and_answered_with_its_outcome(site: Site) -> None:
    async with receiving() as receiver:
        made = (await site.post(AT, {**HOOK, "url": receiver.url})).document
        reply = await site.post(f"{AT}/{made['id']}/test")
        assert (reply.status, reply.document["is_delivered"], reply.document["status"]) == (200, True, 200)
        (call,) = receiver.calls
        headers = {name.lower(): value for name, value in call.headers.items()}
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = Webhook(made["secret"]).sign(headers["webhook-id"], at, call.body.decode())
        assert headers["webhook-signature"] == expected
    assert (await site.get("/v1/events")).document["events"] == []


async def test_a_test_call_that_fails_says_why(site: Site) -> None:
    made = (await site.post(AT, {**HOOK, "url": "http://127.0.0.1:9/hook"})).document
    outcome = (await site.post(f"{AT}/{made['id']}/test")).document
    assert (outcome["is_delivered"], outcome["status"], outcome["error"]) == (False, None, None)
    assert outcome["fault"] in {"connect_refused", "connect"}
    assert "127.0.0.1:9" in outcome["detail"]
