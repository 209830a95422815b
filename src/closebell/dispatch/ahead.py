"""Deliveries that are leased already and wait for a slot: claiming many at once is what makes claiming cheap.

How many may be claimed is bounded for each endpoint, for each host and over all, and the room is taken before anything
is claimed. What a close leased itself waits beside them and takes no room of theirs: closes that follow each other
without a pause would else leave none for claims.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from closebell.dispatch.slots import Slots
from closebell.store.lanes import Claimed

AHEAD_PER_ENDPOINT = 128
"""Deliveries of one endpoint that may be leased while they wait."""

AHEAD_PER_HOST = 512
"""Deliveries of all endpoints at one host that may, so that a host which hangs leaves as much to the others."""

AHEAD_MAX = 1_024
"""Deliveries of all endpoints that may, and as many again that closes leased; their bodies are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A delivery, and how long it is ours; `has_room` unless a close leased it."""

    claimed: Claimed
    until: datetime
    has_room: bool = True


@dataclass(slots=True)
class _Lanes:
    """What waits for one endpoint: fresh and retried take turns."""

    fresh: deque[Leased] = field(default_factory=deque)
    retried: deque[Leased] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.fresh) + len(self.retried)


class Ahead:
    """The waiting deliveries, per endpoint and lane in the order they were claimed, the endpoints in turn."""

    def __init__(
        self,
        *,
        all_endpoints: int = AHEAD_MAX,
        per_endpoint: int = AHEAD_PER_ENDPOINT,
        per_host: int = AHEAD_PER_HOST,
    ) -> None:
        self._room = Slots(all_endpoints=all_endpoints, per_endpoint=per_endpoint, per_host=per_host)
        self._per_endpoint = per_endpoint
        self._beside_left = all_endpoints
        self._waiting: OrderedDict[str, _Lanes] = OrderedDict()
        self._retried_next: set[str] = set()

    def place(self, hosts: Mapping[str, str]) -> None:
        """Say at which host each endpoint is."""
        self._room.place(hosts)
        self._retried_next &= hosts.keys()

    def wants(self, endpoint_id: str, enough: int | None = None, *, is_fresh_due: bool = False) -> int:
        """How many more should be claimed.

        None while more than half of what is enough waits, so that a claim is worth its while; unless what is fresh
        would stand behind retries, which is let in once an eighth is free.

        Shape: None is enough when the room is full.
        """
        most = self._per_endpoint if enough is None else min(enough, self._per_endpoint)
        lanes = self._waiting.get(endpoint_id)
        count = 0 if lanes is None else len(lanes)
        few = most // 2
        if is_fresh_due and lanes is not None and not lanes.fresh:
            few = most - max(most // 8, 1)
        return most - count if count <= few else 0

    def spare(self, endpoint_id: str, enough: int | None = None) -> int:
        """How many more of one endpoint may wait of what a close leases; None is enough when all wait that may."""
        most = self._per_endpoint if enough is None else min(enough, self._per_endpoint)
        return max(most - self.count(endpoint_id), 0)

    @property
    def beside_left(self) -> int:
        """How many more of all endpoints may wait of what closes lease."""
        return max(self._beside_left, 0)

    def take_room(self, endpoint_id: str, most: int) -> int:
        """Take room for up to that many."""
        return self._room.take(endpoint_id, most)

    def give_back_room(self, counts: Mapping[str, int]) -> None:
        """Return room that was taken and that nothing was put into, by endpoint."""
        for endpoint_id, count in counts.items():
            self._room.give_back(endpoint_id, count)

    def put(self, leased: Leased) -> None:
        """Let a delivery wait, in the room that was taken for it if any had to be."""
        self._beside_left -= not leased.has_room
        lanes = self._waiting.setdefault(leased.claimed.endpoint_id, _Lanes())
        (lanes.retried if leased.claimed.is_retry else lanes.fresh).append(leased)

    def pop(self, endpoint_id: str) -> Leased:
        """The delivery whose turn it is, of its lane the one that has waited longest; its room is free again."""
        lanes = self._waiting[endpoint_id]
        is_retry = bool(lanes.retried) and (endpoint_id in self._retried_next or not lanes.fresh)
        leased = (lanes.retried if is_retry else lanes.fresh).popleft()
        if is_retry:
            self._retried_next.discard(endpoint_id)
        else:
            self._retried_next.add(endpoint_id)
        self._leaves(endpoint_id, leased)
        if len(lanes):
            self._waiting.move_to_end(endpoint_id)
        else:
            del self._waiting[endpoint_id]
        return leased

    def let_go(self, endpoint_id: str) -> list[Leased]:
        """Everything that waits for the endpoint, which waits no longer."""
        lanes = self._waiting.pop(endpoint_id, _Lanes())
        waiting = [*lanes.fresh, *lanes.retried]
        for leased in waiting:
            self._leaves(endpoint_id, leased)
        return waiting

    def count(self, endpoint_id: str) -> int:
        """How many wait for the endpoint."""
        return len(self._waiting.get(endpoint_id, ()))

    def in_turn(self) -> Iterator[str]:
        """The endpoints something waits for, the one served longest ago first."""
        return iter(tuple(self._waiting))

    @property
    def retried_next(self) -> AbstractSet[str]:
        """The endpoints where the next turn is a retry's, because the last was not."""
        return self._retried_next

    def _leaves(self, endpoint_id: str, leased: Leased) -> None:
        """A delivery waits no longer; its room is free again, if it had any."""
        if leased.has_room:
            self._room.give_back(endpoint_id, 1)
        else:
            self._beside_left += 1
