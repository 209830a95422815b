"""Every statement of closing, telling, claiming, recording and pulling goes in by an index, on both engines.

Nothing is listed here that the code sends: the use cases run, and each statement that they send is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from closebell.clock import SystemLuck
from closebell.dispatch.claiming import claim, survey
from closebell.dispatch.recording import Sent, record_outcomes
from closebell.domain.delivery import Fault, Outcome
from closebell.domain.endpoint import EndpointState
from closebell.domain.event import INVOICE_CLOSED
from closebell.store import deliveries, delivery_log, endpoints
from closebell.store.delivery_log import DeliveryFilter
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_guest, a_paid_invoice, an_endpoint, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.manage_endpoints import disable_endpoint, enable_endpoint
from closebell.usecase.read_deliveries import read_deliveries
from closebell.usecase.read_feed import read_event, read_feed
from closebell.usecase.sign_in import find_caller
from planning import plans, scanned

FILLED = {"invoices", "invoice_lines", "appointments", "transactions", "guests", "events", "deliveries", "attempts"}
"""Tables that grow for ever, and have rows here: of an empty one a planner says nothing."""
INVOICES = 40
CLOCK = FixedClock()
LUCK = SystemLuck()
LEASE: dict[str, Any] = {
    "now": NOON + timedelta(hours=1),
    "lease_id": "a" * 32,
    "leased_until": NOON + timedelta(hours=2),
}

Work = Callable[[Connection], Any]


def fill(connection: Connection) -> None:
    """Two endpoints, one of them deactivated, and invoices of which half are closed and told."""
    put(connection, *(a_paid_invoice(f"{number}", guest=a_guest(f"Ada {number}")) for number in range(INVOICES)))
    endpoints.insert_one(connection, an_endpoint("books"))
    endpoints.insert_one(connection, an_endpoint("marketing", state=EndpointState.DEACTIVATED))
    _close(connection, range(INVOICES // 2))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")  # SQLite takes tables for large as long as it knows nothing of them


def _close(connection: Connection, numbers: range) -> None:
    commands = [CloseCommand(invoice_id=a_paid_invoice(f"{number}").id) for number in numbers]
    close_invoices(connection, commands, clock=CLOCK, luck=LUCK)


def hot() -> Iterator[tuple[str, Work]]:
    """What happens all the time, each by its name."""
    yield "close a batch", lambda c: _close(c, range(INVOICES // 2, INVOICES // 2 + 3))
    yield "survey", lambda c: survey(c, now=NOON)
    yield "claim", lambda c: claim(c, {an_endpoint("books").id: 5}, **LEASE)
    yield "record", _record
    yield "release", lambda c: deliveries.cancel_left_over(c, limit=5)
    yield "pull", lambda c: read_feed(c, after=3, limit=5)
    yield "enable", lambda c: enable_endpoint(c, an_endpoint("marketing").id, clock=CLOCK, luck=LUCK)
    yield "disable", lambda c: disable_endpoint(c, an_endpoint("marketing").id, clock=CLOCK)
    yield "key", lambda c: find_caller(c, b"no such key", is_bearer=False, clock=CLOCK)
    yield "token", lambda c: find_caller(c, b"no such token", is_bearer=True, clock=CLOCK)
    yield "one event", _one_event
    books, invoice = an_endpoint("books").id, a_paid_invoice("3").id
    for wanted in (
        DeliveryFilter(endpoint_id=books),
        DeliveryFilter(endpoint_id=books, state="pending"),
        DeliveryFilter(endpoint_id=books, state="exhausted"),
        DeliveryFilter(endpoint_id=an_endpoint("marketing").id, state="held"),
        DeliveryFilter(endpoint_id=books, before="f" * 24),
        DeliveryFilter(event_id="0" * 24),
        DeliveryFilter(invoice_id=invoice),
    ):
        yield f"deliveries, {wanted}", partial(read_deliveries, wanted=wanted, limit=5)
    yield "one delivery", lambda c: delivery_log.find(c, "0" * 24)


def _record(connection: Connection) -> None:
    claimed = claim(connection, {an_endpoint("books").id: 2}, **LEASE).claimed
    assert len(claimed) == 2
    ends = [
        Outcome(started_at=NOON, duration_us=1, status=200, detail="answered 200"),
        Outcome(started_at=NOON, duration_us=1, error=Fault.TIMEOUT, detail="did not answer"),
    ]
    sent = [
        Sent(delivery_id=one.id, lease_id=one.lease_id, endpoint_id=one.endpoint_id, outcome=outcome)
        for one, outcome in zip(claimed, ends, strict=True)
    ]
    assert record_outcomes(connection, sent, clock=CLOCK, luck=LUCK).lost == 0


def _one_event(connection: Connection) -> None:
    found = read_feed(connection, after=0, limit=1).events[0]
    assert found.event_type == INVOICE_CLOSED
    read_event(connection, found.event_id)


def looked_through(connection: Connection) -> list[str]:
    """The statements that look through a whole table, each with its plan."""
    if connection.dialect.name == "postgresql":
        # Tables this small are scanned because that is cheap; what is asked is whether they have to be.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [f"{name}: {plan}" for name, work in hot() for plan in plans(connection, work) if scanned(plan) & FILLED]


async def test_no_hot_statement_looks_through_a_table(database: Database) -> None:
    await database.write(fill)
    found = await database.write(looked_through)
    assert not found, "\n\n".join(found)


async def test_a_statement_that_looks_through_a_table_is_found(database: Database) -> None:
    await database.write(fill)

    def explain(connection: Connection) -> list[str]:
        return plans(connection, lambda c: c.exec_driver_sql("SELECT count(*) FROM attempts WHERE duration_us = 7"))

    (plan,) = await database.read(explain)
    assert scanned(plan) == {"attempts"}
    assert guid_of("unknown") not in plan
