"""Pace, recovery and conditions of an endpoint, on the wire and back, exactly; and what they do."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from calling import Site
from closebell.api.endpoint_shapes import EndpointChange, NewEndpointRequest
from closebell.domain.endpoint_draft import EndpointChanges, EndpointDraft
from closebell.testing import a_paid_invoice, guid_of

AT = "/v1/webhook_endpoints"
HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}
REFUND = {"field": "data.invoice.is_refund", "equals": False}
MINE = ("rate_per_s", "recovers_when_enabled", "conditions")


def mine(document: Any) -> list[Any]:
    return [document[name] for name in MINE]


async def made(site: Site, **fields: Any) -> Any:
    reply = await site.post(AT, {**HOOK, **fields})
    assert reply.status == 201, reply.body
    return reply.document


def test_the_wire_has_the_names_of_the_domain() -> None:
    assert [field.name for field in fields(EndpointChanges)] == [*EndpointChange.__struct_fields__]
    assert {field.name for field in fields(EndpointDraft)} == {*NewEndpointRequest.__struct_fields__}


def test_a_request_shows_nothing_secret() -> None:
    said = NewEndpointRequest(name="Books", url="https://x.example/", event_types=(), secret="hunter2")
    assert "hunter2" not in repr(said)


async def test_what_is_not_said_has_a_default(site: Site) -> None:
    found = await made(site)
    assert mine(found) == [None, False, []]
    assert found["enabled_at"] is None


async def test_what_is_said_is_kept_and_shown(site: Site) -> None:
    found = await made(site, rate_per_s=20, recovers_when_enabled=True, conditions=[REFUND])
    assert mine(found) == [20, True, [REFUND]]
    assert (await site.get(f"{AT}/{found['id']}")).document["conditions"] == [REFUND]


async def test_a_change_leaves_the_rest_null_leaves_all_and_each_can_be_cleared(site: Site) -> None:
    found = await made(site, rate_per_s=20, recovers_when_enabled=True, conditions=[REFUND])
    one = f"{AT}/{found['id']}"
    for body in ({}, {"rate_per_s": None, "recovers_when_enabled": None, "conditions": None}, {"name": "Ledger"}):
        assert mine((await site.call("PATCH", one, body)).document) == [20, True, [REFUND]]
    assert mine((await site.call("PATCH", one, {"rate_per_s": 0})).document) == [None, True, [REFUND]]
    assert mine((await site.call("PATCH", one, {"recovers_when_enabled": False})).document) == [None, False, [REFUND]]
    assert mine((await site.call("PATCH", one, {"conditions": []})).document) == [None, False, []]


async def test_a_replacement_resets_them(site: Site) -> None:
    found = await made(site, rate_per_s=20, recovers_when_enabled=True, conditions=[REFUND])
    assert mine((await site.call("PUT", f"{AT}/{found['id']}", HOOK)).document) == [None, False, []]


async def test_a_number_keeps_all_its_digits(site: Site) -> None:
    body = (
        b'{"name":"Books","url":"https://books.example/hook","event_types":["Invoice.Closed"],"conditions":'
        b'[{"field":"data.invoice.total_price.sum_total","equals":12345678901234567.890}]}'
    )
    reply = await site.call("POST", AT, body)
    shown = b'[{"field":"data.invoice.total_price.sum_total","equals":12345678901234567.89}]'
    assert shown in reply.body
    assert shown in (await site.get(AT)).body


async def test_enabling_says_when(site: Site) -> None:
    found = await made(site)
    after = (await site.post(f"{AT}/{found['id']}/enable")).document
    assert after["enabled_at"] == "2026-01-05T12:00:00Z"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rate_per_s": -1}, "rate_per_s: is -1; it must be from 1 to 10000, or 0 for no bound"),
        ({"rate_per_s": 10_001}, "rate_per_s: is 10001"),
        ({"rate_per_s": "20"}, "rate_per_s: must be an integer or null, not a string"),
        ({"recovers_when_enabled": 1}, "recovers_when_enabled: must be true or false or null"),
        ({"conditions": {}}, "conditions: must be an array or null"),
        ({"conditions": [{"field": "a"}]}, "conditions[0].equals: is missing"),
        ({"conditions": [{"equals": 1}]}, "conditions[0].field: is missing"),
        ({"conditions": [REFUND] * 11}, "conditions: has 11 entries; at most 10"),
        (
            {"conditions": [REFUND, {"field": "data.invoice.is_refnd", "equals": True}]},
            "conditions[1].field: no Invoice.Closed event has 'data.invoice.is_refnd', so none would be sent; did you",
        ),
        (
            {"conditions": [{**REFUND, "equals": "false"}]},
            "conditions[0].equals: data.invoice.is_refund of Invoice.Closed is true or false, and never a string",
        ),
        ({"conditions": [{**REFUND, "equals": [True]}]}, "conditions[0].equals: must be a string, a number"),
        ({"conditions": [REFUND], "event_types": ["Guest.Created"]}, "conditions[0].field: no Guest.Created event has"),
    ],
)
async def test_a_slip_is_refused_by_name_and_changes_nothing(site: Site, fields: dict[str, Any], says: str) -> None:
    found = await made(site, conditions=[REFUND])
    before = await site.rows()
    for method, path in (("POST", AT), ("PUT", f"{AT}/{found['id']}"), ("PATCH", f"{AT}/{found['id']}")):
        reply = await site.call(method, path, {**HOOK, **fields})
        assert reply.status == 400, method
        assert reply.error["message"].startswith(says), method
    assert await site.rows() == before


async def test_other_event_types_must_fit_the_conditions_that_stay(site: Site) -> None:
    found = await made(site, conditions=[REFUND])
    reply = await site.call("PATCH", f"{AT}/{found['id']}", {"event_types": ["Guest.Created"]})
    assert reply.error["message"].startswith("conditions[0].field: no Guest.Created event has")
    both = {"event_types": ["Guest.Created"], "conditions": []}
    assert (await site.call("PATCH", f"{AT}/{found['id']}", both)).status == 200


async def test_conditions_choose_what_is_told(site: Site) -> None:
    total = {"field": "data.invoice.total_price.sum_total"}
    wanted = await made(site, name="wanted", conditions=[REFUND, {**total, "equals": 488.0}])
    await made(site, name="refunds", conditions=[{**REFUND, "equals": True}])
    await made(site, name="others", conditions=[REFUND, {**total, "equals": 1}])
    every = await made(site, name="everything")
    for one in (await site.get(AT)).document["webhook_endpoints"]:
        await site.post(f"{AT}/{one['id']}/disable")
    await site.put(a_paid_invoice())
    closed = await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")
    assert closed.status == 200
    told = (await site.get("/v1/deliveries")).document["deliveries"]
    assert sorted(one["endpoint_id"] for one in told) == sorted([wanted["id"], every["id"]])
    proof = (await site.get("/v1/reconciliation")).document
    assert (proof["balanced"], proof["reasons"]) == (True, [])
