"""Deliveries that are leased already and wait for a slot: claiming many at once is what makes claiming cheap.

How many may wait is bounded for each endpoint and over all, and the room is taken before anything is claimed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from closebell.dispatch.slots import Slots
from closebell.store.deliveries import Claimed

AHEAD_PER_ENDPOINT = 128
"""Deliveries of one endpoint that may be leased while they wait."""

AHEAD_MAX = 1_024
"""Deliveries of all endpoints that may; their bodies are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A delivery, and how long it is ours."""

    claimed: Claimed
    until: datetime


class Ahead:
    """The waiting deliveries, per endpoint in the order they were claimed, the endpoints in turn."""

    def __init__(self, *, all_endpoints: int = AHEAD_MAX, per_endpoint: int = AHEAD_PER_ENDPOINT) -> None:
        self._room = Slots(all_endpoints=all_endpoints, per_endpoint=per_endpoint)
        self._enough = per_endpoint // 2
        self._waiting: OrderedDict[str, deque[Leased]] = OrderedDict()

    def wants(self, endpoint_id: str) -> bool:
        """Whether more should be claimed: not while half the room is filled, so that a claim is worth its while."""
        return self.count(endpoint_id) <= self._enough

    def take_room(self, endpoint_id: str, most: int) -> int:
        """Take room for up to that many, if more is wanted."""
        return self._room.take(endpoint_id, most) if self.wants(endpoint_id) else 0

    def give_back_room(self, endpoint_id: str, count: int) -> None:
        """Return room that was taken and that nothing was put into."""
        self._room.give_back(endpoint_id, count)

    def put(self, leased: Leased) -> None:
        """Let a delivery wait in the room that was taken for it."""
        self._waiting.setdefault(leased.claimed.endpoint_id, deque()).append(leased)

    def pop(self, endpoint_id: str) -> Leased:
        """The delivery of the endpoint that has waited longest; its room is free again."""
        waiting = self._waiting[endpoint_id]
        leased = waiting.popleft()
        self._room.give_back(endpoint_id, 1)
        if waiting:
            self._waiting.move_to_end(endpoint_id)
        else:
            del self._waiting[endpoint_id]
        return leased

    def let_go(self, endpoint_id: str) -> list[Leased]:
        """Everything that waits for the endpoint, which waits no longer."""
        return [self.pop(endpoint_id) for _ in range(self.count(endpoint_id))]

    def count(self, endpoint_id: str) -> int:
        """How many wait for the endpoint."""
        return len(self._waiting.get(endpoint_id, ()))

    def in_turn(self) -> Iterator[str]:
        """The endpoints something waits for, the one served longest ago first."""
        return iter(tuple(self._waiting))
