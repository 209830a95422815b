"""How fast each endpoint is called: whether it may be now, and how many calls at once.

In this order: whether its receiver asked to be left alone, its rate, whether it keeps failing or is coming back, its
own slots, its host's, everybody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from closebell.dispatch.meter import Meter
from closebell.dispatch.ramp import Ramp
from closebell.dispatch.sender import host_of
from closebell.dispatch.slots import Slots
from closebell.domain.endpoint import Endpoint, EndpointState

PROBES_AFTER_FAILURES = 5
"""Failed attempts in a row after which an endpoint is called one at a time until it answers again."""

CLAIMED_PER_SLOT = 4
"""Deliveries claimed for each slot of an endpoint that is coming back."""

CLAIMED_FOR_S = 2
"""How many seconds of an endpoint's rate are claimed at once, so that no lease waits long."""

PAUSE_MAX = timedelta(minutes=1)
"""How long an endpoint is left alone at most because its receiver asked to be; its failed deliveries wait as long as it
asked."""

ENABLED_LATELY = timedelta(minutes=10)
"""An endpoint that was enabled so lately when this process first sees it is brought back slowly, as it would have been
by a process that saw it happen."""


class Pace:
    """What every endpoint may do now. It is in memory, so each process has a pace of its own."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._followed: Sequence[Endpoint] = ()
        self._failing: set[str] = set()
        self._ramps: dict[str, Ramp] = {}
        self._meters: dict[str, Meter] = {}
        self._paused: dict[str, datetime] = {}

    # --- what is known of the endpoints ------------------------------------------------------------------------------

    def follow(self, endpoints: Sequence[Endpoint], now: datetime) -> None:
        """Learn where the endpoints are, how often they may be called and which of them come back."""
        for endpoint in endpoints:
            # Also when nothing has changed: a report that was late may have judged otherwise meanwhile.
            self.judge(endpoint.id, endpoint.consecutive_failures)
        if endpoints == self._followed:
            return
        before = {endpoint.id: endpoint for endpoint in self._followed}
        self._followed = endpoints
        self._slots.place(hosts_of(endpoints))
        for endpoint in endpoints:
            self._meter(endpoint)
            if _comes_back(before.get(endpoint.id), endpoint, now):
                self._ramps[endpoint.id] = Ramp()
                self._paused.pop(endpoint.id, None)
        for endpoint_id in before.keys() - {endpoint.id for endpoint in endpoints}:
            self._failing.discard(endpoint_id)
            self._ramps.pop(endpoint_id, None)
            self._meters.pop(endpoint_id, None)
            self._paused.pop(endpoint_id, None)

    def judge(self, endpoint_id: str, consecutive_failures: int) -> None:
        """Slow an endpoint that keeps failing down to one call at a time, or let it come back."""
        if consecutive_failures >= PROBES_AFTER_FAILURES:
            self._failing.add(endpoint_id)
        elif endpoint_id in self._failing:
            self._failing.remove(endpoint_id)
            self._ramps[endpoint_id] = Ramp()

    def is_failing(self, endpoint_id: str) -> bool:
        """Whether the endpoint is called one at a time."""
        return endpoint_id in self._failing

    def answered(self, endpoint_id: str, *, well: bool) -> None:
        """A call of the endpoint went well, or failed."""
        ramp = self._ramps.get(endpoint_id)
        if ramp is None:
            return
        ramp = ramp.after_success() if well else ramp.after_failure()
        if ramp.width < self._slots.per_endpoint:
            self._ramps[endpoint_id] = ramp
        else:
            del self._ramps[endpoint_id]

    def pause(self, endpoint_id: str, *, wait_s: int, now: datetime) -> datetime:
        """Leave the endpoint alone for so long, as its receiver asked, then let it come back; until when.

        Of several answers the one that asks for the latest instant counts, whichever comes last.
        """
        until = now + min(timedelta(seconds=wait_s), PAUSE_MAX)
        if self._is_paused(endpoint_id, now):
            until = max(until, self._paused[endpoint_id])
        self._paused[endpoint_id] = until
        self._ramps[endpoint_id] = Ramp()
        return until

    # --- taking and giving back --------------------------------------------------------------------------------------

    def begin(self, endpoint_id: str, now: datetime) -> bool:
        """Whether a call of the endpoint may begin now; if so, it has begun, and holds a slot until `give_back`."""
        if self._is_paused(endpoint_id, now):
            return False
        width = self._width(endpoint_id)
        if width is not None and self._slots.taken(endpoint_id) >= width:
            return False
        meter = self._meters.get(endpoint_id)
        if meter is not None and not meter.ready(now):
            return False
        if not self._slots.take(endpoint_id, 1):
            return False
        if meter is not None:
            meter.begin(now)
        return True

    def give_back(self, endpoint_id: str, count: int) -> None:
        """The slots of calls that are over are free again."""
        self._slots.give_back(endpoint_id, count)

    # --- what to expect ----------------------------------------------------------------------------------------------

    def heirs(self, endpoint_id: str, waiting: Iterable[str]) -> Iterable[str]:
        """Of those who wait, the ones that a slot which the endpoint is about to give back may be for."""
        return self._slots.heirs(endpoint_id, waiting)

    def next_at(self, endpoint_id: str, now: datetime) -> datetime | None:
        """When rate and receiver allow the endpoint's next call; None when it is not for them that it waits."""
        meter = self._meters.get(endpoint_id)
        until = self._paused.get(endpoint_id, now)
        at = until if meter is None else max(until, meter.next_at())
        return at if at > now else None

    def worth_claiming(self, endpoint_id: str, now: datetime) -> int | None:
        """How many deliveries may wait claimed, so that they are soon called; None when there is no reason for few."""
        if self._is_paused(endpoint_id, now):
            return 0
        if endpoint_id in self._failing:
            return 0 if self._slots.taken(endpoint_id) else 1
        ramp, meter = self._ramps.get(endpoint_id), self._meters.get(endpoint_id)
        few = None if ramp is None else CLAIMED_PER_SLOT * ramp.width
        if meter is None:
            return few
        of_rate = CLAIMED_FOR_S * meter.rate_per_s
        return of_rate if few is None else min(few, of_rate)

    @property
    def in_use(self) -> int:
        """How many calls are under way or about to be."""
        return self._slots.in_use

    def _width(self, endpoint_id: str) -> int | None:
        """How many calls at once are made of an endpoint that is not called at full width."""
        if endpoint_id in self._failing:
            return 1
        ramp = self._ramps.get(endpoint_id)
        return None if ramp is None else ramp.width

    def _is_paused(self, endpoint_id: str, now: datetime) -> bool:
        """Whether the endpoint is to be left alone."""
        until = self._paused.get(endpoint_id)
        if until is None:
            return False
        # One that seems longer than any can be was begun before the clock was set back.
        if now < until <= now + PAUSE_MAX:
            return True
        del self._paused[endpoint_id]
        return False

    def _meter(self, endpoint: Endpoint) -> None:
        """Keep the endpoint's meter; another rate is another meter."""
        meter = self._meters.get(endpoint.id)
        if endpoint.rate_per_s is None:
            self._meters.pop(endpoint.id, None)
        elif meter is None or meter.rate_per_s != endpoint.rate_per_s:
            self._meters[endpoint.id] = Meter(endpoint.rate_per_s)


def hosts_of(endpoints: Sequence[Endpoint]) -> dict[str, str]:
    """At which host each active endpoint is."""
    return {one.id: host_of(one.url) for one in endpoints if one.state is EndpointState.ACTIVE}


def _comes_back(before: Endpoint | None, endpoint: Endpoint, now: datetime) -> bool:
    """Whether the endpoint is called again after it was not."""
    if endpoint.state is not EndpointState.ACTIVE:
        return False
    if before is None:
        return endpoint.enabled_at is not None and now - endpoint.enabled_at < ENABLED_LATELY
    return before.state is not EndpointState.ACTIVE or before.enabled_at != endpoint.enabled_at
