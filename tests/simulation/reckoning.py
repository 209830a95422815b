"""The last judgement: whatever happened, this holds once a world has healed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection

from closebell.api import feed as wire
from closebell.receiver import Feed, verify_chain
from closebell.testing import NOON
from closebell.usecase.audit_feed import Progress, audit_portion
from closebell.usecase.read_feed import read_feed
from closebell.usecase.reconcile import Reconciliation, reconcile
from simulation.population import CENTRES
from simulation.process import ProcessClock
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulation.life import Life

_ENDED = """
    SELECT d.id, d.state, d.attempts, d.attempts_forgotten, d.lease_id, e.state = 'deleted', length(v.body) > 0
    FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN events v ON v.sequence = d.sequence
"""
_NUMBERS = "SELECT delivery_id, number FROM attempts ORDER BY delivery_id, number"
_CLOSES = """
    SELECT i.id, i.center_id, i.receipt_number, count(e.sequence) FROM invoices i
    LEFT JOIN events e ON e.invoice_id = i.id AND e.event_type = 'Invoice.Closed'
    WHERE i.closed_at IS NOT NULL GROUP BY i.id, i.center_id, i.receipt_number
"""
_DELIVERED = """
    SELECT d.endpoint_id, e.event_id, ep.url FROM deliveries d JOIN events e ON e.sequence = d.sequence
    JOIN endpoints ep ON ep.id = d.endpoint_id WHERE d.state = 'delivered'
"""


class Reckoning:
    """Looks at what a world has come to."""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life
        self._demand = world.witness.demand

    def at_any_time(self) -> None:
        """What holds at every instant: the feed has no gap, closed means told, and the totals balance."""
        self._feed_is_whole()
        self._closed_means_told()
        self._attempts_are_numbered()
        self._balances()

    def at_the_end(self) -> None:
        """What holds besides once everything has ended."""
        self.at_any_time()
        for delivery_id, state, _, _, lease_id, is_deleted, is_kept in self._world.store.rows(_ENDED):
            ends = {"delivered", "cancelled", "exhausted"} if is_deleted else {"delivered"}
            # What was given up, and nobody asked for as long as its body was kept, cannot be sent any more.
            ends = ends if is_kept else ends | {"exhausted"}
            self._demand(state in ends, f"{delivery_id} is {state} in a world that is set right")
            self._demand(lease_id is None, f"{delivery_id} is still leased")
        self._everybody_is_accounted_for()
        self._receivers_were_told()
        self._receivers_heal()
        self._world.witness.memory.must_be_forgotten()
        self._world.witness.mailing.everybody_was_told()

    def _feed_is_whole(self) -> None:
        progress = Progress()
        while not progress.is_done:
            progress = self._world.store.commit(partial(_portion, before=progress))
        self._demand(not progress.problem, progress.problem)

    def _closed_means_told(self) -> None:
        closes = self._world.store.rows(_CLOSES)
        for invoice_id, _, _, told in closes:
            self._demand(told == 1, f"invoice {invoice_id} was closed and told {told} times")
        for centre in CENTRES:
            numbers = sorted(int(receipt) for _, center_id, receipt, _ in closes if center_id == centre.id)
            self._demand(numbers == list(range(1, len(numbers) + 1)), f"receipts have holes: {numbers}")
        kept = {invoice_id: receipt for invoice_id, _, receipt, _ in closes}
        for invoice_id, receipt in self._life.people.promised.items():
            self._demand(kept.get(invoice_id) == receipt, f"{receipt} was promised for {invoice_id}")

    def _attempts_are_numbered(self) -> None:
        numbers: dict[str, list[int]] = {}
        for delivery_id, number in self._world.store.rows(_NUMBERS):
            numbers.setdefault(delivery_id, []).append(number)
        for delivery_id, _, attempts, forgotten, *_ in self._world.store.rows(_ENDED):
            found = numbers.get(delivery_id, [])
            is_whole = found == list(range(forgotten + 1, attempts + 1))
            self._demand(is_whole, f"{delivery_id}: {attempts} attempts, {forgotten} forgotten, recorded {found}")

    def _balances(self) -> None:
        found = self._reconciled()
        self._demand(found.balanced, f"the totals do not balance: {found.reasons}")

    def _reconciled(self) -> Reconciliation:
        far = timedelta(days=400)
        clock = ProcessClock(self._world)
        found: Reconciliation = self._world.store.commit(
            lambda connection: reconcile(connection, since=NOON - far, until=NOON + far, clock=clock)
        )
        return found

    def _everybody_is_accounted_for(self) -> None:
        """Every event that was for an endpoint has its delivery there, and no other has one."""
        due = {(sequence, one) for sequence, several in self._world.witness.telling.told_to.items() for one in several}
        made = set(self._world.store.rows("SELECT sequence, endpoint_id FROM deliveries"))
        self._demand(due == made, f"deliveries that are missing, or too many: {due ^ made}")

    def _receivers_were_told(self) -> None:
        """What counts as delivered was answered with a 2xx by exactly that receiver."""
        for endpoint_id, event_id, url in self._world.store.rows(_DELIVERED):
            receiver = self._world.network.receiver(url)
            self._demand(event_id in receiver.answered_2xx, f"{endpoint_id} is said to have {event_id}")

    def _receivers_heal(self) -> None:
        """Every receiver reads the feed once and then has every event, each once, however much it lost."""
        feed = Feed(base_url="https://closebell.example", api_key="key", limit=7, fetch=self._fetch)
        everything = list(feed.pull(after=0))
        verify_chain(everything)
        for receiver in self._world.network.receivers.values():
            for event in feed.pull(after=receiver.inbox.cursor()):
                if receiver.inbox.remember(event):
                    receiver.applied.append(event.event_id)
                receiver.inbox.advance(event.sequence)
            told = sorted(event.event_id for event in everything)
            self._demand(sorted(receiver.applied) == told, f"{receiver.name} has not every event exactly once")

    def _fetch(self, url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        query = dict(part.split("=") for part in url.partition("?")[2].split("&"))

        def page(connection: Connection) -> Any:
            return read_feed(connection, after=int(query["after"]), limit=int(query["limit"]))

        found = self._world.store.commit(page)
        events = [wire._event(event) for event in found.events]
        return 200, msgspec.json.encode(
            {"events": events, "next_after": found.next_after, "has_more": found.has_more, "error": None}
        )


def _portion(connection: Connection, before: Progress) -> Progress:
    return audit_portion(connection, before)
