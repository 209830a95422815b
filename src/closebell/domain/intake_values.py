"""Single values from outside: each is refused with the name of its field, or becomes what the domain keeps."""

from __future__ import annotations

import enum
import functools
import re
import zoneinfo
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from closebell.domain import identifiers, money
from closebell.domain.identifiers import NO_GUID
from closebell.domain.money import Currency, Minor
from closebell.errors import InvalidInput

E = TypeVar("E", bound=enum.StrEnum)

NAME_LENGTH = 400
"""Characters in a name or any other free text."""

INTEGER_MAX = 2**31 - 1
"""The largest number that is no amount: types, modes, minutes."""

QUANTITY_MAX = Decimal(1_000_000_000)
"""The largest quantity on a line."""

QUANTITY_DECIMALS_MAX = 6
"""Decimals of a quantity."""

RATE_DECIMALS_MAX = 6
"""Decimals of a rate."""


def text(value: str | None, field: str, *, length: int = NAME_LENGTH, default: str = "") -> str:
    """The text, at most `length` characters and without NUL, which no database of ours can keep."""
    if value is None:
        return default
    if len(value) > length:
        raise InvalidInput(field, f"has {len(value)} characters; at most {length} are kept")
    if "\0" in value:
        raise InvalidInput(field, "contains the character \\u0000, which no text has")
    return value


def required_guid(value: str | None, field: str) -> str:
    """The GUID, which must be there and name something."""
    known = optional_guid(value, field)
    if known is None:
        raise InvalidInput(
            field, "is missing; write a GUID" if value is None else "is the empty GUID, which names nothing"
        )
    return known


def optional_guid(value: str | None, field: str) -> str | None:
    """The GUID, or None where the wire says none: absent, empty, or all zeros."""
    if not value:
        return None
    known = _guid(value, field)
    return None if known == NO_GUID else known


@functools.lru_cache(maxsize=4096)
def _guid(value: str, field: str) -> str:
    """Employees, items and centres recur in an import; looking them up is a tenth of checking them."""
    return identifiers.guid(value, field=field)


_WALL_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?)?", re.ASCII)
_ZONE = re.compile(r"\d(?:[Zz]|[+-]\d{2}(?::?\d{2})?)\Z", re.ASCII)


def wall_time(value: str | None, field: str, *, default: str | None = None) -> str:
    """A centre's wall-clock time as `YYYY-MM-DDTHH:MM:SS`; fractions of a second are dropped, a bare date is midnight.

    >>> wall_time("2022-03-11T08:00:00.125", "invoice_date"), wall_time("2022-03-11", "invoice_date")
    ('2022-03-11T08:00:00', '2022-03-11T00:00:00')
    """
    if value is None:
        if default is None:
            raise InvalidInput(field, "is missing; write YYYY-MM-DDTHH:MM:SS")
        return default
    match = _WALL_TIME.fullmatch(value)
    if match is None:
        if len(value) > len("YYYY-MM-DD") and _ZONE.search(value):
            raise InvalidInput(
                field, f"{value!r:.60}: a centre's wall-clock time has no zone; write YYYY-MM-DDTHH:MM:SS"
            )
        raise InvalidInput(field, f"{value!r:.60} is not a time; write YYYY-MM-DDTHH:MM:SS or YYYY-MM-DD")
    spelled = f"{match[1]}T{match[2] or '00:00:00'}"
    try:
        datetime.fromisoformat(spelled)
    except ValueError:
        raise InvalidInput(field, f"{value!r} is a date or time that does not exist") from None
    return spelled


def minutes_between(start: str, end: str) -> int:
    """Whole minutes from one wall-clock time to another.

    >>> minutes_between("2022-03-11T02:30:00", "2022-03-11T05:45:00")
    195
    """
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)) // timedelta(minutes=1)


def minutes_after(start: str, minutes: int, field: str) -> str:
    """The wall-clock time that many minutes later."""
    try:
        return (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat()
    except OverflowError:
        raise InvalidInput(field, f"{minutes} minutes after {start} is beyond the year 9999") from None


def integer(
    value: int | None, field: str, *, default: int = 0, least: int = -INTEGER_MAX, most: int = INTEGER_MAX
) -> int:
    """The number, within what its column holds."""
    if value is None:
        return default
    if not least <= value <= most:
        raise InvalidInput(field, f"{str(value)[:40]} is out of range; write a number from {least} to {most}")
    return value


def choice(value: str | None, field: str, options: type[E], *, default: E) -> E:
    """The member of the enumeration with this value."""
    if value is None:
        return default
    try:
        return options(value)
    except ValueError:
        raise InvalidInput(field, f"{value!r:.60} is not one of {', '.join(options)}") from None


def quantity(value: Decimal | None, field: str, *, is_refund: bool) -> Decimal:
    """A quantity without trailing zeros or exponent; one unless said, negative only on a refund."""
    if value is None:
        return Decimal(1)
    if not value.is_finite() or value.copy_abs() > QUANTITY_MAX:
        raise InvalidInput(field, f"is out of range; write a number up to {QUANTITY_MAX}")
    if value < 0 and not is_refund:
        raise InvalidInput(field, "is negative, which only a refund's quantity can be")
    return _plain(value, field, QUANTITY_DECIMALS_MAX)


def rate(value: Decimal | None, field: str, *, most: int = 100, default: Decimal = Decimal(0)) -> Decimal:
    """A rate from zero on, without trailing zeros or exponent.

    >>> rate(Decimal("10.10"), "tax_rate")
    Decimal('10.1')
    """
    if value is None:
        return default
    if not value.is_finite() or not 0 <= value <= most:
        raise InvalidInput(field, f"{value!s:.40} is out of range; write a number from 0 to {most}")
    return _plain(value, field, RATE_DECIMALS_MAX)


def _plain(value: Decimal, field: str, decimals_max: int) -> Decimal:
    if value == value.to_integral_value():
        return Decimal(int(value))
    plain = round(value, decimals_max)
    if plain != value:
        raise InvalidInput(field, f"has more than {decimals_max} decimals")
    return plain.normalize()


def whole(value: Decimal | None, field: str, *, default: int = 0) -> int:
    """A whole number that is not negative: points, or units of a package."""
    if value is None:
        return default
    if not value.is_finite() or not 0 <= value <= INTEGER_MAX or value != value.to_integral_value():
        raise InvalidInput(field, f"{value!s:.40} is out of range; write a whole number from 0 to {INTEGER_MAX}")
    return int(value)


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def optional_date(value: str | None, field: str) -> date | None:
    """The date, None when it is not said."""
    if value is None:
        return None
    if not _DATE.fullmatch(value):
        raise InvalidInput(field, f"{value!r:.60} is not a date; write YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InvalidInput(field, f"{value!r} is a date that does not exist") from None


@functools.cache
def _zones() -> frozenset[str]:
    """Every IANA zone; the names that mean the machine's own, or none, would make rules depend on the machine."""
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "posixrules", "Factory"}


def time_zone(value: str | None, field: str, *, default: str) -> str:
    """The name of a time zone that exists."""
    if value is None:
        return default
    if value not in _zones():
        raise InvalidInput(field, f"{value!r:.60} is not a time zone; write an IANA name such as America/New_York")
    return value


@dataclass(frozen=True, slots=True)
class Amounts:
    """Reads the amounts of one invoice: exact, in its one currency, negative only where that means something."""

    currency: Currency
    is_refund: bool

    def signed(self, value: Decimal | None, field: str) -> Minor | None:
        """An amount of either sign, None when it is not said."""
        if value is None:
            return None
        if not value:
            return 0
        return self.currency.minor(value, field=field)

    def said(self, value: Decimal | None, field: str) -> Minor | None:
        """An amount that is negative on refunds only, None when it is not said."""
        minor = self.signed(value, field)
        return minor if minor is None else self.within_sign(minor, field)

    def or_zero(self, value: Decimal | None, field: str) -> Minor:
        """An amount that is negative on refunds only, zero when it is not said."""
        return 0 if value is None else self.said(value, field) or 0

    def not_negative(self, value: Decimal | None, field: str) -> Minor | None:
        """An amount that is never negative, not even on a refund."""
        minor = self.signed(value, field)
        if minor is not None and minor < 0:
            raise InvalidInput(field, f"{self.currency.text(minor)} is negative; this is never below zero")
        return minor

    def derived(self, minor: Minor, field: str) -> Minor:
        """An amount that follows from others, held to the same bounds as one that is said."""
        return self.within_sign(money.checked(minor, self.currency, field=field), field)

    def within_sign(self, minor: Minor, field: str) -> Minor:
        """The amount, unless it is negative on an invoice that is no refund."""
        if minor < 0 and not self.is_refund:
            raise InvalidInput(field, f"{self.currency.text(minor)} is negative, which only a refund's amounts can be")
        return minor

    def agree(self, said: Minor, computed: Minor, field: str, formula: str) -> None:
        """Refuse a figure that contradicts the others; `formula` names them."""
        if said != computed:
            money = self.currency
            apart = money.digits(abs(said - computed))
            raise InvalidInput(
                field, f"is {money.digits(said)}, but {formula} is {money.text(computed)}; {apart} apart"
            )
