"""A rate: never passed in any second, spread over it, and used in full by who always has something to send."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from closebell.dispatch.meter import LATE_MAX, SECOND, Meter
from closebell.testing import NOON

MILLISECOND = timedelta(milliseconds=1)


def begun(meter: Meter, now: datetime, most: int = 1_000) -> list[datetime]:
    """As many calls as may begin now."""
    count = min(most, meter.ready(now))
    for _ in range(count):
        meter.begin(now)
    return [now] * count


def most_in_a_second(calls: list[datetime]) -> int:
    return max((sum(first <= call < first + SECOND for call in calls) for first in calls), default=0)


@given(
    rate=st.integers(1, 50),
    waits_ms=st.lists(st.one_of(st.integers(0, 30), st.integers(0, 3_000)), max_size=60),
    mosts=st.lists(st.integers(0, 60), min_size=60, max_size=60),
)
def test_in_no_second_more_calls_begin_than_the_rate_says(rate: int, waits_ms: list[int], mosts: list[int]) -> None:
    meter = Meter(rate)
    now, calls = NOON, []
    for wait_ms, most in zip(waits_ms, mosts, strict=False):
        now += wait_ms * MILLISECOND
        calls += begun(meter, now, most)
    assert most_in_a_second(calls) <= rate


def test_calls_are_spread_evenly_and_the_rate_is_used_in_full() -> None:
    meter = Meter(20)
    calls = [call for step in range(10_000) for call in begun(meter, NOON + step * MILLISECOND)]
    assert len(calls) == 200
    assert max(later - earlier for earlier, later in pairwise(calls)) <= SECOND / 20 + LATE_MAX


def test_who_looks_too_late_makes_up_for_a_little() -> None:
    meter = Meter(1_000)
    calls = [call for step in range(0, 10_000, 10) for call in begun(meter, NOON + step * MILLISECOND)]
    assert len(calls) >= 9_900
    assert most_in_a_second(calls[::10]) <= 100


def test_an_endpoint_that_was_idle_has_little_saved_up() -> None:
    meter = Meter(100)
    assert len(begun(meter, NOON)) == LATE_MAX / (SECOND / 100) + 1
    assert len(begun(meter, NOON + timedelta(hours=1))) == 11


def test_it_says_when_the_next_call_may_begin() -> None:
    meter = Meter(2)
    assert meter.next_at() < NOON
    begun(meter, NOON)
    assert meter.next_at() == NOON + SECOND / 2 - LATE_MAX
    begun(meter, meter.next_at())
    assert meter.next_at() == NOON + SECOND, "the second is full"
    assert meter.ready(meter.next_at() - MILLISECOND) == 0
    assert meter.ready(meter.next_at()) == 1


@pytest.mark.parametrize("rate", [1, 10, 1_000])
@pytest.mark.parametrize("looked_after", [None, SECOND / 2, 2 * SECOND])
@pytest.mark.parametrize("set_back_by", [2 * SECOND, timedelta(hours=1)])
def test_a_clock_that_is_set_back_stops_nobody(
    rate: int, looked_after: timedelta | None, set_back_by: timedelta
) -> None:
    meter = Meter(rate)
    begun(meter, NOON, 1)
    if looked_after is not None:
        meter.ready(NOON + looked_after)
    now = NOON - set_back_by
    assert meter.ready(now) >= 1
    assert meter.next_at() <= now


@given(rate=st.integers(1, 1_000), idle_ms=st.integers(0, 3_000), set_back_ms=st.integers(0, 10_000))
@example(rate=10, idle_ms=2_000, set_back_ms=10_000)
def test_a_set_back_costs_a_second_at_most(rate: int, idle_ms: int, set_back_ms: int) -> None:
    meter = Meter(rate)
    begun(meter, NOON)
    meter.ready(NOON + idle_ms * MILLISECOND)
    now = NOON + (idle_ms - set_back_ms) * MILLISECOND
    assert meter.ready(now) >= 1 or meter.ready(now + SECOND) >= 1
