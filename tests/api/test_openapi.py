from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from litestar.handlers import HTTPRouteHandler

from calling import Site
from closebell.api.catalogue import OPERATIONS
from closebell.api.openapi import document
from closebell.api.routing import DOC
from closebell.testing import a_paid_invoice, guid_of

DOCUMENT: dict[str, Any] = json.loads(document([op.doc for op in OPERATIONS], version="0", server=None))
DESCRIBED = [(path, method, op) for path, item in DOCUMENT["paths"].items() for method, op in item.items()]
IDS = [f"{method} {path}" for path, method, _ in DESCRIBED]
CONTRACT = {
    ("POST", "/v1/invoices/{invoice_id}/close"),
    ("GET", "/v1/invoices/{invoice_id}"),
    ("POST", "/v1/invoices/{invoice_id}/payment/custom"),
}


def _validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


async def test_it_is_served_to_those_with_a_key(site: Site) -> None:
    reply = await site.get("/openapi.json")
    assert reply.document["openapi"] == "3.1.0"
    assert reply.document["paths"].keys() == DOCUMENT["paths"].keys()
    assert (await site.get("/openapi.json", key=None)).status == 401


async def test_every_route_that_is_served_is_described_and_none_besides(site: Site) -> None:
    served = {
        (method, handler.opt[DOC].path)
        for route in site.app.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler) and DOC in handler.opt
        for method in handler.http_methods
    }
    unmarked = [
        route.path for route in site.app.routes if not any(DOC in h.opt for h in getattr(route, "route_handlers", ()))
    ]
    assert served == {(method.upper(), path) for path, method, _ in DESCRIBED}
    assert unmarked == []


@pytest.mark.parametrize(("path", "method", "op"), DESCRIBED, ids=IDS)
def test_each_route_is_described_in_full(path: str, method: str, op: dict[str, Any]) -> None:
    assert op["summary"]
    assert op["tags"]
    named = {parameter["name"] for parameter in op.get("parameters", ()) if parameter["in"] == "path"}
    assert named == set(re.findall(r"\{(\w+)\}", path))
    assert (op.get("x-closebell-extension") is True) == ((method.upper(), path) not in CONTRACT)
    assert {"400", "401", "500", "503"} <= op["responses"].keys()
    success = next(answer for status, answer in op["responses"].items() if status.startswith("2"))
    (content,) = success["content"].values()
    assert "example" in content


@pytest.mark.parametrize(("path", "method", "op"), DESCRIBED, ids=IDS)
def test_each_example_fits_its_schema(path: str, method: str, op: dict[str, Any]) -> None:
    contents = [answer["content"] for answer in op["responses"].values()]
    contents += [op["requestBody"]["content"]] if "requestBody" in op else []
    for content in contents:
        for described in content.values():
            if "example" in described:
                _validator(described["schema"]).validate(described["example"])
    for parameter in op.get("parameters", ()):
        if "example" in parameter:
            _validator(parameter["schema"]).validate(parameter["example"])


def test_names_of_operations_are_distinct_and_fit_to_be_functions() -> None:
    names = [op["operationId"] for _, _, op in DESCRIBED]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_the_webhook_is_described_with_its_headers() -> None:
    webhook = DOCUMENT["webhooks"]["Invoice.Closed"]["post"]
    content = webhook["requestBody"]["content"]["application/json"]
    _validator(content["schema"]).validate(content["example"])
    names = {parameter["name"] for parameter in webhook["parameters"]}
    assert {"webhook-id", "webhook-timestamp", "webhook-signature", "closebell-sequence"} <= names


def test_only_health_is_open() -> None:
    assert DOCUMENT["security"] == [{"apikey": []}]
    assert {path for path, _, op in DESCRIBED if op.get("security") == []} == {"/healthz", "/readyz"}


def test_amounts_are_numbers_and_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    assert '"decimal"' not in text
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in DOCUMENT["components"]["schemas"]


async def test_what_is_sent_is_what_is_described(site: Site) -> None:
    await site.put(a_paid_invoice())
    at = f"/v1/invoices/{guid_of('invoice 1')}"
    every = "?expand=InvoiceItems,Appointments,Transactions,dues_and_fees"
    for method, target, path in [
        ("GET", f"{at}{every}", "/v1/invoices/{invoice_id}"),
        ("GET", f"{at}/close_check", "/v1/invoices/{invoice_id}/close_check"),
        ("POST", f"{at}/close", "/v1/invoices/{invoice_id}/close"),
        ("GET", "/v1/events", "/v1/events"),
        ("GET", "/v1/reconciliation", "/v1/reconciliation"),
    ]:
        reply = await site.call(method, target)
        described = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]
        _validator(described["schema"]).validate(json.loads(reply.body))
    refused = await site.post(f"/v1/invoices/{guid_of('nobody')}/close")
    problem = DOCUMENT["paths"]["/v1/invoices/{invoice_id}/close"]["post"]["responses"]["404"]
    _validator(problem["content"]["application/json"]["schema"]).validate(json.loads(refused.body))
    event = json.loads((await site.get("/v1/events")).document["events"][0]["body"])
    webhook = DOCUMENT["webhooks"]["Invoice.Closed"]["post"]["requestBody"]["content"]["application/json"]
    _validator(webhook["schema"]).validate(event)
