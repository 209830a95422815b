"""The network between the processes and the receivers. It lies: what it reports is not always what happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from closebell.dispatch.sender import OutgoingRequest
from closebell.domain.delivery import EXCERPT_CHARACTERS_MAX, Fault, Outcome, explain_status
from closebell.domain.retry import parse_retry_after
from closebell.receiver import MemoryInbox, Receiver, Secret
from simulation.conditions import DEADLINE_S
from simulation.world import Violation, World

if TYPE_CHECKING:
    from simulation.process import Process

RETRY_AFTERS: Final = (
    *("0", "1", "30", "120", "3600", "86400", "86401", "999999999999999999999", "-5", "soon", ""),
    *("Mon, 05 Jan 2026 13:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
)
"""What receivers ask for, sensible or not."""

MOODS: Final[dict[str, dict[str, int]]] = {
    "well": {"taken": 1},
    "slow": {"taken late": 5, "taken": 1},
    "lossy": {"taken": 5, "lost": 3, "taken, then silence": 2},
    "flaky": {"taken": 6, "500": 3, "reset": 1, "silence": 1, "taken, then reset": 1},
    "storm": {"500": 4, "503": 1},
    "throttling": {"429": 3, "503": 1, "taken": 2},
    "down": {"refused": 4, "silence": 1},
    "trickling": {"taken, then silence": 2, "silence": 2},
    "moved": {"redirect": 1},
    "gone": {"410": 1},
    "lying": {"taken, then 500": 2, "lost": 1, "taken": 1},
}
"""What a receiver does while it is in a mood, and how often. `lost` answers 200 and forgets what it was told."""

LIKELY_MOODS: Final = ("well", "well", "well", "slow", "lossy", "flaky", "flaky", "storm", "throttling", "down", "down",
                       "trickling", "moved", "lying", "gone")  # fmt: skip


@dataclass(slots=True, kw_only=True)
class SimulatedReceiver:
    """An application that is told: what it kept, and what it forgot although it said it had it.

    Shape: one that `echoes` repeats in its answers what it was told.
    """

    name: str
    secrets: list[Secret]
    echoes: bool = False
    mood: str = "well"
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    applied: list[str] = field(default_factory=list)
    answered_2xx: set[str] = field(default_factory=set)

    def takes(self, request: OutgoingRequest, now: datetime) -> None:
        """Verify it as a receiver would, and apply it once."""
        event = Receiver(self.secrets).verify(request.body, dict(request.headers), now=now)
        if self.inbox.remember(event):
            self.applied.append(event.event_id)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """One call under way."""

    process: Process
    endpoint_id: str
    host: str
    delivery_id: str
    lease_id: str | None
    started_at: datetime
    began_s: float


class Network:
    """Carries requests to receivers, who are found by their URL."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.receivers: dict[str, SimulatedReceiver] = {}
        self.under_way: dict[Call, None] = {}

    def of(self, process: Process) -> Wire:
        """The way out of one process."""
        return Wire(self._world, self, process)

    def receiver(self, url: str) -> SimulatedReceiver:
        """Who answers at this URL."""
        return self.receivers[url]

    def heal(self) -> None:
        """Everybody is well from now on."""
        for receiver in self.receivers.values():
            receiver.mood = "well"


@dataclass(frozen=True, slots=True)
class Wire:
    """The `Sends` of one process."""

    world: World
    network: Network
    process: Process

    async def send(self, request: OutgoingRequest) -> Outcome:
        """One exchange: over by the deadline, unless the process was held up meanwhile."""
        await self.process.go_on()
        started_at = self.process.clock.now()
        call = self.world.witness.sees_call(self.process, request, started_at)
        self.network.under_way[call] = None
        try:
            outcome = await self._exchange(request, call)
            await self.process.go_on()
        finally:
            del self.network.under_way[call]
        self.world.witness.sees_answer(call, outcome)
        return outcome

    async def _exchange(self, request: OutgoingRequest, call: Call) -> Outcome:
        receiver, chance = self.network.receiver(request.url), self.world.chance
        does = one_of(MOODS[receiver.mood].items(), chance.random())
        self.world.note(self.process.name, "calls", receiver.name, call.delivery_id, does)
        if does == "refused":
            await asyncio.sleep(chance.random() * 0.01)
            return self._failed(call, Fault.CONNECT_REFUSED, "nothing listens there")
        await asyncio.sleep(chance.random() * (DEADLINE_S - 1 if does == "taken late" else 0.2))
        if does.startswith("taken"):
            receiver.takes(request, self._receivers_now(request))
        if does in {"taken", "taken late", "lost"}:
            return await self._answered(request, receiver, call)
        what = does.rpartition("then ")[2]
        if what == "silence":
            await asyncio.sleep(call.began_s + DEADLINE_S - self.world.loop.time())
            return self._failed(call, Fault.TIMEOUT, "the deadline passed")
        await asyncio.sleep(chance.random() * 0.2)
        if what == "reset":
            return self._failed(call, Fault.CLOSED, "the connection was reset")
        return self._refused(request, receiver, call, 308 if what == "redirect" else int(what))

    async def _answered(self, request: OutgoingRequest, receiver: SimulatedReceiver, call: Call) -> Outcome:
        await asyncio.sleep(self.world.chance.random() * 0.2)
        receiver.answered_2xx.add(dict(request.headers)["webhook-id"])
        status = self.world.chance.choice([200, 202, 204])
        return Outcome(
            started_at=call.started_at,
            duration_us=self._took_us(call),
            status=status,
            detail=f"answered {status}",
            response_excerpt=_echo(request, receiver),
        )

    def _receivers_now(self, request: OutgoingRequest) -> datetime:
        """Receivers tell the time right; where senders do not, they are lenient with it."""
        if not self.world.conditions.clock_jumps:
            return self.world.now()
        return datetime.fromtimestamp(int(dict(request.headers)["webhook-timestamp"]), UTC)

    def _refused(self, request: OutgoingRequest, receiver: SimulatedReceiver, call: Call, status: int) -> Outcome:
        echo = _echo(request, receiver)
        fault, detail = explain_status(status, receiver=receiver.name, location=f"https://elsewhere.example/{echo}")
        asked = self.world.chance.choice(RETRY_AFTERS) if status in {429, 503} else None
        now = self.process.clock.now()
        retry_after_s = None if asked is None else parse_retry_after(asked, now=now)
        return self._failed(call, fault, detail, status=status, retry_after_s=retry_after_s, echo=echo)

    def _failed(
        self,
        call: Call,
        fault: Fault,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: int | None = None,
        echo: str = "",
    ) -> Outcome:
        return Outcome(
            started_at=call.started_at,
            duration_us=self._took_us(call),
            status=status,
            error=fault,
            detail=detail,
            retry_after_s=retry_after_s,
            response_excerpt=echo,
        )

    def _took_us(self, call: Call) -> int:
        return int((self.world.loop.time() - call.began_s) * 1_000_000)


def _echo(request: OutgoingRequest, receiver: SimulatedReceiver) -> str:
    """What an answer repeats of what was told: whom it is about, where it is about anybody."""
    told = request.body.decode()
    return told[max(told.find('"first_name"'), 0) :][:EXCERPT_CHARACTERS_MAX] if receiver.echoes else ""


def one_of(weighted: Iterable[tuple[str, int]], luck: float) -> str:
    """One of them, each as likely as its weight."""
    several = list(weighted)
    left = luck * sum(weight for _, weight in several)
    for one, weight in several:
        left -= weight
        if left < 0:
            return one
    return several[-1][0]


def call_id_of(request: OutgoingRequest) -> str:
    """The id of the call in a request's body."""
    call_id: object = json.loads(request.body)["id"]
    if not isinstance(call_id, str):
        raise Violation(f"a body without an id went out: {request.body[:80]!r}")
    return call_id
