"""How much of what is due is claimed: as much as will soon be called, and has room to wait."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from closebell.dispatch.ahead import Ahead
from closebell.dispatch.due import DueTimes
from closebell.dispatch.pace import Pace


class Room:
    """Weighs what is due, what waits already and how fast the endpoint is."""

    def __init__(self, *, due: DueTimes, ahead: Ahead, pace: Pace) -> None:
        self._due = due
        self._ahead = ahead
        self._pace = pace

    def wanted(self, endpoint_id: str, now: datetime) -> int:
        """How many more deliveries to claim for an endpoint; none when nothing is due."""
        if not self._due.is_due(endpoint_id, now):
            return 0
        return self._ahead.wants(
            endpoint_id,
            self._pace.worth_claiming(endpoint_id, now),
            is_fresh_due=self._due.is_fresh_due(endpoint_id, now),
        )

    def take(self, now: datetime) -> dict[str, int]:
        """Take room for whatever is due; how much there was for each endpoint."""
        return {
            endpoint_id: count
            for endpoint_id in self._due.due(now)
            if (count := self._ahead.take_room(endpoint_id, self.wanted(endpoint_id, now)))
        }

    def for_new(self, endpoint_ids: Collection[str], most: int, now: datetime) -> dict[str, int]:
        """How many deliveries that are about to be made may wait, up to so many for each endpoint; nothing is taken.

        None where something is due already, so that it goes first. Who will be told is not known yet, so all have an
        even share of what may wait.
        """
        share = min(most, self._ahead.beside_left // max(len(endpoint_ids), 1))
        return {
            endpoint_id: count
            for endpoint_id in endpoint_ids
            if not self._due.is_due(endpoint_id, now)
            and (count := min(share, self._ahead.spare(endpoint_id, self._pace.worth_claiming(endpoint_id, now))))
        }
