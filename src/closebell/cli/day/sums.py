"""The day's own arithmetic, written from the documentation and not from the code that it judges.

Amounts are whole minor units; what is not whole is a fraction until the one place where it is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

Minor = int


def rounded(exact: Fraction) -> Minor:
    """The nearest whole number, a half away from zero.

    >>> rounded(Fraction(7, 2)), rounded(Fraction(-7, 2)), rounded(Fraction(10, 3))
    (4, -4, 3)
    """
    doubled = 2 * exact.numerator
    if exact >= 0:
        return (doubled + exact.denominator) // (2 * exact.denominator)
    return -rounded(-exact)


def percent(amount: Minor, rate: Decimal) -> Fraction:
    """That many percent of the amount, exactly.

    >>> percent(1999, Decimal("7.25"))
    Fraction(57971, 400)
    """
    return amount * Fraction(rate) / 100


def apart(whole: Minor, shares: Sequence[Minor]) -> list[Minor]:
    """A whole amount in proportion to shares: each rounded down, the units left over to the largest remainders.

    >>> apart(100, [1, 1, 1]), apart(-5, [1, 3])
    ([34, 33, 33], [-1, -4])
    """
    if whole < 0:
        return [-part for part in apart(-whole, shares)]
    exact = [Fraction(whole * share, sum(shares)) for share in shares]
    parts = [int(part) for part in exact]
    first_in_line = sorted(range(len(shares)), key=lambda place: (parts[place] - exact[place], place))
    for place in first_in_line[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def minor(amount: Decimal, decimals: int) -> Minor:
    """What the wire says, in minor units.

    Errors: ValueError when it is no whole number of them.
    """
    scaled = amount.scaleb(decimals)
    if scaled != int(scaled):
        raise ValueError(f"{amount} has more than {decimals} decimals")
    return int(scaled)


def major(amount: Minor, decimals: int) -> Decimal:
    """As the wire says it.

    >>> major(1250, 3), major(-5, 2), major(500, 0)
    (Decimal('1.250'), Decimal('-0.05'), Decimal('500'))
    """
    return Decimal(amount).scaleb(-decimals)
