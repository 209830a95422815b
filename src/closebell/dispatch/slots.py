"""Room for calls: a cap over all endpoints, one for each host and one for each endpoint, taken before any call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping


class Slots:
    """Counts who may call now. A dead endpoint fills its own slots and nobody else's, and so does a dead host.

    No endpoint holds more than it leaves to the others. So several that hang do not shut out one that is well: the
    fewer slots are left, the fewer of them one endpoint gets. The same holds among those that share a host.

    >>> slots = Slots(all_endpoints=3, per_endpoint=2, per_host=3)
    >>> slots.take("a", 5), slots.take("b", 5), slots.take("c", 5)
    (2, 1, 0)
    >>> slots.give_back("a", 1)
    >>> slots.take("c", 5)
    1
    """

    def __init__(self, *, all_endpoints: int, per_endpoint: int, per_host: int) -> None:
        assert all_endpoints >= 1, "somebody must be able to call"
        assert per_endpoint >= 1, "each endpoint must be callable"
        assert per_host >= 1, "each host must be callable"
        self._left = all_endpoints
        self._per_endpoint = per_endpoint
        self._per_host = per_host
        self._taken: Counter[str] = Counter()
        self._hosts: dict[str, str] = {}
        self._at_host: Counter[str] = Counter()
        self._sharing: Counter[str] = Counter()

    def place(self, hosts: Mapping[str, str]) -> None:
        """Say at which host each endpoint is; the slots of one that has moved count at its new host.

        An endpoint that was never placed has a host of its own.
        """
        self._sharing = Counter(hosts.values())
        # Who is not named any more may still have calls under way.
        self._hosts = {**{one: self._hosts[one] for one in self._taken if one in self._hosts}, **hosts}
        self._at_host = Counter()
        for endpoint_id, count in self._taken.items():
            if endpoint_id in self._hosts:
                self._at_host[self._hosts[endpoint_id]] += count

    def take(self, endpoint_id: str, most: int) -> int:
        """Take up to that many slots for an endpoint; how many there were."""
        taken = self._taken[endpoint_id]
        host = self._hosts.get(endpoint_id)
        count = min(most, self._left, self._per_endpoint - taken, _fair(self._left, taken))
        if host is not None:
            count = min(count, self._left_at(host, taken))
        if count <= 0:
            return 0
        if host is not None:
            self._at_host[host] += count
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
        host = self._hosts.get(endpoint_id)
        if host is not None:
            self._at_host[host] -= count

    def taken(self, endpoint_id: str) -> int:
        """How many slots the endpoint has."""
        return self._taken[endpoint_id]

    def heirs(self, endpoint_id: str, waiting: Iterable[str]) -> Iterable[str]:
        """Of those who wait, the ones that a slot which the endpoint is about to give back may be for.

        All of them when every slot is taken, those of its host when that is full, and else only the endpoint itself.
        """
        if self._left == 0:
            return waiting
        host = self._hosts.get(endpoint_id)
        if host is not None and self._sharing[host] > 1 and self._at_host[host] >= self._per_host:
            return [one for one in waiting if self._hosts.get(one) == host]
        return (endpoint_id,)

    @property
    def per_endpoint(self) -> int:
        """How many slots an endpoint has at most."""
        return self._per_endpoint

    @property
    def in_use(self) -> int:
        """How many calls are under way or about to be."""
        return self._taken.total()

    def _left_at(self, host: str, taken: int) -> int:
        """How many slots of a host are left to an endpoint that has some; who is alone there has them all."""
        left = self._per_host - self._at_host[host]
        return left if self._sharing[host] <= 1 else min(left, _fair(left, taken))


def _fair(left: int, taken: int) -> int:
    """How many more somebody may take who has some, and leave as many."""
    return (left - taken + 1) // 2
