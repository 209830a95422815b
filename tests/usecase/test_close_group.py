"""A group closes as one: every member, each with its receipt and its event, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.invoice import Invoice, TransactionState
from closebell.errors import Conflict, InvalidInput, NotFound, Refusal, RefusalCode
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_payment,
    an_appointment,
    an_employee,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.close_group import CloseGroupCommand, close_group
from closebell.usecase.close_invoices import CloseCommand, Closed, CloseReport, close_invoices
from closebell.usecase.group_invoice import find
from closebell.usecase.leave_group import leave_group

GROUP = guid_of("group")
CLOCK, LUCK = FixedClock(), SeededLuck()
ONE, TWO = sorted(
    (a_paid_invoice(name, total=100, group_invoice_id=GROUP) for name in ("1", "2")),
    key=lambda one: one.id,
)
STRANGER = Caller(id=guid_of("stranger"), role=Role.CASHIER, center_ids=frozenset({a_centre("Elsewhere").id}))


async def close(database: Database, **fields: Any) -> CloseReport:
    command = CloseGroupCommand(**{"group_invoice_id": GROUP, **fields})
    return await database.write(close_group, command, clock=CLOCK, luck=LUCK)


def numbers(report: CloseReport) -> dict[str, str]:
    return {one.invoice_id: one.receipt_number for one in report.answers if isinstance(one, Closed)}


def events(connection: Connection) -> list[Any]:
    return [
        json.loads(row.body) for row in connection.execute(select(tables.events).order_by(tables.events.c.sequence))
    ]


async def test_all_members_close_in_the_order_of_their_ids(database: Database) -> None:
    await database.write(put, TWO, ONE, employees=[an_employee()], first_receipt_number=7)
    await database.write(endpoints.insert_one, an_endpoint())
    report = await close(database, closed_by_id=an_employee())
    assert numbers(report) == {ONE.id: "7", TWO.id: "8"}
    assert [one.again for one in report.answers if isinstance(one, Closed)] == [False, False]
    assert len(report.deliveries) == 2
    members = (await database.read(find, GROUP, OPERATOR)).members
    assert [(one.receipt_number, one.closed_by_id, one.is_closed) for one in members] == [
        ("7", an_employee(), True),
        ("8", an_employee(), True),
    ]
    told = await database.read(events)
    assert [event["event_type"] for event in told] == ["Invoice.Closed"] * 2
    assert [event["data"]["invoice"]["id"] for event in told] == [ONE.id, TWO.id]
    assert {event["data"]["invoice"]["group_invoice_id"] for event in told} == {GROUP}


async def test_a_second_close_answers_the_same_and_tells_nobody(database: Database) -> None:
    await database.write(put, ONE, TWO)
    first = await close(database)
    before = await database.read(snapshot)
    again = await close(database)
    assert numbers(again) == numbers(first)
    assert [one.again for one in again.answers if isinstance(one, Closed)] == [True, True]
    assert await database.read(snapshot) == before


async def test_a_member_that_came_later_closes_later(database: Database) -> None:
    await database.write(put, ONE)
    first = await close(database)
    await database.write(put, TWO)
    assert numbers(await close(database)) == {**numbers(first), TWO.id: "2"}


async def test_a_member_is_still_refused_by_itself(database: Database) -> None:
    await database.write(put, ONE, TWO)
    for _ in range(2):
        alone = await database.write(close_invoices, [CloseCommand(invoice_id=ONE.id)], clock=CLOCK, luck=LUCK)
        (answer,) = alone.answers
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.GROUP_INVOICE
        await close(database)


BROKEN: list[tuple[dict[str, Any], RefusalCode]] = [
    ({"cancelled_at": NOON}, RefusalCode.COULD_NOT_BE_CLOSED),
    ({"appointments": (an_appointment(start_time="2026-02-01T10:00:00"),)}, RefusalCode.FUTURE_APPOINTMENT),
    ({"transactions": ()}, RefusalCode.NOT_FULLY_PAID),
    ({"fee_amount": 1}, RefusalCode.NOT_FULLY_PAID),
    ({"ssg_amount": 1}, RefusalCode.SSG_NOT_PAID),
    ({"transactions": (a_payment(99_999),)}, RefusalCode.PAID_IN_EXCESS),
    ({"transactions": (a_payment(100, tip=1),)}, RefusalCode.TIPS_UNASSIGNED),
    (
        {"transactions": (a_payment(100), a_payment(1, name="late", state=TransactionState.PENDING))},
        RefusalCode.COULD_NOT_BE_CLOSED,
    ),
]


@pytest.mark.parametrize(("fields", "code"), BROKEN, ids=[f"{code.name} {fields.keys()}" for fields, code in BROKEN])
async def test_one_that_breaks_a_rule_keeps_all_open(
    database: Database, fields: dict[str, Any], code: RefusalCode
) -> None:
    await database.write(put, ONE, replace(TWO, **fields))
    before = await database.read(snapshot)
    with pytest.raises(Refusal) as refused:
        await close(database)
    assert refused.value.code is code
    assert refused.value.detail.startswith(f"Invoice {TWO.id}: ")
    assert await database.read(snapshot) == before


async def test_the_first_member_by_id_is_the_one_that_is_named(database: Database) -> None:
    late = an_appointment(start_time="2026-02-01T10:00:00")
    await database.write(put, replace(TWO, appointments=(late,)), replace(ONE, transactions=()))
    with pytest.raises(Refusal, match=f"Invoice {ONE.id}: 0.00 of") as refused:
        await close(database)
    assert refused.value.code is RefusalCode.NOT_FULLY_PAID


async def test_other_refusals_change_nothing(database: Database) -> None:
    there = a_paid_invoice("3", centre=a_centre("Elsewhere"), group_invoice_id=guid_of("mixed"))
    here: Invoice = a_paid_invoice("4", group_invoice_id=guid_of("mixed"))
    await database.write(put, ONE, TWO, there, here)
    before = await database.read(snapshot)
    with pytest.raises(NotFound):
        await close(database, group_invoice_id=guid_of("nothing"))
    with pytest.raises(InvalidInput, match=r"closed_by_id: .* is not an employee"):
        await close(database, closed_by_id=guid_of("nobody"))
    for group in (GROUP, guid_of("mixed")):
        with pytest.raises(Refusal) as denied:
            await close(database, group_invoice_id=group, caller=STRANGER)
        assert denied.value.code is RefusalCode.CANNOT_ACCESS
    assert await database.read(snapshot) == before


async def test_an_empty_group_has_nothing_to_close(database: Database) -> None:
    await database.write(put, ONE)
    await database.write(leave_group, GROUP, ONE.id, clock=CLOCK)
    with pytest.raises(Conflict, match="has no invoices"):
        await close(database)
    assert not (await database.read(find, GROUP, OPERATOR)).members


async def test_a_member_that_owes_nothing_closes(database: Database) -> None:
    await database.write(put, an_invoice("free", total=0, group_invoice_id=GROUP), ONE)
    assert len(numbers(await close(database))) == 2
