"""When is the next try?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.retry import (
    DELAY_S_MIN,
    RETRY_AFTER_CHARACTERS_MAX,
    RETRY_AFTER_S_MAX,
    RetryPolicy,
    next_retry_at,
    parse_retry_after,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE_S, HOUR_S = 60, 3600
ALMOST_ONE = 1 - 2**-53

policies = st.sampled_from(RetryPolicy)
lucks = st.floats(0, 1, exclude_max=True)


def delay_s(attempt_number: int, policy: RetryPolicy, luck: float, retry_after_s: int | None = None) -> float:
    at = next_retry_at(now=NOON, attempt_number=attempt_number, policy=policy, luck=luck, retry_after_s=retry_after_s)
    assert at is not None
    return (at - NOON).total_seconds()


def test_the_standard_schedule_is_the_designs() -> None:
    hours = tuple(hours * HOUR_S for hours in (1, 3, 6, 12, 24, 24))
    assert RetryPolicy.STANDARD.steps_s == (30, 60, 120, 300, 600, *hours)
    assert RetryPolicy.STANDARD.attempts_max == 12


def test_zenoti_stops_after_the_contracts_five() -> None:
    assert RetryPolicy.ZENOTI.steps_s == (30, 60, 120, 300, 600)
    assert RetryPolicy.ZENOTI.attempts_max == 6


@pytest.mark.parametrize(
    ("attempt_number", "earliest_s", "latest_s"),
    [
        (1, 30, 60),
        (2, 30, 60),
        (3, 60, 120),
        (4, 120, 300),
        (5, 300, 600),
        (6, 600, HOUR_S),
        (7, HOUR_S, 3 * HOUR_S),
        (8, 3 * HOUR_S, 6 * HOUR_S),
        (9, 6 * HOUR_S, 12 * HOUR_S),
        (10, 12 * HOUR_S, 24 * HOUR_S),
        (11, 12 * HOUR_S, 24 * HOUR_S),
    ],
)
def test_luck_spreads_a_retry_over_its_whole_window(attempt_number: int, earliest_s: int, latest_s: int) -> None:
    assert delay_s(attempt_number, RetryPolicy.STANDARD, 0) == earliest_s
    assert delay_s(attempt_number, RetryPolicy.STANDARD, 0.5) == (earliest_s + latest_s) / 2
    assert delay_s(attempt_number, RetryPolicy.STANDARD, ALMOST_ONE) == pytest.approx(latest_s)


@given(policy=policies, luck=lucks, retry_after_s=st.none() | st.integers(0))
def test_the_policy_ends(policy: RetryPolicy, luck: float, retry_after_s: int | None) -> None:
    for attempt_number in range(1, policy.attempts_max):
        assert delay_s(attempt_number, policy, luck, retry_after_s) > 0
    for attempt_number in (policy.attempts_max, policy.attempts_max + 1, 1000):
        at = next_retry_at(
            now=NOON, attempt_number=attempt_number, policy=policy, luck=luck, retry_after_s=retry_after_s
        )
        assert at is None


@given(attempt_number=st.integers(1, 5), policy=policies, luck=lucks)
def test_the_contracts_bounds_hold_for_its_five_retries(attempt_number: int, policy: RetryPolicy, luck: float) -> None:
    assert DELAY_S_MIN <= delay_s(attempt_number, policy, luck) <= 10 * MINUTE_S


@given(attempt_number=st.integers(1, 11), luck=lucks, retry_after_s=st.integers(0, RETRY_AFTER_S_MAX))
def test_retry_after_is_never_undercut(attempt_number: int, luck: float, retry_after_s: int) -> None:
    asked = delay_s(attempt_number, RetryPolicy.STANDARD, luck, retry_after_s)
    assert retry_after_s <= asked <= RETRY_AFTER_S_MAX
    # Asking for more patience never brings the retry forward.
    assert asked >= delay_s(attempt_number, RetryPolicy.STANDARD, 0)


@given(attempt_number=st.integers(1, 11), luck=lucks, retry_after_s=st.integers(RETRY_AFTER_S_MAX))
def test_an_absurd_retry_after_waits_a_day(attempt_number: int, luck: float, retry_after_s: int) -> None:
    assert delay_s(attempt_number, RetryPolicy.STANDARD, luck, retry_after_s) == RETRY_AFTER_S_MAX


def test_receivers_that_ask_for_the_same_wait_do_not_come_back_at_once() -> None:
    waits = {delay_s(1, RetryPolicy.STANDARD, tenth / 10, 120) for tenth in range(10)}
    assert len(waits) == 10
    assert min(waits) == 120
    assert max(waits) < 150


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("00120", 120),
        ("86401", RETRY_AFTER_S_MAX),
        ("9" * RETRY_AFTER_CHARACTERS_MAX, RETRY_AFTER_S_MAX),
        ("Mon, 05 Jan 2026 12:01:30 GMT", 90),
        ("Monday, 05-Jan-26 12:01:30 GMT", 90),
        ("Mon Jan  5 12:01:30 2026", 90),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_S_MAX),
    ],
)
def test_both_forms_of_retry_after_are_read(value: str, seconds: int) -> None:
    assert parse_retry_after(value, now=NOON) == seconds


def test_part_of_a_second_is_waited_in_full() -> None:
    now = NOON + timedelta(milliseconds=1)
    assert parse_retry_after("Mon, 05 Jan 2026 12:00:01 GMT", now=now) == 1


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-1", "1.5", "1e3", "٣", "9" * (RETRY_AFTER_CHARACTERS_MAX + 1), "Mon, 32 Jan 2026 12:00:00 GMT"],
)
def test_an_unreadable_retry_after_is_ignored(value: str) -> None:
    assert parse_retry_after(value, now=NOON) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{1,5} [0-9:]{1,9} [A-Z+0-9-]{1,6}"))
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    seconds = parse_retry_after(value, now=NOON)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER_S_MAX
