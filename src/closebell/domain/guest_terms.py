"""What a guest is found by: each value folded to one spelling, so that a search compares alike on every database."""

from __future__ import annotations

import enum

from closebell.domain.people import GuestEntry

TERM_LENGTH = 400
"""Characters of a folded value; a longer one, which folding can make of a name, is found by its beginning."""

_LAST_CHARACTER = "\U0010ffff"


class SearchField(enum.StrEnum):
    """A value that guests are found by."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    CODE = "code"


def folded(field: SearchField, text: str) -> str:
    """The value as it is compared: in one case and without outer blanks; of a phone number its digits.

    >>> folded(SearchField.LAST_NAME, " Strauß "), folded(SearchField.PHONE, "+91 98851-17036")
    ('strauss', '919885117036')
    """
    if field is SearchField.PHONE:
        return "".join(c for c in text if c.isascii() and c.isdigit())[:TERM_LENGTH]
    return text.casefold().strip()[:TERM_LENGTH]


def terms_of(guest: GuestEntry) -> list[tuple[SearchField, str]]:
    """Every term the guest is found by, in order; a phone number also without the code of its country.

    >>> terms_of(GuestEntry(id="", first_name="Ann", mobile_phone="+91 9885117036"))
    [(<SearchField.FIRST_NAME: 'first_name'>, 'ann'), (<SearchField.PHONE: 'phone'>, '919885117036'), \
(<SearchField.PHONE: 'phone'>, '9885117036')]
    """
    values = [
        (SearchField.FIRST_NAME, guest.first_name),
        (SearchField.LAST_NAME, guest.last_name),
        (SearchField.EMAIL, guest.email),
        (SearchField.CODE, guest.code),
        (SearchField.PHONE, guest.mobile_phone),
        (SearchField.PHONE, _without_country(guest.mobile_phone)),
    ]
    return sorted({(field, term) for field, value in values if (term := folded(field, value))})


def first_after(prefix: str) -> str:
    """What sorts, by code point, after every text that begins with the prefix."""
    return prefix + _LAST_CHARACTER


def _without_country(phone: str) -> str:
    """The number after a country's code, as people say it; empty unless it is written `+91 9885117036`."""
    code, _, number = phone.strip().partition(" ")
    return number if code.startswith("+") else ""
