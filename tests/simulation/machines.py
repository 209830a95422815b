"""The machines of a world: which processes run on them, how they fail, and how whoever asks finds one that runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from closebell.errors import Conflict, NotFound, Unavailable
from simulation.conditions import Role
from simulation.process import NoAnswer, Process
from simulation.world import World

CLOCKS_WRONG_BY_S: Final = (1, 60, 3_600)
"""How far a clock jumps at most, in one direction or the other."""


class Machines:
    """The processes of a world; whoever dies is followed by another of the same role."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wanted = Counter(world.conditions.roles)
        self._lives = 0

    @property
    def lacking(self) -> Mapping[Role, int]:
        """The processes that should run and do not."""
        return self._wanted - Counter(process.role for process in self._world.alive())

    async def replace_the_dead(self) -> None:
        """Somebody notices that processes are gone, and starts others."""
        await asyncio.sleep(self._world.chance.random() * self._world.chance.choice([0.1, 30]))
        await self.start()

    async def start(self) -> None:
        """Have everything run that should."""
        while lacking := self.lacking:
            self._lives += 1
            process = Process(self._world, f"process-{self._lives}", next(iter(lacking)))
            self._world.processes = [*self._world.alive(), process]
            with suppress(NoAnswer):
                await process.start()

    async def some_process(self) -> Process:
        """One that answers, as a load balancer finds it; if none runs, one is started."""
        while not (answering := [one for one in self._answering() if not one.is_held_up]):
            if not self._answering():
                await self.replace_the_dead()
            await asyncio.sleep(1)
        return self._world.chance.choice(answering)

    def _answering(self) -> list[Process]:
        return [process for process in self._world.alive() if process.role != "dispatch"]

    async def manage(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        """Somebody who calls until there is an answer; what they wanted may have happened more than once."""
        while True:
            process = await self.some_process()
            try:
                made = await process.ask(process.database.write(unit, *args, clock=process.clock, **kwargs))
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1)
            except (NotFound, Conflict):
                return None  # it is gone, or was done before
            else:
                process.is_rung()
                self.ring(process)
                return made

    def ring(self, teller: Process) -> None:
        """Something has happened: other processes are told, unless the ring is lost."""
        for process in self._world.alive():
            if process is not teller and not self._world.happens(self._world.conditions.rings_lost):
                process.is_rung()

    # --- harm --------------------------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """Somebody ends without a chance to do anything."""
        if alive := self._world.alive():
            self._world.chance.choice(alive).kill("killed")
        await self.replace_the_dead()

    async def stop(self) -> None:
        """Somebody ends in good order."""
        if alive := self._world.alive():
            with suppress(NoAnswer):  # killed while it stopped
                await self._world.chance.choice(alive).stop()
        await self.replace_the_dead()

    async def hold_up(self) -> None:
        """Longer than a lease, at times."""
        if alive := self._world.alive():
            process = self._world.chance.choice(alive)
            await process.hold_up(self._world.chance.random() * 2 * self._world.conditions.lease_s)

    async def misjudge(self) -> None:
        """A clock jumps."""
        if alive := self._world.alive():
            far_s = self._world.chance.choice(CLOCKS_WRONG_BY_S)
            self._world.chance.choice(alive).misjudge((self._world.chance.random() * 2 - 1) * far_s)

    # --- the end of it -----------------------------------------------------------------------------------------------

    def set_clocks_right(self) -> None:
        """Every process knows the time."""
        for process in self._world.alive() if self._world.conditions.clock_jumps else ():
            process.misjudge(-process.clock.wrong_by.total_seconds())

    def kill_for_good(self) -> None:
        """Nobody is left but as few as can do everything; they must notice by themselves that they are alone."""
        self._wanted = Counter[Role](["all"] if "all" in self._world.conditions.roles else ["api", "dispatch"])
        left = self._wanted.copy()
        for process in self._world.alive():
            if left[process.role]:
                left[process.role] -= 1
            else:
                process.kill("killed for good")
