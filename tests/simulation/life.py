"""What happens in a world: people close, pay and manage endpoints; machines fail; and in the end everything heals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from closebell.domain.delivery import DeliveryState
from closebell.domain.event import INVOICE_CLOSED, PAYMENTS_ADDED
from closebell.domain.invoice import Invoice
from closebell.domain.rotation import Rotation
from closebell.domain.signature import Secret
from closebell.errors import ClosebellError, Unavailable
from closebell.testing import NOON
from closebell.usecase.close_invoices import CloseCommand, Closed
from closebell.usecase.manage_endpoints import (
    EndpointChanges,
    EndpointDraft,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    update_endpoint,
)
from closebell.usecase.recover_endpoint import RecoveryPlan, count_recoverable, start_recovery
from closebell.usecase.resend_delivery import resend_delivery
from closebell.usecase.rotate_secret import rotate_secret
from closebell.usecase.take_till_payment import CashCommand, take_cash
from simulation.network import LIKELY_MOODS, SimulatedReceiver
from simulation.process import NoAnswer, Process
from simulation.store import paid_invoices, unpaid_invoices
from simulation.world import Violation, World

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
FAR: Final = timedelta(days=400)
PATIENCE_S: Final = 5 * DAY_S
"""After this long in a world without harm nothing may be pending: longer than all retries of a delivery."""
OVERDUE_S_MAX: Final = 30 * MINUTE_S
"""In such a world it may not be for so long that something is due and nobody calls."""
SURVEY_S: Final = 20
"""Dispatchers look at the queue more often than this, so a time that ends that early may be skipped."""
SKIPPED_S_MIN: Final = 60
_RECOVERING: Final = """
    SELECT r.id FROM recoveries r JOIN endpoints e ON e.id = r.endpoint_id
    WHERE r.state = 'running' AND e.state = 'active'
"""
_PAID: Final = "SELECT 1 FROM transactions WHERE invoice_id = '{}'"


class Life:
    """One world's history."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._to_close = paid_invoices()
        self._to_pay = unpaid_invoices()
        self.promised: dict[str, str] = {}
        self._errands: dict[asyncio.Task[None], None] = {}
        self._wanted = world.conditions.processes
        self._lives = 0

    # --- the story ---------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """The whole history: a beginning, harm, healing, and the patience to see what comes of it."""
        for _ in range(self._wanted):
            await self._new_process()
        for _ in range(self._world.conditions.endpoints):
            await self._create_endpoint()
        for _ in range(self._world.conditions.actions):
            action, pause_s = self._next_action(), self._pause_s()
            self._send_out(action())
            await self._pass(pause_s)
        await self._heal()
        await self._until_nothing_is_pending()

    async def set_right(self) -> None:
        """Somebody enables what was deactivated and recovers what was exhausted: now everything must be delivered."""
        for endpoint in self._kept("deactivated"):
            await self._enable(endpoint)
        await self._until_nothing_is_pending()
        for endpoint in self._kept("active"):
            await self._recover(endpoint)
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
            self._close_some: 10,
            self._pay: 2,
            self._change_moods: 5 if here.receivers_misbehave else 0,
            self._change_endpoint: 4 if here.endpoints_change else 0,
            self._kill: 3 if here.crashes else 0,
            self._stop: 2 if here.stops else 0,
            self._hold_up: 3 if here.pauses else 0,
            self._misjudge: 2 if here.clock_jumps else 0,
        }
        return self._world.chance.choices(list(actions), list(actions.values()))[0]

    def _pause_s(self) -> float:
        longest_s = self._world.chance.choices([0.05, 2, 40, 10 * MINUTE_S, 6 * HOUR_S], [4, 6, 4, 2, 1])[0]
        return self._world.chance.random() * longest_s

    def _send_out(self, errand: Coroutine[Any, Any, None]) -> None:
        self._errands[asyncio.create_task(errand)] = None

    async def _heal(self) -> None:
        """No more harm: receivers are well, clocks are right, the database answers, and whoever was killed is back."""
        self._world.note("world", "heals")
        self._world.harm_is_over = True
        self._world.network.heal()
        for process in self._world.alive() if self._world.conditions.clock_jumps else ():
            process.misjudge(-process.clock.wrong_by.total_seconds())
        while self._errands:
            await asyncio.wait(self._errands)
            self.errands_failed()
        if self._world.conditions.crashes:
            self._wanted = 1  # those who are left must notice by themselves that they are alone
            for process in self._world.alive()[1:]:
                process.kill("killed for good")
        await self._replace_the_dead()

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
            if len(self._world.alive()) < self._wanted and not self._errands:
                self._send_out(self._replace_the_dead())

    def _quiet_s(self) -> float:
        """How long nothing will happen; 0 while something is under way."""
        world = self._world
        busy = bool(world.network.under_way or world.transactions_under_way or self._errands)
        if busy or world.store.rows(_RECOVERING) or len(world.alive()) < self._wanted:
            return 0
        books = world.witness.books
        active = {endpoint.id for endpoint in books.endpoints.values() if endpoint.state == "active"}
        due = [row.due_at for row in books.deliveries.values() if row.state == "pending" and row.endpoint_id in active]
        latest = max(process.clock.now() for process in world.alive())
        return DAY_S if not due else min(due) / 1e6 - latest.timestamp()

    async def _until_nothing_is_pending(self) -> None:
        """Wait for every delivery of an active endpoint to end.

        Errors: Violation when one does not.
        """
        loop, calls = self._world.loop, self._world.witness.books.calls
        until_s = loop.time() + PATIENCE_S
        seen, seen_s = len(calls), loop.time()
        while stuck := [*self._pending(), *self._world.store.rows(_RECOVERING)]:
            if loop.time() > until_s or loop.time() > seen_s + OVERDUE_S_MAX:
                raise Violation(f"{len(stuck)} are stuck, the first is {stuck[0]}")
            quiet_s = self._quiet_s()
            await self._pass(min(max(quiet_s, 5), DAY_S))
            if quiet_s > 0 or len(calls) > seen:
                seen, seen_s = len(calls), loop.time()

    def _pending(self) -> list[Any]:
        books = self._world.witness.books
        return [
            row
            for row in books.deliveries.values()
            if row.state == DeliveryState.PENDING and books.endpoints[row.endpoint_id].state == "active"
        ]

    # --- people ------------------------------------------------------------------------------------------------------

    async def _close_some(self) -> None:
        chance = self._world.chance
        several = [self._to_close.pop() for _ in range(min(chance.randint(1, 6), len(self._to_close)))]
        await asyncio.gather(*(self._close(invoice) for invoice in several))

    async def _close(self, invoice: Invoice) -> None:
        """Somebody who calls until there is an answer, and is told the same number each time."""
        while True:
            process = await self._some_process()
            try:
                closed: Closed = await process.ask(_awaited(process.desk.close(CloseCommand(invoice_id=invoice.id))))
            except (NoAnswer, Unavailable):
                await asyncio.sleep(self._world.chance.random() * 2)
                continue
            number = self.promised.setdefault(invoice.id, closed.receipt_number)
            self._world.witness.demand(number == closed.receipt_number, f"{invoice.id} has two receipts")
            self._ring(process)
            if self._world.chance.random() < 0.9:
                return

    async def _pay(self) -> None:
        """A payment comes for an open invoice, and then the invoice is closed."""
        if not self._to_pay:
            return
        invoice = self._to_pay.pop()
        command = CashCommand(invoice_id=invoice.id, amount=Decimal(invoice.sum_total) / 100)
        while not self._is_paid(invoice):
            process = await self._some_process()
            taking = process.database.write(take_cash, command, clock=process.clock, luck=self._world.luck)
            try:
                await process.ask(taking)
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1)
                continue
            process.is_rung()
            self._ring(process)
        await self._close(invoice)

    def _is_paid(self, invoice: Invoice) -> bool:
        """Whoever heard no answer looks before the money is taken a second time."""
        return bool(self._world.store.rows(_PAID.format(invoice.id)))

    def _ring(self, teller: Process) -> None:
        """The feed has moved: other processes are told, unless the ring is lost."""
        for process in self._world.alive():
            if process is not teller and not self._world.happens(self._world.conditions.rings_lost):
                process.is_rung()

    # --- endpoints ---------------------------------------------------------------------------------------------------

    async def _create_endpoint(self) -> None:
        """A new endpoint with a receiver of its own."""
        world = self._world
        number = len(world.network.receivers)
        url = f"https://host-{number % world.conditions.hosts}.example/receiver-{number}"
        secret = Secret.generate(world.chance.randbytes(32))
        world.network.receivers[url] = SimulatedReceiver(name=f"receiver-{number}", secrets=[secret])
        kinds = world.chance.choice([(INVOICE_CLOSED,), (INVOICE_CLOSED,), (INVOICE_CLOSED, PAYMENTS_ADDED)])
        draft = EndpointDraft(
            name=f"receiver {number}",
            url=url,
            event_types=kinds,
            policy=world.chance.choice(["standard", "zenoti"]),
            secret=secret.reveal(),
            rate_per_s=world.chance.choice([1, 3]) if world.happens(world.conditions.rated) else None,
            recovers_when_enabled=world.chance.random() < 0.5,
        )
        await self._manage(create_endpoint, draft, networks=(), vault=world.vault, luck=world.luck)

    async def _change_endpoint(self) -> None:
        """Somebody changes an endpoint, as people do."""
        chance, world = self._world.chance, self._world
        deeds = [self._toggle, self._update, self._rotate, self._recover, self._resend, self._delete, self._one_more]
        deed = chance.choices(deeds, [8, 3, 2, 2, 2, 1, 1])[0]
        endpoint_id = chance.choice(list(world.witness.books.endpoints))
        world.note("somebody", deed.__name__, endpoint_id)
        await deed(endpoint_id)

    async def _toggle(self, endpoint_id: str) -> None:
        if self._world.chance.random() < 0.4:
            await self._manage(disable_endpoint, endpoint_id)
        else:
            await self._enable(endpoint_id)

    async def _enable(self, endpoint_id: str) -> None:
        await self._manage(enable_endpoint, endpoint_id, luck=self._world.luck)

    async def _update(self, endpoint_id: str) -> None:
        change = self._world.chance.choice(
            [
                EndpointChanges(policy="zenoti"),
                EndpointChanges(policy="standard"),
                EndpointChanges(http_method="PUT"),
                EndpointChanges(rate_per_s=2),
                EndpointChanges(rate_per_s=0),
            ]
        )
        tools = {"networks": (), "vault": self._world.vault, "luck": self._world.luck}
        await self._manage(update_endpoint, endpoint_id, change, **tools)

    async def _rotate(self, endpoint_id: str) -> None:
        """The receiver takes the new secret beside the old one, and then the sender is told of it."""
        ((url,),) = self._world.store.rows(f"SELECT url FROM endpoints WHERE id = '{endpoint_id}'")
        secret = Secret.generate(self._world.chance.randbytes(32))
        self._world.network.receiver(url).secrets.append(secret)
        rotation = Rotation(secret=secret.reveal(), overlap_hours=self._world.chance.choice([0, 1, 24]))
        await self._manage(rotate_secret, endpoint_id, rotation, vault=self._world.vault, luck=self._world.luck)

    async def _recover(self, endpoint_id: str) -> None:
        """Bring back everything that was exhausted."""
        plan = RecoveryPlan(since=NOON - FAR, until=NOON + FAR, rate_per_s=self._world.chance.choice([1, 50]))
        found = await self._manage(count_recoverable, endpoint_id, plan)
        if found is not None:
            await self._manage(start_recovery, found, luck=self._world.luck)

    async def _resend(self, endpoint_id: str) -> None:
        rows = self._world.witness.books.deliveries.values()
        if own := [row.id for row in rows if row.endpoint_id == endpoint_id]:
            await self._manage(resend_delivery, self._world.chance.choice(own))

    async def _delete(self, endpoint_id: str) -> None:
        await self._manage(delete_endpoint, endpoint_id)

    async def _one_more(self, _endpoint_id: str) -> None:
        await self._create_endpoint()

    async def _manage(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        """Somebody who calls until there is an answer; what they wanted may have happened more than once."""
        while True:
            process = await self._some_process()
            try:
                made = await process.ask(process.database.write(unit, *args, clock=process.clock, **kwargs))
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1)
            except ClosebellError:
                return None  # it is gone, or was done before
            else:
                process.is_rung()
                return made

    # --- machines ----------------------------------------------------------------------------------------------------

    async def _change_moods(self) -> None:
        for receiver in self._world.network.receivers.values():
            if self._world.chance.random() < 0.5:
                receiver.mood = self._world.chance.choice(LIKELY_MOODS)
                self._world.note(receiver.name, "is", receiver.mood)

    async def _kill(self) -> None:
        if alive := self._world.alive():
            self._world.chance.choice(alive).kill("killed")
        await self._replace_the_dead()

    async def _stop(self) -> None:
        if alive := self._world.alive():
            with suppress(NoAnswer):  # killed while it stopped
                await self._world.chance.choice(alive).stop()
        await self._replace_the_dead()

    async def _hold_up(self) -> None:
        """Longer than a lease, at times."""
        if alive := self._world.alive():
            process = self._world.chance.choice(alive)
            await process.hold_up(self._world.chance.random() * 2 * self._world.conditions.lease_s)

    async def _misjudge(self) -> None:
        if alive := self._world.alive():
            far_s = self._world.chance.choice([1, MINUTE_S, HOUR_S])
            self._world.chance.choice(alive).misjudge((self._world.chance.random() * 2 - 1) * far_s)

    async def _replace_the_dead(self) -> None:
        await asyncio.sleep(self._world.chance.random() * self._world.chance.choice([0.1, 30]))
        while len(self._world.alive()) < self._wanted:
            await self._new_process()

    async def _new_process(self) -> None:
        self._lives += 1
        process = Process(self._world, f"process-{self._lives}")
        self._world.processes = [*self._world.alive(), process]
        try:
            await process.start()
        except NoAnswer:
            return

    async def _some_process(self) -> Process:
        """One that runs, as a load balancer finds it; if none does, one is started."""
        while not (alive := [one for one in self._world.alive() if not one.is_held_up]):
            if not self._world.alive():
                await self._replace_the_dead()
            await asyncio.sleep(1)
        return self._world.chance.choice(alive)


async def _awaited(future: Any) -> Any:
    return await future
