"""A closed invoice is refunded by an invoice of its own; the original stays as it is, and a refusal changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Tender
from closebell.domain.refund import Wish
from closebell.domain.refund_lines import ItemWish
from closebell.domain.refund_tenders import PaymentWish
from closebell.errors import ClosebellError, Conflict, InvalidInput, NotFound, Refusal, RefusalCode
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_line,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_employee,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.cancel_invoice import cancel_invoice
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.refund_invoice import RefundCommand, Refunded, refund_invoice
from closebell.usecase.remove_payment import remove_payment

CLOCK, LUCK = FixedClock(), SeededLuck()
STRANGER = Caller(id=guid_of("stranger"), role=Role.CASHIER, center_ids=frozenset({a_centre("Elsewhere").id}))
SOLD = an_invoice(
    "sold",
    lines=(a_line("Massage", final=12000), a_line("Oil", final=5505, tax=505)),
    transactions=(
        a_payment(12000, name="cash", tender=Tender.CASH, tip=1000),
        a_payment(5505, name="card", tender=Tender.CARD),
    ),
    employee_tips=(a_tip(1000, transaction="cash"),),
    closed_at=NOON,
    receipt_number="R9",
)
OIL = Wish(items=(ItemWish(invoice_item_id=guid_of("line Oil")),))
CARD_BACK = PaymentWish(transaction_id=guid_of("transaction card"), amount=Decimal("55.05"))


async def refund(database: Database, **fields: Any) -> Refunded:
    command = RefundCommand(**{"invoice_id": SOLD.id, "wish": Wish(), **fields})
    return await database.write(refund_invoice, command, clock=CLOCK, luck=LUCK)


def events(connection: Connection) -> list[Any]:
    rows = connection.execute(select(tables.events).order_by(tables.events.c.sequence))
    return [json.loads(row.body, parse_float=Decimal) for row in rows]


async def test_a_refund_is_an_open_invoice_of_its_own(database: Database) -> None:
    await database.write(put, SOLD, employees=[an_employee("Omar")])
    made = await refund(database, comments="unhappy", created_by_id=an_employee("Omar"))
    stored = await database.read(read_invoice, made.refund.id)
    assert stored == made.refund
    assert (stored.is_refund, stored.refund_of_id, stored.is_closed) == (True, SOLD.id, False)
    assert (stored.invoice_number, stored.invoice_number_prefix, stored.sum_total) == ("1", "I", -17505)
    assert (stored.notes, stored.created_by_id) == ("unhappy", an_employee("Omar"))
    assert await database.read(read_invoice, SOLD.id) == made.original == SOLD
    (told,) = await database.read(events)
    assert (told["event_type"], told["data"]["invoice_id"]) == ("Invoice.Payments.Added", stored.id)
    assert [t["total_amount_paid"] for t in told["data"]["transactions"]] == [-130, Decimal("-55.05")]


async def test_it_closes_as_any_invoice_does(database: Database) -> None:
    await database.write(put, SOLD)
    made = await refund(database)
    report = await database.write(close_invoices, [CloseCommand(invoice_id=made.refund.id)], clock=CLOCK, luck=LUCK)
    (answer,) = report.answers
    assert isinstance(answer, Closed)
    assert answer.receipt_number == "1"


async def test_it_can_be_closed_as_it_is_made_and_is_told_once(database: Database) -> None:
    await database.write(put, SOLD, employees=[an_employee("Omar")], first_receipt_number=40)
    await database.write(endpoints.insert_one, an_endpoint())
    made = await refund(database, closes=True, created_by_id=an_employee("Omar"))
    stored = await database.read(read_invoice, made.refund.id)
    assert stored == made.refund
    assert (stored.receipt_number, stored.closed_by_id, stored.close_sequence) == ("40", an_employee("Omar"), 1)
    assert made.report is not None
    assert len(made.report.deliveries) == 1
    (told,) = await database.read(events)
    shown = told["data"]["invoice"]
    assert told["event_type"] == "Invoice.Closed"
    assert (shown["is_refund"], shown["is_closed"], shown["group_invoice_id"]) == (True, True, None)
    assert (shown["total_price"]["net_price"], shown["total_price"]["tax"]) == (-170, Decimal("-5.05"))
    assert shown["total_price"]["sum_total"] == Decimal("-175.05")
    assert [line["price"]["final"] for line in shown["invoice_items"]] == [-120, Decimal("-55.05")]
    assert [line["quantity"] for line in shown["invoice_items"]] == [-1, -1]
    assert [(t["amount_paid"], t["tip_amount"]) for t in shown["transactions"]] == [(-120, -10), (Decimal("-55.05"), 0)]
    assert {"key": "refund_of", "value": SOLD.id} in shown["additional_fields"]


async def test_a_closed_refund_is_immutable(database: Database) -> None:
    await database.write(put, SOLD)
    made = await refund(database, closes=True)
    before = await database.read(snapshot)
    for statement in (
        "UPDATE invoices SET notes = 'x' WHERE id = :id",
        "UPDATE transactions SET amount_paid = 0 WHERE invoice_id = :id",
        "DELETE FROM invoice_lines WHERE invoice_id = :id",
        "DELETE FROM employee_tips WHERE invoice_id = :id",
    ):
        with pytest.raises(IntegrityError, match="closebell: "):
            await database.write(lambda c, said: c.execute(text(said), {"id": made.refund.id}), statement)
    with pytest.raises(Conflict, match="closed, receipt"):
        await database.write(remove_payment, made.refund.id, made.refund.transactions[0].id, clock=CLOCK, luck=LUCK)
    with pytest.raises(Conflict, match="is a refund"):
        await refund(database, invoice_id=made.refund.id)
    assert await database.read(snapshot) == before


async def test_parts_come_back_one_after_the_other(database: Database) -> None:
    await database.write(put, SOLD)
    await refund(database, wish=OIL, closes=True)
    rest = await refund(database)
    assert (rest.refund.sum_total, len(rest.refund.lines)) == (-12000, 1)
    assert sum(t.total_amount_paid for t in rest.refund.transactions) == -13000
    with pytest.raises(Conflict, match="nothing of it is left"):
        await refund(database)


async def test_a_refund_that_was_called_off_leaves_everything_to_be_given_back(database: Database) -> None:
    await database.write(put, SOLD)
    made = await refund(database)
    with pytest.raises(Refusal, match="Remove first"):
        await database.write(cancel_invoice, made.refund.id, clock=CLOCK)
    for tender in made.refund.transactions:
        await database.write(remove_payment, made.refund.id, tender.id, clock=CLOCK, luck=LUCK)
    await database.write(cancel_invoice, made.refund.id, "wrong guest", clock=CLOCK)
    again = await refund(database, closes=True)
    assert (again.refund.sum_total, again.refund.invoice_number) == (-17505, "2")


async def test_a_member_of_a_closed_group_can_be_refunded(database: Database) -> None:
    member = a_paid_invoice("1", group_invoice_id=guid_of("group"), closed_at=NOON)
    await database.write(put, member)
    assert (await refund(database, invoice_id=member.id, closes=True)).refund.group_invoice_id is None


async def test_the_employee_who_asks_makes_it_unless_another_is_said(database: Database) -> None:
    await database.write(put, SOLD, employees=[an_employee("Omar")])
    till = Caller(id=guid_of("till"), role=Role.CASHIER, employee_id=an_employee("Omar"))
    made = await refund(database, wish=OIL, caller=till, closes=True)
    assert made.refund.created_by_id == made.refund.closed_by_id == an_employee("Omar")
    assert [tender.collected_by_id for tender in made.refund.transactions] == [an_employee("Omar")]


async def test_tips_that_nobody_got_keep_it_from_closing(database: Database) -> None:
    await database.write(put, replace(SOLD, employee_tips=()))
    before = await database.read(snapshot)
    with pytest.raises(Refusal) as refused:
        await refund(database, closes=True)
    assert refused.value.code is RefusalCode.TIPS_UNASSIGNED
    assert await database.read(snapshot) == before
    assert (await refund(database)).refund.employee_tips == ()


REFUSED: list[tuple[dict[str, Any], type[ClosebellError], str]] = [
    ({"invoice_id": guid_of("nobody")}, Refusal, "Invoice not found"),
    ({"invoice_id": guid_of("invoice open")}, Conflict, "is not closed"),
    ({"caller": STRANGER}, Refusal, "cannot access"),
    ({"comments": "x" * 4001}, InvalidInput, "comments: has 4001"),
    ({"created_by_id": guid_of("nobody")}, InvalidInput, "created_by_id: "),
    ({"wish": Wish(items=(ItemWish(invoice_item_id=guid_of("line X")),))}, Refusal, "Invoice item not found"),
    ({"wish": replace(OIL, payments=(CARD_BACK,) * 2)}, InvalidInput, "is also"),
    ({"wish": replace(OIL, payments=(replace(CARD_BACK, amount=Decimal(55)),))}, InvalidInput, "0.05 apart"),
    ({"wish": replace(OIL, payments=(replace(CARD_BACK, amount=Decimal("55.06")),))}, Conflict, "0.01 too much"),
    ({"wish": replace(OIL, payments=(replace(CARD_BACK, transaction_id=guid_of("x")),))}, NotFound, "no settled"),
]


async def test_refusals_change_nothing(database: Database) -> None:
    await database.write(put, SOLD, a_paid_invoice("open"))
    before = await database.read(snapshot)
    for fields, kind, said in REFUSED:
        with pytest.raises(kind, match=said):
            await refund(database, **fields)
    assert await database.read(snapshot) == before
