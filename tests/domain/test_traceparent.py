from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain import traceparent
from closebell.store.tables.events import TRACEPARENT_LENGTH

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOUND = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (SOUND, SOUND),
        (f"  {SOUND}\t", SOUND),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        (f"01-{TRACE}-{SPAN}-01", SOUND),
        (f"01-{TRACE}-{SPAN}-01-more", SOUND),
    ],
)
def test_what_is_sound_is_read(value: str, read: str) -> None:
    assert traceparent.parse(value.encode()) == read


@pytest.mark.parametrize(
    "value",
    [
        "",
        "garbage",
        SOUND.upper(),
        SOUND + "-more",
        SOUND + "0",
        SOUND[:-1],
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{SPAN}-01more",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-zz",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01\r\nx: y",
        "é" * 55,
    ],
)
def test_garbage_is_as_good_as_nothing(value: str) -> None:
    assert traceparent.parse(value.encode()) is None


@given(st.binary(max_size=80))
def test_whatever_comes_is_read_or_dropped_and_fits_the_column(value: bytes) -> None:
    read = traceparent.parse(value)
    assert read is None or len(read) == TRACEPARENT_LENGTH


def test_a_header_that_comes_twice_says_nothing() -> None:
    header = (b"traceparent", SOUND.encode())
    assert traceparent.found_in([(b"host", b"x"), header]) == SOUND
    assert traceparent.found_in([header, header]) is None
    assert traceparent.found_in([]) is None


def test_a_child_is_of_the_same_trace_and_has_its_own_span() -> None:
    made = traceparent.child(SOUND, b"\xaa" * 8)
    assert (traceparent.trace_id(made), traceparent.span_id(made)) == (TRACE, "aa" * 8)
    assert traceparent.is_sampled(made)
    assert not traceparent.is_sampled(f"00-{TRACE}-{SPAN}-02")
    assert traceparent.parse(made.encode()) == made
