"""Money: integers of a currency's minor unit inside, exact decimals on the wire, and never a float.

An invoice has one currency, so its amounts are plain integers (`Minor`) beside that one `Currency`; mixing
currencies inside an invoice cannot be expressed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import iso4217

from closebell.errors import InvalidInput

Minor: TypeAlias = int
"""An amount in minor units of the currency beside it: 488.00 USD is 48800, 488 JPY is 488."""

AMOUNT_MINOR_MAX = 2_000_000_000_000_000_000
"""The largest amount, in minor units: 17 wire digits of a two-decimal currency, and two such sums fit in 64 bits."""


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency and the number of decimals its amounts have.

    >>> Currency.of("USD").minor(Decimal("12.50"), field="amount")
    1250
    >>> Currency.of("KWD").text(1250)
    '1.250 KWD'
    """

    code: str
    decimals: int

    @staticmethod
    @functools.cache
    def _known(code: str) -> Currency | None:
        try:
            entry = iso4217.Currency(code)
        except ValueError:
            return None
        return None if entry.exponent is None else Currency(code=code, decimals=entry.exponent)

    @classmethod
    def of(cls, code: str, *, field: str = "currency") -> Currency:
        """The currency with this ISO code.

        Errors: InvalidInput when no currency in circulation has the code.
        """
        known = cls._known(code) if len(code) == len("USD") else None
        if known is None:
            raise InvalidInput(
                field, f"{code!r:.40} is not an ISO 4217 currency code; write one such as USD, EUR or JPY"
            )
        return known

    @property
    def name(self) -> str:
        """What it is called in English.

        >>> Currency.of("JPY").name
        'Yen'
        """
        name: str = iso4217.Currency(self.code).currency_name
        return name

    def minor(self, amount: Decimal, *, field: str) -> Minor:
        """The amount in minor units, exactly.

        Errors: InvalidInput when it is not finite, has more decimals than the currency, or is huge.
        """
        if not amount.is_finite():
            raise InvalidInput(field, f"{amount} is not an amount; write a decimal number")
        if amount.adjusted() > len(str(AMOUNT_MINOR_MAX)):
            raise InvalidInput(field, f"the amount is over the largest one, {self.text(AMOUNT_MINOR_MAX)}")
        exponent = amount.as_tuple().exponent
        assert isinstance(exponent, int)
        if exponent < -self.decimals:
            rounded = amount.quantize(Decimal(1).scaleb(-self.decimals))
            if amount != rounded:
                # As written and not as digits: 1E-999999999 has a thousand million of them.
                raise InvalidInput(
                    field,
                    f"{amount!s:.40} has more decimals than {self.code}, whose amounts have at most {self.decimals}",
                )
            amount = rounded
        return checked(int(amount.scaleb(self.decimals)), self, field=field)

    def wire(self, minor: Minor) -> Decimal:
        """The amount as the wire carries it: exact, in major units, no exponent and no trailing zeros.

        >>> Currency.of("USD").wire(48850), Currency.of("USD").wire(10000), Currency.of("JPY").wire(500)
        (Decimal('488.5'), Decimal('100'), Decimal('500'))
        """
        return _wire(minor, self.decimals)

    def digits(self, minor: Minor) -> str:
        """The amount for a person, with all its decimals.

        >>> Currency.of("USD").digits(-40000), Currency.of("JPY").digits(488)
        ('-400.00', '488')
        """
        sign = "-" if minor < 0 else ""
        major, fraction = divmod(abs(minor), 10**self.decimals)
        return f"{sign}{major}.{fraction:0{self.decimals}d}" if self.decimals else f"{sign}{major}"

    def text(self, minor: Minor) -> str:
        """The amount for a person, with all its decimals and the currency's code."""
        return f"{self.digits(minor)} {self.code}"


WIRE_AMOUNTS_KEPT = 16_384
"""Amounts whose wire form is remembered: zero and the prices of a catalogue recur on every page."""


@functools.lru_cache(maxsize=WIRE_AMOUNTS_KEPT)
def _wire(minor: Minor, decimals: int) -> Decimal:
    unit: int = 10**decimals
    if minor % unit == 0:
        return Decimal(minor // unit)
    sign = "-" if minor < 0 else ""
    major, fraction = divmod(abs(minor), unit)
    return Decimal(f"{sign}{major}.{fraction:0{decimals}d}".rstrip("0"))


_AMOUNT_FIELDS = (
    "amount|tip_amount|sales|tax|final|discount|net_price|rounding_adjustment|sum_total|ssg_amount|fee_amount|"
    "loyalty_cap_amount|amount_paid|total_amount_paid|cash_back_amount|quantity|price|balance|minimum|rounding_unit|"
    "tax_rate|ssg_rate|fee_rate|loyalty_cap_rate|percent|exchange_rate|amount_tendered"
)
_PLAIN = re.compile(rb"[0-9A-Za-z.+-]*")


@functools.cache
def _quoted(fields: str) -> re.Pattern[bytes]:
    return re.compile(rb'"(%b)"\s*:\s*"((?:[^"\\]|\\.)*)"' % fields.encode())


def must_be_plainly_written(json_bytes: bytes, *, fields: str = _AMOUNT_FIELDS) -> None:
    """Accept an amount that came as a string only if it is written with the characters of a number.

    Decoders of decimals read more: `"1_0"` is ten to them, and so are digits of other scripts. What is written so and
    is still no amount, they refuse themselves.

    Shape:  `fields` are the names under which amounts come, between bars; they are names of nothing else.
    Errors: InvalidInput naming the field.

    >>> must_be_plainly_written(b'{"amount": "12.50", "note": "1_0"}')
    """
    for quoted in _quoted(fields).finditer(json_bytes):
        if not _PLAIN.fullmatch(quoted[2]):
            written = quoted[2].decode("utf-8", "replace")
            raise InvalidInput(quoted[1].decode(), f'"{written:.40}" is not an amount; write a decimal number')


def checked(minor: Minor, currency: Currency, *, field: str) -> Minor:
    """The amount itself, once it is known to be within bounds.

    Errors: InvalidInput naming the field when it is over the largest amount.
    """
    if abs(minor) > AMOUNT_MINOR_MAX:
        raise InvalidInput(field, f"the amount is over the largest one, {currency.text(AMOUNT_MINOR_MAX)}")
    return minor


def split(total: Minor, weights: Sequence[int]) -> list[Minor]:
    """Divide `total` in proportion to `weights` by largest remainder; the parts always sum to the whole.

    Shape: one part per weight, in order; each within one minor unit of its exact share. Ties go to the
    earlier weight. Weights are not negative; when all are zero the shares are equal.

    >>> split(100, [1, 1, 1])
    [34, 33, 33]
    >>> split(-100, [2, 1])
    [-67, -33]
    """
    assert weights, "there is nothing to split over"
    assert all(weight >= 0 for weight in weights), "a weight is negative"
    if total < 0:
        return [-part for part in split(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        return split(total, [1] * len(weights))
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
