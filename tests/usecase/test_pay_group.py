"""A group is paid: every member gets a payment of its own, exactly, or nobody gets one."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.invoice import Tender, Transaction
from closebell.errors import ClosebellError, Conflict, InvalidInput, NotFound, Refusal, RefusalCode
from closebell.store import tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_employee,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.group_invoice import find
from closebell.usecase.pay_group import GroupPaymentCommand, pay_group
from closebell.usecase.record_tender import PAYMENTS_MAX, Paid
from closebell.usecase.remove_group_payment import remove_group_payment

GROUP = guid_of("group")
CUSTOM = guid_of("bank transfer")
CLOCK, LUCK = FixedClock(), SeededLuck()
ONE = an_invoice("1", total=10000, ssg_amount=500, group_invoice_id=GROUP)
TWO = an_invoice("2", total=4500, group_invoice_id=GROUP)
DONE = a_paid_invoice("done", group_invoice_id=GROUP, closed_at=NOON)
CALLED_OFF = an_invoice("called off", group_invoice_id=GROUP, cancelled_at=NOON)
STRANGER = Caller(id=guid_of("stranger"), role=Role.CASHIER, center_ids=frozenset({a_centre("Elsewhere").id}))


async def pay(database: Database, amount: str, **fields: Any) -> list[Paid]:
    command = GroupPaymentCommand(group_invoice_id=GROUP, amount=Decimal(amount), **fields)
    return await database.write(pay_group, command, clock=CLOCK, luck=LUCK)


def events(connection: Connection) -> list[Any]:
    return [
        json.loads(row.body) for row in connection.execute(select(tables.events).order_by(tables.events.c.sequence))
    ]


async def test_a_custom_payment_of_everything_is_divided_and_told(database: Database) -> None:
    await database.write(put, ONE, TWO, DONE, CALLED_OFF, employees=[an_employee()])
    paid = await pay(
        database,
        "165.00",
        tip_amount=Decimal(15),
        custom_payment_id=CUSTOM.upper(),
        collected_by_id=an_employee(),
        additional_data="table 4",
        cash_register_id=guid_of("till"),
    )
    by_invoice = {one.invoice.id: one.transaction for one in paid}
    assert by_invoice.keys() == {ONE.id, TWO.id}
    assert [one.invoice.id for one in paid] == sorted(by_invoice)
    first, second = by_invoice[ONE.id], by_invoice[TWO.id]
    assert (first.amount_paid, first.ssg_amount, first.tip_amount) == (10000, 500, 1050)
    assert (second.amount_paid, second.ssg_amount, second.tip_amount) == (4500, 0, 450)
    for one in (first, second):
        assert (one.tender, one.option_id, one.payment_name) == (Tender.CUSTOM, CUSTOM, "Custom payment")
        assert (one.collected_by_id, one.additional_data) == (an_employee(), "table 4")
        assert one.cash_register_id == guid_of("till")
    stored = {one.id: one for one in (await database.read(find, GROUP, OPERATOR)).members}
    assert stored[ONE.id] == replace(ONE, transactions=(first,))
    assert (stored[DONE.id], stored[CALLED_OFF.id]) == (DONE, CALLED_OFF)
    told = await database.read(events)
    assert [event["event_type"] for event in told] == ["Invoice.Payments.Added"] * 2
    assert [event["data"]["invoice_id"] for event in told] == sorted([ONE.id, TWO.id])
    assert {t["transaction_id"] for event in told for t in event["data"]["transactions"]} == {first.id, second.id}


async def test_cash_in_two_parts_pays_to_the_cent(database: Database) -> None:
    await database.write(put, ONE, TWO)
    parts = [*await pay(database, "0.01"), *await pay(database, "50.00"), *await pay(database, "99.99")]
    assert {one.transaction.tender for one in parts} == {Tender.CASH}
    members = (await database.read(find, GROUP, OPERATOR)).members
    for one in members:
        assert sum(t.amount_paid for t in one.settled) == one.sum_total
        assert sum(t.ssg_amount for t in one.settled) == one.ssg_amount


async def test_a_tip_alone_can_follow(database: Database) -> None:
    await database.write(
        put, *(replace(one, ssg_amount=0, transactions=(a_payment(one.sum_total),)) for one in (ONE, TWO))
    )
    paid = await pay(database, "14.50", tip_amount=Decimal("14.50"))
    assert {one.invoice.id: one.transaction.tip_amount for one in paid} == {ONE.id: 1000, TWO.id: 450}


async def test_a_share_can_be_removed(database: Database) -> None:
    await database.write(put, ONE, TWO)
    first, second = await pay(database, "150.00")
    left = await database.write(
        remove_group_payment, GROUP, first.transaction.id, clock=CLOCK, luck=LUCK, caller=OPERATOR
    )
    assert (left.id, left.transactions) == (first.invoice.id, ())
    members = {one.id: one for one in (await database.read(find, GROUP, OPERATOR)).members}
    assert members[second.invoice.id].transactions == (second.transaction,)
    assert (await database.read(events))[-1]["event_type"] == "Invoice.Payments.Deleted"


async def test_a_tip_goes_with_the_share_it_came_with(database: Database) -> None:
    tipped = replace(ONE, transactions=(a_payment(5, tip=7),), employee_tips=(a_tip(7, transaction="payment"),))
    await database.write(put, tipped, TWO)
    left = await database.write(remove_group_payment, GROUP, guid_of("transaction payment"), clock=CLOCK, luck=LUCK)
    assert (left.transactions, left.employee_tips) == ((), ())


async def refused(database: Database, amount: str, kind: type[ClosebellError], said: str, **fields: Any) -> None:
    before = await database.read(snapshot)
    with pytest.raises(kind, match=said):
        await pay(database, amount, **fields)
    assert await database.read(snapshot) == before


async def test_refusals_change_nothing(database: Database) -> None:
    await refused(database, "1", NotFound, "No group invoice")
    await database.write(put, ONE, TWO, DONE)
    nobody = guid_of("nobody")
    await refused(
        database, "150.01", Refusal, r"in excess\. 150\.01 USD is paid for 150\.00 USD .* 0\.01 USD is too much"
    )
    await refused(database, "1", Refusal, "cannot access", caller=STRANGER)
    await refused(database, "0", InvalidInput, "amount: 0.00 USD pays nothing")
    await refused(database, "0.001", InvalidInput, "amount: .* more decimals")
    await refused(database, "1", InvalidInput, "tip_amount: ", tip_amount=Decimal(2))
    await refused(database, "1", InvalidInput, "collected_by_id: .* is not an employee", collected_by_id=nobody)
    await refused(database, "1", InvalidInput, "custom_payment_id: 'x' is not a GUID", custom_payment_id="x")
    await refused(database, "1", InvalidInput, "cash_register_id: 'x' is not a GUID", cash_register_id="x")
    await refused(database, "1", InvalidInput, "additional_data: has 4001", additional_data="x" * 4001)


async def test_a_paid_group_takes_no_more(database: Database) -> None:
    await database.write(put, replace(TWO, transactions=(a_payment(4500),)))
    await refused(database, "1", Refusal, RefusalCode.ALREADY_PAID.message)


async def test_a_closed_group_takes_nothing(database: Database) -> None:
    await database.write(put, DONE, CALLED_OFF)
    await refused(database, "1", Refusal, RefusalCode.PAYMENT_ON_CLOSED.message)


async def test_a_member_that_is_full_of_payments_refuses_for_all(database: Database) -> None:
    many: tuple[Transaction, ...] = tuple(a_payment(0, name=f"{n}") for n in range(PAYMENTS_MAX))
    await database.write(put, ONE, replace(TWO, transactions=many))
    await refused(database, "1", Conflict, f"has {PAYMENTS_MAX} payments")


async def test_no_amount_is_divided_over_two_currencies(database: Database) -> None:
    yen = an_invoice("yen", total=1000, centre=a_centre("Ginza", currency="JPY"), group_invoice_id=GROUP)
    await database.write(put, ONE, yen)
    await refused(database, "1", Conflict, "is in JPY and USD; take the invoices of one currency out of it")


async def test_what_cannot_be_removed_is_said(database: Database) -> None:
    shared, held = a_payment(100, name="shared"), replace(a_payment(100, name="held"), processor="test")
    done = a_payment(48800, name="done")
    await database.write(
        put,
        replace(ONE, transactions=(shared, held)),
        replace(TWO, transactions=(shared,)),
        replace(DONE, transactions=(done,)),
    )
    before = await database.read(snapshot)
    for group, name, kind, said in [
        (GROUP, "nothing", NotFound, "has no payment"),
        (guid_of("other"), "shared", NotFound, "No group invoice"),
        (GROUP, "shared", Conflict, r"2 invoices have it; use DELETE /v1/invoices/"),
        (GROUP, "held", Conflict, "processor test holds it"),
        (GROUP, "done", Conflict, "closed"),
    ]:
        with pytest.raises(kind, match=said):
            await database.write(remove_group_payment, group, guid_of(f"transaction {name}"), clock=CLOCK, luck=LUCK)
    with pytest.raises(Refusal):
        await database.write(remove_group_payment, GROUP, shared.id, caller=STRANGER, clock=CLOCK, luck=LUCK)
    assert await database.read(snapshot) == before
