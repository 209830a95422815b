"""The guest exactly as the wire shows them, to readers of the API and to receivers of events alike.

Times are the guest's centre's wall clock without a zone, those of a guest without a centre are UTC.
Source: public pages "retrieve-guest-details" and "guest-created"; docs/guests.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from closebell.domain.guest_profile import Address, GuestRecord, Named, Phone, Referral
from closebell.domain.invoice import Centre

_NUMBERS = (1 << 53) - 1
"""The largest number that every JSON reader keeps exactly."""


class PhoneDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A phone number; `display_number` is the whole as it is shown."""

    country_code: int | None
    phone_code: int | None
    number: str
    display_number: str


class PersonalInfoDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Who the guest is; dates are `YYYY-MM-DD`."""

    user_name: str
    first_name: str
    last_name: str
    middle_name: str
    email: str
    mobile_phone: PhoneDocument | None
    work_phone: PhoneDocument | None
    home_phone: PhoneDocument | None
    gender: int
    date_of_birth: str | None
    is_minor: bool
    nationality_id: int
    anniversary_date: str | None
    lock_guest_custom_data: bool
    pan: str
    dob_incomplete_year: str


class AddressDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Where the guest lives; the postal code stands under both keys that clients read."""

    address_1: str
    address_2: str
    city: str
    country_id: int
    state_id: int
    state_other: str
    zip_code: str
    postal_code: str


class PreferencesDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest wants to be sent."""

    receive_transactional_email: bool
    receive_transactional_sms: bool
    receive_transactional_whatsapp: bool
    receive_marketing_email: bool
    receive_marketing_sms: bool
    receive_marketing_whatsapp: bool
    recieve_lp_stmt: bool
    opt_in_for_loyalty_program: bool


class GuestData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an event about a guest; `_id` is a number that belongs to the `id` for ever."""

    id: str
    number: int = msgspec.field(name="_id")
    code: str
    center_id: str | None
    center_name: str | None
    created_date: str | None
    last_updated: str | None
    personal_info: PersonalInfoDocument
    address_info: AddressDocument
    preferences: PreferencesDocument


class NamedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something by its id and its name."""

    id: str | None
    name: str


class ReferralDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How the guest came here."""

    referral_source: NamedDocument | None
    referred_by: NamedDocument | None


class GuestProfileDocument(GuestData, frozen=True, kw_only=True):
    """The guest as the API answers them."""

    referral: ReferralDocument | None


def render(guest: GuestRecord, centre: Centre | None) -> GuestData:
    """The guest as an event tells of them."""
    return GuestData(**_members(guest, centre))


def render_whole(guest: GuestRecord, centre: Centre | None) -> GuestProfileDocument:
    """The guest as the API answers them."""
    return GuestProfileDocument(**_members(guest, centre), referral=_referral(guest.profile.referral))


def number_of(guest_id: str) -> int:
    """A positive number for a guest, the same whenever it is asked for.

    >>> number_of("464d1eea-e19a-4880-ae4c-c2973b395981")
    1119771281486739
    """
    digest = hashlib.sha256(guest_id.encode()).digest()
    return 1 + int.from_bytes(digest) % _NUMBERS


def _members(guest: GuestRecord, centre: Centre | None) -> dict[str, Any]:
    profile = guest.profile
    return {
        "id": guest.entry.id,
        "number": number_of(guest.entry.id),
        "code": guest.entry.code,
        "center_id": guest.entry.center_id,
        "center_name": None if centre is None else centre.name,
        "created_date": _wall_time(guest.created_at, centre),
        "last_updated": _wall_time(guest.updated_at, centre),
        "personal_info": _personal_info(guest),
        "address_info": _address(profile.address),
        "preferences": PreferencesDocument(
            **{field.name: getattr(profile.preferences, field.name) for field in fields(profile.preferences)}
        ),
    }


def _personal_info(guest: GuestRecord) -> PersonalInfoDocument:
    entry, profile = guest.entry, guest.profile
    return PersonalInfoDocument(
        user_name=profile.user_name,
        first_name=entry.first_name,
        last_name=entry.last_name,
        middle_name=profile.middle_name,
        email=entry.email,
        mobile_phone=_phone(profile.mobile_phone),
        work_phone=_phone(profile.work_phone),
        home_phone=_phone(profile.home_phone),
        gender=entry.gender,
        date_of_birth=_date(profile.date_of_birth),
        is_minor=profile.is_minor,
        nationality_id=profile.nationality_id,
        anniversary_date=_date(profile.anniversary_date),
        lock_guest_custom_data=profile.lock_guest_custom_data,
        pan=profile.pan,
        dob_incomplete_year=profile.dob_incomplete_year,
    )


def _address(address: Address) -> AddressDocument:
    return AddressDocument(
        address_1=address.address_1,
        address_2=address.address_2,
        city=address.city,
        country_id=address.country_id,
        state_id=address.state_id,
        state_other=address.state_other,
        zip_code=address.postal_code,
        postal_code=address.postal_code,
    )


def _phone(phone: Phone | None) -> PhoneDocument | None:
    if phone is None:
        return None
    return PhoneDocument(
        country_code=phone.country_code,
        phone_code=phone.phone_code,
        number=phone.number,
        display_number=phone.display,
    )


def _referral(referral: Referral | None) -> ReferralDocument | None:
    if referral is None:
        return None
    return ReferralDocument(referral_source=_named(referral.referral_source), referred_by=_named(referral.referred_by))


def _named(named: Named | None) -> NamedDocument | None:
    return None if named is None else NamedDocument(id=named.id, name=named.name)


def _date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _wall_time(at: datetime | None, centre: Centre | None) -> str | None:
    if at is None:
        return None
    if centre is not None:
        return centre.wall_time(at)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
