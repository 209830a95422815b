from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from litestar.handlers import HTTPRouteHandler

from calling import Site
from closebell.api.catalogue import OPERATIONS
from closebell.api.front_door import OPEN_PATHS
from closebell.api.openapi import document
from closebell.api.routing import DOC
from closebell.domain.event import EVENT_TYPES
from closebell.testing import a_paid_invoice, guid_of

DOCUMENT: dict[str, Any] = json.loads(document([op.doc for op in OPERATIONS], version="0", server=None))
DESCRIBED = [(path, method, op) for path, item in DOCUMENT["paths"].items() for method, op in item.items()]
IDS = [f"{method} {path}" for path, method, _ in DESCRIBED]
CONTRACT = {
    ("POST", "/v1/tokens"),
    ("POST", "/Token"),
    ("POST", "/token"),
    ("DELETE", "/v1/tokens/sessions/revoke"),
    ("POST", "/v1/invoices/{invoice_id}/close"),
    ("GET", "/v1/invoices/{invoice_id}"),
    ("GET", "/v1/centers/{center_id}/invoices"),
    ("GET", "/v1/centers/{center_id}/cash_registers/open_invoices"),
    ("GET", "/api/v2.0/Invoices/invoices_by_date"),
    ("POST", "/v1/reports/sales/accrual_basis/flat_file"),
    ("POST", "/v1/invoices/{invoice_id}/payment/custom"),
    ("POST", "/v1/invoices/{invoice_id}/payments/gift_card"),
    ("GET", "/v1/giftcards/{giftcard_number}/balance"),
    ("GET", "/v1/guests/{invoice_id}/payments/loyalty_points/redeemable"),
    ("POST", "/v1/invoices/{invoice_id}/payments/loyalty_points"),
    ("POST", "/v1/invoices/{invoice_id}/online_payments"),
    ("POST", "/api/v1/invoices/{invoice_id}/online_payments"),
    ("GET", "/v1/guests/{guest_id}/accounts"),
    ("GET", "/v1/invoices/{invoice_id}/tips"),
    ("POST", "/v1/invoices/products"),
    ("PUT", "/v1/invoices/{invoice_id}/products"),
    ("POST", "/v1/invoices/memberships"),
    ("PUT", "/v1/invoices/{invoice_id}/memberships"),
    ("POST", "/v1/invoices/packages"),
    ("POST", "/v1/invoices/giftcards"),
    ("POST", "/v1/invoices/gift_cards"),
    ("DELETE", "/v1/invoices/{invoice_id}/invoiceitems/{invoice_item_id}"),
    ("PUT", "/v1/invoices/{invoice_id}/cancel"),
    ("PUT", "/v1/invoices/{invoice_id}/confirm"),
    ("PUT", "/v1/invoices/{invoice_id}/lock"),
    ("POST", "/v1/invoices/{invoice_id}/campaign_discount/apply"),
    ("POST", "/v1/invoices/{invoice_id}/redemptions/packages"),
    ("POST", "/v1/guests"),
    ("GET", "/v1/guests/search"),
    ("GET", "/v1/guests/{guest_id}"),
    ("PUT", "/v1/guests/{guest_id}"),
    ("GET", "/v1/guests/{guest_id}/memberships"),
    ("GET", "/v1/guests/{guest_id}/packages"),
    ("GET", "/v1/guests/{guest_id}/Packages"),
    ("GET", "/v1/guests/{guest_id}/points"),
    ("GET", "/v1/guests/{guest_id}/prepaidcards"),
    ("GET", "/v1/guests/{guest_id}/gift_cards"),
    ("GET", "/v1/centers"),
    ("GET", "/v1/Centers"),
    ("GET", "/v1/centers/{center_id}"),
    ("GET", "/v1/Centers/{center_id}"),
    ("GET", "/v1/centers/{center_id}/employees"),
    ("GET", "/v1/centers/{center_id}/therapists"),
    ("GET", "/v1/centers/{center_id}/services"),
    ("GET", "/v1/Centers/{center_id}/services"),
    ("GET", "/v1/centers/{center_id}/products"),
    ("GET", "/v1/centers/{center_id}/memberships"),
    ("GET", "/v1/centers/{center_id}/packages"),
    ("GET", "/v1/giftcards/templates"),
    ("POST", "/v1/group_invoices"),
    ("GET", "/v1/group_invoices/{group_invoice_id}"),
    ("GET", "/v1/group_invoices/{group_invoice_id}/transactions"),
    ("PUT", "/v1/group_invoices/{group_invoice_id}/properties"),
    ("DELETE", "/v1/invoices/{group_invoice_id}/invoices/{invoice_id}"),
    ("POST", "/api/Payments/Invoice/RefundInvoice"),
    ("POST", "/Catalog/Memberships/CloseInvoice/{invoice_id}"),
    ("POST", "/Catalog/SeriesPackages/CloseInvoice/{invoice_id}"),
    ("POST", "/api/Catalog/Memberships/CloseInvoice/{invoice_id}"),
    ("POST", "/api/Catalog/SeriesPackages/CloseInvoice/{invoice_id}"),
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
    assert all("example" in content for content in success["content"].values())


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


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_each_webhook_is_described_with_its_headers(name: str) -> None:
    webhook = DOCUMENT["webhooks"][name]["post"]
    content = webhook["requestBody"]["content"]["application/json"]
    _validator(content["schema"]).validate(content["example"])
    assert content["example"]["event_type"] == name
    names = {parameter["name"] for parameter in webhook["parameters"]}
    assert {"webhook-id", "webhook-timestamp", "webhook-signature", "closebell-sequence"} <= names


def test_every_event_type_is_a_webhook_and_every_webhook_an_event_type() -> None:
    assert DOCUMENT["webhooks"].keys() == EVENT_TYPES


def test_what_is_open_says_so() -> None:
    assert DOCUMENT["security"] == [{"apikey": []}, {"bearer": []}]
    assert {path for path, _, op in DESCRIBED if op.get("security") == []} == OPEN_PATHS


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
