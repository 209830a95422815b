"""Conditions of an endpoint: which members of an event's body must have which value for it to be told.

A path names a member from the body's outermost object on: `data.invoice.is_refund`. A name with `[]` goes into a list
and asks that some entry fits: `data.invoice.invoice_items[].type`. What is absent equals null, and nothing else.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from closebell.domain import text
from closebell.errors import InvalidInput

CONDITIONS_MAX: Final = 10
"""Conditions of one endpoint."""
PATH_CHARACTERS_MAX: Final = 200
"""Characters of the path to a member."""
TEXT_CHARACTERS_MAX: Final = 200
"""Characters of a text that a member is compared with."""
DIGITS_MAX: Final = 30
"""Digits before and behind the point of a number that a member is compared with."""

SOME: Final = "[]"
"""The step of a path that goes to some entry of a list."""

Value = str | Decimal | bool | None
"""What a member can be compared with."""

_NAME: Final = re.compile(r"([^.\[\]]+)((?:\[\])?)")
_SPELLED_CHARACTERS_MAX: Final = 6 * TEXT_CHARACTERS_MAX + 2
"""Characters of a value as JSON, where each of a text may be an escape of six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionDraft:
    """A condition as it was asked for, unchecked; `equals` is the value as JSON spells it."""

    field: str
    equals: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """That a member of the body has a value.

    Shape: numbers are compared as decimals, so that 12.50 equals 12.5; a number equals no text, and true is not 1.
    """

    field: str
    equals: Value

    def holds(self, body: object) -> bool:
        """Whether it does in this body, as `decoded` reads it.

        >>> body = decoded(b'{"data": {"total": 12.50, "items": [{"type": 2}, {"type": 6}]}}')
        >>> [Condition(field="data.total", equals=Decimal(wanted)).holds(body) for wanted in ("12.5", "12.51")]
        [True, False]
        >>> Condition(field="data.items[].type", equals=Decimal(6)).holds(body)
        True
        >>> Condition(field="data.guest.email", equals=None).holds(body)
        True
        """
        return _holds(body, steps(self.field), self.equals)

    @property
    def spelled(self) -> str:
        """The value as JSON, a number without exponent and without zeros that say nothing.

        >>> Condition(field="data.total", equals=Decimal("12.50")).spelled
        '12.5'
        """
        return _plain(self.equals) if isinstance(self.equals, Decimal) else json.dumps(self.equals)


def decoded(body: bytes) -> object:
    """The body of an event as conditions look at it, every number exact."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


@functools.lru_cache(maxsize=1_024)
def steps(path: str) -> tuple[str, ...]:
    """The steps of a path that is one.

    >>> steps("data.items[].type")
    ('data', 'items', '[]', 'type')
    """
    return tuple(path.replace(SOME, f".{SOME}").split("."))


def _holds(value: object, left: tuple[str, ...], wanted: Value) -> bool:
    if not left:
        return same(value, wanted)
    if left[0] == SOME:
        if isinstance(value, list) and value:
            return any(_holds(entry, left[1:], wanted) for entry in value)
    elif isinstance(value, Mapping) and left[0] in value:
        return _holds(value[left[0]], left[1:], wanted)
    return wanted is None


def same(value: object, wanted: Value) -> bool:
    """Whether a value of the body is the wanted one, kind and all."""
    return type(value) is type(wanted) and value == wanted


def checked(drafts: Sequence[ConditionDraft]) -> tuple[Condition, ...]:
    """The conditions, each once.

    Errors: InvalidInput naming the field, such as `conditions[0].equals`; also when two contradict each other.
    """
    if len(drafts) > CONDITIONS_MAX:
        raise InvalidInput("conditions", f"has {len(drafts)} entries; at most {CONDITIONS_MAX} are allowed")
    asked: dict[str, int] = {}
    found: dict[tuple[str, str], Condition] = {}
    for index, draft in enumerate(drafts):
        place = f"conditions[{index}]"
        _must_be_a_path(draft.field, f"{place}.field")
        condition = Condition(field=draft.field, equals=read_value(draft.equals, f"{place}.equals"))
        if (condition.field, condition.spelled) in found:
            continue
        if draft.field in asked and SOME not in draft.field:
            raise InvalidInput(
                f"{place}.field",
                f"{draft.field} has another value in conditions[{asked[draft.field]}], and all conditions must hold",
            )
        asked[draft.field] = index
        found[condition.field, condition.spelled] = condition
    return tuple(found.values())


def _must_be_a_path(path: str, field: str) -> None:
    text.name(path, field, most=PATH_CHARACTERS_MAX)
    if not all(_NAME.fullmatch(name) for name in path.split(".")):
        raise InvalidInput(
            field,
            f"{path!r:.60} is no path; write member names joined by dots, such as data.invoice.is_refund, and [] after "
            "the name of a list for some entry of it, such as data.invoice.invoice_items[].type",
        )


def read_value(spelled: str, field: str) -> Value:
    """The value that a piece of JSON spells.

    Errors: InvalidInput naming the field when it is none that a member can be compared with.
    """
    if spelled[:1] in {"{", "["}:
        raise InvalidInput(field, "must be a string, a number, true, false or null")
    if len(spelled) > _SPELLED_CHARACTERS_MAX:
        raise InvalidInput(field, f"is too long; at most {TEXT_CHARACTERS_MAX} characters are allowed")
    try:
        value: Any = json.loads(spelled, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError):  # the second for an exponent that no Decimal can have
        raise InvalidInput(field, "must be a string, a number, true, false or null") from None
    match value:
        case str():
            return text.bounded(value, field, most=TEXT_CHARACTERS_MAX)
        case Decimal():
            return _bounded_number(value, field)
        case _:
            assert value is None or isinstance(value, bool), "lists and objects were refused"
            return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _bounded_number(value: Decimal, field: str) -> Decimal:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "JSON has no number that is none"
    if exponent < -DIGITS_MAX or value.adjusted() >= DIGITS_MAX:
        raise InvalidInput(field, f"has more than {DIGITS_MAX} digits before or behind the point")
    return Decimal(_plain(value))


def _plain(number: Decimal) -> str:
    digits = f"{number:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
