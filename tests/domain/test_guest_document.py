"""The guest as the wire shows them: every member always there, times on the wall of their centre."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.document import encode
from closebell.domain.guest_document import PreferencesDocument, number_of, render, render_whole
from closebell.domain.guest_profile import Address, GuestProfile, GuestRecord, Named, Phone, Preferences, Referral
from closebell.domain.guest_shapes import PreferencesShape
from closebell.domain.people import GuestEntry
from closebell.testing import NOON, a_centre, guid_of

CENTRE = a_centre()
ENTRY = GuestEntry(
    id=guid_of("guest"),
    first_name="Ada",
    last_name="Guest",
    gender=0,
    code="G1",
    mobile_phone="+1 555",
    email="ada@guests.example",
    center_id=CENTRE.id,
)
WHOLE = GuestRecord(
    entry=ENTRY,
    profile=GuestProfile(
        mobile_phone=Phone(number="555", phone_code=1, country_code=225),
        date_of_birth=date(1990, 9, 22),
        address=Address(city="Seattle", postal_code="98101"),
        referral=Referral(referred_by=Named(name="Grace")),
    ),
    created_at=NOON,
    updated_at=NOON,
)


def test_an_event_tells_the_whole_guest() -> None:
    told = json.loads(encode(render(WHOLE, CENTRE)))
    assert told == {
        "id": ENTRY.id,
        "_id": number_of(ENTRY.id),
        "code": "G1",
        "center_id": CENTRE.id,
        "center_name": "Main Street",
        "created_date": "2026-01-05T04:00:00",
        "last_updated": "2026-01-05T04:00:00",
        "personal_info": {
            "user_name": "",
            "first_name": "Ada",
            "last_name": "Guest",
            "middle_name": "",
            "email": "ada@guests.example",
            "mobile_phone": {"country_code": 225, "phone_code": 1, "number": "555", "display_number": "+1 555"},
            "work_phone": None,
            "home_phone": None,
            "gender": 0,
            "date_of_birth": "1990-09-22",
            "is_minor": False,
            "nationality_id": -1,
            "anniversary_date": None,
            "lock_guest_custom_data": False,
            "pan": "",
            "dob_incomplete_year": "",
        },
        "address_info": {
            "address_1": "",
            "address_2": "",
            "city": "Seattle",
            "country_id": -1,
            "state_id": -1,
            "state_other": "",
            "zip_code": "98101",
            "postal_code": "98101",
        },
        "preferences": {
            "receive_transactional_email": True,
            "receive_transactional_sms": True,
            "receive_transactional_whatsapp": False,
            "receive_marketing_email": False,
            "receive_marketing_sms": False,
            "receive_marketing_whatsapp": False,
            "recieve_lp_stmt": False,
            "opt_in_for_loyalty_program": False,
        },
    }


def test_the_api_answers_the_same_and_the_referral() -> None:
    told, answered = (json.loads(encode(make(WHOLE, CENTRE))) for make in (render, render_whole))
    assert answered.pop("referral") == {"referral_source": None, "referred_by": {"id": None, "name": "Grace"}}
    assert answered == told


def test_a_guest_of_no_centre_is_told_in_utc_and_one_that_was_imported_without_a_time() -> None:
    nowhere = replace(WHOLE, entry=replace(ENTRY, center_id=None))
    assert (render(nowhere, None).created_date, render(nowhere, None).center_name) == ("2026-01-05T12:00:00", None)
    imported = render(GuestRecord(entry=ENTRY), CENTRE)
    assert (imported.created_date, imported.last_updated) == (None, None)


@pytest.mark.parametrize("wire", [PreferencesDocument, PreferencesShape])
def test_every_preference_has_its_place_on_the_wire(wire: type[msgspec.Struct]) -> None:
    assert list(wire.__struct_fields__) == [field.name for field in fields(Preferences)]


@given(st.uuids())
def test_a_guests_number_is_positive_and_exact_in_every_reader(guest_id: object) -> None:
    assert 0 < number_of(str(guest_id)) < 2**53
    assert number_of(str(guest_id)) == number_of(str(guest_id))
