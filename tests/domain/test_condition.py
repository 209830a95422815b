"""A condition holds when the member has the value, exactly; a slip in one is refused by name."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.condition import (
    CONDITIONS_MAX,
    DIGITS_MAX,
    PATH_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    Condition,
    ConditionDraft,
    Value,
    checked,
    decoded,
    read_value,
)
from closebell.errors import InvalidInput

BODY = decoded(
    b'{"id":"a","data":{"total":12.50,"count":2,"big":12345678901234567.89,"is_refund":false,"guest":null,"name":"12.5",'
    b'"one":1,"items":[{"type":2},{"type":6,"code":"x"}],"none":[],"tags":["a"],"grid":[[1],[2]]}}'
)


@pytest.mark.parametrize(
    ("path", "equals", "holds"),
    [
        ("id", "a", True),
        ("id", "A", False),
        ("data.total", Decimal("12.5"), True),
        ("data.total", Decimal("12.500"), True),
        ("data.total", Decimal("12.51"), False),
        ("data.total", "12.5", False),
        ("data.name", Decimal("12.5"), False),
        ("data.name", "12.5", True),
        ("data.count", Decimal(2), True),
        ("data.big", Decimal("12345678901234567.89"), True),
        ("data.big", Decimal("12345678901234567.88"), False),
        ("data.is_refund", False, True),
        ("data.is_refund", True, False),
        ("data.is_refund", Decimal(0), False),
        ("data.one", True, False),
        ("data.one", Decimal(1), True),
        ("data.is_refund", None, False),
        ("data.guest", None, True),
        ("data.guest", "", False),
        ("data.guest.email", None, True),
        ("data.guest.email", "", False),
        ("data.nothing", None, True),
        ("data.nothing.at.all", None, True),
        ("data.nothing", False, False),
        ("data.total.cents", None, True),
        ("data.items[].type", Decimal(6), True),
        ("data.items[].type", Decimal(7), False),
        ("data.items[].code", None, True),
        ("data.items[].type", None, False),
        ("data.items.type", Decimal(6), False),
        ("data.items", None, False),
        ("data.none[].type", Decimal(6), False),
        ("data.none[].type", None, True),
        ("data.tags[]", "a", True),
        ("data.grid[][]", Decimal(2), True),
        ("data.total[]", None, True),
    ],
)
def test_a_condition_holds_when_the_member_has_the_value(path: str, equals: Value, *, holds: bool) -> None:
    assert Condition(field=path, equals=equals).holds(BODY) is holds


@given(st.decimals(min_value=-(10**17), max_value=10**17, allow_nan=False, places=9))
def test_a_number_equals_itself_however_it_is_written(number: Decimal) -> None:
    asked = read_value(f"{number:f}", "equals")
    condition = Condition(field="n", equals=asked)
    assert condition.holds(decoded(f'{{"n":{number:f}}}'.encode()))
    assert condition.holds(decoded(f'{{"n":{condition.spelled}}}'.encode()))
    assert not condition.holds(decoded(f'{{"n":{number + Decimal("0.000000001"):f}}}'.encode()))


@pytest.mark.parametrize("spelled", ["1e99999999999999999999", "-1e-99999999999999999999", "1e999999", "NaN", "{}"])
def test_what_no_member_can_be_compared_with_is_refused(spelled: str) -> None:
    with pytest.raises(InvalidInput, match=r"^conditions\[0\]\.equals: "):
        read_value(spelled, "conditions[0].equals")


@given(st.text(max_size=TEXT_CHARACTERS_MAX).filter(lambda text: "\0" not in text and text.isprintable()))
def test_a_text_is_spelled_as_it_is_read(text: str) -> None:
    assert Condition(field="t", equals=read_value(json.dumps(text), "equals")).spelled == json.dumps(text)


def drafts(*asked: tuple[str, Any]) -> list[ConditionDraft]:
    return [ConditionDraft(field=field, equals=json.dumps(value)) for field, value in asked]


def test_what_is_asked_twice_counts_once() -> None:
    found = checked(
        [*drafts(("a", "x"), ("b[].c", 1), ("b[].c", 2), ("a", "x")), ConditionDraft(field="d", equals="1.0")]
    )
    assert found == (
        Condition(field="a", equals="x"),
        Condition(field="b[].c", equals=Decimal(1)),
        Condition(field="b[].c", equals=Decimal(2)),
        Condition(field="d", equals=Decimal(1)),
    )
    assert [one.spelled for one in found] == ['"x"', "1", "2", "1"]


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (drafts(*[("a", "x")] * (CONDITIONS_MAX + 1)), "conditions", "at most 10"),
        (drafts(("a", 1), ("b", 1), ("a", 2)), "conditions[2].field", r"another value in conditions\[0\]"),
        (drafts(("a", True), ("a", 1)), "conditions[1].field", "another value"),
        (drafts(("", 1)), "conditions[0].field", "blank"),
        (drafts(("a" * (PATH_CHARACTERS_MAX + 1), 1)), "conditions[0].field", "at most 200"),
        (drafts(("a..b", 1)), "conditions[0].field", "no path"),
        (drafts((".a", 1)), "conditions[0].field", "no path"),
        (drafts(("a[0].b", 1)), "conditions[0].field", r"\[\] after the name of a list"),
        (drafts(("a[", 1)), "conditions[0].field", "no path"),
        (drafts(("[]", 1)), "conditions[0].field", "no path"),
        (drafts(("a\nb", 1)), "conditions[0].field", "one line"),
        (drafts(("a", "x" * (TEXT_CHARACTERS_MAX + 1))), "conditions[0].equals", "at most 200"),
        (drafts(("a", "x" * 5_000)), "conditions[0].equals", "at most 200"),
        (drafts(("a", "x\0")), "conditions[0].equals", "NUL"),
        (drafts(("a", [1])), "conditions[0].equals", "must be a string"),
        (drafts(("a", {})), "conditions[0].equals", "must be a string"),
        ([ConditionDraft(field="a", equals="NaN")], "conditions[0].equals", "must be a string"),
        ([ConditionDraft(field="a", equals="-Infinity")], "conditions[0].equals", "must be a string"),
        ([ConditionDraft(field="a", equals="")], "conditions[0].equals", "must be a string"),
        ([ConditionDraft(field="a", equals="[" * 100_000)], "conditions[0].equals", "must be a string"),
        ([ConditionDraft(field="a", equals="1e30")], "conditions[0].equals", f"more than {DIGITS_MAX} digits"),
        ([ConditionDraft(field="a", equals="1e-31")], "conditions[0].equals", f"more than {DIGITS_MAX} digits"),
        ([ConditionDraft(field="a", equals="1e999999999")], "conditions[0].equals", f"more than {DIGITS_MAX} digits"),
    ],
)
def test_each_slip_is_refused_by_name(asked: list[ConditionDraft], field: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        checked(asked)
    assert refused.value.field == field
