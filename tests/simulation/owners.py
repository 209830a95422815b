"""The people who own endpoints: they make them, change them, rotate secrets, send again, recover, and delete."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from closebell.domain.condition import ConditionDraft
from closebell.domain.event import GUEST_ERASED, GUEST_UPDATED, INVOICE_CLOSED, PAYMENTS_ADDED
from closebell.domain.rotation import Rotation
from closebell.domain.signature import Secret
from closebell.testing import NOON
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
from simulation.machines import Machines
from simulation.network import SimulatedReceiver
from simulation.population import CENTRES, GUESTS, SOLD
from simulation.world import World

FAR: Final = timedelta(days=400)
_OF_CLOSES: Final = (
    ("data.invoice.center_id", f'"{CENTRES[0].id}"'),
    ("data.invoice.guest.id", f'"{GUESTS[0].id}"'),
    ("data.invoice.guest.gender", "0"),
    ("data.invoice.invoice_items[].name", f'"{SOLD[0]}"'),
    ("data.invoice.total_price.sum_total", "10.07"),
    ("data.invoice.transactions[].tender", '"cash"'),
    ("data.invoice.is_refund", "false"),
    ("data.invoice.appointments[].room_name", "null"),
)
_OF_PAYMENTS: Final = (("data.is_closed", "false"), ("data.transactions[].amount_paid", "10.05"))
_OF_BOTH: Final = (("event_type", f'"{INVOICE_CLOSED}"'), ("event_resource", '"Invoice"'))
KINDS: Final = (
    *(((INVOICE_CLOSED,), _OF_CLOSES),) * 3,
    ((INVOICE_CLOSED, GUEST_ERASED), _OF_CLOSES),
    ((INVOICE_CLOSED, PAYMENTS_ADDED), _OF_BOTH),
    ((PAYMENTS_ADDED,), _OF_PAYMENTS),
    ((INVOICE_CLOSED, GUEST_UPDATED, GUEST_ERASED), ()),
)
"""What endpoints listen to, and what they may ask of such an event besides: a field of its body, and its value."""
OVERLAPS_HOURS: Final = (0, 1, 24)


class Owners:
    """Everybody who manages endpoints over the API."""

    def __init__(self, world: World, machines: Machines) -> None:
        self._world = world
        self._machines = machines

    async def create(self) -> None:
        """A new endpoint with a receiver of its own."""
        world, chance = self._world, self._world.chance
        number = len(world.network.receivers)
        url = f"https://host-{number % world.conditions.hosts}.example/receiver-{number}"
        secret = Secret.generate(chance.randbytes(32))
        world.network.receivers[url] = SimulatedReceiver(
            name=f"receiver-{number}", secrets=[secret], echoes=chance.random() < 0.5
        )
        event_types, conditions = self._some_events()
        draft = EndpointDraft(
            name=f"receiver {number}",
            url=url,
            event_types=event_types,
            center_ids=self._some_centres(),
            conditions=conditions,
            policy=chance.choice(["standard", "zenoti"]),
            secret=secret.reveal(),
            rate_per_s=chance.choice([1, 3]) if world.happens(world.conditions.rated) else 0,
            recovers_when_enabled=chance.random() < 0.5,
        )
        await self._machines.manage(create_endpoint, draft, networks=(), vault=world.vault, luck=world.luck)

    def _some_centres(self) -> tuple[str, ...]:
        """Those whose events it wants; mostly all, which is none that is named."""
        if not self._world.happens(self._world.conditions.filtered / 2):
            return ()
        return tuple(centre.id for centre in self._world.chance.sample(CENTRES, self._world.chance.choice([1, 1, 2])))

    def _some_events(self) -> tuple[tuple[str, ...], tuple[ConditionDraft, ...]]:
        """The types of what it wants, and the conditions; mostly none."""
        event_types, possible = self._world.chance.choice(KINDS)
        if not possible or not self._world.happens(self._world.conditions.filtered):
            return event_types, ()
        several = self._world.chance.sample(possible, self._world.chance.choice([1, 1, 2]))
        return event_types, tuple(ConditionDraft(field=field, equals=equals) for field, equals in several)

    async def change_something(self) -> None:
        """Somebody changes an endpoint, as people do."""
        chance, world = self._world.chance, self._world
        deeds = [self._toggle, self._update, self._rotate, self.recover, self._resend, self._delete, self._one_more]
        deed = chance.choices(deeds, [8, 3, 3, 2, 2, 1, 1])[0]
        endpoint_id = chance.choice(list(world.witness.books.endpoints))
        world.note("somebody", deed.__name__, endpoint_id)
        await deed(endpoint_id)

    async def enable(self, endpoint_id: str) -> None:
        """Have it called again."""
        await self._machines.manage(enable_endpoint, endpoint_id, luck=self._world.luck)

    async def recover(self, endpoint_id: str) -> None:
        """Bring back everything that was exhausted."""
        plan = RecoveryPlan(since=NOON - FAR, until=NOON + FAR, rate_per_s=self._world.chance.choice([1, 50]))
        found = await self._machines.manage(count_recoverable, endpoint_id, plan)
        if found is not None:
            await self._machines.manage(start_recovery, found, luck=self._world.luck)

    async def _toggle(self, endpoint_id: str) -> None:
        if self._world.chance.random() < 0.4:
            await self._machines.manage(disable_endpoint, endpoint_id)
        else:
            await self.enable(endpoint_id)

    async def _update(self, endpoint_id: str) -> None:
        changes = [
            EndpointChanges(policy="zenoti"),
            EndpointChanges(policy="standard"),
            EndpointChanges(http_method="PUT"),
            EndpointChanges(rate_per_s=2),
            EndpointChanges(rate_per_s=0),
        ]
        if self._world.conditions.filtered:
            event_types, conditions = self._some_events()
            changes += [
                EndpointChanges(conditions=()),
                EndpointChanges(center_ids=self._some_centres()),
                EndpointChanges(event_types=event_types, conditions=conditions),
                EndpointChanges(event_types=event_types, conditions=conditions),
            ]
        change = self._world.chance.choice(changes)
        tools = {"networks": (), "vault": self._world.vault, "luck": self._world.luck}
        await self._machines.manage(update_endpoint, endpoint_id, change, **tools)

    async def rotate(self, endpoint_id: str, *, overlap_hours: int) -> None:
        """The receiver takes the new secret beside the old one, and then the sender is told of it."""
        ((url,),) = self._world.store.rows(f"SELECT url FROM endpoints WHERE id = '{endpoint_id}'")
        secret = Secret.generate(self._world.chance.randbytes(32))
        self._world.network.receiver(url).secrets.append(secret)
        rotation = Rotation(secret=secret.reveal(), overlap_hours=overlap_hours)
        await self._machines.manage(
            rotate_secret, endpoint_id, rotation, vault=self._world.vault, luck=self._world.luck
        )

    async def _rotate(self, endpoint_id: str) -> None:
        await self.rotate(endpoint_id, overlap_hours=self._world.chance.choice(OVERLAPS_HOURS))

    async def _resend(self, endpoint_id: str) -> None:
        rows = self._world.witness.books.deliveries.values()
        if own := [row.id for row in rows if row.endpoint_id == endpoint_id]:
            await self._machines.manage(resend_delivery, self._world.chance.choice(own))

    async def _delete(self, endpoint_id: str) -> None:
        await self._machines.manage(delete_endpoint, endpoint_id)

    async def _one_more(self, _endpoint_id: str) -> None:
        await self.create()
