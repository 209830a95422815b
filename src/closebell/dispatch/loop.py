"""The delivery worker: take room, claim under a lease, take a slot, send, record; until told to stop.

How fast each endpoint is called is for `pace.py` to say. It sleeps until the next delivery is due, an endpoint's turn
has come or something happens, and never polls. It does not know which engine holds the queue. No transaction is open
while a receiver is called.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from closebell.clock import Clock, Luck
from closebell.dispatch.ahead import Ahead, Leased
from closebell.dispatch.attempt import Attempts
from closebell.dispatch.calls import Calls
from closebell.dispatch.claiming import Claims, Survey, Taken, claimed_by_close
from closebell.dispatch.due import DueTimes
from closebell.dispatch.pace import Pace, hosts_of
from closebell.dispatch.recorder import Recorder
from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.releases import Releases
from closebell.dispatch.room import Room
from closebell.dispatch.sender import Sends
from closebell.dispatch.slots import Slots
from closebell.dispatch.turns import Turns
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.domain.sealed import Opens
from closebell.store.deliveries import LeaseOffer, NewDelivery
from closebell.store.unit import Database
from closebell.tracing.spans import Tracer, Untraced

log = structlog.get_logger()

UNRECORDED_MAX = 1_024
"""Outcomes that may wait to be recorded before no further call is made: what a crash would repeat at most, beside the
calls under way."""


class Dispatcher:
    """Delivers what is in the queue, from several processes at once if need be.

    Shape: with `mails_failures` a mail is due about each endpoint that gets deactivated.
    Units: a lease lasts `lease_s` seconds, longer than `deadline_s`, the longest a call can take.
    """

    def __init__(
        self,
        *,
        database: Database,
        sender: Sends,
        vault: Opens,
        clock: Clock,
        luck: Luck,
        slots: Slots,
        lease_s: int,
        deadline_s: int,
        observe: Callable[[Sequence[Sent], RecordReport], None] = lambda _sent, _report: None,
        observe_claim: Callable[[int], None] = lambda _count: None,
        tracer: Tracer | None = None,
        mails_failures: bool = False,
    ) -> None:
        assert lease_s > deadline_s, "a lease must outlast the call it covers"
        self._clock = clock
        self._luck = luck
        self._pace = Pace(slots)
        self._turns = Turns(clock)
        self._ahead = Ahead()
        self._lease = timedelta(seconds=lease_s)
        self._deadline_s = deadline_s
        self._deadline = timedelta(seconds=deadline_s)
        self._observe = observe
        tracer = tracer or Untraced(luck)
        self._claims = Claims(database=database, tracer=tracer, observe=observe_claim)
        self._calls = Calls(
            attempts=Attempts(sender=sender, vault=vault, clock=clock, tracer=tracer),
            ended=self._ended,
            lost=lambda endpoint_id: self._free(endpoint_id, 1),
        )
        self._recorder = Recorder(
            database=database,
            clock=clock,
            luck=luck,
            recorded=self._recorded,
            tracer=tracer,
            mails_failures=mails_failures,
        )
        self._endpoints: dict[str, Endpoint] = {}
        self._due = DueTimes()
        self._room = Room(due=self._due, ahead=self._ahead, pace=self._pace)
        self._changed = asyncio.Event()
        self._releases = Releases(database=database, clock=clock, released=self._released)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> Sequence[asyncio.Task[None]]:
        """Begin to deliver, in tasks of which none ends before `stop`, unless it failed."""
        self._tasks = [
            asyncio.create_task(self._run(), name="dispatch"),
            asyncio.create_task(self._turns.run(self._take_turn), name="dispatch-turns"),
            asyncio.create_task(self._recorder.run(), name="dispatch-record"),
        ]
        return self._tasks

    async def stop(self) -> None:
        """Claim no more, finish the calls under way, record them, and let go of the rest."""
        self._stopping = True
        self._changed.set()
        self._turns.stop()
        run, turns, record = self._tasks
        await asyncio.wait([run, turns])
        for endpoint_id in self._ahead.in_turn():
            self._let_go(endpoint_id)
        await self._calls.finish(within_s=self._deadline_s + 1)
        await self._recorder.stop()
        await asyncio.wait([record])
        await self._releases.finish()

    def survey_soon(self) -> None:
        """Something changed that this process did not do: look at the queue again."""
        self._due.doubt()
        self._changed.set()

    @property
    def calls_under_way(self) -> int:
        """How many calls are being made."""
        return self._pace.in_use

    @property
    def unrecorded(self) -> int:
        """How many calls are over and not recorded."""
        return self._recorder.waiting

    def is_failing(self, endpoint_id: str) -> bool:
        """Whether the endpoint is called one at a time."""
        return self._pace.is_failing(endpoint_id)

    def overdue_s(self) -> float:
        """How long the oldest delivery that could be sent has been due; 0 when none waits."""
        oldest = self._due.earliest()
        return 0 if oldest is None else max((self._clock.now() - oldest).total_seconds(), 0)

    # --- hand-over of new deliveries ---------------------------------------------------------------------------------

    def offer(self, most: int) -> LeaseOffer:
        """How many deliveries about to be made may be leased for this process to send; settle it with `accept`.

        An endpoint with something due already gets none: what waits goes first.
        """
        now = self._clock.now()
        if self._stopping or self._recorder.waiting >= UNRECORDED_MAX:
            return LeaseOffer.NONE
        room = self._room.for_new([one for one in self._endpoints if self._is_called(one)], most, now)
        if not room:
            return LeaseOffer.NONE
        return LeaseOffer(lease_id=self._new_lease(), leased_until=now + self._lease, room=room)

    def accept(self, offer: LeaseOffer, made: Sequence[NewDelivery], listeners: Sequence[Endpoint]) -> None:
        """Send what was leased under the offer as slots allow, and note what was made beyond it."""
        active = {endpoint.id for endpoint in listeners if endpoint.state is EndpointState.ACTIVE}
        leased = set[str]()
        now = self._clock.now()
        for new in made:
            if new.lease_id is not None and offer.leased_until is not None:
                leased.add(new.endpoint_id)
                claimed = claimed_by_close(new, new.lease_id)
                self._ahead.put(Leased(claimed=claimed, until=offer.leased_until, has_room=False))
            elif new.endpoint_id in active:
                self._note_due(new.endpoint_id, now, is_fresh=True)
        self._follow(listeners)
        for endpoint_id in sorted(leased):
            self._pump(endpoint_id)

    def _follow(self, listeners: Sequence[Endpoint]) -> None:
        """Go by what a close saw of an endpoint that has changed since the last survey, and have another one."""
        for endpoint in listeners:
            known = self._endpoints.get(endpoint.id)
            if known is None or known is endpoint or not self._is_called(endpoint.id):
                continue
            is_older = endpoint.updated_at < known.updated_at  # the close waited, and the survey did not
            is_same = endpoint.state is known.state and endpoint.secrets == known.secrets
            if not is_older and not (is_same and endpoint.updated_at == known.updated_at):
                self._endpoints[endpoint.id] = endpoint
                self._due.doubt()
                self._changed.set()
        self._let_go_of_uncalled()

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._changed.clear()
            if self._due.is_stale(self._clock.now()):
                await self._survey()
            # Claimed is also when something rang during the survey: who rings without a pause must not stop claims.
            if wanted := self._take_room():
                await self._claim(wanted)
            elif not self._due.is_stale(self._clock.now()):
                await self._sleep()

    async def _survey(self) -> None:
        """Learn what endpoints there are and when something is due for each."""
        now = self._clock.now()
        self._due.begin_survey(now)
        survey = await self._claims.survey(now=now)
        if survey is None:
            self._due.doubt()
        else:
            self._learn(survey, now)

    async def _claim(self, wanted: Mapping[str, int]) -> None:
        """Claim for the room that was taken; whatever goes wrong, the room comes back and the loop goes on."""
        # What is noted while the transaction runs may be newer than what it sees, so it is kept and merged.
        for endpoint_id in wanted:
            self._due.forget(endpoint_id)
        now = self._clock.now()
        taken = await self._claims.claim(
            wanted,
            now=now,
            lease_id=self._new_lease(),
            leased_until=now + self._lease,
            retried_first=self._ahead.retried_next & wanted.keys(),
        )
        if taken is None:
            self._ahead.give_back_room(wanted)
            self._due.doubt()
        else:
            self._take_in(taken, wanted, now)

    def _learn(self, survey: Survey, now: datetime) -> None:
        """Follow the endpoints as they are now, and note when something is due for each."""
        self._endpoints = {endpoint.id: endpoint for endpoint in survey.endpoints}
        self._pace.follow(survey.endpoints, now)
        self._ahead.place(hosts_of(survey.endpoints))
        self._due.follow(survey.earliest, contended=(), now=now)
        self._let_go_of_uncalled()
        self._pump_all()

    def _take_in(self, taken: Taken, wanted: Mapping[str, int], now: datetime) -> None:
        """Send what was claimed as slots allow, and note when the rest is due."""
        left = dict(wanted)
        for claimed in taken.claimed:
            left[claimed.endpoint_id] -= 1
            self._ahead.put(Leased(claimed=claimed, until=now + self._lease))
        contended = [endpoint_id for endpoint_id, count in wanted.items() if left[endpoint_id] == count]
        self._due.follow(taken.earliest, contended=contended, now=now)
        self._changed.set()
        self._ahead.give_back_room(left)
        # One of them may have been deactivated meanwhile.
        self._let_go_of_uncalled()
        self._pump_all()

    def _take_room(self) -> dict[str, int]:
        """Room for the endpoints with something due, so that no more is claimed than will soon be sent."""
        if self._recorder.waiting >= UNRECORDED_MAX:
            return {}
        return self._room.take(self._clock.now())

    async def _sleep(self) -> None:
        """Wait until something changes, the next delivery of an endpoint with a free slot is due, or a survey is."""
        now = self._clock.now()
        with suppress(TimeoutError):
            async with asyncio.timeout((self._due.next_after(now) - now).total_seconds()):
                await self._changed.wait()

    # --- from lease to call ------------------------------------------------------------------------------------------

    def _pump_all(self) -> None:
        """Call for every endpoint that something waits for, in turn, as far as slots allow."""
        for endpoint_id in self._ahead.in_turn():
            self._pump(endpoint_id)

    def _pump(self, endpoint_id: str) -> int:
        """Call the endpoint with what waits for it, as far as its pace allows; how many calls began."""
        begun = 0
        while self._ahead.count(endpoint_id) and self._recorder.waiting < UNRECORDED_MAX:
            now = self._clock.now()
            if not self._pace.begin(endpoint_id, now):
                # A slot will come back; but nobody else says when the rate allows the next call.
                next_at = self._pace.next_at(endpoint_id, now)
                if next_at is not None:
                    self._turns.wait(endpoint_id, next_at)
                break
            leased = self._ahead.pop(endpoint_id)
            if now + self._deadline < leased.until:
                self._calls.begin(leased.claimed, self._endpoints[endpoint_id])
                begun += 1
            else:
                # Its lease would end under the call, and those of the others that wait may do so, too.
                self._pace.give_back(endpoint_id, 1)
                self._let_go(endpoint_id, leased)
        return begun

    def _take_turn(self, endpoint_id: str) -> None:
        """The endpoint may be called again: with what waits for it, or is claimed for it now."""
        self._pump(endpoint_id)
        self._claim_soon(endpoint_id)

    def _let_go_of_uncalled(self) -> None:
        for endpoint_id in self._ahead.in_turn():
            if not self._is_called(endpoint_id):
                self._let_go(endpoint_id)

    def _let_go(self, endpoint_id: str, *popped: Leased) -> None:
        """Give back the leases of what waits for an endpoint that is not to be called now, or not at this pace."""
        leases = {one.claimed.id: one.claimed.lease_id for one in (*popped, *self._ahead.let_go(endpoint_id))}
        if leases:
            self._releases.begin(endpoint_id, leases)

    def _released(self, endpoint_id: str, at: datetime) -> None:
        """Leases were given back; some of them may have been of deliveries that were never tried."""
        if self._is_called(endpoint_id):
            self._note_due(endpoint_id, at, is_fresh=True)

    # --- one call ----------------------------------------------------------------------------------------------------

    def _ended(self, sent: Sent) -> None:
        """Hand the outcome of a call in. A slot is free again once a call went well.

        One that failed keeps its slot until the failure is recorded, as it may be the one that slows the endpoint
        down or deactivates it, and no call may slip through before that.
        """
        is_well = sent.outcome.error is None
        self._recorder.add(sent)
        self._pace.answered(sent.endpoint_id, well=is_well)
        if is_well:
            self._free(sent.endpoint_id, 1)
        elif sent.outcome.retry_after_s:
            until = self._pace.pause(sent.endpoint_id, wait_s=sent.outcome.retry_after_s, now=self._clock.now())
            self._turns.wait(sent.endpoint_id, until)
            self._let_go(sent.endpoint_id)

    def _recorded(self, sent: Sequence[Sent], report: RecordReport) -> None:
        """The outcomes are durable, and retries are in the calendar."""
        self._observe(sent, report)
        for endpoint_id, failures in report.failures.items():
            self._pace.judge(endpoint_id, failures)
            if self._pace.is_failing(endpoint_id):
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
        self._due.forget(endpoint_id)
        self._let_go(endpoint_id)
        self.survey_soon()

    # --- small matters -----------------------------------------------------------------------------------------------

    def _note_due(self, endpoint_id: str, at: datetime, *, is_fresh: bool = False) -> None:
        """Something is due; for an endpoint that is not known as it is now, a survey comes first."""
        if self._is_called(endpoint_id):
            self._due.note(endpoint_id, at, is_fresh=is_fresh)
        else:
            self._due.doubt()
        self._changed.set()

    def _is_called(self, endpoint_id: str) -> bool:
        endpoint = self._endpoints.get(endpoint_id)
        return endpoint is not None and endpoint.state is EndpointState.ACTIVE

    def _free(self, endpoint_id: str, count: int) -> None:
        """Slots are free again: whoever waits for one has it, and there may be room to claim more."""
        heirs = self._pace.heirs(endpoint_id, self._ahead.in_turn())
        self._pace.give_back(endpoint_id, count)
        for heir in heirs:
            if count <= 0:
                break
            count -= self._pump(heir)
        self._claim_soon(endpoint_id)

    def _claim_soon(self, endpoint_id: str) -> None:
        """Have more claimed for the endpoint if something is due for it and there is room."""
        if self._room.wanted(endpoint_id, self._clock.now()):
            self._changed.set()

    def _new_lease(self) -> str:
        return self._luck.entropy(16).hex()
