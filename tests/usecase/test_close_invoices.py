"""A close: what it writes, whom it tells, what it refuses, and that a refusal leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from closebell.domain import chain
from closebell.domain.endpoint import EndpointState
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.identifiers import object_id_floor
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.errors import ClosebellError, InvalidInput, Refusal, RefusalCode
from closebell.store import endpoints, tables
from closebell.store.deliveries import LeaseOffer
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_guest,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_appointment,
    an_employee,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    put_centre,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, CloseReport, close_invoices
from closebell.usecase.read_invoice import read_invoice

CLOCK, LUCK = FixedClock(), SeededLuck()


def _close(
    connection: Connection,
    *commands: CloseCommand | Invoice,
    offer: LeaseOffer = LeaseOffer.NONE,
    clock: FixedClock = CLOCK,
) -> CloseReport:
    asked = [c if isinstance(c, CloseCommand) else CloseCommand(invoice_id=c.id) for c in commands]
    return close_invoices(connection, asked, clock=clock, luck=LUCK, offer=offer)


def _rows(connection: Connection, name: str) -> Sequence[Any]:
    table = tables.metadata.tables[name]
    return connection.execute(select(table).order_by(*table.primary_key)).all()


async def test_a_close_numbers_freezes_and_tells(database: Database) -> None:
    invoice = a_paid_invoice(centre=a_centre(receipt_prefix="R"))
    await database.write(put, invoice, employees=[an_employee()], first_receipt_number=2650)
    await database.write(endpoints.insert_one, an_endpoint())
    report = await database.write(_close, CloseCommand(invoice_id=invoice.id, closed_by_id=an_employee()))
    assert report.answers == (
        Closed(invoice_id=invoice.id, receipt_number="R2650", closed_by_id=an_employee(), again=False),
    )
    closed = await database.read(read_invoice, invoice.id)
    assert closed == replace(
        invoice, receipt_number="R2650", closed_at=NOON, closed_by_id=an_employee(), close_sequence=1
    )
    (event,) = await database.read(_rows, "events")
    assert (event.sequence, event.event_type, event.invoice_id, event.center_id) == (
        1,
        INVOICE_CLOSED,
        invoice.id,
        invoice.centre.id,
    )
    assert event.body_hash == chain.body_hash(event.body)
    assert event.hash == chain.link(chain.GENESIS, 1, event.body_hash)
    assert event.guest_id == a_guest().id
    told = msgspec.json.decode(event.body)["data"]["invoice"]
    assert (told["id"], told["receipt_number"], told["is_closed"]) == (invoice.id, "R2650", True)
    (delivery,) = await database.read(_rows, "deliveries")
    assert [made.id for made in report.deliveries] == [delivery.id]
    assert (delivery.sequence, delivery.state, delivery.due_at, delivery.lease_id) == (1, "pending", NOON, None)


async def test_a_second_close_succeeds_again_and_fires_nothing(database: Database) -> None:
    invoice = a_paid_invoice()
    await database.write(put, invoice, employees=[an_employee("Ines"), an_employee("Omar")])
    await database.write(endpoints.insert_one, an_endpoint())
    await database.write(_close, CloseCommand(invoice_id=invoice.id, closed_by_id=an_employee("Ines")))
    before = await database.read(snapshot)
    report = await database.write(_close, CloseCommand(invoice_id=invoice.id, closed_by_id=an_employee("Omar")))
    assert report.answers == (
        Closed(invoice_id=invoice.id, receipt_number="1", closed_by_id=an_employee("Ines"), again=True),
    )
    assert report.deliveries == ()
    assert await database.read(snapshot) == before


async def test_an_invoice_that_came_closed_is_answered_and_never_told(database: Database) -> None:
    invoice = an_invoice(closed_at=NOON, receipt_number="2650")
    await database.write(put, invoice)
    report = await database.write(_close, invoice)
    assert report.answers == (Closed(invoice_id=invoice.id, receipt_number="2650", closed_by_id=None, again=True),)
    assert await database.read(_rows, "events") == []


async def test_the_same_invoice_twice_in_a_batch_closes_once(database: Database) -> None:
    invoice, other = a_paid_invoice("1"), a_paid_invoice("2")
    await database.write(put, invoice, other)
    report = await database.write(_close, invoice, other, invoice)
    numbers = [(a.receipt_number, a.again) for a in report.answers if isinstance(a, Closed)]
    assert numbers == [("1", False), ("2", False), ("1", True)]
    assert len(await database.read(_rows, "events")) == 2


async def test_one_refused_invoice_never_affects_another(database: Database) -> None:
    good, poor = a_paid_invoice("good"), an_invoice("poor", paid=40000)
    await database.write(put, good, poor)
    report = await database.write(_close, poor, CloseCommand(invoice_id=guid_of("nothing")), good)
    short, unknown, closed = report.answers
    assert isinstance(short, Refusal)
    assert short.code is RefusalCode.NOT_FULLY_PAID
    assert short.detail == "400.00 of 488.00 USD is paid; 88.00 is missing."
    assert isinstance(unknown, Refusal)
    assert unknown.code is RefusalCode.INVOICE_NOT_FOUND
    assert isinstance(closed, Closed)
    assert closed.receipt_number == "1"


REFUSED = {
    "group": (a_paid_invoice(group_invoice_id=guid_of("group")), RefusalCode.GROUP_INVOICE),
    "tomorrow": (
        a_paid_invoice(appointments=(an_appointment(start_time="2026-01-06T00:00:00"),)),
        RefusalCode.FUTURE_APPOINTMENT,
    ),
    "unpaid": (an_invoice(), RefusalCode.NOT_FULLY_PAID),
    "a cent short": (an_invoice(paid=48799), RefusalCode.NOT_FULLY_PAID),
    "fee": (a_paid_invoice(fee_amount=1), RefusalCode.NOT_FULLY_PAID),
    "service charge": (a_paid_invoice(ssg_amount=1), RefusalCode.SSG_NOT_PAID),
    "a cent too much": (an_invoice(paid=48801), RefusalCode.PAID_IN_EXCESS),
    "points": (
        an_invoice(loyalty_cap_amount=48799, transactions=(a_payment(tender=Tender.LOYALTY_POINTS),)),
        RefusalCode.LOYALTY_OVER_CAP,
    ),
    "tips": (an_invoice(transactions=(a_payment(tip=100),), employee_tips=(a_tip(99),)), RefusalCode.TIPS_UNASSIGNED),
    "pending": (
        an_invoice(transactions=(a_payment(name="a"), a_payment(1, name="b", state=TransactionState.PENDING))),
        RefusalCode.COULD_NOT_BE_CLOSED,
    ),
    "failed": (an_invoice(transactions=(a_payment(state=TransactionState.FAILED),)), RefusalCode.NOT_FULLY_PAID),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_refused_close_changes_nothing_and_takes_no_number(database: Database, why: str) -> None:
    invoice, code = REFUSED[why]
    await database.write(put, invoice)
    await database.write(endpoints.insert_one, an_endpoint())
    before = await database.read(snapshot)
    report = await database.write(_close, invoice)
    (answer,) = report.answers
    assert isinstance(answer, Refusal)
    assert answer.code is code
    assert answer.detail
    assert (report.deliveries, report.listeners) == ((), ())
    assert await database.read(snapshot) == before


async def test_an_unknown_closer_is_refused_by_name(database: Database) -> None:
    invoice = a_paid_invoice()
    await database.write(put, invoice)
    before = await database.read(snapshot)
    report = await database.write(_close, CloseCommand(invoice_id=invoice.id, closed_by_id=guid_of("nobody")))
    (answer,) = report.answers
    assert isinstance(answer, InvalidInput)
    assert answer.field == "closed_by_id"
    assert await database.read(snapshot) == before


@pytest.mark.parametrize(
    ("zone", "closes"),
    [("Pacific/Auckland", True), ("America/Los_Angeles", False), ("Pacific/Kiritimati", True), ("UTC", False)],
)
async def test_the_centres_zone_decides_what_is_future(database: Database, zone: str, *, closes: bool) -> None:
    """At noon UTC on the fifth it is already the sixth in Auckland."""
    tomorrow = an_appointment(start_time="2026-01-06T23:00:00")
    invoice = a_paid_invoice(centre=a_centre(time_zone=zone), appointments=(tomorrow,))
    await database.write(put, invoice)
    (answer,) = (await database.write(_close, invoice)).answers
    assert isinstance(answer, Closed) == closes
    if isinstance(answer, Refusal):
        assert answer.code is RefusalCode.FUTURE_APPOINTMENT


async def test_an_appointment_later_today_may_close(database: Database) -> None:
    invoice = a_paid_invoice(appointments=(an_appointment(start_time="2026-01-05T23:30:00"),))
    await database.write(put, invoice)
    (answer,) = (await database.write(_close, invoice)).answers
    assert isinstance(answer, Closed)


async def test_each_listening_endpoint_gets_one_delivery_held_ones_too(database: Database) -> None:
    here, there = a_centre("here"), a_centre("there")
    invoice = a_paid_invoice(centre=here)
    await database.write(put, invoice)
    await database.write(put_centre, there)
    for endpoint in (
        an_endpoint("all"),
        an_endpoint("off", state=EndpointState.DEACTIVATED),
        an_endpoint("here", center_ids=[here.id, there.id]),
        an_endpoint("there", center_ids=[there.id]),
        an_endpoint("other type", event_types=["Guest.Created"]),
        an_endpoint("gone", state=EndpointState.DELETED),
    ):
        await database.write(endpoints.insert_one, endpoint)
    report = await database.write(_close, invoice)
    told = {row.endpoint_id for row in await database.read(_rows, "deliveries")}
    assert told == {guid_of("endpoint all"), guid_of("endpoint off"), guid_of("endpoint here")}
    assert {made.endpoint_id for made in report.deliveries} == told
    assert len(report.deliveries) == 3


async def test_what_there_is_room_for_is_leased_and_the_rest_is_due_at_once(database: Database) -> None:
    first, second = a_paid_invoice("1"), a_paid_invoice("2")
    await database.write(put, first, second)
    await database.write(endpoints.insert_one, an_endpoint("on"))
    await database.write(endpoints.insert_one, an_endpoint("off", state=EndpointState.DEACTIVATED))
    until = NOON + timedelta(seconds=30)
    room = {guid_of("endpoint on"): 1, guid_of("endpoint off"): 5}
    offer = LeaseOffer(lease_id="lease", leased_until=until, room=room)
    report = await database.write(_close, first, second, offer=offer)
    rows = {row.id: row for row in await database.read(_rows, "deliveries")}
    leased = [made for made in report.deliveries if made.lease_id]
    assert [(made.endpoint_id, made.sequence) for made in leased] == [(guid_of("endpoint on"), 1)]
    assert (rows[leased[0].id].lease_id, rows[leased[0].id].due_at) == ("lease", until)
    waiting = [rows[made.id] for made in report.deliveries if not made.lease_id]
    assert [(row.lease_id, row.due_at) for row in waiting] == [(None, NOON)] * 3
    assert room == {guid_of("endpoint on"): 1, guid_of("endpoint off"): 5}


async def test_receipts_follow_the_clock_even_when_it_goes_back(database: Database) -> None:
    invoices = [a_paid_invoice(f"{number}") for number in range(3)]
    await database.write(put, *invoices)
    clock = FixedClock()
    for invoice, hour in zip(invoices, (12, 9, 13), strict=True):
        clock.set(datetime(2026, 1, 5, hour, tzinfo=UTC))
        await database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=clock, luck=LUCK)
    closed = [await database.read(read_invoice, invoice.id) for invoice in invoices]
    assert [(c.receipt_number, c.closed_at and c.closed_at.hour) for c in closed] == [("1", 12), ("2", 12), ("3", 13)]


async def test_a_delivery_waits_for_no_clock_that_was_ahead(database: Database) -> None:
    """What was told in the future is the feed's affair; what is due, and leased, goes by the clock of who closes."""
    await database.write(endpoints.insert_one, an_endpoint("on"))
    invoices = [a_paid_invoice(f"{number}") for number in range(3)]
    await database.write(put, *invoices)
    ahead, until = NOON + timedelta(hours=6), NOON + timedelta(seconds=30)
    await database.write(_close, invoices[0], clock=FixedClock(ahead))
    offer = LeaseOffer(lease_id="lease", leased_until=until, room={guid_of("endpoint on"): 1})
    report = await database.write(_close, *invoices[1:], clock=FixedClock(NOON), offer=offer)
    rows = {row.sequence: row for row in await database.read(_rows, "deliveries")}
    assert [rows[sequence].due_at for sequence in (1, 2, 3)] == [ahead, until, NOON]
    assert [rows[sequence].created_at for sequence in (1, 2, 3)] == [ahead] * 3
    assert [made.told_at for made in report.deliveries] == [ahead] * 2
    since = object_id_floor(int(ahead.timestamp()))
    assert all(row.id > since for row in rows.values()), "an id begins with the second its event was told in"


async def test_a_batch_over_several_centres_numbers_each(database: Database) -> None:
    one, two = a_centre("one", receipt_prefix="A"), a_centre("two", receipt_prefix="B")
    batch = [a_paid_invoice(f"{n}", centre=one if n % 2 else two) for n in range(4)]
    await database.write(put, *batch)
    report = await database.write(_close, *batch)
    assert [a.receipt_number for a in report.answers if not isinstance(a, ClosebellError)] == ["B1", "A1", "B2", "A2"]


async def test_an_empty_batch_is_no_work(database: Database) -> None:
    before = await database.read(snapshot)
    assert await database.write(_close) == CloseReport(answers=())
    assert await database.read(snapshot) == before
