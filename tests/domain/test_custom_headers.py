"""Which headers may an endpoint's owner add?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.custom_headers import (
    HEADERS_CHARACTERS_MAX,
    HEADERS_MAX,
    HOP_BY_HOP,
    NAME_CHARACTERS_MAX,
    OURS,
    VALUE_CHARACTERS_MAX,
    check_headers,
)
from closebell.errors import InvalidInput


def refused(headers: dict[str, str]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check_headers(headers)
    return caught.value


def test_useful_headers_pass() -> None:
    check_headers({})
    check_headers({"Authorization": "Bearer " + "a" * 3000, "X-Shop": "Mitte 1", "x-empty": "", "User-Agent": "till"})


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP | OURS))
def test_the_connection_and_the_message_stay_ours(name: str) -> None:
    for spelled in (name, name.upper(), name.title(), name.replace("-", "_")):
        assert refused({spelled: "1"}).field == f"headers.{spelled}"


@pytest.mark.parametrize(
    "name",
    ["webhook-id", "Webhook-Signature", "WEBHOOK-X", "closebell-sequence", "zenoti-webhook-signature", "Webhook_Id"],
)
def test_nobody_speaks_in_our_name(name: str) -> None:
    assert refused({name: "1"}).field == f"headers.{name}"


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\r\nb", "é", "a\x00", "(a)"])
def test_a_name_is_a_token(name: str) -> None:
    assert refused({name: "1"}).field == "headers"


@given(st.text(), st.sampled_from("\r\n\x00\x0b\x7f\x85é\u2028"), st.text())
def test_a_value_can_end_no_line(before: str, bad: str, after: str) -> None:
    error = refused({"X-A": before + bad + after})
    assert error.field == "headers.X-A"


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\n"])
def test_a_value_does_not_begin_or_end_with_a_space(value: str) -> None:
    assert refused({"X-A": value}).field == "headers.X-A"


def test_a_refusal_repeats_no_value() -> None:
    assert "hunter2" not in str(refused({"X-A": "hunter2\n"}))


def test_number_and_size_are_limited() -> None:
    check_headers({f"x-{number}": "1" for number in range(HEADERS_MAX)})
    refused({f"x-{number}": "1" for number in range(HEADERS_MAX + 1)})
    check_headers({"x" * NAME_CHARACTERS_MAX: "1"})
    refused({"x" * (NAME_CHARACTERS_MAX + 1): "1"})
    check_headers({"x": "1" * VALUE_CHARACTERS_MAX})
    refused({"x": "1" * (VALUE_CHARACTERS_MAX + 1)})
    check_headers({"x": "1" * VALUE_CHARACTERS_MAX, "y": "1" * (HEADERS_CHARACTERS_MAX - VALUE_CHARACTERS_MAX - 2)})
    refused({"x": "1" * VALUE_CHARACTERS_MAX, "y": "1" * (HEADERS_CHARACTERS_MAX - VALUE_CHARACTERS_MAX - 1)})


def test_one_header_cannot_be_given_twice() -> None:
    assert refused({"X-A": "1", "x-a": "2"}).field == "headers"
