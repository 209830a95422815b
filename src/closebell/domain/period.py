"""A period of whole days on a centre's wall, as lists and reports ask for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final

from closebell.domain.intake_values import wall_time
from closebell.errors import InvalidInput

DAYS_MAX: Final = 366
"""Days in one period: a leap year."""
DAYS: Final = 31
"""Days in a period of which nothing is said."""

_FIRST_TO_SEE_A_DAY: Final = timezone(timedelta(hours=14))


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both included, of every centre by its own clock."""

    first: date
    last: date

    @property
    def since(self) -> str:
        """The wall-clock time with which it begins."""
        return f"{self.first}T00:00:00"

    @property
    def until(self) -> str:
        """The last second that belongs to it."""
        return f"{self.last}T23:59:59"


def bounded(first: date | None, last: date | None, *, today: date, names: tuple[str, str]) -> Period:
    """The period from `first` to `last`, of at most DAYS_MAX days; without both, the DAYS days up to today.

    Shape:  without `last` it ends today, or with its first day if that is later; without `first` it has DAYS days.
    Errors: InvalidInput by the names under which the two were said.

    >>> bounded(None, None, today=date(2026, 1, 31), names=("from", "to"))
    Period(first=datetime.date(2026, 1, 1), last=datetime.date(2026, 1, 31))
    """
    end = last or max(today, first or today)
    begin = first or date.fromordinal(max(end.toordinal() - DAYS + 1, 1))
    if end < begin:
        raise InvalidInput(names[1], f"{end} is before {begin}, the first day of the period")
    days = (end - begin).days + 1
    if days > DAYS_MAX:
        raise InvalidInput(names[0], f"from {begin} to {end} are {days} days; ask for at most {DAYS_MAX} at once")
    return Period(begin, end)


def day_of(text: str | None, field: str) -> date | None:
    """The date that is said, None where nothing is; a time of day after it has no meaning and is not looked at.

    >>> day_of("2026-01-31", "start_date"), day_of("2026-01-31 23:59:59", "start_date"), day_of(None, "start_date")
    (datetime.date(2026, 1, 31), datetime.date(2026, 1, 31), None)
    """
    return date.fromisoformat(wall_time(text.replace(" ", "T", 1), field)[: len("YYYY-MM-DD")]) if text else None


def latest_date(now: datetime) -> date:
    """The latest date on any wall in the world: no centre is further on.

    >>> from datetime import UTC
    >>> latest_date(datetime(2026, 1, 5, 12, tzinfo=UTC))
    datetime.date(2026, 1, 6)
    """
    return now.astimezone(_FIRST_TO_SEE_A_DAY).date()
