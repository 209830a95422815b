"""Every refusal of the group routes: status, code, message, and that nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from calling import Site
from closebell.domain.group import MEMBERS_MAX
from closebell.testing import NOON, a_centre, a_paid_invoice, an_invoice, guid_of

FREE, PAID, CLOSED = (guid_of(f"invoice {name}") for name in ("free", "paid", "closed"))
GROUP, PAID_GROUP, DONE_GROUP, NOTHING = (guid_of(name) for name in ("group", "paid group", "done group", "nothing"))
AT = f"/v1/group_invoices/{GROUP}"
MEMBER = guid_of("invoice member")


def new(*ids: str, **fields: Any) -> dict[str, Any]:
    return {"group_name": "G", "invoice_ids": list(ids), **fields}


PARTLY, ALREADY = (
    "This invoice has already been partially paid.",
    "You\u2019ve already accepted payment for this group. Remove it to change the invoices of the group.",
)
CREATING: list[tuple[Any, int, int, str]] = [
    (new(), 400, 502, "Invalid inputs. The invoice_id is not passed."),
    ({"group_name": "G"}, 400, 502, "Invalid inputs. The invoice_id is not passed."),
    ({"group_name": "G", "invoice_ids": None}, 400, 502, "Invalid inputs. The invoice_id is not passed."),
    (new(FREE, PAID), 409, 4001, PARTLY),
    (new(FREE, guid_of("invoice in a paid group")), 409, 4002, ALREADY),
    (new(FREE, NOTHING), 404, 428, "Invoice not found."),
    (new(FREE, MEMBER), 409, 409, f"Invoice {MEMBER} is in group invoice {GROUP}; take it out of there first"),
    (new(FREE, CLOSED), 409, 409, f"Invoice {CLOSED} is closed, receipt R1; it joins no group"),
    (new(FREE, FREE), 400, 502, f"invoice_ids[1]: {FREE} is also invoice_ids[0]; write each id once"),
    (new(FREE, "x"), 400, 502, "invoice_ids[1]: 'x' is not a GUID"),
    (new(FREE, group_name=""), 400, 502, "group_name: is blank"),
    ({"invoice_ids": [FREE]}, 400, 502, "group_name: is missing"),
    (new(FREE, group_name=7), 400, 502, "group_name: must be a string, not an integer"),
    (new(FREE, invoice_ids="x"), 400, 502, "invoice_ids: must be an array or null, not a string"),
    (new(FREE, created_by_id="x"), 400, 502, "created_by_id: 'x' is not a GUID"),
    (new(FREE, created_by_id=NOTHING), 400, 502, f"created_by_id: {NOTHING} is not an employee"),
    (new(FREE, notes=["x"]), 400, 502, "notes: must be a string or null, not an array"),
    (new(*(guid_of(f"{n}") for n in range(MEMBERS_MAX + 1))), 413, 413, "invoice_ids: has 1001 entries"),
]


async def stocked(site: Site) -> dict[str, list[Any]]:
    """Invoices in every state that matters, and the rows as they are."""
    await site.put(
        an_invoice("free"),
        a_paid_invoice("paid"),
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R1"),
        an_invoice("member", group_invoice_id=GROUP),
        an_invoice("in a paid group", group_invoice_id=PAID_GROUP),
        a_paid_invoice("paid in it", group_invoice_id=PAID_GROUP),
        a_paid_invoice("done", group_invoice_id=DONE_GROUP, closed_at=NOON, receipt_number="R2"),
        an_invoice("elsewhere", centre=a_centre("Elsewhere"), group_invoice_id=guid_of("mixed")),
    )
    return await site.rows()


@pytest.mark.parametrize(("body", "status", "code", "message"), CREATING, ids=[row[3][:50] for row in CREATING])
async def test_a_group_that_cannot_be_made(site: Site, body: Any, status: int, code: int, message: str) -> None:
    before = await stocked(site)
    reply = await site.post("/v1/group_invoices", body)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


PAYING: list[tuple[str, Any, int, int, str]] = [
    (GROUP, {"amount": 488.01}, 409, 459, "Payment is made in excess."),
    (PAID_GROUP, {"amount": 976}, 409, 459, "Payment is made in excess."),
    (DONE_GROUP, {"amount": 1}, 409, 728, "ApiPaymentCannotBeAddedForClosedInvoice"),
    (NOTHING, {"amount": 1}, 404, 404, f"No group invoice has the id {NOTHING}"),
    (GROUP, {"amount": 0}, 400, 502, "amount: 0.00 USD pays nothing"),
    (GROUP, {"amount": 0.001}, 400, 502, "amount: 0.001 has more decimals"),
    (GROUP, {"amount": "1_0"}, 400, 502, 'amount: "1_0" is not an amount'),
    (GROUP, {"amount": 1, "tip_amount": 2}, 400, 502, "tip_amount: 2.00 is more"),
    (GROUP, {"amount": 1, "collected_by_id": NOTHING}, 400, 502, "collected_by_id: "),
    (GROUP, {"amount": 1, "additional_data": "x" * 4001}, 400, 502, "additional_data: has 4001"),
    (GROUP, {}, 400, 502, "amount: is missing"),
    ("x", {"amount": 1}, 400, 502, "group_invoice_id: 'x' is not a GUID"),
]


@pytest.mark.parametrize(("group", "body", "status", "code", "message"), PAYING)
async def test_a_payment_that_cannot_be_taken(
    site: Site, group: str, body: Any, *, status: int, code: int, message: str
) -> None:
    before = await stocked(site)
    for kind, more in (("cash", {}), ("custom", {"custom_payment_id": guid_of("bank")})):
        reply = await site.post(f"/v1/group_invoices/{group}/payments/{kind}", {**body, **more})
        assert (reply.status, reply.error["code"]) == (status, code)
        assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_a_custom_payment_needs_its_type(site: Site) -> None:
    before = await stocked(site)
    for body, message in [
        ({"amount": 1}, "custom_payment_id: is missing"),
        ({"amount": 1, "custom_payment_id": "x"}, "custom_payment_id: 'x' is not a GUID"),
    ]:
        reply = await site.post(f"{AT}/payments/custom", body)
        assert (reply.status, reply.error["code"]) == (400, 502)
        assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_a_group_that_is_paid_takes_no_more(site: Site) -> None:
    await site.put(a_paid_invoice("1", group_invoice_id=GROUP))
    reply = await site.post(f"{AT}/payments/cash", {"amount": 1})
    assert (reply.status, reply.error["code"], reply.error["message"]) == (409, 460, "PaymentIsAlreadyMade")


@pytest.mark.parametrize(
    ("group", "body", "status", "code", "message"),
    [
        (GROUP, {}, 409, 419, "Full Payment of invoice is not made."),
        (GROUP, {"closed_by_id": NOTHING}, 400, 502, "closed_by_id: "),
        (GROUP, {"closed_by_id": 5}, 400, 502, "closed_by_id: must be a string or null, not an integer"),
        (GROUP, b"{", 400, 400, "The request is invalid. The body is not JSON"),
        (NOTHING, {}, 404, 404, f"No group invoice has the id {NOTHING}"),
        ("x", {}, 400, 502, "group_invoice_id: 'x' is not a GUID"),
    ],
)
async def test_a_group_that_cannot_be_closed(
    site: Site, group: str, body: Any, *, status: int, code: int, message: str
) -> None:
    before = await stocked(site)
    reply = await site.post(f"/v1/group_invoices/{group}/close", body)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["message"].startswith(message)
    if code == 419:
        assert reply.error["InternalMessage"] == f"Invoice {MEMBER}: 0.00 of 488.00 USD is paid; 488.00 is missing."
    assert await site.rows() == before


async def test_an_empty_group_is_neither_paid_nor_closed(site: Site) -> None:
    await site.put(an_invoice("1", group_invoice_id=GROUP))
    await site.call("DELETE", f"/v1/invoices/{GROUP}/invoices/{guid_of('invoice 1')}")
    before = await site.rows()
    for path, body in (("close", None), ("payments/cash", {"amount": 1})):
        reply = await site.post(f"{AT}/{path}", body)
        assert (reply.status, reply.error["code"]) == (409, 409)
        assert "has no invoices" in reply.error["message"]
    assert await site.rows() == before


async def test_what_cannot_be_taken_out_of_a_group(site: Site) -> None:
    before = await stocked(site)
    for group, invoice, status, code in [
        (GROUP, NOTHING, 404, 428),
        (GROUP, FREE, 404, 404),
        (NOTHING, MEMBER, 404, 404),
        (DONE_GROUP, guid_of("invoice done"), 409, 409),
        ("x", MEMBER, 400, 502),
        (GROUP, "x", 400, 502),
    ]:
        reply = await site.call("DELETE", f"/v1/invoices/{group}/invoices/{invoice}")
        assert (reply.status, reply.error["code"]) == (status, code)
    for transaction, status in [(NOTHING, 404), (guid_of("transaction payment"), 404), ("x", 400)]:
        reply = await site.call("DELETE", f"{AT}/payments/{transaction}")
        assert reply.status == status
    closed = await site.call("DELETE", f"/v1/group_invoices/{DONE_GROUP}/payments/{guid_of('transaction payment')}")
    assert (closed.status, closed.error["code"]) == (409, 409)
    assert await site.rows() == before


@pytest.mark.parametrize(
    ("group", "body", "status", "code", "message"),
    [
        (NOTHING, {"property": 0, "value": "x"}, 404, "404", f"No group invoice has the id {NOTHING}"),
        ("x", {"property": 0, "value": "x"}, 400, "502", "group_invoice_id: 'x' is not a GUID"),
        (GROUP, {"property": 2, "value": "x"}, 400, "502", "property: 2 is none"),
        (GROUP, {"property": "0", "value": "x"}, 400, "502", "property: must be an integer, not a string"),
        (GROUP, {"property": 0}, 400, "502", "value: is missing"),
        (GROUP, {"value": "x"}, 400, "502", "property: is missing"),
        (GROUP, {"property": 0, "value": ""}, 400, "502", "value: is blank"),
        (GROUP, {"property": 0, "value": "x", "updated_by_id": "x"}, 400, "502", "updated_by_id: 'x' is not a GUID"),
    ],
)
async def test_a_property_that_cannot_be_written_has_its_code_as_text(
    site: Site, group: str, body: Any, *, status: int, code: str, message: str
) -> None:
    before = await stocked(site)
    reply = await site.call("PUT", f"/v1/group_invoices/{group}/properties", body)
    error = reply.document["error"]
    assert (reply.status, error["code"]) == (status, code)
    assert error["message"].startswith(message)
    assert await site.rows() == before


async def test_a_group_that_nothing_names_cannot_be_read(site: Site) -> None:
    for path in ("", "/transactions"):
        reply = await site.get(f"/v1/group_invoices/{NOTHING}{path}")
        assert (reply.status, reply.error["code"]) == (404, 404)
        assert (await site.get(f"/v1/group_invoices/x{path}")).status == 400


async def test_a_key_of_another_centre_reaches_nothing(site: Site) -> None:
    before = await stocked(site)
    elsewhere = a_centre("Elsewhere").id
    made = await site.post("/v1/keys", {"name": "till", "role": "cashier", "center_ids": [elsewhere]})
    key = made.document["key"]
    paid = guid_of("transaction payment")
    for method, path, body in [
        ("POST", "/v1/group_invoices", new(FREE)),
        ("GET", AT, None),
        ("GET", f"{AT}/transactions", None),
        ("PUT", f"{AT}/properties", {"property": 0, "value": "x"}),
        ("POST", f"{AT}/payments/cash", {"amount": 1}),
        ("POST", f"{AT}/payments/custom", {"amount": 1, "custom_payment_id": guid_of("bank")}),
        ("POST", f"{AT}/close", None),
        ("DELETE", f"/v1/invoices/{GROUP}/invoices/{MEMBER}", None),
        ("DELETE", f"/v1/group_invoices/{PAID_GROUP}/payments/{paid}", None),
        ("POST", f"/v1/invoices/{CLOSED}/refund", None),
    ]:
        reply = await site.call(method, path, body, key=key)
        assert reply.status == 403, path
        assert str(reply.document["error"]["code"]) == "438"
        assert reply.document["error"]["message"] == "cannot access."
    for path, body in [
        (f"/Catalog/Memberships/CloseInvoice/{PAID}", None),
        ("/api/Payments/Invoice/RefundInvoice", {"InvoiceId": CLOSED}),
    ]:
        reply = await site.post(path, body, key=key)
        assert (reply.status, reply.error["code"]) == (403, 438)
    after = await site.rows()
    assert {**after, "api_keys": []} == {**before, "api_keys": []}
    mixed = await site.get(f"/v1/group_invoices/{guid_of('mixed')}", key=key)
    assert (mixed.status, mixed.document["invoices"][0]["id"]) == (200, guid_of("invoice elsewhere"))
