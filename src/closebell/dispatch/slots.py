"""Room for calls: a cap over all endpoints and a cap for each, taken before anything is claimed."""

from __future__ import annotations

from collections import Counter

PROBES_AFTER_FAILURES = 5
"""Failed attempts in a row after which an endpoint is called one at a time until it answers again."""


class Slots:
    """Counts who may call now. A dead endpoint fills its own slots and nobody else's.

    No endpoint holds more than it leaves to the others. So several that hang do not shut out one that is well: the
    fewer slots are left, the fewer of them one endpoint gets.

    >>> slots = Slots(all_endpoints=3, per_endpoint=2)
    >>> slots.take("a", 5), slots.take("b", 5), slots.take("c", 5)
    (2, 1, 0)
    >>> slots.give_back("a", 1)
    >>> slots.take("c", 5)
    1
    """

    def __init__(self, *, all_endpoints: int, per_endpoint: int) -> None:
        assert all_endpoints >= 1, "somebody must be able to call"
        assert per_endpoint >= 1, "each endpoint must be callable"
        self._left = all_endpoints
        self._per_endpoint = per_endpoint
        self._taken: Counter[str] = Counter()
        self._failing: set[str] = set()

    def take(self, endpoint_id: str, most: int) -> int:
        """Take up to that many slots for an endpoint; how many there were."""
        taken = self._taken[endpoint_id]
        fair = (self._left - taken + 1) // 2
        count = max(0, min(most, self._left, self._cap(endpoint_id) - taken, fair))
        self._left -= count
        self._taken[endpoint_id] += count
        return count

    def give_back(self, endpoint_id: str, count: int) -> None:
        """Return slots that were taken."""
        assert 0 <= count <= self._taken[endpoint_id], "more slots come back than were taken"
        self._left += count
        self._taken[endpoint_id] -= count
        if not self._taken[endpoint_id]:
            del self._taken[endpoint_id]

    def judge(self, endpoint_id: str, consecutive_failures: int) -> None:
        """Slow an endpoint that keeps failing down to one call at a time, or let it have its slots again."""
        if consecutive_failures >= PROBES_AFTER_FAILURES:
            self._failing.add(endpoint_id)
        else:
            self._failing.discard(endpoint_id)

    def has_room(self, endpoint_id: str) -> bool:
        """Whether `take` would give the endpoint a slot."""
        return self._taken[endpoint_id] < min(self._left, self._cap(endpoint_id))

    @property
    def is_full(self) -> bool:
        """Whether no endpoint would get a slot."""
        return self._left == 0

    def is_failing(self, endpoint_id: str) -> bool:
        """Whether the endpoint is called one at a time."""
        return endpoint_id in self._failing

    @property
    def in_use(self) -> int:
        """How many calls are under way or about to be."""
        return self._taken.total()

    def _cap(self, endpoint_id: str) -> int:
        return 1 if endpoint_id in self._failing else self._per_endpoint
