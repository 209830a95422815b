"""The totals of a period balance, and say so in words when they do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, insert, update

from closebell.domain.caller import OPERATOR
from closebell.domain.endpoint import EndpointState
from closebell.domain.event import EVENT_TYPES, PAYMENTS_ADDED, PAYMENTS_DELETED, payments_changed
from closebell.domain.guest_shapes import GuestRequest, PersonalInfoShape
from closebell.errors import InvalidInput
from closebell.store import endpoints, invoices, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
)
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.create_guest import create_guest
from closebell.usecase.manage_endpoints import delete_endpoint
from closebell.usecase.reconcile import EndpointTally, Reconciliation, reconcile
from closebell.usecase.tell import News, announce

CLOCK = FixedClock()
ON, OFF, GONE = an_endpoint("on"), an_endpoint("off", state=EndpointState.DEACTIVATED), an_endpoint("gone")
HOUR = timedelta(hours=1)


async def _four_closes(database: Database) -> None:
    """One close at noon and at each of the three hours after."""
    batch = [a_paid_invoice(f"{n}") for n in range(4)]
    await database.write(put, *batch, an_invoice("old", closed_at=NOON, receipt_number="7"))
    for endpoint in (ON, OFF, GONE):
        await database.write(endpoints.insert_one, endpoint)
    clock, luck = FixedClock(), SeededLuck()
    for hours, invoice in enumerate(batch):
        clock.set(NOON + hours * HOUR)
        await database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=clock, luck=luck)
    await database.write(delete_endpoint, GONE.id, clock=clock)


async def _of_all(database: Database) -> Reconciliation:
    return await database.read(reconcile, since=NOON, until=NOON + 9 * HOUR, clock=CLOCK)


async def test_a_period_balances_and_counts_what_is_in_it(database: Database) -> None:
    await _four_closes(database)
    found = await database.read(reconcile, since=NOON + HOUR, until=NOON + 3 * HOUR, clock=CLOCK)
    assert (found.closes, found.events, found.balanced, found.reasons) == (2, 2, True, ())
    none = {"delivered": 0, "pending": 0, "held": 0, "exhausted": 0, "cancelled": 0, "total": 2}
    assert {tally.name: tally for tally in found.endpoints} == {
        "on": EndpointTally(endpoint_id=ON.id, name="on", **{**none, "pending": 2}),
        "off": EndpointTally(endpoint_id=OFF.id, name="off", **{**none, "held": 2}),
        "gone": EndpointTally(endpoint_id=GONE.id, name="gone", **{**none, "cancelled": 2}),
    }


async def test_other_events_are_no_closes_and_leave_the_balance_alone(database: Database) -> None:
    """Payments and guests are told in the same feed, to the same endpoints, and the period is still that of closes."""
    await _four_closes(database)
    every = an_endpoint("every", event_types=tuple(sorted(EVENT_TYPES)))
    await database.write(endpoints.insert_one, every)
    clock, luck = FixedClock(NOON + HOUR), SeededLuck(7)
    said = GuestRequest(center_id=a_centre().id, personal_info=PersonalInfoShape(first_name="Ada"))
    await database.write(create_guest, said, clock=clock, luck=luck)
    await database.write(put, an_invoice("paid"))
    for event_type in (PAYMENTS_ADDED, PAYMENTS_DELETED):
        await database.write(_tell_of_payments, event_type, clock, luck)
    found = await database.read(reconcile, since=NOON + HOUR, until=NOON + 9 * HOUR, clock=CLOCK)
    assert (found.closes, found.events, found.balanced, found.reasons) == (3, 3, True, ())
    assert {tally.name: tally.total for tally in found.endpoints} == {"on": 3, "off": 3, "gone": 3, "every": 0}


def _tell_of_payments(connection: Connection, event_type: str, clock: FixedClock, luck: SeededLuck) -> None:
    (invoice,) = invoices.load(connection, [guid_of("invoice paid")]).values()

    def news(now: datetime) -> list[News]:
        return [
            News(
                event_type=event_type,
                center_id=invoice.centre.id,
                body=lambda event_id: payments_changed(event_type, invoice, event_id=event_id, at=now),
                invoice_id=invoice.id,
            )
        ]

    announce(connection, news, caller=OPERATOR, clock=clock, luck=luck)


async def test_a_deleted_endpoint_without_deliveries_in_the_period_is_left_out(database: Database) -> None:
    await _four_closes(database)
    found = await database.read(reconcile, since=NOON + 5 * HOUR, until=NOON + 6 * HOUR, clock=CLOCK)
    assert (found.closes, found.events, found.balanced) == (0, 0, True)
    assert {(tally.name, tally.total) for tally in found.endpoints} == {("on", 0), ("off", 0)}


async def test_a_period_must_not_end_before_it_begins(database: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        await database.read(reconcile, since=NOON, until=NOON - HOUR, clock=CLOCK)
    assert refused.value.field == "to"


async def test_a_close_without_its_event_is_told(database: Database) -> None:
    await _four_closes(database)
    await database.write(_close_behind_our_back)
    found = await _of_all(database)
    assert not found.balanced
    assert found.reasons == ("5 invoices were closed and 4 Invoice.Closed events exist.",)


def _close_behind_our_back(connection: Connection) -> None:
    put(connection, an_invoice("secret", centre=a_centre("other")))
    connection.execute(
        update(tables.invoices)
        .where(tables.invoices.c.invoice_number == "INVsecret")
        .values(closed_at=NOON, close_sequence=1, receipt_sequence=1, receipt_number="1")
    )


async def test_a_hole_in_the_sequence_is_told(database: Database) -> None:
    await _four_closes(database)
    await database.write(_event_out_of_sequence)
    found = await _of_all(database)
    assert found.reasons == ("The feed has 5 events from 1 to 7; 2 are missing.",)


def _event_out_of_sequence(connection: Connection) -> None:
    connection.execute(
        insert(tables.events),
        {
            "sequence": 7,
            "event_id": "f" * 24,
            "event_type": "Guest.Created",
            "invoice_id": None,
            "close_sequence": None,
            "center_id": None,
            "body": b"{}",
            "hash": bytes(32),
            "listeners": 0,
            "created_at": NOON + HOUR,
        },
    )


async def test_a_delivery_that_went_missing_is_told(database: Database) -> None:
    await _four_closes(database)
    await database.write(_lose_one_delivery)
    found = await _of_all(database)
    assert {tally.name: tally.total for tally in found.endpoints} == {"on": 3, "off": 4, "gone": 4}
    assert found.reasons == ("12 deliveries were made of these events and 11 exist.",)


def _lose_one_delivery(connection: Connection) -> None:
    columns = tables.deliveries.c
    connection.execute(delete(tables.deliveries).where(columns.endpoint_id == ON.id, columns.sequence == 2))
