"""What is kept and what is forgotten: nothing too early, nothing too late, and of who was erased nothing at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from closebell.dispatch.sender import OutgoingRequest
from simulation.books import Books, DeliveryRow, EventRow, microseconds
from simulation.population import MARKS
from simulation.world import World

if TYPE_CHECKING:
    from simulation.network import Call
    from simulation.process import Process

FORGET: Final = frozenset({"forget_bodies", "forget_waited_for"})
ERASE: Final = frozenset({"erase_guest", "erase_portion", "finish_erasure"})
LATE_S: Final = 150
"""How long after its age something may still be there: two rounds of upkeep."""
_MONEY: Final = """
    SELECT (SELECT sum(sum_total) FROM invoices), (SELECT count(*) FROM transactions),
           (SELECT sum(amount_paid + tip_amount) FROM transactions), (SELECT group_concat(receipt_number) FROM invoices)
"""
_ATTEMPTS: Final = "SELECT delivery_id, number FROM attempts"
_ERASED: Final = "SELECT guest_id FROM erasures WHERE finished_at IS NOT NULL"
_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table'"


class Memory:
    """Watches bodies, attempts and the traces of guests."""

    def __init__(self, world: World, books: Books) -> None:
        self._world = world
        self._books = books
        self._money: list[tuple[Any, ...]] = []
        self.erased: set[str] = set()

    # --- commits -----------------------------------------------------------------------------------------------------

    def sees_commit(self, process: Process, name: str, before: Mapping[int, EventRow]) -> None:
        """A transaction is durable: what it forgot it was allowed to forget."""
        for sequence, old in before.items():
            now = self._books.events[sequence]
            if (now.body_bytes, now.redacted_at) == (old.body_bytes, old.redacted_at):
                continue
            if now.body_bytes:
                self._must_be_erased(name, now)
            else:
                self._must_be_forgettable(process, name, now)
        if name == "forget_attempts":
            self._sees_forgotten_attempts(process)
        if self._world.conditions.erases:
            self._sees_erasure(name)

    def _must_be_forgettable(self, process: Process, name: str, event: EventRow) -> None:
        """A body is gone: it was old, nobody waited for it, and it proved nothing."""
        demand, kept_s = self._world.witness.demand, self._world.conditions.bodies_kept_s
        what = f"the body of event {event.sequence}"
        demand(name in FORGET and kept_s is not None, f"{name} forgot {what}")
        assert kept_s is not None, "demanded"
        self._must_be_old(process, event.created_at, kept_s, what)
        demand(event.event_type != "Guest.Erased", f"{what} was forgotten, which proves what was erased")
        waiting = [row.id for row in self._books.deliveries.values()
                   if row.sequence == event.sequence and row.state == "pending"]  # fmt: skip
        demand(not waiting, f"{what} was forgotten, and {waiting} wait for it")

    def _must_be_old(self, process: Process, made_at: int, kept_s: int, what: str) -> None:
        age_s = (microseconds(process.clock.now()) - made_at) / 1e6
        was_right = process.disturbed_s < self._world.loop.time() - 2 * self._world.conditions.database_s_max
        self._world.witness.demand(age_s > kept_s or not was_right, f"{what} was forgotten after {age_s} s")

    def _sees_forgotten_attempts(self, process: Process) -> None:
        kept_s = self._world.conditions.attempts_kept_s
        assert kept_s is not None, "attempts are kept for ever otherwise"
        left = set(self._world.store.rows(_ATTEMPTS))
        for attempt in self._books.attempts.keys() - left:
            self._must_be_old(process, self._books.attempts.pop(attempt), kept_s, f"attempt {attempt}")

    def _must_be_erased(self, name: str, event: EventRow) -> None:
        demand, asked = self._world.witness.demand, self._world.store.rows("SELECT guest_id FROM erasures")
        demand(name in ERASE, f"{name} changed the body of event {event.sequence}")
        demand((event.guest_id,) in asked, f"event {event.sequence} was redacted, and nobody asked for it")

    def _sees_erasure(self, name: str) -> None:
        """Whatever an erasure takes away, no amount and no number is among it."""
        money = self._world.store.rows(_MONEY)
        if name in ERASE:
            self._world.witness.demand(money == self._money, f"{name} changed amounts: {self._money} to {money}")
            self.erased = {guest_id for (guest_id,) in self._world.store.rows(_ERASED)}
        self._money = money

    # --- calls -------------------------------------------------------------------------------------------------------

    def must_tell_of_nobody(self, call: Call, row: DeliveryRow, request: OutgoingRequest) -> None:
        """Once an erasure is said to be finished, no call says anything of the guest any more."""
        said = request.body.decode().lower()
        for guest_id in self.erased:
            betrayed = [mark for mark in MARKS[guest_id] if mark in said]
            self._world.witness.demand(not betrayed, f"{call.process.name} tells {betrayed} in {row.id} after the end")

    # --- the end -----------------------------------------------------------------------------------------------------

    def must_be_forgotten(self) -> None:
        """What is too old is gone, and so is everybody who was erased."""
        now, here, demand = microseconds(self._world.now()), self._world.conditions, self._world.witness.demand
        if here.bodies_kept_s is not None:
            too_old = now - (here.bodies_kept_s + LATE_S) * 1_000_000
            waiting = {row.sequence for row in self._books.deliveries.values() if row.state == "pending"}
            late = [
                event.sequence
                for event in self._books.events.values()
                if event.body_bytes and event.created_at < too_old and event.event_type != "Guest.Erased"
            ]
            demand(set(late) <= waiting, f"the bodies of events {late} are still there")
        if here.attempts_kept_s is not None:
            too_old = now - (here.attempts_kept_s + LATE_S) * 1_000_000
            left = [attempt for attempt, made_at in self._books.attempts.items() if made_at < too_old]
            demand(not left, f"attempts {left} are still there")
        marks = [mark for guest_id in self.erased for mark in MARKS[guest_id]]
        for table, text in self._texts() if marks else ():
            betrayed = [mark for mark in marks if mark in text]
            demand(not betrayed, f"{table} has {betrayed} of somebody who was erased: {text[:200]}")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Everything that is stored, row by row, in small letters."""
        for (table,) in self._world.store.rows(_TABLES):
            for row in self._world.store.rows(f"SELECT * FROM {table}"):
                said = (one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in row)
                yield table, "\n".join(said).lower()
