"""A guest with everything that is known of them, and what a change makes of it.

What an invoice shows of a guest is the `GuestEntry`; the rest is the profile. A member that is not said stays as it
is, and one that is said again as it was is never refused: clients send back what they have read. What is refused is
named by its field and not repeated: a refusal is kept for a repeated call, where nobody could find the guest in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Final, TypeVar

from closebell.domain import intake_values as values
from closebell.domain import text
from closebell.domain.guest_shapes import (
    AddressShape,
    GuestRequest,
    NamedShape,
    PersonalInfoShape,
    PhoneShape,
    PreferencesShape,
    ReferralShape,
)
from closebell.domain.intake_values import NAME_LENGTH
from closebell.domain.people import GuestEntry
from closebell.errors import InvalidInput

EMAIL_CHARACTERS_MAX: Final = 254
"""Characters of an e-mail address, as the mail's own standard has it."""
PHONE_CHARACTERS_MAX: Final = 40
"""Characters of a phone number without the code that is dialled first."""
PAN_CHARACTERS_MAX: Final = 40
"""Characters of a tax number."""
YEAR_CHARACTERS_MAX: Final = 10
"""Characters of the year beside a birthday of which only day and month are known."""
NOT_SPECIFIED: Final = -1
"""The contract's number for a gender, a country or a state that nobody said."""
GENDER_MAX: Final = 4
"""The largest of the contract's numbers for a gender."""

N = TypeVar("N", int, None)

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_DIALLED: Final = re.compile(r"\+?([0-9]{1,7})", re.ASCII)
_WITH_CODE: Final = re.compile(r"\+([0-9]{1,7}) +(\S.*)", re.ASCII)
_NO_DATES: Final = frozenset({"", "0001-01-01", "0001-01-01T00:00:00"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone number; `phone_code` is dialled before it, `country_code` is the contract's number of a country.

    >>> Phone(number="9885117036", phone_code=91).display, Phone(number="555 0100").display
    ('+91 9885117036', '555 0100')
    """

    number: str
    phone_code: int | None = None
    country_code: int | None = None

    @property
    def display(self) -> str:
        """The number as it is shown and dialled."""
        return self.number if self.phone_code is None else f"+{self.phone_code} {self.number}"

    @classmethod
    def shown_as(cls, display: str) -> Phone | None:
        """The number that is shown so; None when nothing is.

        >>> Phone.shown_as("+91 9885117036")
        Phone(number='9885117036', phone_code=91, country_code=None)
        """
        match = _WITH_CODE.fullmatch(display)
        if match is not None and cls(number=match[2], phone_code=int(match[1])).display == display:
            return cls(number=match[2], phone_code=int(match[1]))
        return cls(number=display) if display else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a guest lives; countries and states are the contract's numbers."""

    address_1: str = ""
    address_2: str = ""
    city: str = ""
    state_id: int = NOT_SPECIFIED
    state_other: str = ""
    country_id: int = NOT_SPECIFIED
    postal_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a guest wants to be sent. Nobody is sent marketing who did not ask for it."""

    receive_transactional_email: bool = True
    receive_transactional_sms: bool = True
    receive_transactional_whatsapp: bool = False
    receive_marketing_email: bool = False
    receive_marketing_sms: bool = False
    receive_marketing_whatsapp: bool = False
    recieve_lp_stmt: bool = False
    opt_in_for_loyalty_program: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody or something by its id, if it has one, and its name."""

    id: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """How a guest came here: through what, and through whom."""

    referral_source: Named | None = None
    referred_by: Named | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestProfile:
    """What is known of a guest beside what their invoices show."""

    user_name: str = ""
    middle_name: str = ""
    mobile_phone: Phone | None = None
    work_phone: Phone | None = None
    home_phone: Phone | None = None
    date_of_birth: date | None = None
    is_minor: bool = False
    nationality_id: int = NOT_SPECIFIED
    anniversary_date: date | None = None
    lock_guest_custom_data: bool = False
    pan: str = ""
    dob_incomplete_year: str = ""
    address: Address = field(default_factory=Address)
    preferences: Preferences = field(default_factory=Preferences)
    referral: Referral | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRecord:
    """A guest as they are kept; one who came by an import has no `created_at`, and no `updated_at` until a change."""

    entry: GuestEntry
    profile: GuestProfile = field(default_factory=GuestProfile)
    created_at: datetime | None = None
    updated_at: datetime | None = None


def created(said: GuestRequest, *, guest_id: str, now: datetime) -> GuestRecord:
    """The guest that is described; whether the centre exists is for the caller to know.

    Errors: InvalidInput naming the field; `center_id` and `personal_info.first_name` must be there.
    """
    if values.optional_guid(said.center_id, "center_id") is None:
        raise InvalidInput("center_id", "is missing; write the GUID of the guest's centre")
    if said.personal_info is None or not said.personal_info.first_name:
        raise InvalidInput("personal_info.first_name", "is missing; a guest has a first name")
    blank = GuestRecord(entry=GuestEntry(id=guest_id), created_at=now, updated_at=now)
    return changed(blank, said)


def changed(before: GuestRecord, said: GuestRequest) -> GuestRecord:
    """The guest with what is said about them, equal to the one before when that is nothing new.

    Errors: InvalidInput naming the field.
    """
    info = said.personal_info or PersonalInfoShape()
    profile = _profile(before.profile, said, info)
    return replace(before, entry=_entry(before.entry, profile, said, info), profile=profile)


def erased(before: GuestRecord, *, now: datetime) -> GuestRecord:
    """The guest of whom nothing is known any more but the id, their centre and since when they come."""
    nothing = Preferences(**{one.name: False for one in fields(Preferences)})
    return GuestRecord(
        entry=GuestEntry(id=before.entry.id, center_id=before.entry.center_id),
        profile=GuestProfile(preferences=nothing),
        created_at=before.created_at,
        updated_at=now,
    )


def without_name_of(guest: GuestRecord, other_id: str) -> GuestRecord:
    """The guest, who keeps the id and not the name of the other who referred them."""
    referral = guest.profile.referral or Referral()
    bare = {
        one.name: Named(id=named.id)
        for one in fields(referral)
        if (named := getattr(referral, one.name)) is not None and named.id == other_id
    }
    return replace(guest, profile=replace(guest.profile, referral=replace(referral, **bare)))


def _entry(before: GuestEntry, profile: GuestProfile, said: GuestRequest, info: PersonalInfoShape) -> GuestEntry:
    return GuestEntry(
        id=before.id,
        first_name=_first_name(info.first_name, before.first_name),
        last_name=_text(info.last_name, before.last_name, "personal_info.last_name"),
        gender=_integer(info.gender, before.gender, "personal_info.gender", least=NOT_SPECIFIED, most=GENDER_MAX),
        code=_text(said.code, before.code, "code"),
        mobile_phone="" if profile.mobile_phone is None else profile.mobile_phone.display,
        email=_email(info.email, before.email),
        center_id=values.optional_guid(said.center_id, "center_id") or before.center_id,
    )


def _profile(before: GuestProfile, said: GuestRequest, info: PersonalInfoShape) -> GuestProfile:
    at = "personal_info."
    year = None if info.dob_incomplete_year is None else str(info.dob_incomplete_year)
    return GuestProfile(
        user_name=_text(info.user_name, before.user_name, f"{at}user_name"),
        middle_name=_text(info.middle_name, before.middle_name, f"{at}middle_name"),
        mobile_phone=_phone(info.mobile_phone, before.mobile_phone, f"{at}mobile_phone"),
        work_phone=_phone(info.work_phone, before.work_phone, f"{at}work_phone"),
        home_phone=_phone(info.home_phone, before.home_phone, f"{at}home_phone"),
        date_of_birth=_date(info.date_of_birth, before.date_of_birth, f"{at}date_of_birth"),
        is_minor=_flag(said=info.is_minor, before=before.is_minor),
        nationality_id=_integer(info.nationality_id, before.nationality_id, f"{at}nationality_id"),
        anniversary_date=_date(info.anniversary_date, before.anniversary_date, f"{at}anniversary_date"),
        lock_guest_custom_data=_flag(said=info.lock_guest_custom_data, before=before.lock_guest_custom_data),
        pan=_text(info.pan, before.pan, f"{at}pan", most=PAN_CHARACTERS_MAX),
        dob_incomplete_year=_text(
            year, before.dob_incomplete_year, f"{at}dob_incomplete_year", most=YEAR_CHARACTERS_MAX
        ),
        address=_address(said.address_info or AddressShape(), before.address),
        preferences=_preferences(said.preferences or PreferencesShape(), before.preferences),
        referral=_referral(said.referral, before.referral),
    )


def _text(said: str | None, before: str, at: str, *, most: int = NAME_LENGTH) -> str:
    """The text, on one line; blank is empty."""
    if said is None or said == before:
        return before
    return text.name(said, at, most=most) if said.strip() else ""


def _first_name(said: str | None, before: str) -> str:
    if said is None or said == before:
        return before
    return text.name(said, "personal_info.first_name", most=NAME_LENGTH)


def _email(said: str | None, before: str) -> str:
    """The address, when one could write to it; empty for none."""
    at = "personal_info.email"
    if said is None or said in {before, ""}:
        return before if said is None else said
    if not _EMAIL.fullmatch(text.name(said, at, most=EMAIL_CHARACTERS_MAX)):
        raise InvalidInput(at, "is not an e-mail address; write ada@guests.example")
    return said


def _integer(
    said: int | None, before: N, at: str, *, least: int = -values.INTEGER_MAX, most: int = values.INTEGER_MAX
) -> int | N:
    if said is None or said == before:
        return before
    if not least <= said <= most:
        raise InvalidInput(at, f"is out of range; write a number from {least} to {most}")
    return said


def _flag(*, said: bool | None, before: bool) -> bool:
    return before if said is None else said


def _date(said: str | None, before: date | None, at: str) -> date | None:
    """The date; none for an empty text and for the first day of the first year, which clients write for none."""
    if said is None:
        return before
    if said in _NO_DATES:
        return None
    try:
        return date.fromisoformat(values.wall_time(said, at)[:10])
    except InvalidInput:
        raise InvalidInput(at, "is not a date that exists; write YYYY-MM-DD") from None


def _phone(said: PhoneShape | str | None, before: Phone | None, at: str) -> Phone | None:
    """The number; none for an empty one. A number replaces the whole phone, a code alone that of the number."""
    if said is None:
        return before
    if isinstance(said, str):
        return _shown(said, before, at)
    code, country = _dialled(said.phone_code, f"{at}.phone_code"), _country(said.country_code, f"{at}.country_code")
    if said.number is None and said.display_number is None:
        if before is None:
            return None
        return replace(before, phone_code=code or before.phone_code, country_code=country or before.country_code)
    phone = before
    if said.number is not None:
        number = _number(said.number, before, f"{at}.number")
        phone = Phone(number=number, phone_code=code, country_code=country) if number else None
    if said.display_number is not None and (said.number is None or (said.display_number and phone == before)):
        # Clients send back all they have read, and what they changed of it may be either.
        phone = _shown(said.display_number, before, f"{at}.display_number")
    return phone if phone is None or country is None else replace(phone, country_code=country)


def _shown(said: str, before: Phone | None, at: str) -> Phone | None:
    if before is not None and said == before.display:
        return before
    return Phone.shown_as(_number(said, before, at))


def _number(said: str, before: Phone | None, at: str) -> str:
    if before is not None and said == before.number:
        return said
    return text.name(said.strip(), at, most=PHONE_CHARACTERS_MAX) if said.strip() else ""


def _dialled(said: int | str | None, at: str) -> int | None:
    if said is None or said == "":
        return None
    match = _DIALLED.fullmatch(str(said).strip())
    if match is None:
        raise InvalidInput(at, "is not dialled before a number; write 91 or +91")
    return int(match[1])


def _country(said: int | str | None, at: str) -> int | None:
    if said is None or said == "":
        return None
    if isinstance(said, str):
        if not re.fullmatch(r"-?[0-9]{1,9}", said, re.ASCII):
            raise InvalidInput(at, "is not a number of a country; write 225")
        said = int(said)
    return _integer(said, None, at)


def _address(said: AddressShape, before: Address) -> Address:
    codes = {code for code in (said.zip_code, said.postal_code) if code is not None and code != before.postal_code}
    if len(codes) > 1:
        raise InvalidInput("address_info.postal_code", "differs from zip_code, which is the same thing by another name")
    return Address(
        address_1=_text(said.address_1, before.address_1, "address_info.address_1"),
        address_2=_text(said.address_2, before.address_2, "address_info.address_2"),
        city=_text(said.city, before.city, "address_info.city"),
        state_id=_integer(said.state_id, before.state_id, "address_info.state_id"),
        state_other=_text(said.state_other, before.state_other, "address_info.state_other"),
        country_id=_integer(said.country_id, before.country_id, "address_info.country_id"),
        postal_code=_text(next(iter(codes), None), before.postal_code, "address_info.zip_code"),
    )


def _preferences(said: PreferencesShape, before: Preferences) -> Preferences:
    return Preferences(
        **{one.name: _flag(said=getattr(said, one.name), before=getattr(before, one.name)) for one in fields(before)}
    )


def _referral(said: ReferralShape | None, before: Referral | None) -> Referral | None:
    if said is None:
        return before
    before = before or Referral()
    return Referral(
        referral_source=_named(said.referral_source, before.referral_source, "referral.referral_source"),
        referred_by=_named(said.referred_by, before.referred_by, "referral.referred_by"),
    )


def _named(said: NamedShape | None, before: Named | None, at: str) -> Named | None:
    if said is None:
        return before
    try:
        known = values.optional_guid(said.id, f"{at}.id")
    except InvalidInput:
        raise InvalidInput(f"{at}.id", "is not a GUID; a name goes into name") from None
    return Named(id=known, name=_text(said.name, "", f"{at}.name"))
