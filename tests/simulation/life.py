"""What happens in a world: people close, pay and manage endpoints; machines fail; and in the end everything heals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from closebell.domain.delivery import DeliveryState
from simulation import mail
from simulation.conditions import DEADLINE_S
from simulation.machines import Machines
from simulation.network import LIKELY_MOODS
from simulation.owners import Owners
from simulation.people import People
from simulation.world import SETTLES_S, Violation, World

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
PATIENCE_S: Final = 5 * DAY_S
"""After this long in a world without harm nothing may be pending: longer than all retries of a delivery."""
OVERDUE_S_MAX: Final = 30 * MINUTE_S
"""In such a world it may not be for so long that something is due and nobody calls."""
SURVEY_S: Final = 20
"""Dispatchers look at the queue more often than this, so a time that ends that early may be skipped."""
SKIPPED_S_MIN: Final = 60
FORGETTING_S: Final = 200
"""Several rounds of upkeep: after them nothing is left that is too old."""
_RECOVERING: Final = """
    SELECT r.id FROM recoveries r JOIN endpoints e ON e.id = r.endpoint_id
    WHERE r.state = 'running' AND e.state = 'active'
"""
_ERASING: Final = """
    SELECT r.guest_id, max(r.created_at, coalesce((SELECT max(redacted_at) FROM events WHERE guest_id = r.guest_id), 0))
    FROM erasures r WHERE r.finished_at IS NULL
"""


class Life:
    """One world's history."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._machines = Machines(world)
        self.people = People(world, self._machines)
        self._owners = Owners(world, self._machines)
        self._errands: dict[asyncio.Task[None], None] = {}

    # --- the story ---------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """The whole history: a beginning, harm, healing, and the patience to see what comes of it."""
        await self._machines.start()
        for _ in range(self._world.conditions.endpoints):
            await self._owners.create()
        for _ in range(self._world.conditions.actions):
            action, pause_s = self._next_action(), self._pause_s()
            self._send_out(action())
            await self._pass(pause_s)
        await self._heal()
        await self._until_nothing_is_pending()

    async def set_right(self) -> None:
        """Somebody enables what was deactivated and recovers what was exhausted: now everything must be delivered."""
        for endpoint in self._kept("deactivated"):
            await self._owners.enable(endpoint)
        await self._until_nothing_is_pending()
        for endpoint in self._kept("active"):
            await self._owners.recover(endpoint)
        await self._until_nothing_is_pending()
        if self._world.conditions.rotates:
            await self._rotate_at_leisure()
        if self._world.conditions.looks_after:
            await asyncio.sleep(FORGETTING_S)
            self.errands_failed()

    async def _rotate_at_leisure(self) -> None:
        """Every secret is replaced, and something is told while the old one signs as well, and after it."""
        for endpoint in self._kept("active"):
            await self._owners.rotate(endpoint, overlap_hours=1)
        for wait_s in (SETTLES_S, HOUR_S):
            await self._pass(wait_s + 1)
            await self.people.close_some()
            await self._until_nothing_is_pending()

    def _kept(self, state: str) -> list[str]:
        """The endpoints in this state."""
        return [row.id for row in self._world.witness.books.endpoints.values() if row.state == state]

    def errands_failed(self) -> None:
        """Raise what went wrong beside the story.

        Errors: what the witness saw, or an errand raised.
        """
        if self._world.witness.problem is not None:
            raise self._world.witness.problem
        for errand in tuple(self._errands):
            if errand.done():
                del self._errands[errand]
                errand.result()

    def _next_action(self) -> Callable[[], Coroutine[Any, Any, None]]:
        here = self._world.conditions
        actions: dict[Callable[[], Coroutine[Any, Any, None]], int] = {
            self.people.close_some: 10,
            self.people.pay: 2,
            self.people.change_guest: 1,
            self._forget_somebody: 4 if here.erases else 0,
            self._change_moods: 5 if here.receivers_misbehave else 0,
            self._owners.change_something: 4 if here.endpoints_change else 0,
            self._machines.kill: 3 if here.crashes else 0,
            self._machines.stop: 2 if here.stops else 0,
            self._machines.hold_up: 3 if here.pauses else 0,
            self._machines.misjudge: 2 if here.clock_jumps else 0,
        }
        return self._world.chance.choices(list(actions), list(actions.values()))[0]

    def _pause_s(self) -> float:
        longest_s = self._world.chance.choices([0.05, 2, 40, 10 * MINUTE_S, 6 * HOUR_S], [4, 6, 4, 2, 1])[0]
        return self._world.chance.random() * longest_s

    def _send_out(self, errand: Coroutine[Any, Any, None]) -> None:
        self._errands[asyncio.create_task(errand)] = None

    async def _change_moods(self) -> None:
        chance, world = self._world.chance, self._world
        for receiver in world.network.receivers.values():
            if chance.random() < 0.5:
                receiver.mood = chance.choice(LIKELY_MOODS)
                world.note(receiver.name, "is", receiver.mood)
        world.mail.mood = chance.choice(list(mail.MOODS))

    async def _forget_somebody(self) -> None:
        """Often when it is hardest: while receivers take their time, and what was told waits for its turn."""
        if self._world.conditions.receivers_misbehave and self._world.chance.random() < 0.6:
            for receiver in self._world.network.receivers.values():
                receiver.mood = "slow"
        await self.people.erase_guest()

    async def _heal(self) -> None:
        """No more harm: receivers are well, clocks are right, the database answers, and whoever was killed is back."""
        self._world.heal()
        self._machines.set_clocks_right()
        while self._errands:
            await asyncio.wait(self._errands)
            self.errands_failed()
        if self._world.conditions.crashes:
            self._machines.kill_for_good()
        await self._machines.replace_the_dead()
        self._world.healed_s = self._world.loop.time()

    # --- time --------------------------------------------------------------------------------------------------------

    async def _pass(self, seconds: float) -> None:
        """Let time pass; hours in which nothing is due pass at once."""
        loop = self._world.loop
        until_s = loop.time() + seconds
        while (left_s := until_s - loop.time()) > 0:
            skipped_s = min(self._quiet_s() - SURVEY_S, left_s)
            if skipped_s > SKIPPED_S_MIN:
                self._world.note("world", "skips", f"{skipped_s:.3f}")
                loop.skip(skipped_s)
            await asyncio.sleep(min(left_s, 5))
            self.errands_failed()
            if self._machines.lacking and not self._errands:
                self._send_out(self._machines.replace_the_dead())

    def _quiet_s(self) -> float:
        """How long nothing will happen; 0 while something is under way."""
        world = self._world
        busy = bool(world.network.under_way or world.mail.under_way or world.transactions_under_way or self._errands)
        if busy or world.store.rows(_RECOVERING) or self._machines.lacking:
            return 0
        latest = max(process.clock.now() for process in world.alive())
        return min(self._due_s(), default=latest.timestamp() + DAY_S) - latest.timestamp()

    def _due_s(self) -> Iterator[float]:
        """When there is something to do: calls, mails, and what is left to erase."""
        books = self._world.witness.books
        yield from (row.due_at / 1e6 for row in self._pending())
        yield from (row.mail_due_at / 1e6 for row in books.failed.values() if row.mail_due_at is not None)
        settled_s = self._world.conditions.lease_s + DEADLINE_S
        yield from (changed_at / 1e6 + settled_s for _, changed_at in self._erasing())

    async def _until_nothing_is_pending(self) -> None:
        """Wait for every delivery of an active endpoint to end, and for every mail and every erasure.

        Errors: Violation when one does not.
        """
        loop, calls = self._world.loop, self._world.witness.books.calls
        until_s = loop.time() + PATIENCE_S
        seen, seen_s = len(calls), loop.time()
        while stuck := self._unfinished():
            if loop.time() > until_s or loop.time() > seen_s + OVERDUE_S_MAX:
                raise Violation(f"{len(stuck)} are stuck, the first is {stuck[0]}")
            quiet_s = self._quiet_s()
            await self._pass(min(max(quiet_s, 5), DAY_S))
            if quiet_s > 0 or len(calls) > seen:
                seen, seen_s = len(calls), loop.time()

    def _unfinished(self) -> list[Any]:
        books, rows = self._world.witness.books, self._world.store.rows
        mails = [row for row in books.failed.values() if row.mail_due_at is not None]
        return [*self._pending(), *rows(_RECOVERING), *mails, *self._erasing()]

    def _pending(self) -> list[Any]:
        books = self._world.witness.books
        return [
            row
            for row in books.deliveries.values()
            if row.state == DeliveryState.PENDING and books.endpoints[row.endpoint_id].state == "active"
        ]

    def _erasing(self) -> list[tuple[Any, ...]]:
        return self._world.store.rows(_ERASING) if self._world.conditions.erases else []
