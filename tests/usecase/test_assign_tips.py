"""Tips are assigned as a whole, to employees who exist, out of tenders that brought them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from closebell.domain.caller import Caller, Role
from closebell.domain.group import Group
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode, TooLarge
from closebell.store import groups
from closebell.store.unit import Database
from closebell.testing import NOON, a_line, a_payment, a_tip, an_employee, an_invoice, guid_of, put, snapshot
from closebell.usecase.assign_tips import TipAssignment, TipShare, assign_tips, share_tips, split_tips
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.read_tips import read_tips
from paying import what

CARD = a_payment(48800, name="card", tip=5000)
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))
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


def _share(percent: str, employee: str = "Ines") -> TipShare:
    return TipShare(employee_id=an_employee(employee), percent=Decimal(percent))


async def test_tips_are_divided_by_percents_and_by_price(database: Database) -> None:
    lines = [
        a_line("Massage", final=3000, sale_by_id=an_employee("Omar")),
        a_line("Facial", final=1000, sale_by_id=an_employee()),
    ]
    invoice = an_invoice("split", lines=lines, transactions=(CARD,), employee_tips=(a_tip(1, transaction="card"),))
    await database.write(put, invoice)
    shared = await database.write(share_tips, invoice.id, [_share("33.3333"), _share("66.6667", "Omar")])
    assert shared.employee_tips == (
        a_tip(1667, transaction="card"),
        a_tip(3333, employee="Omar", transaction="card"),
    )
    assert await database.read(read_invoice, invoice.id) == shared
    split = await database.write(split_tips, invoice.id)
    assert split.employee_tips == (a_tip(3750, employee="Omar", transaction="card"), a_tip(1250, transaction="card"))
    assert await database.read(read_invoice, invoice.id) == split


async def test_a_division_that_cannot_be_changes_nothing(database: Database) -> None:
    closed = an_invoice("closed", closed_at=NOON, receipt_number="9")
    cancelled = an_invoice("cancelled", cancelled_at=NOON)
    await database.write(put, INVOICE, closed, cancelled)
    before = await database.read(snapshot)
    cases: list[tuple[str, list[TipShare], object]] = [
        (INVOICE.id, [_share("50"), _share("50", "nobody")], "employee_tips[1].employee_id"),
        (INVOICE.id, [TipShare(employee_id="x", percent=Decimal(100))], "employee_tips[0].employee_id"),
        (INVOICE.id, [_share("99")], "employee_tips"),
        (INVOICE.id, [_share("0")] * 1001, TooLarge),
        (guid_of("nothing"), [_share("100")], RefusalCode.INVOICE_NOT_FOUND),
        (closed.id, [_share("100")], Conflict),
        (cancelled.id, [_share("100")], Conflict),
    ]
    for invoice_id, shares, expected in cases:
        with pytest.raises(ClosebellError) as refused:
            await database.write(share_tips, invoice_id, shares)
        assert what(refused.value) == expected
    for invoice_id in (closed.id, INVOICE.id):  # closed, and one whose service nobody is known to have given
        with pytest.raises(Conflict):
            await database.write(split_tips, invoice_id)
    with pytest.raises(Refusal) as denied:
        await database.write(split_tips, INVOICE.id, caller=ELSEWHERE)
    assert denied.value.code is RefusalCode.CANNOT_ACCESS
    assert await database.read(snapshot) == before


async def test_tips_are_read_of_an_invoice_or_a_group(database: Database) -> None:
    group = guid_of("group")
    first = an_invoice("first", group_invoice_id=group, transactions=(CARD,), employee_tips=(a_tip(5000),))
    second = an_invoice("second", group_invoice_id=group)
    await database.write(put, INVOICE, first, second)
    (alone,) = await database.read(read_tips, INVOICE.id)
    assert alone.employee_tips == INVOICE.employee_tips
    members = await database.read(read_tips, group)
    assert {one.id: one.employee_tips for one in members} == {first.id: (a_tip(5000),), second.id: ()}
    empty = Group(id=guid_of("empty"), center_id=INVOICE.centre.id)
    await database.write(groups.insert_missing, empty, now=NOON)
    assert await database.read(read_tips, empty.id) == ()
    for invoice_id, code in [
        (guid_of("nothing"), RefusalCode.INVOICE_NOT_FOUND),
        (INVOICE.id, RefusalCode.CANNOT_ACCESS),
        (group, RefusalCode.CANNOT_ACCESS),
    ]:
        with pytest.raises(Refusal) as refused:
            await database.read(read_tips, invoice_id, caller=ELSEWHERE)
        assert refused.value.code is code
