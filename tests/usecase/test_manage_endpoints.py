"""The life of an endpoint: made, changed, paused, resumed, gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from closebell.clock import Clock
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import deliveries, endpoints, tables
from closebell.store.delivery_log import DeliveryFilter
from closebell.store.failure_log import situation
from closebell.store.lanes import IS_PENDING
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_vault,
    an_endpoint,
    guid_of,
    put,
    put_centre,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.manage_endpoints import (
    CANCELLED_AT_ONCE_MAX,
    ENDPOINTS_MAX,
    EndpointChanges,
    EndpointDraft,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    update_endpoint,
)
from closebell.usecase.read_deliveries import read_deliveries, read_delivery
from closebell.usecase.reconcile import reconcile
from queueing import queue

CLOCK, LUCK, VAULT = FixedClock(), SeededLuck(), a_vault()
DRAFT = EndpointDraft(name="Till", url="https://till.example/hook", event_types=("Invoice.Closed",))


def _create(connection: Connection, /, **fields: Any) -> Endpoint:
    draft = replace(DRAFT, **fields)
    return create_endpoint(connection, draft, networks=(), vault=VAULT, clock=CLOCK, luck=LUCK).endpoint


def _update(connection: Connection, endpoint_id: str, changes: EndpointChanges, *, clock: Clock = CLOCK) -> Endpoint:
    return update_endpoint(connection, endpoint_id, changes, networks=(), vault=VAULT, clock=clock, luck=LUCK)


async def test_what_is_created_is_read_and_listed(database: Database) -> None:
    await database.write(put_centre, a_centre())
    here = a_centre().id
    made = await database.write(_create, center_ids=(here, here.upper()))
    assert (made.center_ids, made.state, made.created_at) == ((here,), EndpointState.ACTIVE, NOON)
    assert await database.read(read_endpoint, made.id, clock=CLOCK) == made
    other = await database.write(_create, name="Other")
    listed = await database.read(list_endpoints, clock=CLOCK)
    assert sorted(listed, key=lambda e: e.name) == [other, made]


async def test_a_centre_nobody_knows_is_refused_by_its_place(database: Database) -> None:
    await database.write(put_centre, a_centre())
    made = await database.write(_create)
    before = await database.read(snapshot)
    centres = (a_centre().id, guid_of("nowhere"))
    with pytest.raises(InvalidInput) as refused:
        await database.write(_create, center_ids=centres)
    assert refused.value.field == "center_ids[1]"
    changes = EndpointChanges(center_ids=centres)
    with pytest.raises(InvalidInput) as refused:
        await database.write(_update, made.id, changes)
    assert refused.value.field == "center_ids[1]"
    assert await database.read(snapshot) == before


async def test_changes_keep_the_secret_and_the_state(database: Database) -> None:
    made = await database.write(_create)
    later = FixedClock(NOON + timedelta(hours=1))
    await database.write(disable_endpoint, made.id, clock=CLOCK)
    changes = EndpointChanges(url="https://new.example/", signature_styles=("zenoti",))
    after = await database.write(_update, made.id, changes, clock=later)
    assert (after.url, after.state, after.secrets) == ("https://new.example/", EndpointState.DEACTIVATED, made.secrets)
    assert await database.read(read_endpoint, made.id, clock=CLOCK) == after
    private = EndpointChanges(url="https://192.168.1.1/")
    with pytest.raises(InvalidInput, match="private"):
        await database.write(_update, made.id, private, clock=later)


async def test_enabling_gives_a_clean_record(database: Database) -> None:
    ill = an_endpoint(state=EndpointState.DEACTIVATED, state_reason="20 in a row", consecutive_failures=20)
    await database.write(endpoints.insert_one, ill)
    well = await database.write(enable_endpoint, ill.id, clock=CLOCK, luck=LUCK)
    assert well == replace(
        ill, state=EndpointState.ACTIVE, state_reason="", consecutive_failures=0, enabled_at=well.updated_at
    )
    off = await database.write(disable_endpoint, ill.id, clock=CLOCK)
    assert (off.state, off.state_reason) == (EndpointState.DEACTIVATED, "Deactivated by hand.")
    assert await database.read(read_endpoint, ill.id, clock=CLOCK) == off


async def test_a_deleted_endpoint_is_gone_and_its_deliveries_are_cancelled_with_a_reason(database: Database) -> None:
    invoice = a_paid_invoice()
    await database.write(put, invoice)
    gone, stays = await database.write(_create, name="gone"), await database.write(_create, name="stays")
    await database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=CLOCK, luck=LUCK)
    await database.write(delete_endpoint, gone.id, clock=CLOCK)
    assert await database.read(list_endpoints, clock=CLOCK) == [stays]
    page = await database.read(read_deliveries, DeliveryFilter(), limit=10)
    states = {d.endpoint_id: (d.state, d.reason, d.finished_at) for d in page.deliveries}
    assert states == {gone.id: ("cancelled", "The endpoint was deleted.", NOON), stays.id: ("pending", "", None)}


async def test_a_large_backlog_is_cancelled_in_portions_and_shown_as_cancelled_at_once(database: Database) -> None:
    gone, stays = await database.write(_create, name="gone"), await database.write(_create, name="stays")
    count, clock = 2 * CANCELLED_AT_ONCE_MAX + 5, FixedClock()
    ids = await database.write(queue, gone.id, count, attempts=1, due_at=NOON)
    (kept,) = await database.write(queue, stays.id, 1, attempts=0, due_at=NOON)
    await database.write(_had, ids[-1])
    clock.advance(timedelta(seconds=1))
    await database.write(delete_endpoint, gone.id, clock=clock)
    deleted_at = clock.now()
    clock.advance(timedelta(seconds=1))
    for left in (CANCELLED_AT_ONCE_MAX + 5, 5, 0, 0):
        assert await database.read(_pending, gone.id) == left
        await _is_shown_as_gone(database, gone.id, ids, at=deleted_at)
        await database.write(deliveries.cancel_left_over, limit=CANCELLED_AT_ONCE_MAX)
    assert await database.read(_pending, stays.id) == 1
    assert (await database.read(read_delivery, kept)).state == "pending"


async def _is_shown_as_gone(database: Database, endpoint_id: str, ids: Sequence[str], *, at: datetime) -> None:
    """Whatever of it is marked by now: all were cancelled with their endpoint, but the last, which was delivered."""
    for delivery_id, state in ((ids[0], "cancelled"), (ids[-2], "cancelled"), (ids[-1], "delivered")):
        found = await database.read(read_delivery, delivery_id)
        told = (found.state, found.reason, found.finished_at, found.due_at)
        assert told == (state, "The endpoint was deleted.", at, None)
    for state, expected in (("cancelled", ids[-2]), ("delivered", ids[-1]), ("pending", None), ("held", None)):
        wanted = DeliveryFilter(endpoint_id=endpoint_id, state=state)
        page = await database.read(read_deliveries, wanted, limit=1)
        assert [one.id for one in page.deliveries] == ([] if expected is None else [expected])
    day = timedelta(days=1)
    totals = await database.read(reconcile, since=NOON - day, until=NOON + day, clock=CLOCK)
    (tally,) = (one for one in totals.endpoints if one.endpoint_id == endpoint_id)
    assert tally.adds_up
    counted = (tally.cancelled, tally.delivered, tally.pending, tally.held, tally.total)
    assert counted == (len(ids) - 1, 1, 0, 0, len(ids))
    assert (await database.read(situation, endpoint_id)).held == 0


def _had(connection: Connection, delivery_id: str) -> None:
    """Its receiver had it, and it is being sent again; it is the last that is due."""
    connection.execute(
        update(tables.deliveries)
        .where(tables.deliveries.c.id == delivery_id)
        .values(first_delivered_at=NOON, due_at=NOON + timedelta(days=1))
    )


def _pending(connection: Connection, endpoint_id: str) -> int:
    ours = select(func.count()).where(tables.deliveries.c.endpoint_id == endpoint_id, IS_PENDING)
    return connection.execute(ours).scalar_one()


async def test_an_endpoint_that_is_not_there_is_not_found(database: Database) -> None:
    deleted = an_endpoint(state=EndpointState.DELETED)
    await database.write(endpoints.insert_one, deleted)
    for endpoint_id in (deleted.id, guid_of("nothing")):
        with pytest.raises(NotFound):
            await database.read(read_endpoint, endpoint_id, clock=CLOCK)
        for act in (disable_endpoint, delete_endpoint):
            with pytest.raises(NotFound):
                await database.write(act, endpoint_id, clock=CLOCK)
        with pytest.raises(NotFound):
            await database.write(enable_endpoint, endpoint_id, clock=CLOCK, luck=LUCK)
        with pytest.raises(NotFound):
            await database.write(_update, endpoint_id, EndpointChanges())


async def test_there_is_a_most_and_deleting_makes_room(database: Database) -> None:
    def fill(connection: Connection) -> None:
        for number in range(ENDPOINTS_MAX):
            endpoints.insert_one(connection, an_endpoint(f"{number}"))

    await database.write(fill)
    with pytest.raises(Conflict, match="100"):
        await database.write(_create)
    await database.write(delete_endpoint, guid_of("endpoint 7"), clock=CLOCK)
    assert (await database.write(_create)).name == "Till"
