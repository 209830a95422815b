from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.api.event_types import EVENT_TYPES, EventType
from closebell.domain import document, event, guest_document
from closebell.domain.guest_profile import GuestProfile, GuestRecord, Phone, Preferences, erased
from closebell.domain.people import GuestEntry
from closebell.domain.redaction import redacted
from closebell.testing import NOON, a_guest, a_paid_invoice, a_payment, guid_of

EVENT_ID = "0123456789abcdef01234567"
TYPES = [one for one in EVENT_TYPES if one.name != event.GUEST_ERASED]


def spelled(body: bytes) -> Any:
    """The body with every number as it is spelled."""
    return json.loads(body, parse_int=str, parse_float=str)


@pytest.mark.parametrize("kind", TYPES, ids=[one.name for one in TYPES])
def test_every_sample_fits_its_type_before_and_after(kind: EventType) -> None:
    body = document.encode(kind.sample)
    after = redacted(body)
    msgspec.json.decode(after, type=kind.envelope)
    assert redacted(after) == after
    assert spelled(after).keys() == spelled(body).keys()


def closed(**fields: Any) -> bytes:
    invoice = replace(a_paid_invoice(), closed_at=NOON, **fields)
    return event.invoice_closed(invoice, event_id=EVENT_ID)


def test_of_an_invoice_only_the_guest_goes() -> None:
    payment = replace(a_payment(tip=1234), card_number="9017")
    body = closed(transactions=(payment,), additional_fields=(("wish", "tea"), ("Terminal", "T-1")))
    before, after = spelled(body), spelled(redacted(body))
    told, left = before["data"]["invoice"], after["data"]["invoice"]
    assert left["guest"] == {
        "id": a_guest().id,
        **dict.fromkeys(("first_name", "last_name", "code", "mobile_phone", "guest_email", "email"), ""),
        "gender": "-1",
    }
    assert left["additional_fields"] == [{"key": "currency_code", "value": "USD"}]
    assert left["transactions"][0]["payment_option"]["card_number"] == ""
    for name in ("guest", "additional_fields"):
        del told[name], left[name]
    told["transactions"][0]["payment_option"]["card_number"] = ""
    assert after == before


def test_a_sale_to_nobody_stays_as_it_is() -> None:
    body = closed(guest=None)
    assert redacted(body) == body


@given(digits=st.from_regex(r"-?[1-9][0-9]{0,20}(\.[0-9]{1,6})?", fullmatch=True), name=st.text(max_size=20))
def test_numbers_keep_their_digits_and_texts_their_spelling(digits: str, name: str) -> None:
    said = json.dumps(name, ensure_ascii=False)
    if any("\ud800" <= character <= "\udfff" for character in name):
        return
    body = (
        f'{{"id":"x","event_type":"Invoice.Closed","data":{{"invoice":{{"guest":{{"id":"g","email":{said}}},'
        f'"sum_total":{digits},"later":{{"name":{said}}},"additional_fields":[]}}}}}}'
    ).encode()
    assert redacted(body) == body.replace(f'"email":{said}'.encode(), b'"email":""')


def test_of_a_guest_the_id_and_the_centre_stay() -> None:
    guest = GuestRecord(
        entry=GuestEntry(id=guid_of("guest"), first_name="Ada", gender=1, code="G1", email="a@b.example"),
        profile=GuestProfile(
            user_name="ada",
            mobile_phone=Phone(number="1", phone_code=1),
            date_of_birth=date(1815, 12, 10),
            is_minor=True,
            preferences=Preferences(receive_marketing_sms=True),
        ),
        created_at=NOON,
        updated_at=NOON,
    )
    body = event.stored(event.GUEST_UPDATED, guest_document.render(guest, None), event_id=EVENT_ID, at=NOON)
    after = erased(guest, now=NOON)
    same = event.stored(event.GUEST_UPDATED, guest_document.render(after, None), event_id=EVENT_ID, at=NOON)
    assert redacted(body) == same, "what was told reads as what is known now"
