from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.api.event_types import EVENT_TYPES, EventType
from closebell.api.examples.events import GUEST_CREATED, PAYMENTS_ADDED, PAYMENTS_DELETED
from closebell.domain.document import encode
from closebell.domain.event import body_for_call
from closebell.domain.guest_document import number_of
from closebell.receiver import Event, EventMalformed, stored_body

ENVELOPE = {
    "id": "622b5b33a961750e01db6512",
    "event_id": "622b5b33a961750e01db6510",
    "event_schema": "v1",
    "event_resource": "Invoice",
    "event_type": "Invoice.Closed",
    "event_timestamp": "2022-03-11T14:22:43.3847049Z",
    "data": {"invoice": {"total_price": {"sum_total": 488}}},
}


def envelope(**changes: object) -> bytes:
    return json.dumps(ENVELOPE | changes).encode()


def test_the_members_of_the_envelope() -> None:
    body = envelope()

    assert Event.parse(body, sequence=12) == Event(
        event_id="622b5b33a961750e01db6510",
        event_type="Invoice.Closed",
        timestamp=datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC),
        call_id="622b5b33a961750e01db6512",
        data={"invoice": {"total_price": {"sum_total": Decimal(488)}}},
        sequence=12,
        body=body,
    )


@pytest.mark.parametrize("told", EVENT_TYPES, ids=[one.name for one in EVENT_TYPES])
def test_every_type_is_read_alike(told: EventType) -> None:
    body = encode(told.sample)

    event = Event.parse(body)

    assert (event.event_type, event.call_id) == (told.name, told.sample["id"])
    assert event.data == json.loads(body, parse_int=Decimal, parse_float=Decimal)["data"]
    assert stored_body(event) == encode({**told.sample, "id": told.sample["event_id"]})


def test_of_payments_every_one_comes_again_by_its_own_id() -> None:
    added, deleted = (Event.parse(encode(sample)).data for sample in (PAYMENTS_ADDED, PAYMENTS_DELETED))

    assert [(paid["transaction_id"], paid["amount_paid"]) for paid in added["transactions"]] == [
        (PAYMENTS_ADDED["data"]["transactions"][0]["transaction_id"], Decimal(488))
    ]
    assert (deleted["invoice_id"], deleted["transactions"]) == (added["invoice_id"], [])


def test_a_guests_number_is_exact_and_a_phone_may_be_none() -> None:
    data = Event.parse(encode(GUEST_CREATED)).data

    assert data["_id"] == number_of(data["id"])
    assert isinstance(data["_id"], Decimal)
    assert data["personal_info"]["mobile_phone"]["phone_code"] == 1
    assert data["personal_info"]["work_phone"] is None


@given(amount=st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_every_number_is_the_decimal_that_was_written(amount: Decimal) -> None:
    body = envelope(data={}).replace(b'"data": {}', b'"data": {"amount": %b}' % f"{amount:f}".encode())

    read = Event.parse(body).data["amount"]

    assert isinstance(read, Decimal)
    assert str(read) == f"{amount:f}"


def test_whole_amounts_are_decimals_too() -> None:
    read = Event.parse(envelope(data={"a": 488, "b": [0, -1]})).data

    assert [type(number) for number in (read["a"], *read["b"])] == [Decimal] * 3


def test_an_event_is_hashable_and_does_not_print_its_body() -> None:
    event = Event.parse(envelope())

    assert len({event, Event.parse(envelope())}) == 1
    assert "body" not in repr(event)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        ("{}".encode("utf-16"), "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"data": NaN}', "not JSON"),
        (b'{"data": 1e99999999999999999999}', "not JSON"),
        (b"[]", "not a JSON object"),
        (envelope(data=None), "^data"),
        (envelope(data=[]), "^data"),
        (envelope(id=7), "^id"),
        (envelope(event_id=""), "^event_id"),
        (envelope(event_type=None), "^event_type"),
        (envelope(event_timestamp="yesterday"), "^event_timestamp"),
        (envelope(event_timestamp="2022-03-11T14:22:43"), "^event_timestamp.*zone"),
        (envelope(event_timestamp=1646956800), "^event_timestamp"),
    ],
)
def test_what_is_no_envelope_is_refused_naming_the_member(body: bytes, said: str) -> None:
    with pytest.raises(EventMalformed, match=said):
        Event.parse(body)


@given(body=st.one_of(st.binary(), st.text().map(lambda text: json.dumps(text).encode())))
def test_garbage_gets_a_typed_error(body: bytes) -> None:
    with pytest.raises(EventMalformed):
        Event.parse(body)


@given(call_id=st.text("0123456789abcdef", min_size=24, max_size=24), compact=st.booleans(), name=st.text())
def test_a_pushed_body_maps_to_the_stored_one(call_id: str, compact: bool, name: str) -> None:
    separators = (",", ":") if compact else None
    stored = ENVELOPE | {"id": ENVELOPE["event_id"], "data": {"name": name, "id": "622b5b33a961750e01db6512"}}
    pushed = stored | {"id": call_id}

    mapped = stored_body(Event.parse(json.dumps(pushed, separators=separators).encode()))

    assert mapped == json.dumps(stored, separators=separators).encode()


def test_the_way_back_undoes_what_the_sender_does() -> None:
    stored = json.dumps(ENVELOPE | {"id": ENVELOPE["event_id"]}, separators=(",", ":")).encode()

    pushed = body_for_call(stored, "622b5b33a961750e01db6512")

    assert stored_body(Event.parse(pushed)) == stored


@pytest.mark.parametrize(
    "body",
    [
        envelope(id="short"),
        envelope(event_id="short"),
        envelope(id="622B5B33A961750E01DB6512"),
        json.dumps(dict(reversed(ENVELOPE.items()))).encode(),
    ],
)
def test_a_body_of_another_make_does_not_map(body: bytes) -> None:
    with pytest.raises(EventMalformed, match="first member"):
        stored_body(Event.parse(body))
