"""The delivery worker: take room, claim under a lease, take a slot, send, record; until told to stop.

It sleeps until the next delivery is due or something happens, and never polls. It does not know which engine holds
the queue. No transaction is open while a receiver is called.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from closebell.clock import Clock, Luck
from closebell.dispatch.ahead import Ahead, Leased
from closebell.dispatch.call import request_for
from closebell.dispatch.claiming import Survey, claim_and_survey, claimed_by_close
from closebell.dispatch.recorder import Recorder
from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.sender import Sends
from closebell.dispatch.slots import Slots
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.errors import Unavailable
from closebell.store import deliveries
from closebell.store.deliveries import Claimed, LeaseOffer, NewDelivery
from closebell.store.unit import Database

log = structlog.get_logger()

SURVEY_EVERY_S = 15
"""How long a lease that another process lost, or a ring that was missed, can go unnoticed."""

UNRECORDED_MAX = 1_024
"""Outcomes that may wait to be recorded before no further call is made: what a crash would repeat at most, beside the
calls under way."""

CONTENTION_PAUSE = timedelta(milliseconds=200)
"""How long to leave alone what was due and could not be claimed, because another process has its hands on it."""

UNAVAILABLE_PAUSE_S = 1
"""How long to wait before asking a database again that could not answer."""


class Dispatcher:
    """Delivers what is in the queue, from several processes at once if need be.

    Units: a lease lasts `lease_s` seconds, longer than `deadline_s`, the longest a call can take.
    """

    def __init__(
        self,
        *,
        database: Database,
        sender: Sends,
        clock: Clock,
        luck: Luck,
        slots: Slots,
        lease_s: int,
        deadline_s: int,
        observe: Callable[[Sequence[Sent], RecordReport], None] = lambda _sent, _report: None,
    ) -> None:
        assert lease_s > deadline_s, "a lease must outlast the call it covers"
        self._database = database
        self._sender = sender
        self._clock = clock
        self._luck = luck
        self._slots = slots
        self._ahead = Ahead()
        self._lease = timedelta(seconds=lease_s)
        self._deadline_s = deadline_s
        self._deadline = timedelta(seconds=deadline_s)
        self._observe = observe
        self._recorder = Recorder(database=database, clock=clock, luck=luck, recorded=self._recorded)
        self._endpoints: dict[str, Endpoint] = {}
        self._due: dict[str, datetime] = {}
        self._surveyed = False
        self._changed = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._releases: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Begin to deliver."""
        self._tasks = [
            asyncio.create_task(self._run(), name="dispatch"),
            asyncio.create_task(self._recorder.run(), name="dispatch-record"),
        ]

    async def stop(self) -> None:
        """Claim no more, finish the calls under way, record them, and let go of the rest."""
        self._stopping = True
        self._changed.set()
        run, record = self._tasks
        await run
        for endpoint_id in self._ahead.in_turn():
            self._let_go(endpoint_id)
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=self._deadline_s + 1)
            for task in late:
                task.cancel()
        await self._recorder.stop()
        await record
        if self._releases:
            await asyncio.wait(self._releases)

    def survey_soon(self) -> None:
        """Something changed that this process did not do: look at the queue again."""
        self._surveyed = False
        self._changed.set()

    @property
    def calls_under_way(self) -> int:
        """How many calls are being made."""
        return self._slots.in_use

    def overdue_s(self) -> float:
        """How long the oldest delivery that could be sent has been due; 0 when none waits."""
        oldest = min(self._due.values(), default=None)
        return 0 if oldest is None else max((self._clock.now() - oldest).total_seconds(), 0)

    # --- hand-over of new deliveries ---------------------------------------------------------------------------------

    def offer(self, most: int) -> LeaseOffer:
        """Take the slots that deliveries about to be made could use at once; give it back with `accept`.

        An endpoint with something due already gets none: what waits goes first.
        """
        now = self._clock.now()
        if self._stopping or self._recorder.waiting >= UNRECORDED_MAX:
            return LeaseOffer.NONE
        taken = {
            endpoint_id: count
            for endpoint_id, endpoint in self._endpoints.items()
            if endpoint.state is EndpointState.ACTIVE
            and not self._is_due(endpoint_id, now)
            and not self._ahead.count(endpoint_id)
            and (count := self._slots.take(endpoint_id, most))
        }
        if not taken:
            return LeaseOffer.NONE
        return LeaseOffer(lease_id=self._new_lease(), leased_until=now + self._lease, slots=taken)

    def accept(self, offer: LeaseOffer, made: Sequence[NewDelivery], listeners: Sequence[Endpoint]) -> None:
        """Send what was made under the offer, note what was made beyond it, and free the slots nobody used."""
        known = {endpoint.id: endpoint for endpoint in listeners}
        used: Counter[str] = Counter()
        now = self._clock.now()
        for new in made:
            if new.lease_id is None or offer.leased_until is None:
                if known[new.endpoint_id].state is EndpointState.ACTIVE:
                    self._note_due(new.endpoint_id, now)
            elif now + self._deadline < offer.leased_until:
                used[new.endpoint_id] += 1
                self._call(claimed_by_close(new, new.lease_id), known[new.endpoint_id])
            else:
                # The transaction took so long that the lease would end under the call.
                self._give_back(new.endpoint_id, {new.id: new.lease_id})
        for endpoint_id, count in offer.slots.items():
            self._free(endpoint_id, count - used[endpoint_id])

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._changed.clear()
            wanted = self._take_room()
            if wanted or not self._surveyed:
                await self._claim(wanted)
            else:
                await self._sleep()

    async def _claim(self, wanted: Mapping[str, int]) -> None:
        """Claim for the room that was taken; whatever goes wrong, the room comes back and the loop goes on."""
        self._surveyed = True
        # What is noted while the transaction runs may be newer than what it sees, so it is kept and merged.
        self._due = {}
        now = self._clock.now()
        try:
            survey = await self._database.write(
                claim_and_survey, wanted, now=now, lease_id=self._new_lease(), leased_until=now + self._lease
            )
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("dispatch.claim_failed")
            else:
                log.warning("dispatch.database_unavailable", error=str(error))
            self._surveyed = False
            self._give_back_room(wanted)
            await asyncio.sleep(UNAVAILABLE_PAUSE_S)
        else:
            self._follow(survey, wanted, now)

    def _follow(self, survey: Survey, wanted: Mapping[str, int], now: datetime) -> None:
        """Send what was claimed as slots allow, and note when the rest is due."""
        self._endpoints = {endpoint.id: endpoint for endpoint in survey.endpoints}
        for endpoint in survey.endpoints:
            self._slots.judge(endpoint.id, endpoint.consecutive_failures)
        left = dict(wanted)
        for claimed in survey.claimed:
            # An endpoint that was deleted meanwhile takes its deliveries with it.
            if claimed.endpoint_id in self._endpoints:
                left[claimed.endpoint_id] -= 1
                self._ahead.put(Leased(claimed=claimed, until=now + self._lease))
        for endpoint_id, at in survey.earliest.items():
            contended = at <= now and left.get(endpoint_id, 0) == wanted.get(endpoint_id, 0) > 0
            self._note_due(endpoint_id, now + CONTENTION_PAUSE if contended else at)
        self._give_back_room(left)
        for endpoint_id in self._ahead.in_turn():
            if not self._is_called(endpoint_id):
                self._let_go(endpoint_id)
        self._pump_all()

    def _take_room(self) -> dict[str, int]:
        """Room for the endpoints with something due, so that no more is claimed than will soon be sent."""
        if self._recorder.waiting >= UNRECORDED_MAX:
            return {}
        now = self._clock.now()
        due = [endpoint_id for endpoint_id in self._due if self._is_due(endpoint_id, now)]
        return {
            endpoint_id: count
            for endpoint_id in due
            if (count := self._ahead.take_room(endpoint_id, self._worth_claiming(endpoint_id)))
        }

    def _worth_claiming(self, endpoint_id: str) -> int:
        """How many deliveries to claim at once; of an endpoint that keeps failing one, when nothing is under way."""
        if not self._slots.is_failing(endpoint_id):
            return deliveries.CLAIM_MAX
        return int(self._slots.has_room(endpoint_id) and not self._ahead.count(endpoint_id))

    async def _sleep(self) -> None:
        """Wait until something changes, or the next delivery of an endpoint with a free slot is due."""
        now = self._clock.now()
        waits = [(at - now).total_seconds() for at in self._due.values() if at > now]
        try:
            async with asyncio.timeout(min([*waits, SURVEY_EVERY_S])):
                await self._changed.wait()
        except TimeoutError:
            self._surveyed = bool(waits) and min(waits) < SURVEY_EVERY_S

    # --- from lease to call ------------------------------------------------------------------------------------------

    def _pump_all(self) -> None:
        """Call for every endpoint that something waits for, in turn, as far as slots allow."""
        for endpoint_id in self._ahead.in_turn():
            self._pump(endpoint_id)

    def _pump(self, endpoint_id: str) -> None:
        """Call the endpoint with what waits for it, as far as slots allow."""
        while (
            self._ahead.count(endpoint_id)
            and self._recorder.waiting < UNRECORDED_MAX
            and self._slots.take(endpoint_id, 1)
        ):
            leased = self._ahead.pop(endpoint_id)
            if self._clock.now() + self._deadline < leased.until:
                self._call(leased.claimed, self._endpoints[endpoint_id])
            else:
                # Its lease would end under the call, and so would those of the others claimed with it.
                self._slots.give_back(endpoint_id, 1)
                self._let_go(endpoint_id, leased)

    def _let_go(self, endpoint_id: str, *popped: Leased) -> None:
        """Give back the leases of what waits for an endpoint that is not to be called now, or not at this pace."""
        leases = {one.claimed.id: one.claimed.lease_id for one in (*popped, *self._ahead.let_go(endpoint_id))}
        if leases:
            self._give_back(endpoint_id, leases)

    def _give_back(self, endpoint_id: str, leases: Mapping[str, str]) -> None:
        task = asyncio.create_task(self._release(endpoint_id, leases), name=endpoint_id)
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release(self, endpoint_id: str, leases: Mapping[str, str]) -> None:
        now = self._clock.now()
        try:
            await self._database.write(deliveries.release, leases, now=now)
        except Unavailable as error:
            log.warning("dispatch.leases_kept", endpoint_id=endpoint_id, leases=len(leases), error=str(error))
            return
        if self._is_called(endpoint_id):
            self._note_due(endpoint_id, now)

    # --- one call ----------------------------------------------------------------------------------------------------

    def _call(self, claimed: Claimed, endpoint: Endpoint) -> None:
        task = asyncio.create_task(self._deliver(claimed, endpoint), name=claimed.endpoint_id)
        self._calls.add(task)
        task.add_done_callback(self._called)

    def _called(self, task: asyncio.Task[None]) -> None:
        """A call is over; one that failed through a bug of ours gives its slot back and waits for its lease to end."""
        self._calls.discard(task)
        if task.cancelled():
            self._free(task.get_name(), 1)
        elif (error := task.exception()) is not None:
            log.error("dispatch.call_failed", endpoint_id=task.get_name(), exc_info=error)
            self._free(task.get_name(), 1)

    async def _deliver(self, claimed: Claimed, endpoint: Endpoint) -> None:
        """Call, and hand the outcome in. A slot is free again once a call went well.

        One that failed keeps its slot until the failure is recorded, as it may be the one that slows the endpoint
        down or deactivates it, and no call may slip through before that.
        """
        request = request_for(
            endpoint,
            call_id=claimed.id,
            event_id=claimed.event_id,
            sequence=claimed.sequence,
            stored_body=claimed.body,
            at=self._clock.now(),
        )
        outcome = await self._sender.send(request)
        self._recorder.add(
            Sent(delivery_id=claimed.id, lease_id=claimed.lease_id, endpoint_id=claimed.endpoint_id, outcome=outcome)
        )
        if outcome.error is None:
            self._free(claimed.endpoint_id, 1)

    def _recorded(self, sent: Sequence[Sent], report: RecordReport) -> None:
        """The outcomes are durable, and retries are in the calendar."""
        self._observe(sent, report)
        for one in sent:
            if one.outcome.error is not None:
                self._tell(one)
        for endpoint_id, failures in report.failures.items():
            self._slots.judge(endpoint_id, failures)
            if self._slots.is_failing(endpoint_id):
                self._let_go(endpoint_id)
        for endpoint_id, at in report.due_again.items():
            if endpoint_id not in report.deactivated:
                self._note_due(endpoint_id, at)
        for endpoint_id, reason in report.deactivated.items():
            self._hold(endpoint_id, reason)
        for endpoint_id, count in Counter(one.endpoint_id for one in sent if one.outcome.error is not None).items():
            self._free(endpoint_id, count)
        self._pump_all()
        self._changed.set()

    def _hold(self, endpoint_id: str, reason: str) -> None:
        """The endpoint is deactivated: what is due for it waits, and so does what was claimed already."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is not None and endpoint.state is EndpointState.ACTIVE:
            log.warning("endpoint.deactivated", endpoint_id=endpoint_id, name=endpoint.name, reason=reason)
            self._endpoints[endpoint_id] = replace(endpoint, state=EndpointState.DEACTIVATED)
        self._due.pop(endpoint_id, None)
        self._let_go(endpoint_id)
        self.survey_soon()

    def _tell(self, failed: Sent) -> None:
        endpoint = self._endpoints.get(failed.endpoint_id)
        log.info(
            "delivery.attempt_failed",
            delivery_id=failed.delivery_id,
            endpoint_id=failed.endpoint_id,
            name="" if endpoint is None else endpoint.name,
            error=failed.outcome.error,
            detail=failed.outcome.detail,
        )

    # --- small matters -----------------------------------------------------------------------------------------------

    def _is_due(self, endpoint_id: str, now: datetime) -> bool:
        at = self._due.get(endpoint_id)
        return at is not None and at <= now

    def _note_due(self, endpoint_id: str, at: datetime) -> None:
        self._due[endpoint_id] = min(at, self._due.get(endpoint_id, at))
        self._changed.set()

    def _is_called(self, endpoint_id: str) -> bool:
        endpoint = self._endpoints.get(endpoint_id)
        return endpoint is not None and endpoint.state is EndpointState.ACTIVE

    def _free(self, endpoint_id: str, count: int) -> None:
        """Slots are free again: whoever waits for one has it, and there may be room to claim more."""
        was_full = self._slots.is_full
        self._slots.give_back(endpoint_id, count)
        if was_full:
            self._pump_all()
        else:
            self._pump(endpoint_id)
        if endpoint_id in self._due and self._ahead.wants(endpoint_id):
            self._changed.set()

    def _give_back_room(self, counts: Mapping[str, int]) -> None:
        for endpoint_id, count in counts.items():
            self._ahead.give_back_room(endpoint_id, count)

    def _new_lease(self) -> str:
        return self._luck.entropy(16).hex()
