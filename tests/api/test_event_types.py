"""The catalogue of event types holds: every sample and everything that is really told fits its schema."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from calling import Site
from closebell import samples
from closebell.api.event_types import EVENT_TYPES, EventType
from closebell.domain import event
from closebell.domain.document import encode
from closebell.receiver import Event
from closebell.testing import (
    a_centre,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_appointment,
    an_employee,
    an_invoice,
    guid_of,
)

BY_NAME = {one.name: one for one in EVENT_TYPES}
AT = f"/v1/invoices/{guid_of('invoice 1')}"


def _fits(body: Any) -> None:
    jsonschema_rs.Draft202012Validator(BY_NAME[body["event_type"]].schema()).validate(body)


def test_the_catalogue_has_every_type_and_no_other() -> None:
    assert BY_NAME.keys() == event.EVENT_TYPES
    assert len(BY_NAME) == len(EVENT_TYPES)


@pytest.mark.parametrize("one", EVENT_TYPES, ids=BY_NAME)
def test_a_schema_stands_alone_and_its_sample_fits(one: EventType) -> None:
    schema = one.schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    references = set(_values(schema, "$ref"))
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}
    assert set(_values(schema, "format")) == set(), "an amount is a number, and no text of a format"
    _fits(one.sample)


def _values(schema: Any, key: str) -> list[str]:
    if isinstance(schema, list):
        return [found for item in schema for found in _values(item, key)]
    if not isinstance(schema, dict):
        return []
    return [found for name, item in schema.items() for found in ([item] if name == key else _values(item, key))]


@pytest.mark.parametrize("one", EVENT_TYPES, ids=BY_NAME)
def test_a_sample_is_what_is_sent_member_for_member(one: EventType) -> None:
    sent = encode(one.sample)
    assert encode(msgspec.json.decode(sent, type=one.envelope)) == sent
    read = Event.parse(sent)
    assert (read.event_type, read.event_id) == (one.name, one.sample["event_id"])


@pytest.mark.parametrize("one", EVENT_TYPES, ids=BY_NAME)
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body.pop("event_id"),
        lambda body: body.update(event_type="Invoice.Opened"),
        lambda body: body.update(event_resource=None),
        lambda body: body.update(data=None),
        lambda body: body["data"].clear(),
    ],
)
def test_a_schema_refuses_what_is_not_its_event(one: EventType, damage: Any) -> None:
    body = json.loads(encode(one.sample))
    damage(body)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.Draft202012Validator(one.schema()).validate(body)


def test_the_closed_invoice_is_that_of_the_public_sample() -> None:
    public = json.loads(samples.invoice_closed())
    ours = BY_NAME[event.INVOICE_CLOSED].sample
    assert {name: ours[name] for name in public if name != "data"} == {k: v for k, v in public.items() if k != "data"}
    public, ours = public["data"]["invoice"], ours["data"]["invoice"]
    assert {name: ours[name] for name in public if name != "guest"} == {k: v for k, v in public.items() if k != "guest"}
    assert {name: ours["guest"][name] for name in public["guest"]} == public["guest"]


async def test_the_route_tells_all_of_it(site: Site) -> None:
    reply = await site.get("/v1/event_types")
    assert reply.status == 200
    document = json.loads(reply.body)
    assert document["error"] is None
    assert [one["name"] for one in document["event_types"]] == list(BY_NAME)
    for one in document["event_types"]:
        known = BY_NAME[one["name"]]
        assert one == {
            "name": known.name,
            "resource": known.name.partition(".")[0],
            "description": known.description,
            "schema": known.schema(),
            "sample": known.sample,
        }
        jsonschema_rs.Draft202012Validator(one["schema"]).validate(one["sample"])


async def _told(site: Site) -> list[Any]:
    feed = await site.get("/v1/events?limit=1000")
    return [json.loads(one["body"]) for one in feed.document["events"]]


async def test_everything_that_is_told_fits(site: Site) -> None:
    centre = a_centre()
    await site.put(an_invoice())
    paid = await site.post(
        f"{AT}/payment/custom", {"custom_payment_id": guid_of("type"), "amount": 500, "tip_amount": 12}
    )
    transaction_id = paid.document["transaction"]["transaction_id"]
    assert (await site.call("DELETE", f"{AT}/payments/{transaction_id}")).status == 200
    await site.post(f"{AT}/payment/custom", {"custom_payment_id": guid_of("type"), "amount": 488})
    assert (await site.post(f"{AT}/close")).status == 200
    guest = await site.post("/v1/guests", {"center_id": centre.id, "personal_info": {"first_name": "Ada"}})
    phones = {
        "mobile_phone": "+1 555",
        "work_phone": {"number": "1", "country_code": 225},
        "date_of_birth": "1990-09-22",
    }
    await site.call("PUT", f"/v1/guests/{guest.document['id']}", {"personal_info": phones})
    told = await _told(site)
    assert [body["event_type"] for body in told] == [
        "Invoice.Payments.Added",
        "Invoice.Payments.Deleted",
        "Invoice.Payments.Added",
        "Invoice.Closed",
        "Guest.Created",
        "Guest.Updated",
    ]
    for body in told:
        _fits(body)


async def test_a_closed_invoice_fits_however_much_or_little_is_on_it(site: Site) -> None:
    seller = an_employee()
    booked = replace(an_appointment(), therapist_id=seller)
    full = a_paid_invoice(
        "full",
        transactions=(a_payment(tip=500, ssg=20, fee=3), a_payment(0, name="tip", tip=1)),
        employee_tips=(a_tip(501),),
        appointments=(booked, replace(an_appointment("Oil"), service_id=None, invoice_item_id=None)),
        additional_fields=(("Terminal", "T-1"),),
        appointment_group_id=guid_of("booking"),
        ssg_amount=20,
        fee_amount=3,
    )
    bare = an_invoice("bare", total=0, guest=None, lines=())
    refund = an_invoice("refund", total=-48800, paid=-48800, is_refund=True)
    await site.put(full, bare, refund, employees=(seller,))
    ids = [one.id for one in (full, bare, refund)]
    reply = await site.post("/v1/invoices/close", {"invoice_ids": ids})
    assert [row["error"] for row in reply.document["results"]] == [None] * 3
    told = await _told(site)
    assert len(told) == 3
    for body in told:
        _fits(body)
