"""When what waits is due, for each endpoint, and when to look at the queue again: what the dispatcher sleeps by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from closebell.store.lanes import Due

CONTENTION_PAUSE = timedelta(milliseconds=200)
"""How long to leave alone what was due and could not be claimed, because another process has its hands on it."""

SURVEY_EVERY = timedelta(seconds=15)
"""How long a lease that another process lost, or a ring that was missed, can go unnoticed, however busy this one is."""


class DueTimes:
    """The earliest instant for each endpoint, and the earliest of what is fresh there."""

    def __init__(self) -> None:
        self._surveyed_at: datetime | None = None
        self._due: dict[str, datetime] = {}
        self._fresh: dict[str, datetime] = {}

    def note(self, endpoint_id: str, at: datetime, *, is_fresh: bool = False) -> None:
        """Something is due then, maybe among others."""
        self._due[endpoint_id] = min(at, self._due.get(endpoint_id, at))
        if is_fresh:
            self._fresh[endpoint_id] = min(at, self._fresh.get(endpoint_id, at))

    def follow(self, earliest: Mapping[str, Due], *, contended: Collection[str], now: datetime) -> None:
        """Note what a survey found; what is due for the contended endpoints could not be claimed just now."""
        for endpoint_id, due in earliest.items():
            soonest = now + CONTENTION_PAUSE if endpoint_id in contended else None
            for at, is_fresh in ((due.fresh_at, True), (due.retried_at, False)):
                if at is not None:
                    self.note(endpoint_id, soonest if soonest and at <= now else at, is_fresh=is_fresh)

    def forget(self, endpoint_id: str) -> None:
        """Nothing is due for the endpoint as long as nothing new is noted."""
        self._due.pop(endpoint_id, None)
        self._fresh.pop(endpoint_id, None)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is time to look at the whole queue; also when the clock was set back since the last look."""
        return self._surveyed_at is None or not self._surveyed_at <= now < self._surveyed_at + SURVEY_EVERY

    def doubt(self) -> None:
        """Something happened that this process did not do: look at the whole queue soon."""
        self._surveyed_at = None

    def begin_survey(self, now: datetime) -> None:
        """Forget all of it, as the whole queue is being looked at.

        What is noted, or doubted, meanwhile may be newer than what the survey sees, so it is kept.
        """
        self._surveyed_at = now
        self._due.clear()
        self._fresh.clear()

    def is_due(self, endpoint_id: str, now: datetime) -> bool:
        """Whether something is due for the endpoint."""
        at = self._due.get(endpoint_id)
        return at is not None and at <= now

    def is_fresh_due(self, endpoint_id: str, now: datetime) -> bool:
        """Whether something fresh is due for the endpoint."""
        at = self._fresh.get(endpoint_id)
        return at is not None and at <= now

    def due(self, now: datetime) -> Iterable[str]:
        """The endpoints that something is due for."""
        return [endpoint_id for endpoint_id, at in self._due.items() if at <= now]

    def next_after(self, now: datetime) -> datetime:
        """When the first of what is not due yet will be, or the next survey, whichever is sooner."""
        survey_at = now if self._surveyed_at is None else self._surveyed_at + SURVEY_EVERY
        return min([survey_at, *(at for at in self._due.values() if at > now)])

    def earliest(self) -> datetime | None:
        """When the first of all is or was due; None when nothing waits."""
        return min(self._due.values(), default=None)
