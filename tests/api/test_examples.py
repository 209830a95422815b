"""Every example of the documentation is true: called on the sample salon, each route answers as it is described."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import jsonschema_rs
import pytest

from calling import Reply, Site
from closebell.api.catalogue import OPERATIONS
from closebell.api.examples import access as examples_access
from closebell.api.examples import sample as examples
from closebell.api.openapi import document
from closebell.api.routing import Doc
from closebell.api.tokens import FORM_MEDIA_TYPE
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.testing import SeededLuck
from closebell.usecase.manage_keys import create_key
from exhausting import exhaust

DOCS = [operation.doc for operation in OPERATIONS]
DOCUMENT: dict[str, Any] = json.loads(document(DOCS, version="0", server=None))
JSON = "application/json"
NOBODY_LISTENS = "http://127.0.0.1:9/hook"

Values = Mapping[str, str]
"""What stands in the path in the place of the documentation's ids, and `authorization` in the place of a key."""


def named(doc: Doc) -> str:
    return f"{doc.method} {doc.path}"


# --- what only happens here, and no import brings ----------------------------------------------------------------


async def done(site: Site, method: str, path: str, body: Any = None) -> Any:
    """The answer of a call that must succeed."""
    reply = await site.call(method, path, body)
    assert reply.status in {200, 201, 202}, reply.body
    return reply.document


async def an_endpoint(site: Site) -> Values:
    made = await done(site, "POST", "/v1/webhook_endpoints", {**examples.ENDPOINT_REQUEST, "url": NOBODY_LISTENS})
    return {"endpoint_id": made["id"]}


async def a_closed_invoice(site: Site) -> Values:
    """One that an endpoint is told of."""
    endpoint = await an_endpoint(site)
    await done(site, "POST", f"/v1/invoices/{examples.PAID_INVOICE_ID}/close", examples.CLOSE)
    (event,) = (await done(site, "GET", "/v1/events"))["events"]
    (delivery,) = (await done(site, "GET", "/v1/deliveries"))["deliveries"]
    return {**endpoint, "event_id": event["event_id"], "delivery_id": delivery["id"]}


async def a_disabled_endpoint(site: Site) -> Values:
    """One whose recoveries and deliveries are held, and so stay what they are."""
    endpoint = await an_endpoint(site)
    await done(site, "POST", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}/disable")
    return endpoint


async def a_held_delivery(site: Site) -> Values:
    await a_disabled_endpoint(site)
    await done(site, "POST", f"/v1/invoices/{examples.PAID_INVOICE_ID}/close", examples.CLOSE)
    (delivery,) = (await done(site, "GET", "/v1/deliveries"))["deliveries"]
    return {"delivery_id": delivery["id"]}


async def a_recovery(site: Site) -> Values:
    """One that has something to bring back; with nothing it would be done already."""
    endpoint = await a_disabled_endpoint(site)
    await done(site, "POST", f"/v1/invoices/{examples.PAID_INVOICE_ID}/close", examples.CLOSE)
    await site.service.database.write(exhaust, at=site.clock.now())
    ever = {"since": "2000-01-01T00:00:00Z"}
    begun = await done(site, "POST", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}/recover", ever)
    return {**endpoint, "recovery_id": begun["recovery"]["id"]}


async def a_key(site: Site) -> Values:
    return {"key_id": (await done(site, "POST", "/v1/keys", examples_access.KEY_REQUEST))["id"]}


async def a_user(site: Site) -> Values:
    return {"user_id": (await done(site, "POST", "/v1/users", examples_access.USER_REQUEST))["id"]}


async def a_session(site: Site) -> Values:
    await a_user(site)
    signed_in = await done(site, "POST", "/v1/tokens", examples_access.SIGN_IN)
    return {"authorization": f"bearer {signed_in['credentials']['access_token']}"}


async def a_campaign(site: Site) -> Values:
    applied = {"offer_code": examples.OFFER_CODE, "center_id": examples.CENTER_ID}
    await done(site, "POST", f"/v1/invoices/{examples.OPEN_INVOICE_ID}/campaign_discount/apply", applied)
    return {}


async def a_redemption(site: Site) -> Values:
    doc = next(doc for doc in DOCS if named(doc) == "POST /v1/invoices/{invoice_id}/redemptions/packages")
    await done(site, doc.method, target(doc, {}), doc.body_example)
    return {}


async def a_payment_page(site: Site) -> Values:
    collect = {"center_id": examples.CENTER_ID, "redirect_uri": "https://example.com/paid"}
    told = await done(site, "POST", f"/v1/invoices/{examples.OPEN_INVOICE_ID}/online_payments", collect)
    return {"token_id": told["token_id"]}


async def a_pending_payment(site: Site) -> Values:
    """What a test card leaves on its way."""
    page = await a_payment_page(site)
    paid = await done(site, "POST", f"/v1/hosted_payments/{page['token_id']}", {"card_number": "4000000000000259"})
    return {"transaction_id": paid["invoice_transaction_id"]}


async def an_erasure(site: Site) -> Values:
    await done(site, "POST", f"/v1/guests/{examples.GUEST_ID}/erase")
    return {}


ARRANGED: dict[str, Callable[[Site], Awaitable[Values]]] = {
    "GET /v1/webhook_endpoints/{endpoint_id}": an_endpoint,
    "PATCH /v1/webhook_endpoints/{endpoint_id}": an_endpoint,
    "PUT /v1/webhook_endpoints/{endpoint_id}": an_endpoint,
    "DELETE /v1/webhook_endpoints/{endpoint_id}": an_endpoint,
    "POST /v1/webhook_endpoints/{endpoint_id}/test": an_endpoint,
    "POST /v1/webhook_endpoints/{endpoint_id}/secret/rotate": an_endpoint,
    "POST /v1/webhook_endpoints/{endpoint_id}/enable": an_endpoint,
    "POST /v1/webhook_endpoints/{endpoint_id}/disable": an_endpoint,
    "GET /v1/webhook_endpoints/{endpoint_id}/failure_log": an_endpoint,
    "GET /v1/guests/{guest_id}/erasure": an_erasure,
    "POST /v1/webhook_endpoints/{endpoint_id}/recover": a_disabled_endpoint,
    "GET /v1/webhook_endpoints/{endpoint_id}/recoveries": a_recovery,
    "GET /v1/webhook_endpoints/{endpoint_id}/recoveries/{recovery_id}": a_recovery,
    "POST /v1/webhook_endpoints/{endpoint_id}/recoveries/{recovery_id}/cancel": a_recovery,
    "POST /v1/deliveries/{delivery_id}/resend": a_held_delivery,
    "GET /v1/events/{event_id}": a_closed_invoice,
    "GET /v1/deliveries/{delivery_id}": a_closed_invoice,
    "DELETE /v1/keys/{key_id}": a_key,
    "DELETE /v1/users/{user_id}": a_user,
    "PUT /v1/users/{user_id}/password": a_user,
    "POST /v1/tokens": a_user,
    "POST /Token": a_user,
    "POST /token": a_user,
    "DELETE /v1/tokens/sessions/revoke": a_session,
    "DELETE /v1/invoices/{invoice_id}/campaign_discount": a_campaign,
    "DELETE /v1/invoices/{invoice_id}/redemptions/packages/{invoice_item_id}": a_redemption,
    "PUT /v1/invoices/{invoice_id}/payments/{transaction_id}": a_pending_payment,
    "GET /v1/hosted_payments/{token_id}": a_payment_page,
    "POST /v1/hosted_payments/{token_id}": a_payment_page,
}


WHOLE = {
    "POST /v1/import",
    "POST /v1/invoices/{invoice_id}/close",
    "POST /v1/invoices/close",
    "GET /v1/centers/{center_id}",
}
"""Routes whose answer holds nothing made up on the way: it is the example, to the last digit."""


# --- calling it exactly as it is documented ----------------------------------------------------------------------


def target(doc: Doc, values: Values) -> str:
    """The path of the example with its query."""
    path = doc.path.format(**{**examples.PATH_VALUES, **doc.path_example, **values})
    asked = [(query.name, query.example) for query in doc.query if query.example is not None]
    pairs = [(name, _spelled(one)) for name, value in asked for one in (value if isinstance(value, list) else [value])]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _spelled(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


async def key_for(site: Site, role: Role) -> str:
    """A key that may do no more than the route asks for."""
    made = await site.service.database.write(
        create_key, str(role), grant=Grant(role=role), clock=site.clock, luck=SeededLuck(11)
    )
    return made.key


async def called(site: Site, doc: Doc, values: Values) -> Reply:
    body = doc.body_example
    headers = {"content-type": doc.body_media_type}
    if doc.body_media_type == FORM_MEDIA_TYPE:
        body = urlencode(body).encode()
    if "authorization" in values:
        return await site.call(
            doc.method, target(doc, {}), body, key=None, headers={**headers, "authorization": values["authorization"]}
        )
    key = None if doc.is_open else await key_for(site, doc.needed_role)
    return await site.call(doc.method, target(doc, values), body, key=key, headers=headers)


@pytest.mark.parametrize("doc", DOCS, ids=named)
async def test_the_example_is_true(salon: Site, doc: Doc) -> None:
    arrange = ARRANGED.get(named(doc))
    values = await arrange(salon) if arrange is not None else {}
    reply = await called(salon, doc, values)
    assert reply.status == doc.status, reply.body
    assert reply.headers["content-type"].partition(";")[0] == doc.answer_media_type.partition(";")[0]
    if doc.answer is not None:
        assert reply.document.keys() == doc.answer_example.keys()
        described = DOCUMENT["paths"][doc.path][doc.method.lower()]["responses"][str(doc.status)]["content"][JSON]
        schema = {**described["schema"], "components": DOCUMENT["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(reply.body))
    if named(doc) in WHOLE:
        assert json.loads(reply.body) == doc.answer_example


def test_each_arrangement_is_for_a_route() -> None:
    assert {*ARRANGED, *WHOLE} <= {named(doc) for doc in DOCS}


@pytest.mark.parametrize("doc", DOCS, ids=named)
def test_what_travels_has_an_example(doc: Doc) -> None:
    if doc.body is not None or doc.body_schema is not None:
        assert doc.body_example is not None
    assert doc.answer_example is not None
    if doc.answer is not None:
        assert doc.answer_example, "an example that shows nothing is none"
