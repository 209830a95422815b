"""A process of Closebell with the real parts of its role. It is killed, stopped, held up, and told a wrong time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any

from closebell.api.close_desk import CloseDesk
from closebell.background.erasing import keep_erasing, until_settled
from closebell.background.forgetting import KeptFor
from closebell.background.upkeep import keep_up
from closebell.dispatch.alerts import Alerts
from closebell.dispatch.claiming import Survey
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.recovering import Recoverer
from closebell.dispatch.slots import Slots
from closebell.domain.endpoint import EndpointState
from closebell.store.wake import Wake
from simulation.conditions import DEADLINE_S, Conditions, Role
from simulation.database import SimulatedDatabase
from simulation.mail import LETTERHEAD, Post
from simulation.world import World

RUNS_IN: ContextVar[Process | None] = ContextVar("RUNS_IN", default=None)
"""Which process the task at hand belongs to; tasks inherit it from whoever makes them."""


class NoAnswer(Exception):
    """The process died before it could answer."""


class ProcessClock:
    """What a process takes for the time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wrong_by = timedelta(0)

    def now(self) -> datetime:
        """The instant it shows, aware, in UTC."""
        return self._world.now() + self.wrong_by


class Process:
    """One life of a process: who is killed is followed by another one."""

    def __init__(self, world: World, name: str, role: Role) -> None:
        self._world = world
        self.name = name
        self.role = role
        self.clock = ProcessClock(world)
        self.is_alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.failures_known: dict[str, int] = {}
        self.knows_inactive: set[str] = set()
        self.rates_known: dict[str, tuple[int | None, float]] = {}
        self.unrecorded: Counter[str] = Counter()
        self.disturbed_s = -1.0
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self.database = SimulatedDatabase(world, self)
        self.wake = Wake()
        self.alerts = self._alerts() if role != "api" and world.conditions.mails else None
        self.dispatcher = None if role == "api" else self._dispatcher()
        self.desk = CloseDesk(
            database=self.database, dispatcher=self.dispatcher, wake=self.wake, clock=self.clock, luck=world.luck
        )

    def _dispatcher(self) -> Dispatcher:
        world, sizes = self._world, self._world.conditions
        return Dispatcher(
            database=self.database,
            sender=world.network.of(self),
            vault=world.vault,
            clock=self.clock,
            luck=world.luck,
            slots=Slots(all_endpoints=sizes.all_endpoints, per_endpoint=sizes.per_endpoint, per_host=sizes.per_host),
            lease_s=sizes.lease_s,
            deadline_s=DEADLINE_S,
            observe=self._recorded,
            mails_failures=sizes.mails,
        )

    def _alerts(self) -> Alerts:
        post = Post(self._world, self)
        return Alerts(database=self.database, mail_server=post, letterhead=LETTERHEAD, clock=self.clock)

    async def start(self) -> None:
        """Begin to run."""
        self._world.note(self.name, "starts as", self.role)
        if self.dispatcher is None:
            return
        for task in await self.ask(self.dispatcher.start()):
            task.add_done_callback(self._has_ended)
        for duty in self._duties():
            self._task(duty).add_done_callback(self._has_ended)

    def _duties(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What whoever delivers also sees to, as `delivering.py` has it."""
        here, clock = self._world.conditions, self.clock
        recoverer = Recoverer(database=self.database, clock=clock, wake=self.wake, recovered=self.is_rung)
        yield recoverer.run()
        if here.looks_after:
            yield keep_up(self.database, clock=clock, kept_for=_kept_for(here))
        if here.erases:
            settled = until_settled(lease_s=here.lease_s, deadline_s=DEADLINE_S)
            yield keep_erasing(
                self.database, settled_after=settled, clock=clock, luck=self._world.luck, told=self.is_rung
            )
        if self.alerts is not None:
            yield self.alerts.run()

    async def stop(self) -> None:
        """End in an orderly way: what is under way is finished first."""
        self._world.note(self.name, "stops")
        await self.ask(self._end())
        self._world.witness.sees_stop(self)
        self.kill("has stopped")

    async def _end(self) -> None:
        await self.desk.drain()
        if self.dispatcher is not None:
            await self.dispatcher.stop()

    def kill(self, how: str) -> None:
        """End without a chance to do anything: every task is dropped where it is."""
        if self.is_alive:
            self._world.note(self.name, "ends:", how)
            self.is_alive = False
            self._goes_on.set()
            for task in tuple(self.tasks):
                task.cancel()

    async def die_here(self, where: str) -> None:
        """Killed by its own task, at exactly this point."""
        self.kill(where)
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    async def hold_up(self, seconds: float) -> None:
        """It does nothing for a while, as a machine does that is suspended or short of memory."""
        self._world.note(self.name, "is held up for", f"{seconds:.3f}")
        self._goes_on.clear()
        await asyncio.sleep(seconds)
        self.disturbed_s = self._world.loop.time()
        self._goes_on.set()

    def misjudge(self, seconds: float) -> None:
        """Its clock jumps."""
        self._world.note(self.name, "clock jumps by", f"{seconds:.3f}")
        self.clock.wrong_by += timedelta(seconds=seconds)
        self.disturbed_s = self._world.loop.time()

    @property
    def is_held_up(self) -> bool:
        """Whether it does nothing just now."""
        return not self._goes_on.is_set()

    async def go_on(self) -> None:
        """Wait while it is held up; a process that has died goes no further."""
        while self.is_held_up:
            await self._goes_on.wait()
        if not self.is_alive:
            raise asyncio.CancelledError

    def is_rung(self) -> None:
        """It is told that something has happened."""
        self.wake.notify()
        if self.dispatcher is not None:
            self.dispatcher.survey_soon()

    async def ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What came of something that this process does for somebody outside.

        Errors: what the work raises; NoAnswer when the process ends first.
        """
        task = self._task(work)
        await asyncio.wait([task])
        if task.cancelled():
            raise NoAnswer(self.name)
        return task.result()

    def learnt(self, result: object) -> None:
        """What a transaction told it about its endpoints, as far as calls must obey it."""
        match result:
            case Survey():
                known = {endpoint.id: endpoint.consecutive_failures for endpoint in result.endpoints}
                self.failures_known.update(known)
                for endpoint in result.endpoints:
                    if self.rates_known.get(endpoint.id, (None, 0))[0] != endpoint.rate_per_s:
                        self.rates_known[endpoint.id] = endpoint.rate_per_s, self._world.loop.time()
                active = {endpoint.id for endpoint in result.endpoints if endpoint.state is EndpointState.ACTIVE}
                self.knows_inactive -= active

    def _has_ended(self, task: asyncio.Task[Any]) -> None:
        """What runs by itself ends with its process and not before."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.witness.sees_failure(self, error)

    def _recorded(self, sent: Sequence[Sent], report: RecordReport) -> None:
        self.failures_known.update(report.failures)
        self._world.witness.sees_recorded(self, sent, report)
        if report.logged and self.alerts is not None:
            self.alerts.look_soon()

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = copy_context()
        context.run(RUNS_IN.set, self)
        return self._world.loop.create_task(work, context=context)


def _kept_for(here: Conditions) -> KeptFor:
    bodies_s, attempts_s = here.bodies_kept_s, here.attempts_kept_s
    return KeptFor(
        bodies=None if bodies_s is None else timedelta(seconds=bodies_s),
        attempts=None if attempts_s is None else timedelta(seconds=attempts_s),
    )


def of_their_processes(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """A task that its process knows of, so that it ends with it; the task factory of a world's loop."""
    context = options.get("context")
    process = RUNS_IN.get() if context is None else context.get(RUNS_IN, RUNS_IN.get())
    if context is not None:
        context.run(RUNS_IN.set, process)  # one of its own knows of no process yet
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(process.tasks.pop)
        if not process.is_alive:
            task.cancel()
    return task
