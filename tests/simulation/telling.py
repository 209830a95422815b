"""Who is told of what: each event goes to exactly those whom it is for, in the words in which it stands in the feed."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from simulation.books import Books, DeliveryRow, EventRow
from simulation.fitting import fits
from simulation.world import World

if TYPE_CHECKING:
    from simulation.network import Call

_BODY: Final = "SELECT body FROM events WHERE sequence = {}"


class Telling:
    """Watches that nobody is left out, nobody is told of what is not for them, and nothing is told otherwise."""

    def __init__(self, world: World, books: Books) -> None:
        self._world = world
        self._books = books
        self.told_to: dict[int, set[str]] = {}
        self._bodies: defaultdict[int, list[tuple[float, bytes]]] = defaultdict(list)
        """What an event said, and from when on: it changes when a guest is erased, and ends when it is forgotten."""

    def sees_events(self, before: Mapping[int, EventRow]) -> None:
        """A transaction is durable: what is new is for whom it must be for, and what was there is as it was told."""
        events, demand = self._books.events, self._world.witness.demand
        for sequence, old in before.items():
            now = events.get(sequence)
            if now == old:
                continue
            demand(now is not None and now[:-2] == old[:-2], f"event {sequence} is not what was told")
            self._keep_body(sequence)
        new = [event for sequence, event in events.items() if sequence not in before]
        if not new:
            return
        listening = defaultdict(set)
        for row in self._books.deliveries.values():
            listening[row.sequence].add(row.endpoint_id)
        for event in new:
            body = self._keep_body(event.sequence)
            for_them = {one.id for one in self._books.endpoints.values() if fits(one, event, body)}
            told = listening[event.sequence]
            demand(told == for_them, f"event {event.sequence} is for {sorted(for_them)} and goes to {sorted(told)}")
            demand(event.listeners == len(told), f"event {event.sequence} counts {event.listeners} listeners")
            self.told_to[event.sequence] = for_them

    def _keep_body(self, sequence: int) -> bytes:
        ((body,),) = self._world.store.rows(_BODY.format(sequence))
        assert isinstance(body, bytes), "bodies are bytes"
        self._bodies[sequence].append((self._world.loop.time(), body))
        return body

    def must_say_what_is_told(self, call: Call, row: DeliveryRow, body: bytes) -> None:
        """A call says what its event said when it was leased, and nothing else."""
        if call.lease_id is None:
            return  # somebody else demands that there is a lease
        versions = self._bodies[row.sequence]
        taken_s = self._books.leases[call.lease_id].taken_s
        newest = bisect.bisect_right([since_s for since_s, _ in versions], taken_s) - 1
        said = body.replace(row.id.encode(), row.event_id.encode(), 1)
        self._world.witness.demand(said == versions[newest][1], f"{row.id} does not say what its event says")
