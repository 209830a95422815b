from __future__ import annotations

from typing import Any

import pytest

from calling import Site
from closebell.testing import a_paid_invoice, a_payment, an_employee, an_invoice, guid_of

INVOICE = guid_of("invoice 1")
AT = f"/v1/invoices/{INVOICE}"
ENDPOINTS = "/v1/webhook_endpoints"
HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}
PAY = {"custom_payment_id": guid_of("type"), "amount": 1}
UNREADABLE = [
    (b"{", "The request is invalid. The body is not JSON: it ends too early"),
    (b"{'a': 1}", "The request is invalid. The body is not JSON: "),
    (b"close", "The request is invalid. The body is not JSON: invalid character (byte 0)."),
    (b'{"closed_by_id": "\xff\xfe"}', "The request is invalid. The body is not UTF-8."),
    (b'{"x": "\xc3\x28"}', "The request is invalid. The body is not UTF-8."),
    (b'{"x": "a\x00b"}', "The request is invalid. The body is not JSON: invalid character"),
    (b'{"closed_by_id": "\\ud800"}', "The request is invalid. The body is not JSON: "),
    (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "The request is invalid. The body is nested too deeply."),
    (b"[]", "The request is invalid. The body must be an object"),
    (b'"close"', "The request is invalid. The body must be an object"),
    (b"7", "The request is invalid. The body must be an object"),
]
WITH_BODY = [
    ("POST", f"{AT}/close"),
    ("POST", "/v1/invoices/close"),
    ("POST", f"{AT}/payment/custom"),
    ("PUT", f"{AT}/tips"),
    *(("POST", f"/v1/invoices/{what}") for what in ("products", "memberships", "packages", "giftcards", "gift_cards")),
    *(("PUT", f"{AT}/{what}") for what in ("products", "services", "cancel", "confirm")),
    *(("POST", f"{AT}/{what}") for what in ("campaign_discount/apply", "redemptions/packages")),
    ("DELETE", f"{AT}/invoiceitems/{guid_of('line Massage')}"),
    ("POST", ENDPOINTS),
    ("PUT", f"{ENDPOINTS}/{guid_of('endpoint')}"),
    ("PATCH", f"{ENDPOINTS}/{guid_of('endpoint')}"),
    ("POST", "/v1/keys"),
]


@pytest.mark.parametrize(("body", "message"), UNREADABLE, ids=[str(row[0][:20]) for row in UNREADABLE])
async def test_a_body_that_cannot_be_read_changes_nothing_anywhere(site: Site, body: bytes, message: str) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    for method, path in WITH_BODY:
        reply = await site.call(method, path, body)
        assert reply.status == 400, path
        assert reply.error["code"] == 400
        assert reply.error["message"].startswith(message), path
    assert await site.rows() == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"closed_by_id": 5}', "closed_by_id: must be a string or null, not an integer"),
        (b'{"closed_by_id": ["x"]}', "closed_by_id: must be a string or null, not an array"),
        (b'{"closed_by_id": "x"}', "closed_by_id: 'x' is not a GUID"),
        (b'{"is_invoice_closed": "true"}', "is_invoice_closed: must be true or false or null, not a string"),
        (b'{"is_invoice_closed": 1}', "is_invoice_closed: must be true or false or null, not an integer"),
        (b'{"status": "1"}', "status: must be an integer or null, not a string"),
        (b'{"status": 1.5}', "status: must be an integer or null, not a number with a decimal point"),
        (b'{"status": ' + b"9" * 5000 + b"}", "status: is a number beyond any amount"),
        (b'{"error": "none"}', "error: must be an object or null, not a string"),
        (b'{"closed_by_id": "a\\u0000b"}', "closed_by_id: contains the character \\u0000"),
        (b'{"other": [{"deep": "\\u0000"}]}', "other[0].deep: contains the character \\u0000"),
        (b'{"a\\u0000": 1}', "has a name with the character \\u0000"),
    ],
)
async def test_a_close_names_the_field_that_is_wrong(site: Site, body: bytes, message: str) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    reply = await site.post(f"{AT}/close", body)
    assert reply.status == 400
    assert message in reply.error["message"]
    assert await site.rows() == before


@pytest.mark.parametrize("name", ["x", "%00", "7e4e1a62", f"{INVOICE}0", INVOICE.replace("-", "_")])
async def test_what_is_no_guid_is_refused_by_name(site: Site, name: str) -> None:
    for method, path in [
        ("POST", f"/v1/invoices/{name}/close"),
        ("GET", f"/v1/invoices/{name}"),
        ("GET", f"/v1/invoices/{name}/close_check"),
        ("POST", f"/v1/invoices/{name}/payment/custom"),
        ("PUT", f"/v1/invoices/{name}/tips"),
        ("GET", f"/v1/invoices/{name}/tips"),
        ("DELETE", f"/v1/invoices/{name}/payments/{INVOICE}"),
        ("DELETE", f"/v1/invoices/{INVOICE}/invoices/{name}"),
    ]:
        reply = await site.call(method, path)
        assert (reply.status, reply.error["code"]) == (400, 502), path
        assert reply.error["message"].startswith("invoice_id: "), path


async def test_a_guid_may_be_bare_or_in_capitals(site: Site) -> None:
    await site.put(a_paid_invoice())
    assert (await site.get(f"/v1/invoices/{INVOICE.upper()}")).document["invoice"]["id"] == INVOICE
    assert (await site.get(f"/v1/invoices/{INVOICE.replace('-', '')}")).document["invoice"]["id"] == INVOICE


async def test_too_large_a_body_is_413_announced_or_not(site: Site) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    large = b'{"x": "' + b"x" * site.service.body_bytes_max + b'"}'
    pieces = tuple(large[start : start + 65_536] for start in range(0, len(large), 65_536))
    for method, path in WITH_BODY:
        for chunks in ((large,), pieces):
            reply = await site.call(method, path, chunks=chunks)
            assert (reply.status, reply.error["code"]) == (413, 413), path
            assert str(site.service.body_bytes_max) in reply.error["message"]
            assert reply.headers["connection"] == "close"
    assert await site.rows() == before


async def test_a_body_of_exactly_the_limit_is_read(site: Site) -> None:
    await site.put(a_paid_invoice())
    room = site.service.body_bytes_max - len(b'{"x": ""}')
    assert (await site.post(f"{AT}/close", b'{"x": "' + b"x" * room + b'"}')).status == 200


async def test_a_body_in_pieces_is_one_body(site: Site) -> None:
    await site.put(a_paid_invoice())
    reply = await site.call("POST", f"{AT}/close", chunks=(b'{"stat', b"", b'us": 1', b"}", b""))
    assert reply.status == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": "NaN"}, "amount: NaN is not an amount"),
        ({"amount": "Infinity"}, "amount: Infinity is not an amount"),
        ({"amount": "ten"}, "amount: must be a decimal number such as 12.50"),
        ({"amount": True}, "amount: must be a decimal number, not true or false"),
        ({"amount": None}, "amount: must be a decimal number, not null"),
        ({"amount": 0}, "amount: "),
        ({"amount": -5}, "amount: "),
        ({"amount": 1.001}, "amount: 1.001 has more decimals than USD"),
        ({"amount": "1e400"}, "amount: the amount is over the largest one"),
        ({"amount": "1e-400"}, "amount: "),
        ({"tip_amount": -1}, "tip_amount: "),
        ({"tip_amount": 2}, "tip_amount: "),
        ({"tip_amount": 0.001}, "tip_amount: 0.001 has more decimals than USD"),
        ({"custom_payment_id": "cash"}, "custom_payment_id: 'cash' is not a GUID"),
        ({"custom_payment_id": None}, "custom_payment_id: must be a string, not null"),
        ({"collected_by_id": guid_of("nobody")}, "collected_by_id: "),
        ({"additional_data": 5}, "additional_data: must be a string or null"),
        ({"additional_data": "a\0b"}, "additional_data: contains the character"),
        ({"cash_register_id": 5}, "cash_register_id: must be a string or null"),
    ],
)
async def test_a_payment_names_the_field_that_is_wrong(site: Site, fields: dict[str, Any], message: str) -> None:
    await site.put(an_invoice())
    before = await site.rows()
    reply = await site.post(f"{AT}/payment/custom", {**PAY, **fields})
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


@pytest.mark.parametrize("amount", [b"9" * 5000, b"1e999999999", b"1e-999999999", b"-1e999999999", b"0." + b"1" * 5000])
async def test_absurd_amounts_are_refused_at_once(site: Site, amount: bytes) -> None:
    await site.put(an_invoice(transactions=(a_payment(tip=100),)), employees=(an_employee("Ines"),))
    before = await site.rows()
    payment = b'{"custom_payment_id": "%s", "amount": %s}' % (guid_of("type").encode(), amount)
    reply = await site.post(f"{AT}/payment/custom", payment)
    assert (reply.status, reply.error["message"].partition(":")[0]) == (400, "amount")
    assert len(reply.body) < 1000
    tips = b'{"employee_tips": [{"employee_id": "%s", "amount": %s}]}' % (an_employee("Ines").encode(), amount)
    reply = await site.call("PUT", f"{AT}/tips", tips)
    assert (reply.status, reply.error["message"].partition(":")[0]) == (400, "employee_tips[0].amount")
    assert await site.rows() == before


async def test_seventeen_digits_survive_every_route_that_takes_an_amount(site: Site) -> None:
    amount, minor = b"123456789012345.67", 12_345_678_901_234_567
    await site.put(an_invoice(total=minor), employees=(an_employee("Ines"),))
    due = (await site.get(AT)).body
    assert b'"sum_total":' + amount in due
    body = b'{"custom_payment_id": "%s", "amount": %s, "tip_amount": %s}'
    paid = await site.post(f"{AT}/payment/custom", body % (guid_of("type").encode(), b"246913578024691.34", amount))
    assert b'"amount_paid":' + amount in paid.body
    assert b'"tip_amount":' + amount in paid.body
    tips = b'{"employee_tips": [{"employee_id": "%s", "amount": %s}]}' % (an_employee("Ines").encode(), amount)
    assert b'"amount":' + amount in (await site.call("PUT", f"{AT}/tips", tips)).body
    assert b'"amount":' + amount in (await site.get(f"{AT}/tips")).body
    assert (await site.post(f"{AT}/close")).status == 200
    assert amount.decode() in (await site.get("/v1/events")).document["events"][0]["body"]


async def test_seventeen_digits_survive_an_import(site: Site) -> None:
    centre = {"id": guid_of("c"), "name": "C", "time_zone": "UTC", "currency": "USD"}
    invoice = b'{"id": "%s", "center_id": "%s", "invoice_date": "2026-01-05", "total_price": {"sum_total": %s}}' % (
        INVOICE.encode(),
        guid_of("c").encode(),
        b"123456789012345.67",
    )
    await site.post("/v1/import", {"centers": [centre]})
    report = await site.post("/v1/import", b'{"invoices": [%s]}' % invoice)
    assert report.document["created"] == 1, report.document
    assert b'"sum_total":123456789012345.67' in (await site.get(AT)).body


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "https://user:pass@books.example/"}, "url: "),
        ({"url": "ftp://books.example/"}, "url: "),
        ({"url": "https://10.0.0.8/hook"}, "url: "),
        ({"url": "https://169.254.169.254/"}, "url: "),
        ({"url": "https://books.example/#x"}, "url: "),
        ({"url": 5}, "url: must be a string"),
        ({"event_types": ["Invoice.Opened"]}, "event_types[0]: 'Invoice.Opened' is not known"),
        ({"event_types": []}, "event_types: "),
        ({"event_types": "Invoice.Closed"}, "event_types: must be an array"),
        ({"http_method": "GET"}, "http_method: 'GET' is not known"),
        ({"signature_styles": ["md5"]}, "signature_styles[0]: 'md5' is not known"),
        ({"center_ids": [guid_of("c")]}, "center_ids[0]: "),
        ({"center_ids": ["x"]}, "center_ids[0]: 'x' is not a GUID"),
        ({"name": ""}, "name: "),
        ({"name": "a\0b"}, "name: contains the character"),
        ({"policy": "never"}, "policy: 'never' is not known"),
    ],
)
async def test_an_endpoint_names_the_field_that_is_wrong(site: Site, fields: dict[str, Any], message: str) -> None:
    made = (await site.post(ENDPOINTS, HOOK)).document
    before = await site.rows()
    for method, path, body in [
        ("POST", ENDPOINTS, {**HOOK, **fields}),
        ("PUT", f"{ENDPOINTS}/{made['id']}", {**HOOK, **fields}),
        ("PATCH", f"{ENDPOINTS}/{made['id']}", fields),
    ]:
        reply = await site.call(method, path, body)
        assert (reply.status, reply.error["code"]) == (400, 502), method
        assert reply.error["message"].startswith(message), method
    assert await site.rows() == before


@pytest.mark.parametrize("name", ["name", "url", "event_types"])
async def test_an_endpoint_needs_name_address_and_event_types(site: Site, name: str) -> None:
    body = {key: value for key, value in HOOK.items() if key != name}
    reply = await site.post(ENDPOINTS, body)
    assert (reply.status, reply.error["message"]) == (400, f"{name}: is missing")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/events?after=-1", 400, "after: '-1' is not a whole number from 0 to 9223372036854775807"),
        ("/v1/events?after=99999999999999999999", 400, "after: "),
        ("/v1/events?after=%D9%A1", 400, "after: "),
        ("/v1/events?limit=0", 400, "limit: '0' is not a whole number from 1 to 1000"),
        ("/v1/events?limit=1001", 422, "You cannot request more than 1000 items."),
        ("/v1/events?limit=many", 400, "limit: "),
        ("/v1/events?wait=31", 400, "wait: "),
        ("/v1/events?after=%FF", 400, "The request is invalid. The query string is not UTF-8."),
        (
            "/v1/events?" + "a=1&" * 101 + "a=1",
            400,
            "The request is invalid. The query string has more than 100 values.",
        ),
        ("/v1/events/x", 400, "event_id: 'x' is not an id"),
        ("/v1/deliveries/x", 400, "delivery_id: 'x' is not an id"),
        ("/v1/deliveries?endpoint_id=x", 400, "endpoint_id: 'x' is not a GUID"),
        ("/v1/deliveries?invoice_id=x", 400, "invoice_id: 'x' is not a GUID"),
        ("/v1/deliveries?event_id=x", 400, "event_id: 'x' is not an id"),
        ("/v1/deliveries?before=%00", 400, "before: "),
        ("/v1/deliveries?state=lost", 400, "state: 'lost' is not known; write one of pending"),
        ("/v1/deliveries?limit=201", 422, "You cannot request more than 200 items."),
        ("/v1/reconciliation?from=yesterday", 400, "from: 'yesterday' is not an instant"),
        ("/v1/reconciliation?to=2026-02-30", 400, "to: '2026-02-30' is not an instant"),
        ("/v1/reconciliation?from=2026-01-02&to=2026-01-01", 400, "to: "),
        ("/v1/webhook_endpoints/x", 400, "endpoint_id: 'x' is not a GUID"),
    ],
)
async def test_a_query_names_the_value_that_is_wrong(site: Site, path: str, status: int, message: str) -> None:
    reply = await site.get(path)
    assert reply.status == status
    assert reply.error["message"].startswith(message)


async def test_extreme_instants_are_answered(site: Site) -> None:
    for instant in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert (await site.get(f"/v1/reconciliation?from={instant}")).status == 400
    assert (await site.get("/v1/reconciliation?from=0001-01-01&to=9999-12-31")).status == 200


async def test_the_flag_of_an_import_is_true_or_false(site: Site) -> None:
    reply = await site.post("/v1/import?as_open=maybe", {})
    assert (reply.status, reply.error["message"]) == (400, "as_open: 'maybe' is neither true nor false")
    for flag in ("as_open", "as_open=TRUE", "as_open=0", ""):
        assert (await site.post(f"/v1/import?{flag}", {})).status == 200


async def test_an_import_has_a_limit_of_its_own(site: Site) -> None:
    site.alter(import_bytes_max=2000)
    assert (await site.post("/v1/import", b'{"x": "' + b"x" * 2000 + b'"}')).status == 413
    for body in (b"{", b"\xff", b"[]", b"[" * 100_000):
        reply = await site.post("/v1/import", body[:2000])
        assert (reply.status, reply.error["code"]) == (400, 400), body[:5]
