"""Sees every commit and every call, and raises the moment something happens that must never happen.

It keeps books of its own and shares no code with what it watches: which lease belongs to whom, how often in a row each
endpoint has failed, when a retry may be due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.sender import OutgoingRequest
from closebell.domain.delivery import Fault, Outcome
from simulation.books import Books, DeliveryRow, EndpointRow, Lease, microseconds
from simulation.conditions import DEADLINE_S
from simulation.mail import LETTERHEAD, Posting
from simulation.mailing import Mailing
from simulation.memory import Memory
from simulation.network import Call, call_id_of
from simulation.signing import Signing
from simulation.telling import Telling
from simulation.world import Violation, World

if TYPE_CHECKING:
    from simulation.process import Process

FAILURES_MAX: Final = 20
PROBES_AFTER: Final = 5
DAY_S: Final = 86_400
WINDOWS_S: Final = (
    *((30, 60), (30, 60), (60, 120), (120, 300), (300, 600)),
    *((600, 3600), (3600, 10_800), (10_800, 21_600), (21_600, 43_200), (43_200, 86_400), (43_200, 86_400)),
)
"""Between which delays each retry must fall, as docs/webhooks.md tells receivers."""
RETRIES_MAX: Final = {"standard": 11, "zenoti": 5}
REVIVED_BY: Final = frozenset({"recover_portion", "resend_delivery"})
"""The units that may bring a delivery back that had ended."""


class Witness:
    """Watches one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.books = Books()
        self.telling = Telling(world, self.books)
        self.signing = Signing(world)
        self.memory = Memory(world, self.books)
        self.mailing = Mailing(world, self.books)
        self.problem: Violation | None = None

    def demand(self, holds: object, problem: str) -> None:
        """Stop the world unless this holds; kept as well, because it may be raised where others handle errors."""
        if not holds:
            self._world.note("witness", problem)
            self.problem = self.problem or Violation(f"{problem} (at {self._world.loop.time():.6f})")
            raise self.problem

    # --- commits -----------------------------------------------------------------------------------------------------

    def sees_commit(self, process: Process, name: str, args: Sequence[Any], result: object) -> None:
        """A transaction of this process is durable: what changed must be what may change."""
        self.demand(process.is_alive, f"{process.name} commits {name} after its end")
        before, endpoints_before = self.books.deliveries, self.books.endpoints
        events_before, failed_before = self.books.events, self.books.failed
        self.books.read(self._world.store)
        handed_in: Sequence[Sent] = args[0] if name == "record_outcomes" else ()
        sent = {one.delivery_id: one for one in handed_in if _is_under(one, before)}
        self.demand(before.keys() <= self.books.deliveries.keys(), "a delivery has vanished")
        for row in self.books.deliveries.values():
            old = before.get(row.id)
            if old != row:
                self._sees_delivery(process, name, old, row, sent)
            else:
                self.demand(row.id not in sent, f"the outcome of {row.id} was dropped although its lease holds")
        recorded = [one for one in handed_in if sent.get(one.delivery_id) is one]
        self._sees_health(name, endpoints_before, recorded)
        self.telling.sees_events(events_before)
        self.memory.sees_commit(process, name, events_before)
        self.mailing.sees_commit(name, endpoints_before, failed_before)
        self.signing.sees_commit(process, name, args, result)

    def _sees_delivery(
        self, process: Process, name: str, old: DeliveryRow | None, row: DeliveryRow, sent: Mapping[str, Sent]
    ) -> None:
        if old is None:
            self.demand(row.attempts == 0 and row.state == "pending", f"{row.id} is not new")
            if row.lease_id is not None:
                self._sees_lease(process, name, row)
            return
        self.demand((old.endpoint_id, old.event_id) == (row.endpoint_id, row.event_id), f"{row.id} is another one")
        if old.state != "pending":
            self.demand(name in REVIVED_BY, f"{name} changed {row.id}, which had ended {old.state}")
            body_bytes = self.books.events[row.sequence].body_bytes
            self.demand(body_bytes, f"{name} brought {row.id} back, of which nothing is left to say")
        elif name in REVIVED_BY:
            self.demand(row.due_at <= old.due_at and row.state == "pending", f"{name} put {row.id} off")
        elif row.attempts != old.attempts:
            self._sees_attempt(process, old, row, sent)
        elif row.lease_id is not None:
            now = microseconds(process.clock.now())
            jumped = process.disturbed_s > self._world.loop.time() - 2 * self._world.conditions.database_s_max
            early_s = (old.due_at - now) / 1e6
            self.demand(early_s <= 0 or jumped, f"{name} leased {row.id} {early_s} s before it was due")
            self._sees_lease(process, name, row)
        elif row.state == "pending":
            self._sees_release(process, name, old, row)
        else:
            gone = self.books.endpoints[row.endpoint_id].state == "deleted"
            self.demand(row.state == "cancelled" and gone, f"{name} ended {row.id} as {row.state}")
        self.demand(row.state == "pending" or row.lease_id is None, f"{row.id} ended and is leased")

    def _sees_lease(self, process: Process, name: str, row: DeliveryRow) -> None:
        """A lease was taken: for an endpoint that is called, by a process that lives, for longer than a call."""
        assert row.lease_id is not None, "only leases are seen here"
        self.demand(process.role != "api", f"{process.name} leased {row.id} and calls nobody")
        state = self.books.endpoints[row.endpoint_id].state
        self.demand(state == "active", f"{name} leased {row.id}, whose endpoint is {state}")
        held = self.books.leases.get(row.lease_id)
        self.demand(held is None or held.holder is process, f"two processes have one lease id for {row.id}")
        self.books.leases[row.lease_id] = Lease(holder=process, until=row.due_at, taken_s=self._world.loop.time())
        self.books.last_leases[process.name, row.id] = row.lease_id

    def _sees_release(self, process: Process, name: str, old: DeliveryRow, row: DeliveryRow) -> None:
        """A lease was given back, by nobody but its holder."""
        self.demand(old.lease_id is not None, f"{name} moved {row.id}")
        assert old.lease_id is not None, "demanded"
        holder = self.books.leases[old.lease_id].holder
        self.demand(holder is process, f"{process.name} gave back {row.id}, which {holder.name} holds")

    def _sees_attempt(self, process: Process, old: DeliveryRow, row: DeliveryRow, sent: Mapping[str, Sent]) -> None:
        """An attempt was recorded: once, by the holder of the lease, for a call that was made under this lease."""
        self.demand(row.attempts == old.attempts + 1, f"{row.id} went from {old.attempts} attempts to {row.attempts}")
        one = sent.get(row.id)
        self.demand(one is not None, f"an attempt of {row.id} was recorded by one who had lost its lease")
        assert one is not None, "demanded"
        call = self.books.calls.get((row.id, one.outcome.started_at, process.name))
        self.demand(call is not None, f"{process.name} recorded a call of {row.id} that it never made")
        assert call is not None, "demanded"
        self.demand(call.lease_id == old.lease_id, f"a call of {row.id} was recorded under a lease it did not have")
        self.demand(self.books.outcomes[call] == one.outcome, f"what was recorded of {row.id} is not what happened")
        self.books.attempts[row.id, row.attempts] = microseconds(one.outcome.started_at)
        self._must_follow(process, one.outcome, row)

    def _must_follow(self, process: Process, outcome: Outcome, row: DeliveryRow) -> None:
        """The state and the next due time are what the policy makes of the outcome."""
        retries_max = RETRIES_MAX[self.books.endpoints[row.endpoint_id].policy]
        if outcome.error is None:
            self.demand(row.state == "delivered", f"{row.id} was taken and is {row.state}")
            return
        if outcome.status == 410:
            self.demand(row.state == "pending", f"{row.id} met 410 and is {row.state}")
            return
        counted = row.attempts - row.attempts_before
        if counted > retries_max:
            ended = "exhausted" if row.first_delivered_at is None else "delivered"
            self.demand(row.state == ended, f"{row.id} is {row.state} after {counted} attempts")
            return
        self.demand(row.state == "pending", f"{row.id} is {row.state} after {counted} attempts")
        low, high = WINDOWS_S[counted - 1]
        asked = outcome.retry_after_s
        if asked is not None:
            low, high = max(low, asked), max(high, min(max(low, asked) + high - low, DAY_S))
        wait_s = (row.due_at - microseconds(process.clock.now())) / 1e6
        self.demand(low <= wait_s <= high, f"retry {counted} of {row.id} is due in {wait_s} s, not {low}-{high}")

    def _sees_health(self, name: str, before: Mapping[str, EndpointRow], recorded: Sequence[Sent]) -> None:
        """Failures in a row are counted right, and the twentieth deactivates, not one before and not one after."""
        due_to_stop = set()
        counted_at = {row.id: row.failed_at for row in before.values()}
        for one in recorded:
            in_a_row = self.books.failures.get(one.endpoint_id, 0)
            if one.outcome.error is None:
                in_a_row = 0
            elif self._counts(one.outcome, counted_at[one.endpoint_id]):
                in_a_row += 1
                counted_at[one.endpoint_id] = self.books.endpoints[one.endpoint_id].failed_at
            self.books.failures[one.endpoint_id] = in_a_row
            is_gone = one.outcome.error is Fault.HTTP_STATUS and one.outcome.status == 410
            if in_a_row >= FAILURES_MAX or is_gone:
                due_to_stop.add(one.endpoint_id)
        for row in self.books.endpoints.values():
            self.demand(row.failed_at == counted_at.get(row.id), f"{row.id} failed when nothing was counted")
            old = before.get(row.id)
            if old is not None and name == "enable_endpoint" and row.failures == 0:
                self.books.failures[row.id] = 0
            counted = self.books.failures.get(row.id, 0)
            self.demand(row.failures == counted, f"{row.id} counts {row.failures} failures in a row, not {counted}")
            was_active = old is not None and old.state == "active"
            if was_active and row.id in due_to_stop:
                self.demand(row.state != "active", f"{row.id} is still active after {counted} failures in a row")
            if was_active and row.state == "deactivated" and name == "record_outcomes":
                self.demand(row.id in due_to_stop, f"{row.id} was deactivated after {counted} failures in a row")
            if was_active and row.state != "active":
                self.books.deactivated_s[row.id] = self._world.loop.time()

    def _counts(self, outcome: Outcome, counted_at: int | None) -> bool:
        """Who asks for a pause is not counted again for calls that were under way when a failure was counted."""
        is_asked = outcome.status in {429, 503} and outcome.retry_after_s is not None
        return not is_asked or counted_at is None or microseconds(outcome.started_at) > counted_at

    # --- calls -------------------------------------------------------------------------------------------------------

    def sees_call(self, process: Process, request: OutgoingRequest, started_at: datetime) -> Call:
        """A call begins: under a lease that outlasts it, within every cap, and nobody else makes the same one."""
        self.demand(process.is_alive and process.role != "api", f"{process.name} calls")
        call_id = call_id_of(request)
        row = self.books.deliveries.get(call_id)
        self.demand(row is not None, f"a call {call_id} was made that is no delivery")
        assert row is not None, "demanded"
        call = Call(
            process=process,
            endpoint_id=row.endpoint_id,
            host=urlsplit(request.url).netloc,
            delivery_id=row.id,
            lease_id=self.books.last_leases.get((process.name, row.id)),
            started_at=started_at,
            began_s=self._world.loop.time(),
        )
        self._must_be_the_event(request, row)
        self._must_be_leased(call, row)
        self.telling.must_say_what_is_told(call, row, request.body)
        self.signing.must_be_signed(call, request, is_excused=self._is_excused())
        if not self._is_excused():
            self.memory.must_tell_of_nobody(call, row, request)
        self._must_be_active(call)
        self._must_have_a_slot(call)
        key = (row.id, started_at, process.name)
        self.demand(key not in self.books.calls, f"{process.name} calls {row.id} twice at one instant")
        self.books.calls[key] = call
        return call

    def sees_answer(self, call: Call, outcome: Outcome) -> None:
        """A call is over and its process knows how."""
        self.books.outcomes[call] = outcome
        if outcome.error is not None:
            call.process.unrecorded[call.endpoint_id] += 1

    def _must_be_the_event(self, request: OutgoingRequest, row: DeliveryRow) -> None:
        """The ids are the same at every attempt."""
        headers = dict(request.headers)
        self.demand(headers["webhook-id"] == row.event_id, f"{row.id} went out as event {headers['webhook-id']}")

    def _must_be_leased(self, call: Call, row: DeliveryRow) -> None:
        if self._is_excused():
            return
        holds = call.lease_id == row.lease_id or row.state == "cancelled"
        self.demand(call.lease_id and holds, f"{call.process.name} calls {row.id} without holding its lease")
        assert call.lease_id is not None, "demanded"
        left_s = (self.books.leases[call.lease_id].until - microseconds(call.started_at)) / 1e6
        self.demand(left_s > DEADLINE_S, f"the lease of {row.id} ends {left_s} s after its call begins")
        for other in self._world.network.under_way:
            self.demand(other.delivery_id != row.id, f"{row.id} is called by {other.process.name} at the same time")

    def _is_excused(self) -> bool:
        """Whether a process was held up lately, or tells the time wrong: a lease is no more than a time."""
        since_s = self._world.loop.time() - 2 * self._world.conditions.lease_s
        return any(
            process.disturbed_s >= since_s or process.is_held_up or process.clock.wrong_by
            for process in self._world.processes
        )

    def _must_be_active(self, call: Call) -> None:
        """A deactivated endpoint is called by nobody who knows, and under leases from before only."""
        if self.books.endpoints[call.endpoint_id].state == "active":
            return
        self.demand(
            call.endpoint_id not in call.process.knows_inactive,
            f"{call.process.name} calls {call.endpoint_id} and knows that it is deactivated",
        )
        if call.lease_id is not None:
            taken_s = self.books.leases[call.lease_id].taken_s
            self.demand(
                taken_s <= self.books.deactivated_s[call.endpoint_id],
                f"{call.delivery_id} was leased after its endpoint was deactivated",
            )

    def _must_have_a_slot(self, call: Call) -> None:
        own = [other for other in self._world.network.under_way if other.process is call.process]
        same = [other for other in own if other.endpoint_id == call.endpoint_id]
        sizes = self._world.conditions
        self.demand(len(own) < sizes.all_endpoints, f"{call.process.name} makes more than {sizes.all_endpoints} calls")
        at_host = sum(other.host == call.host for other in own)
        self.demand(at_host < sizes.per_host, f"{call.host} gets more than {sizes.per_host} calls")
        # A call that failed keeps its slot until that is recorded.
        kept = len(same) + call.process.unrecorded[call.endpoint_id]
        self.demand(kept < sizes.per_endpoint, f"{call.endpoint_id} gets more than {sizes.per_endpoint} calls")
        self._must_keep_the_rate(call)
        failures = call.process.failures_known.get(call.endpoint_id, 0)
        self.demand(failures < PROBES_AFTER or not same, f"{call.endpoint_id} fails and is called twice at once")

    def _must_keep_the_rate(self, call: Call) -> None:
        """In no second do more calls of one process begin than the rate says that it knows of."""
        rate_per_s, known_s = call.process.rates_known.get(call.endpoint_id, (None, 0.0))
        if rate_per_s is None or self._is_excused():
            return
        since_s = max(call.began_s - 1 + 1e-6, known_s)
        lately = sum(
            other.began_s > since_s and other.process is call.process and other.endpoint_id == call.endpoint_id
            for other in self.books.calls.values()
        )
        self.demand(lately < rate_per_s, f"{call.endpoint_id} gets more than {rate_per_s} calls in a second")

    def sees_stop(self, process: Process) -> None:
        """A process has stopped in good order: it makes no call any more."""
        under_way = [call for call in self._world.network.under_way if call.process is process]
        self.demand(not under_way, f"{process.name} has stopped and still calls")

    def sees_failure(self, process: Process, error: BaseException) -> None:
        """Something that should run for ever has ended."""
        self.problem = self.problem or Violation(f"a task of {process.name} failed: {error!r}")

    def sees_mail(self, posting: Posting, sender: str) -> None:
        """A mail is handed in."""
        self.demand(sender == LETTERHEAD.sender, f"a mail comes from {sender}")
        self.mailing.sees_mail(posting, posting.process, is_excused=self._is_excused())

    def sees_recorded(self, process: Process, sent: Sequence[Sent], report: RecordReport) -> None:
        """A process has learnt what its outcomes changed."""
        process.unrecorded.subtract(one.endpoint_id for one in sent if one.outcome.error is not None)
        process.knows_inactive.update(report.deactivated)


def _is_under(one: Sent, rows: Mapping[str, DeliveryRow]) -> bool:
    """Whether its lease held when the transaction began."""
    row = rows.get(one.delivery_id)
    return row is not None and row.state == "pending" and row.lease_id == one.lease_id
