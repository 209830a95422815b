"""What clients send about a guest: every member optional, unknown ones ignored, null the same as absent.

Source: public pages "create-a-guest" and "update-a-guest"; docs/guests.md.
"""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is received."""


class PhoneShape(Shape, frozen=True):
    """A phone number: with the code that is dialled first, or as one text to be shown."""

    country_code: int | str | None = None
    phone_code: int | str | None = None
    number: str | None = None
    display_number: str | None = None


class PersonalInfoShape(Shape, frozen=True):
    """Who the guest is; a phone number may be one text."""

    user_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    email: str | None = None
    mobile_phone: PhoneShape | str | None = None
    work_phone: PhoneShape | str | None = None
    home_phone: PhoneShape | str | None = None
    gender: int | None = None
    date_of_birth: str | None = None
    is_minor: bool | None = None
    nationality_id: int | None = None
    anniversary_date: str | None = None
    lock_guest_custom_data: bool | None = None
    pan: str | None = None
    dob_incomplete_year: int | str | None = None


class AddressShape(Shape, frozen=True):
    """Where the guest lives; `zip_code` and `postal_code` are the same thing."""

    address_1: str | None = None
    address_2: str | None = None
    city: str | None = None
    state_id: int | None = None
    state_other: str | None = None
    country_id: int | None = None
    zip_code: str | None = None
    postal_code: str | None = None


class PreferencesShape(Shape, frozen=True):
    """What the guest wants to be sent; `recieve` is the wire's own."""

    receive_transactional_email: bool | None = None
    receive_transactional_sms: bool | None = None
    receive_transactional_whatsapp: bool | None = None
    receive_marketing_email: bool | None = None
    receive_marketing_sms: bool | None = None
    receive_marketing_whatsapp: bool | None = None
    recieve_lp_stmt: bool | None = None
    opt_in_for_loyalty_program: bool | None = None


class NamedShape(Shape, frozen=True):
    """Somebody or something by its id and its name."""

    id: str | None = None
    name: str | None = None


class ReferralShape(Shape, frozen=True):
    """How the guest came here."""

    referral_source: NamedShape | None = None
    referred_by: NamedShape | None = None


class GuestRequest(Shape, frozen=True):
    """A guest to be created, or what is to be different about one."""

    center_id: str | None = None
    code: str | None = None
    personal_info: PersonalInfoShape | None = None
    address_info: AddressShape | None = None
    preferences: PreferencesShape | None = None
    referral: ReferralShape | None = None
