"""When is the next try? The schedule, its jitter, and what a receiver may ask for."""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Final

DELAY_S_MIN: Final = 30
"""Seconds; the contract's least delay between two attempts."""
RETRY_AFTER_S_MAX: Final = 86_400
"""Seconds; a receiver that asks for more is asked again after this long."""
RETRY_AFTER_CHARACTERS_MAX: Final = 64
"""Characters of a Retry-After header that are read; the longest HTTP date has 33."""

_HOUR_S: Final = 3600
_STEPS_S: Final = (30, 60, 120, 300, 600, *(hours * _HOUR_S for hours in (1, 3, 6, 12, 24, 24)))
_CONTRACT_STEPS: Final = 5
_SECOND: Final = timedelta(seconds=1)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


class RetryPolicy(enum.StrEnum):
    """How long an endpoint's failed deliveries are tried again.

    Source: docs/webhooks.md; the contract, section 6.4.
    """

    STANDARD = "standard"
    """Eleven retries, the last up to three days after the first attempt."""
    ZENOTI = "zenoti"
    """The contract's five retries, at most ten minutes apart."""

    @property
    def steps_s(self) -> tuple[int, ...]:
        """The nominal delay before each retry, in seconds."""
        return _STEPS_S if self is RetryPolicy.STANDARD else _STEPS_S[:_CONTRACT_STEPS]

    @property
    def attempts_max(self) -> int:
        """Attempts in all: the first and its retries."""
        return 1 + len(self.steps_s)


def _windows_s() -> tuple[tuple[int, int], ...]:
    """Between which delays each retry falls: from the next smaller step up to its own.

    Jitter that starts at zero would break the contract's minimum, and jitter added on top its maximum. Spreading a
    retry over everything between two steps does neither, and the windows leave no gap in which a burst of
    deliveries that failed together could stay together. The first step equals the minimum, so it has the second's
    window.
    """
    ladder = sorted({*_STEPS_S})
    below = {high: low for low, high in pairwise(ladder)}
    return tuple((below[max(step, ladder[1])], max(step, ladder[1])) for step in _STEPS_S)


_WINDOWS_S: Final = _windows_s()


def next_retry_at(
    *,
    now: datetime,
    attempt_number: int,
    policy: RetryPolicy,
    luck: float,
    retry_after_s: int | None = None,
) -> datetime | None:
    """When to try again after the failed attempt `attempt_number`; None when the policy allows no further one.

    Full jitter: `luck` picks a point of the retry's whole window. A `retry_after_s` within RETRY_AFTER_S_MAX moves
    the window, so that the retry is never earlier than asked and still not at the same instant for everybody.

    Units: attempts count from 1; `luck` is uniform in [0, 1).

    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> next_retry_at(now=noon, attempt_number=1, policy=RetryPolicy.STANDARD, luck=0.5).time().isoformat()
    '12:00:45'
    >>> next_retry_at(now=noon, attempt_number=6, policy=RetryPolicy.ZENOTI, luck=0.5) is None
    True
    """
    assert attempt_number >= 1, "attempts count from 1"
    assert 0 <= luck < 1, "luck is in [0, 1)"
    if attempt_number > len(policy.steps_s):
        return None
    earliest_s, latest_s = _WINDOWS_S[attempt_number - 1]
    if retry_after_s is not None:
        spread_s = latest_s - earliest_s
        asked_s = min(retry_after_s, RETRY_AFTER_S_MAX)
        earliest_s = max(earliest_s, asked_s)
        latest_s = max(latest_s, min(earliest_s + spread_s, RETRY_AFTER_S_MAX))
    return now + timedelta(seconds=earliest_s) + timedelta(seconds=latest_s - earliest_s) * luck


def parse_retry_after(value: str, *, now: datetime) -> int | None:
    """The seconds a Retry-After header asks to wait, within [0, RETRY_AFTER_S_MAX]; None when it cannot be read.

    Both forms are read, a number of seconds and an HTTP date.

    Source: RFC 9110, section 10.2.3.

    >>> parse_retry_after("120", now=datetime(2026, 1, 5, tzinfo=UTC))
    120
    >>> parse_retry_after("Mon, 05 Jan 2026 00:00:30 GMT", now=datetime(2026, 1, 5, tzinfo=UTC))
    30
    """
    text = value.strip()
    if len(text) > RETRY_AFTER_CHARACTERS_MAX:
        return None
    if _DIGITS.fullmatch(text):
        return min(int(text), RETRY_AFTER_S_MAX)
    try:
        at = parsedate_to_datetime(text)
        wait = (at.replace(tzinfo=UTC) if at.tzinfo is None else at) - now
    except (ValueError, OverflowError):
        return None
    return max(0, min(-(-wait // _SECOND), RETRY_AFTER_S_MAX))
