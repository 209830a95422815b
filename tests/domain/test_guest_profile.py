"""A guest is what was said of them, or a refusal that names the field; what is said again is nothing new."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.document import encode
from closebell.domain.guest_document import render_whole
from closebell.domain.guest_profile import GuestProfile, GuestRecord, Phone, changed, created
from closebell.domain.guest_shapes import GuestRequest
from closebell.domain.people import GuestEntry
from closebell.errors import InvalidInput
from closebell.testing import NOON, a_centre, guid_of

CENTRE = a_centre()
ID = guid_of("guest")


def said(**members: Any) -> GuestRequest:
    return msgspec.convert(members, GuestRequest)


def about(**members: Any) -> GuestRequest:
    return said(personal_info=members)


def a_record(**fields: Any) -> GuestRecord:
    return created(
        said(center_id=CENTRE.id, **{"personal_info": {"first_name": "Ada"}, **fields}), guest_id=ID, now=NOON
    )


def phoned(mobile_phone: Any, before: GuestRecord | None = None) -> GuestRecord:
    return changed(before or a_record(), about(mobile_phone=mobile_phone))


def test_a_first_name_and_a_centre_are_enough() -> None:
    guest = a_record()
    assert guest.entry == GuestEntry(id=ID, first_name="Ada", center_id=CENTRE.id)
    assert guest.profile == GuestProfile()
    assert (guest.created_at, guest.updated_at) == (NOON, NOON)


def test_nobody_is_sent_marketing_who_did_not_ask_for_it() -> None:
    wanted = a_record().profile.preferences
    assert (wanted.receive_transactional_email, wanted.receive_transactional_sms) == (True, True)
    assert not any((wanted.receive_marketing_email, wanted.receive_marketing_sms, wanted.receive_marketing_whatsapp))
    assert not any((wanted.recieve_lp_stmt, wanted.opt_in_for_loyalty_program, wanted.receive_transactional_whatsapp))


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"personal_info": {"first_name": "Ada"}}, "center_id"),
        ({"center_id": "", "personal_info": {"first_name": "Ada"}}, "center_id"),
        ({"center_id": CENTRE.id}, "personal_info.first_name"),
        ({"center_id": CENTRE.id, "personal_info": {"last_name": "G"}}, "personal_info.first_name"),
        ({"center_id": CENTRE.id, "personal_info": {"first_name": ""}}, "personal_info.first_name"),
        ({"center_id": CENTRE.id, "personal_info": {"first_name": " \t"}}, "personal_info.first_name"),
    ],
)
def test_without_these_there_is_no_guest(members: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        created(said(**members), guest_id=ID, now=NOON)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("shape", "shown", "phone"),
    [
        ("+91 9885117036", "+91 9885117036", Phone(number="9885117036", phone_code=91)),
        (" 206-555-0100 ", "206-555-0100", Phone(number="206-555-0100")),
        ("+919885117036", "+919885117036", Phone(number="+919885117036")),
        ("+91  9885117036", "+91  9885117036", Phone(number="+91  9885117036")),
        ({"number": "555", "phone_code": "+91"}, "+91 555", Phone(number="555", phone_code=91)),
        ({"number": "555", "phone_code": 91}, "+91 555", Phone(number="555", phone_code=91)),
        ({"number": "555", "phone_code": ""}, "555", Phone(number="555")),
        ({"number": "555", "country_code": 225}, "555", Phone(number="555", country_code=225)),
        ({"number": "555", "country_code": "225"}, "555", Phone(number="555", country_code=225)),
        ({"display_number": "+1 555"}, "+1 555", Phone(number="555", phone_code=1)),
        (
            {"display_number": "+1 555", "country_code": 225},
            "+1 555",
            Phone(number="555", phone_code=1, country_code=225),
        ),
        ({"number": "555", "phone_code": 1, "display_number": "x"}, "+1 555", Phone(number="555", phone_code=1)),
        ("", "", None),
        ({}, "", None),
        ({"country_code": 225}, "", None),
        ({"number": " ", "phone_code": 1}, "", None),
        (None, "", None),
    ],
)
def test_a_phone_in_every_spelling(shape: Any, shown: str, phone: Phone | None) -> None:
    guest = phoned(shape)
    assert (guest.entry.mobile_phone, guest.profile.mobile_phone) == (shown, phone)


def test_a_number_replaces_the_phone_and_a_code_alone_that_of_the_number() -> None:
    before = phoned({"number": "555", "phone_code": 1, "country_code": 225})
    assert phoned({"number": "777"}, before).profile.mobile_phone == Phone(number="777")
    assert phoned({"phone_code": 44}, before).entry.mobile_phone == "+44 555"
    assert phoned({"country_code": 95}, before).profile.mobile_phone == Phone(
        number="555", phone_code=1, country_code=95
    )
    assert phoned("", before).entry.mobile_phone == ""


def test_of_a_phone_that_is_sent_back_what_was_changed_counts() -> None:
    before = phoned({"number": "555", "phone_code": 1})
    read = {"country_code": None, "phone_code": 1, "number": "555", "display_number": "+1 555"}
    assert phoned(read, before) == before
    assert phoned({**read, "number": "777"}, before).entry.mobile_phone == "+1 777"
    assert phoned({**read, "display_number": "+44 999"}, before).entry.mobile_phone == "+44 999"
    assert phoned({**read, "display_number": ""}, before) == before


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1990-09-22", date(1990, 9, 22)),
        ("1990-09-22T00:00:00", date(1990, 9, 22)),
        ("", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01", None),
    ],
)
def test_a_date_in_every_spelling(written: str, day: date | None) -> None:
    before = changed(a_record(), about(date_of_birth="1980-01-01"))
    assert changed(before, about(date_of_birth=written)).profile.date_of_birth == day


@pytest.mark.parametrize(
    ("members", "field", "says"),
    [
        ({"center_id": "main"}, "center_id", "not a GUID"),
        ({"code": "x" * 401}, "code", "at most 400"),
        ({"code": "a\nb"}, "code", "one line"),
        ({"personal_info": {"first_name": " "}}, "personal_info.first_name", "blank"),
        ({"personal_info": {"first_name": "x" * 401}}, "personal_info.first_name", "at most 400"),
        ({"personal_info": {"last_name": "a\0"}}, "personal_info.last_name", "NUL"),
        ({"personal_info": {"email": "ada"}}, "personal_info.email", "not an e-mail"),
        ({"personal_info": {"email": "ada@guests"}}, "personal_info.email", "not an e-mail"),
        ({"personal_info": {"email": "a b@guests.example"}}, "personal_info.email", "not an e-mail"),
        ({"personal_info": {"email": "a@b@guests.example"}}, "personal_info.email", "not an e-mail"),
        ({"personal_info": {"email": "a@guests..example"}}, "personal_info.email", "not an e-mail"),
        ({"personal_info": {"email": "a@b.example\n"}}, "personal_info.email", "one line"),
        ({"personal_info": {"email": "a@" + "b" * 250 + ".example"}}, "personal_info.email", "at most 254"),
        ({"personal_info": {"gender": 5}}, "personal_info.gender", "from -1 to 4"),
        ({"personal_info": {"gender": -2}}, "personal_info.gender", "from -1 to 4"),
        ({"personal_info": {"nationality_id": 2**31}}, "personal_info.nationality_id", "out of range"),
        ({"personal_info": {"date_of_birth": "22.9.1990"}}, "personal_info.date_of_birth", "not a date"),
        ({"personal_info": {"date_of_birth": "1990-02-30"}}, "personal_info.date_of_birth", "not a date that exists"),
        ({"personal_info": {"anniversary_date": "x"}}, "personal_info.anniversary_date", "not a date"),
        ({"personal_info": {"pan": "x" * 41}}, "personal_info.pan", "at most 40"),
        ({"personal_info": {"dob_incomplete_year": "x" * 11}}, "personal_info.dob_incomplete_year", "at most 10"),
        ({"personal_info": {"mobile_phone": "5" * 41}}, "personal_info.mobile_phone", "at most 40"),
        ({"personal_info": {"mobile_phone": {"number": "5\n5"}}}, "personal_info.mobile_phone.number", "one line"),
        (
            {"personal_info": {"work_phone": {"number": "5", "phone_code": "one"}}},
            "personal_info.work_phone.phone_code",
            "write 91 or",
        ),
        (
            {"personal_info": {"home_phone": {"number": "5", "phone_code": -1}}},
            "personal_info.home_phone.phone_code",
            "write 91 or",
        ),
        (
            {"personal_info": {"home_phone": {"number": "5", "country_code": "US"}}},
            "personal_info.home_phone.country_code",
            "write 225",
        ),
        ({"address_info": {"city": "x" * 401}}, "address_info.city", "at most 400"),
        ({"address_info": {"country_id": 2**40}}, "address_info.country_id", "out of range"),
        ({"address_info": {"zip_code": "1", "postal_code": "2"}}, "address_info.postal_code", "same thing"),
        ({"referral": {"referred_by": {"id": "x"}}}, "referral.referred_by.id", "not a GUID"),
        ({"referral": {"referral_source": {"name": "x" * 401}}}, "referral.referral_source.name", "at most 400"),
    ],
)
def test_each_field_is_refused_by_name(members: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        changed(a_record(), said(**members))
    assert refused.value.field == field


@pytest.mark.parametrize(
    "members",
    [
        {"personal_info": {"email": "ada at guests.example"}},
        {"personal_info": {"email": "2065550177"}},
        {"personal_info": {"date_of_birth": "1815-12-32"}},
        {"personal_info": {"date_of_birth": "10 December 1815"}},
        {"personal_info": {"anniversary_date": "1815-12-10T00:00:00Z"}},
        {"personal_info": {"gender": 2065550177}},
        {"personal_info": {"nationality_id": 42065550177}},
        {"personal_info": {"mobile_phone": {"number": "5", "phone_code": "2065550177"}}},
        {"personal_info": {"mobile_phone": {"number": "5", "country_code": "(206) 5550177"}}},
        {"personal_info": {"mobile_phone": {"number": "5", "country_code": 42065550177}}},
        {"address_info": {"state_id": 42065550177}},
        {"referral": {"referred_by": {"id": "ada@guests.example"}}},
    ],
)
def test_a_refusal_names_the_field_and_does_not_repeat_what_was_said(members: dict[str, Any]) -> None:
    """It is kept for a repeated call, without the guest's id by which an erasure would find it."""
    with pytest.raises(InvalidInput) as refused:
        changed(a_record(), said(**members))
    for told in ("5550177", "ada at", "ada@guests", "1815"):
        assert told not in refused.value.problem.replace("write ada@guests.example", "")


def test_a_postal_code_goes_by_two_names_and_the_one_that_was_changed_counts() -> None:
    before = changed(a_record(), said(address_info={"zip_code": "98101"}))
    assert before.profile.address.postal_code == "98101"
    after = changed(before, said(address_info={"zip_code": "98102", "postal_code": "98101"}))
    assert after.profile.address.postal_code == "98102"
    assert changed(before, said(address_info={"postal_code": ""})).profile.address.postal_code == ""


def test_what_is_not_said_stays_and_so_does_what_is_null() -> None:
    before = changed(
        a_record(code="G1"),
        said(
            personal_info={"last_name": "Guest", "email": "ada@guests.example", "is_minor": True, "gender": 0},
            preferences={"receive_marketing_sms": True},
            referral={"referral_source": {"name": "a friend"}},
        ),
    )
    for nothing in ({}, {"personal_info": None, "code": None}, {"personal_info": {"email": None, "gender": None}}):
        assert changed(before, said(**nothing)) == before
    after = changed(before, said(preferences={"receive_marketing_email": True}, personal_info={"last_name": ""}))
    assert after.entry == replace(before.entry, last_name="")
    assert (after.profile.preferences.receive_marketing_sms, after.profile.is_minor) == (True, True)
    assert after.profile.referral == before.profile.referral


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
PHONES = st.one_of(
    st.none(),
    TEXT,
    st.fixed_dictionaries(
        {"number": TEXT},
        optional={"phone_code": st.integers(0, 9999999), "country_code": st.integers(-1, 300), "display_number": TEXT},
    ),
)
REQUESTS = st.fixed_dictionaries(
    {"center_id": st.just(CENTRE.id)},
    optional={
        "code": TEXT,
        "personal_info": st.fixed_dictionaries(
            {},
            optional={
                "last_name": TEXT,
                "mobile_phone": PHONES,
                "work_phone": PHONES,
                "email": st.sampled_from(["", "a@b.example"]),
                "date_of_birth": st.dates(min_value=date(1, 1, 2)).map(date.isoformat),
                "gender": st.integers(-1, 4),
                "is_minor": st.booleans(),
                "dob_incomplete_year": st.integers(0, 9999),
            },
        ),
        "address_info": st.fixed_dictionaries({}, optional={"zip_code": TEXT, "state_id": st.integers(-2, 99)}),
        "preferences": st.fixed_dictionaries({}, optional={"receive_marketing_email": st.booleans()}),
        "referral": st.fixed_dictionaries({}, optional={"referred_by": st.fixed_dictionaries({"name": TEXT})}),
    },
)


@given(members=REQUESTS)
def test_sending_back_what_was_read_changes_nothing(members: dict[str, Any]) -> None:
    guest = changed(a_record(), said(**members))
    read = encode(render_whole(guest, CENTRE))
    assert changed(guest, msgspec.json.decode(read, type=GuestRequest)) == guest


@given(shown=TEXT)
def test_an_imported_guest_may_be_sent_back_whatever_was_imported(shown: str) -> None:
    """An import is less strict than the API; what it brought is nobody's fault who sends it back."""
    entry = GuestEntry(id=ID, email=shown, mobile_phone=shown, gender=17, last_name=shown)
    guest = GuestRecord(entry=entry, profile=GuestProfile(mobile_phone=Phone.shown_as(shown)))
    read = encode(render_whole(guest, None))
    assert changed(guest, msgspec.json.decode(read, type=GuestRequest)) == guest


@given(members=REQUESTS)
def test_what_an_invoice_shows_is_derived_from_the_phone(members: dict[str, Any]) -> None:
    guest = changed(a_record(), said(**members))
    phone = guest.profile.mobile_phone
    assert guest.entry.mobile_phone == ("" if phone is None else phone.display)
    shown = render_whole(guest, CENTRE).personal_info.mobile_phone
    assert (shown is None) == (phone is None)
    assert shown is None or shown.display_number == guest.entry.mobile_phone
