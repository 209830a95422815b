"""Tips are assigned as a whole, to employees who exist, out of tenders that brought them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, TooLarge
from closebell.store.unit import Database
from closebell.testing import NOON, a_payment, a_tip, an_employee, an_invoice, guid_of, put, snapshot
from closebell.usecase.assign_tips import TipAssignment, assign_tips
from closebell.usecase.read_invoice import read_invoice

CARD = a_payment(48800, name="card", tip=5000)
INVOICE = an_invoice(transactions=(CARD,), employee_tips=(a_tip(1, transaction="card"),))


def _tip(amount: str, employee: str = "Ines", transaction: str | None = None) -> TipAssignment:
    return TipAssignment(employee_id=an_employee(employee), amount=Decimal(amount), transaction_id=transaction)


async def test_all_former_assignments_are_replaced_and_the_only_tender_is_named(database: Database) -> None:
    await database.write(put, INVOICE, employees=[an_employee("Omar")])
    after = await database.write(assign_tips, INVOICE.id, [_tip("30"), _tip("20.00", "Omar", CARD.id.upper())])
    assert after.employee_tips == (
        a_tip(3000, transaction="card"),
        a_tip(2000, employee="Omar", transaction="card"),
    )
    assert await database.read(read_invoice, INVOICE.id) == after
    assert (await database.write(assign_tips, INVOICE.id, [])).employee_tips == ()


@pytest.mark.parametrize(
    ("tips", "field"),
    [
        ([_tip("1"), _tip("1", "nobody")], "employee_tips[1].employee_id"),
        ([_tip("1"), _tip("-1")], "employee_tips[1].amount"),
        ([_tip("1.001")], "employee_tips[0].amount"),
        ([_tip("1", transaction=guid_of("other"))], "employee_tips[0].transaction_id"),
        ([_tip("1", transaction="card")], "employee_tips[0].transaction_id"),
        ([_tip("50"), _tip("0.01")], "employee_tips"),
    ],
)
async def test_a_wrong_assignment_is_named_and_changes_nothing(
    database: Database, tips: list[TipAssignment], field: str
) -> None:
    await database.write(put, INVOICE)
    before = await database.read(snapshot)
    with pytest.raises(InvalidInput) as refused:
        await database.write(assign_tips, INVOICE.id, tips)
    assert refused.value.field == field
    assert await database.read(snapshot) == before


async def test_invoices_that_take_no_tips(database: Database) -> None:
    closed = an_invoice("closed", closed_at=NOON, receipt_number="9")
    await database.write(put, INVOICE, closed)
    kinds: list[tuple[str, list[TipAssignment], type[ClosebellError]]] = [
        (guid_of("nothing"), [], Refusal),
        (closed.id, [], Conflict),
        (INVOICE.id, [_tip("0")] * 1001, TooLarge),
    ]
    for invoice_id, tips, kind in kinds:
        with pytest.raises(kind):
            await database.write(assign_tips, invoice_id, tips)


async def test_a_refund_takes_tips_back_and_no_more_than_were_tipped(database: Database) -> None:
    refund = an_invoice("refund", total=-5000, is_refund=True, transactions=(a_payment(-5000, name="back", tip=-500),))
    await database.write(put, refund, employees=[an_employee()])
    for wrong, field in ((_tip("5"), "employee_tips[0].amount"), (_tip("-5.01"), "employee_tips")):
        with pytest.raises(InvalidInput) as refused:
            await database.write(assign_tips, refund.id, [wrong])
        assert refused.value.field == field
    after = await database.write(assign_tips, refund.id, [_tip("-5")])
    assert after.employee_tips == (a_tip(-500, transaction="back"),)
