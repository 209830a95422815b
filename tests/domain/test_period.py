from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from closebell.domain.period import DAYS, DAYS_MAX, Period, bounded, day_of, latest_date
from closebell.errors import InvalidInput

TODAY = date(2026, 1, 31)
NAMES = ("from", "to")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, (date(2026, 1, 1), TODAY)),
        (date(2026, 1, 20), None, (date(2026, 1, 20), TODAY)),
        (date(2026, 3, 1), None, (date(2026, 3, 1), date(2026, 3, 1))),
        (None, date(2025, 3, 31), (date(2025, 3, 1), date(2025, 3, 31))),
        (None, date(1, 1, 5), (date(1, 1, 1), date(1, 1, 5))),
        (date(2025, 1, 30), date(2026, 1, 30), (date(2025, 1, 30), date(2026, 1, 30))),
        (TODAY, TODAY, (TODAY, TODAY)),
        (date.max, None, (date.max, date.max)),
    ],
)
def test_what_is_not_said_follows(first: date | None, last: date | None, expected: tuple[date, date]) -> None:
    assert bounded(first, last, today=TODAY, names=NAMES) == Period(*expected)


def test_no_period_is_longer_than_a_leap_year() -> None:
    last = TODAY - timedelta(days=1)
    first = last - timedelta(days=DAYS_MAX - 1)
    assert bounded(first, last, today=TODAY, names=NAMES) == Period(first, last)
    with pytest.raises(InvalidInput, match=rf"^from: .* are {DAYS_MAX + 1} days; ask for at most {DAYS_MAX} at once$"):
        bounded(last - timedelta(days=DAYS_MAX), last, today=TODAY, names=NAMES)
    with pytest.raises(InvalidInput, match=r"^from: from 0001-01-01 to 2026-01-31 are"):
        bounded(date.min, None, today=TODAY, names=NAMES)


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(InvalidInput, match=r"^to: 2026-01-01 is before 2026-01-02, the first day of the period$"):
        bounded(date(2026, 1, 2), date(2026, 1, 1), today=TODAY, names=NAMES)


def test_a_period_takes_in_its_last_second_and_not_the_next() -> None:
    period = Period(date(2026, 1, 5), date(2026, 1, 5))
    assert (period.since, period.until) == ("2026-01-05T00:00:00", "2026-01-05T23:59:59")
    assert Period(date.min, date.max).until == "9999-12-31T23:59:59"


@pytest.mark.parametrize("text", ["2026-13-01", "tomorrow", "2026-01-05Z", "05.01.2026", "2026-01-05T25:00:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^start_date: "):
        day_of(text, "start_date")


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_is_no_date(text: str | None) -> None:
    assert day_of(text, "start_date") is None


def test_today_is_what_the_furthest_wall_shows() -> None:
    assert latest_date(datetime(2026, 1, 5, 9, 59, 59, tzinfo=UTC)) == date(2026, 1, 5)
    assert latest_date(datetime(2026, 1, 5, 10, tzinfo=UTC)) == date(2026, 1, 6)
    assert DAYS < DAYS_MAX
