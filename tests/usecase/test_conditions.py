"""Who is told is decided once per event: as many deliveries as the event counts, and no body read without need."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.clock import SystemLuck
from closebell.domain.condition import Condition
from closebell.domain.endpoint import Endpoint, listening
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_paid_invoice, an_endpoint, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.examine import events_have_their_deliveries

LUCK = SystemLuck()
TOTAL = "data.invoice.total_price.sum_total"


def asking(name: str, *asked: tuple[str, Any], **fields: Any) -> Endpoint:
    return an_endpoint(name, conditions=tuple(Condition(field=path, equals=value) for path, value in asked), **fields)


async def test_events_are_told_to_those_whose_conditions_hold(database: Database) -> None:
    listening_ones = [
        asking("every"),
        asking("large", (TOTAL, Decimal(500))),
        asking("small", (TOTAL, Decimal("100.00"))),
        asking("both", (TOTAL, Decimal(100)), ("data.invoice.is_refund", False)),
        asking("neither", (TOTAL, Decimal(100)), ("data.invoice.is_refund", True)),
        asking("elsewhere", (TOTAL, Decimal(100)), center_ids=(guid_of("centre Nowhere"),)),
        asking("card", ("data.invoice.transactions[].tender", "card")),
    ]
    invoices = [a_paid_invoice("small", total=10000), a_paid_invoice("large", total=50000)]

    def close(connection: Connection) -> dict[str, set[str]]:
        put(connection, *invoices)
        for one in listening_ones:
            endpoints.insert_one(connection, one)
        commands = [CloseCommand(invoice_id=invoice.id) for invoice in invoices]
        close_invoices(connection, commands, clock=FixedClock(), luck=LUCK)
        deliveries, events = tables.deliveries.c, tables.events.c
        rows = connection.execute(
            select(events.invoice_id, deliveries.endpoint_id).join(
                tables.events, events.sequence == deliveries.sequence
            )
        ).all()
        counted = {
            row.invoice_id: row.listeners for row in connection.execute(select(events.invoice_id, events.listeners))
        }
        names = {one.id: one.name for one in listening_ones}
        told = {invoice_id: {names[e] for i, e in rows if i == invoice_id} for invoice_id, _ in rows}
        assert {invoice_id: len(found) for invoice_id, found in told.items()} == counted
        assert not list(events_have_their_deliveries(connection))
        return told

    told = await database.write(close)
    small, large = (invoice.id for invoice in invoices)
    assert told[small] - {"card"} == {"every", "small", "both"}
    assert told[large] - {"card"} == {"every", "large"}


async def test_conditions_are_stored_with_every_digit(database: Database) -> None:
    one = asking(
        "exact",
        (TOTAL, Decimal("12345678901234567.89")),
        ("data.invoice.receipt_number", 'R"7\\ü'),
        ("data.invoice.is_refund", True),
        ("data.invoice.guest", None),
    )
    await database.write(endpoints.insert_one, one)
    found = await database.read(endpoints.find, one.id, now=NOON)
    assert found is not None
    assert found.conditions == one.conditions
    assert [type(condition.equals) for condition in found.conditions] == [Decimal, str, bool, type(None)]


def test_a_body_is_read_only_where_a_condition_asks() -> None:
    plain, near = asking("plain"), [asking(name, ("id", "a")) for name in ("a", "b")]
    other_type = asking("other", ("id", "a"), event_types=("Guest.Created",))
    unreadable = b"no JSON"
    assert listening([plain, other_type], "Invoice.Closed", None, unreadable) == (plain,)
    assert listening([], "Invoice.Closed", None, unreadable) == ()
    with pytest.raises(ValueError, match="Expecting value"):
        listening([plain, *near], "Invoice.Closed", None, unreadable)
    assert listening([plain, *near], "Invoice.Closed", None, b'{"id":"a"}') == (plain, *near)
