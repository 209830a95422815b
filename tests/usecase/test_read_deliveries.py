"""Deliveries, by endpoint, state, event and invoice, newest first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from closebell.domain.delivery import DeliveryState, Fault, Outcome
from closebell.domain.endpoint import EndpointState
from closebell.domain.guest_shapes import GuestRequest, PersonalInfoShape
from closebell.errors import InvalidInput, NotFound
from closebell.store import deliveries, endpoints
from closebell.store.deliveries import LeaseOffer, NewDelivery
from closebell.store.delivery_log import DeliveryFilter
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_centre, a_paid_invoice, an_endpoint, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.create_guest import create_guest
from closebell.usecase.read_deliveries import read_deliveries, read_delivery

ON, OFF = an_endpoint("on"), an_endpoint("off", state=EndpointState.DEACTIVATED)


async def _three_closes(database: Database) -> tuple[NewDelivery, ...]:
    """Six deliveries: three to an endpoint that is on, under lease, and three to one that is off."""
    batch = [a_paid_invoice(f"{n}") for n in range(3)]
    await database.write(put, *batch)
    for endpoint in (ON, OFF):
        await database.write(endpoints.insert_one, endpoint)
    offer = LeaseOffer(lease_id="lease", leased_until=NOON + timedelta(seconds=30), room={ON.id: 3})
    clock, luck = FixedClock(tick=timedelta(seconds=1)), SeededLuck()
    made: list[NewDelivery] = []
    for invoice in batch:
        command = CloseCommand(invoice_id=invoice.id)
        report = await database.write(close_invoices, [command], clock=clock, luck=luck, offer=offer)
        made += report.deliveries
    return tuple(made)


async def test_pages_hold_every_delivery_once_the_newest_first(database: Database) -> None:
    made = await _three_closes(database)
    found, before = [], None
    for _ in range(3):
        page = await database.read(read_deliveries, DeliveryFilter(before=before), limit=2)
        found += page.deliveries
        before = page.next_before
    assert before is None
    assert [d.id for d in found] == sorted((d.id for d in made), reverse=True)
    assert [d.sequence for d in found] == [3, 3, 2, 2, 1, 1]


async def test_filters_and_their_states(database: Database) -> None:
    made = await _three_closes(database)

    async def ids(wanted: DeliveryFilter) -> set[str]:
        return {d.id for d in (await database.read(read_deliveries, wanted, limit=10)).deliveries}

    to_on = {d.id for d in made if d.endpoint_id == ON.id}
    to_off = {d.id for d in made if d.endpoint_id == OFF.id}
    assert await ids(DeliveryFilter(endpoint_id=ON.id)) == to_on == await ids(DeliveryFilter(state="pending"))
    assert await ids(DeliveryFilter(state="held")) == to_off
    assert await ids(DeliveryFilter(state="exhausted")) == set()
    assert await ids(DeliveryFilter(event_id=made[0].event_id)) == {made[0].id, made[1].id}
    assert await ids(DeliveryFilter(invoice_id=guid_of("invoice 2"))) == {made[4].id, made[5].id}
    with pytest.raises(InvalidInput, match="held") as refused:
        await ids(DeliveryFilter(state="lost"))
    assert refused.value.field == "state"


async def test_one_delivery_with_its_attempts(database: Database) -> None:
    made = next(d for d in await _three_closes(database) if d.endpoint_id == ON.id)
    failed = Outcome(started_at=NOON, duration_us=5, status=500, error=Fault.HTTP_STATUS, detail="It answered 500.")
    once = deliveries.Recorded(
        id=made.id,
        lease_id="lease",
        attempt_number=1,
        outcome=failed,
        state=DeliveryState.EXHAUSTED,
        due_at=NOON,
        reason="That was the last.",
    )
    await database.write(deliveries.record, [once])
    found = await database.read(read_delivery, made.id)
    assert (found.state, found.reason, found.due_at) == ("exhausted", "That was the last.", None)
    assert [(a.number, a.status, a.error, a.detail) for a in found.attempts] == [
        (1, 500, "http_status", "It answered 500.")
    ]
    page = await database.read(read_deliveries, DeliveryFilter(state="exhausted"), limit=1)
    assert page.deliveries == [found]
    with pytest.raises(NotFound):
        await database.read(read_delivery, "0" * 24)


async def test_a_guests_events_belong_to_no_invoice(database: Database) -> None:
    await _three_closes(database)
    await database.write(endpoints.insert_one, an_endpoint("guests", event_types=("Guest.Created",)))
    said = GuestRequest(center_id=a_centre().id, personal_info=PersonalInfoShape(first_name="Ada"))
    await database.write(create_guest, said, clock=FixedClock(), luck=SeededLuck(7))
    everything = await database.read(read_deliveries, DeliveryFilter(), limit=10)
    (told,) = [d for d in everything.deliveries if d.event_type == "Guest.Created"]
    assert (told.invoice_id, told.endpoint_id, told.sequence) == (None, guid_of("endpoint guests"), 4)
    by_event = await database.read(read_deliveries, DeliveryFilter(event_id=told.event_id), limit=10)
    assert by_event.deliveries == [told]
    of_invoice = await database.read(read_deliveries, DeliveryFilter(invoice_id=guid_of("invoice 1")), limit=10)
    assert {d.event_type for d in of_invoice.deliveries} == {"Invoice.Closed"}
