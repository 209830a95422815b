"""The people at the desks: they take money, close invoices, change what is known of guests, and forget them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any, Final

from closebell.domain.guest_shapes import GuestRequest, PersonalInfoShape
from closebell.domain.invoice import Invoice
from closebell.errors import Unavailable
from closebell.usecase.change_guest import change_guest
from closebell.usecase.close_invoices import CloseCommand, Closed
from closebell.usecase.erase_guest import erase_guest
from closebell.usecase.take_till_payment import CashCommand, take_cash
from simulation.machines import Machines
from simulation.population import GUESTS, paid_invoices, unpaid_invoices
from simulation.process import NoAnswer
from simulation.world import World

_PAID: Final = "SELECT 1 FROM transactions WHERE invoice_id = '{}'"


class People:
    """Everybody who calls the API about invoices and guests; `promised` is what they were told of receipts."""

    def __init__(self, world: World, machines: Machines) -> None:
        self._world = world
        self._machines = machines
        self._to_close = paid_invoices()
        self._to_pay = unpaid_invoices()
        self.promised: dict[str, str] = {}

    async def close_some(self) -> None:
        """Several invoices are closed at once."""
        chance = self._world.chance
        several = [self._to_close.pop() for _ in range(min(chance.randint(1, 6), len(self._to_close)))]
        await asyncio.gather(*(self._close(invoice) for invoice in several))

    async def pay(self) -> None:
        """A payment comes for an open invoice, and then the invoice is closed."""
        if not self._to_pay:
            return
        invoice = self._to_pay.pop()
        command = CashCommand(invoice_id=invoice.id, amount=Decimal(invoice.sum_total) / 100)
        while not self._is_paid(invoice):
            process = await self._machines.some_process()
            taking = process.database.write(take_cash, command, clock=process.clock, luck=self._world.luck)
            try:
                await process.ask(taking)
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1)
                continue
            process.is_rung()
            self._machines.ring(process)
        await self._close(invoice)

    async def change_guest(self) -> None:
        """A guest is called otherwise from now on, unless they were erased."""
        guest = self._world.chance.choice(GUESTS)
        said = PersonalInfoShape(first_name=f"{guest.first_name} {self._world.chance.randrange(100)}")
        await self._machines.manage(change_guest, guest.id, GuestRequest(personal_info=said), luck=self._world.luck)

    async def erase_guest(self) -> None:
        """A guest wants to be forgotten; most do when they leave, and what has just been told is on its way."""
        chance = self._world.chance
        guest = chance.choice(GUESTS)
        if chance.random() < 0.7:
            theirs = [invoice for invoice in self._to_close if invoice.guest == guest][-chance.randint(1, 5) :]
            self._to_close = [invoice for invoice in self._to_close if invoice not in theirs]
            await asyncio.gather(*(self._close(invoice) for invoice in theirs))
            await asyncio.sleep(chance.random() * chance.choice([0.1, 1, 10]))
        await self._machines.manage(erase_guest, guest.id, luck=self._world.luck)

    async def _close(self, invoice: Invoice) -> None:
        """Somebody who calls until there is an answer, and is told the same number each time."""
        while True:
            process = await self._machines.some_process()
            try:
                closed: Closed = await process.ask(_awaited(process.desk.close(CloseCommand(invoice_id=invoice.id))))
            except (NoAnswer, Unavailable):
                await asyncio.sleep(self._world.chance.random() * 2)
                continue
            number = self.promised.setdefault(invoice.id, closed.receipt_number)
            self._world.witness.demand(number == closed.receipt_number, f"{invoice.id} has two receipts")
            self._machines.ring(process)
            if self._world.chance.random() < 0.9:
                return

    def _is_paid(self, invoice: Invoice) -> bool:
        """Whoever heard no answer looks before the money is taken a second time."""
        return bool(self._world.store.rows(_PAID.format(invoice.id)))


async def _awaited(future: Any) -> Any:
    return await future
