"""One process's way to the database: it takes its time, it fails, and its answers get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from closebell.errors import InDoubt, Unavailable
from closebell.store.unit import P, R, Unit
from simulation.world import World

if TYPE_CHECKING:
    from simulation.process import Process

LOSES_A_RACE = "loses a race and runs again"


class SimulatedDatabase:
    """The `Database` of a process, deterministic: each unit runs at one instant, and before and after it time passes.

    What may happen to a transaction on a real engine may happen here: it waits, it is refused, it loses a race and
    runs again, it commits and nobody hears of it, the process dies just before or just after the commit.
    """

    engine_name = "sqlite"
    writers = 2

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a transaction and answer some time after its commit."""
        name = getattr(unit, "__name__", repr(unit))
        world, harms = self._world, self._world.conditions
        world.transactions_under_way += 1
        try:
            await self._wait()
            if world.happens(harms.refused):
                world.note(self._process.name, "refused", name)
                raise Unavailable("the database cannot be reached just now")
            if world.happens(harms.run_again):
                world.note(self._process.name, LOSES_A_RACE, name)
                world.store.undo(lambda connection: unit(connection, *args, **kwargs))
            if world.happens(harms.crash_before_commit):
                world.store.undo(lambda connection: unit(connection, *args, **kwargs))
                await self._process.die_here(f"before the commit of {name}")
            result: R = self._commit(name, unit, args, kwargs)
            if world.happens(harms.crash_after_commit):
                await self._process.die_here(f"after the commit of {name}")
            is_heard = not world.happens(harms.answer_lost)
            await self._wait()
        finally:
            world.transactions_under_way -= 1
        if not is_heard:
            world.note(self._process.name, "hears nothing of", name)
            raise InDoubt("the connection was lost at the commit")
        self._process.learnt(result)
        return result

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit at one instant; nothing it might write would last."""
        self._world.transactions_under_way += 1
        try:
            await self._wait()
            if self._world.happens(self._world.conditions.refused):
                raise Unavailable("the database cannot be reached just now")
            result: R = self._world.store.undo(lambda connection: unit(connection, *args, **kwargs))
            await self._wait()
        finally:
            self._world.transactions_under_way -= 1
        self._process.learnt(result)
        return result

    async def listen(self, heard: Callable[[], None]) -> None:
        """Return at once: the world rings by itself."""

    async def close(self) -> None:
        """Nothing is held."""

    def _commit(self, name: str, unit: Any, args: Any, kwargs: Any) -> Any:
        try:
            result = self._world.store.commit(lambda connection: unit(connection, *args, **kwargs))
        except Exception as error:
            self._world.note(self._process.name, "rolls back", name, type(error).__name__)
            raise
        self._world.note(self._process.name, "commits", name)
        self._world.witness.sees_commit(self._process, name, args, result)
        return result

    async def _wait(self) -> None:
        """Some time in which others come first; a process that is held up waits until it goes on."""
        world = self._world
        longest_s = 0.005 if world.harm_is_over or world.chance.random() < 0.7 else world.conditions.database_s_max
        await asyncio.sleep(world.chance.random() * longest_s)
        await self._process.go_on()
