"""However an invoice is given back in parts: the parts sum to it exactly, and never to more."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from closebell.domain import closing
from closebell.domain.invoice import EmployeeTip, Invoice, Line, Transaction
from closebell.domain.money import split
from closebell.domain.refund import Wish, refund_of
from closebell.domain.refund_lines import ItemWish
from closebell.domain.refund_tenders import Paper
from closebell.errors import Conflict
from closebell.testing import NOON, a_centre, a_line, a_payment, an_employee, an_invoice, guid_of

IDS = itertools.count(1)
AMOUNTS = st.integers(0, 100_000)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Line, ...]:
    made = []
    for index in range(draw(st.integers(1, 4))):
        sales, tax = draw(AMOUNTS), draw(st.integers(0, 2_000))
        made.append(
            replace(
                a_line(f"{index}", final=sales + tax, tax=tax),
                type=draw(st.sampled_from([0, 2])),
                quantity=draw(st.sampled_from([Decimal(1), Decimal(3), Decimal(7), Decimal("2.5")])),
                discount=draw(st.integers(0, 500)),
            )
        )
    return tuple(made)


@st.composite
def closed_invoices(draw: st.DrawFn) -> Invoice:
    """A closed invoice that kept every rule, paid with several tenders and tipped."""
    sold = draw(lines())
    exact = sum(line.final for line in sold)
    unit = draw(st.sampled_from([1, 5]))
    rounding = (exact + unit // 2) // unit * unit - exact
    total, ssg, fee = exact + rounding, draw(st.integers(0, 180)) * unit, draw(st.integers(0, 60)) * unit
    count = draw(st.integers(1, 3))
    weights = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    columns = [split(whole, weights) for whole in (total, ssg, fee)]
    tips = draw(st.lists(st.integers(0, 700), min_size=count, max_size=count))
    paid = tuple(
        a_payment(columns[0][n], name=f"{n}", ssg=columns[1][n], fee=columns[2][n], tip=tips[n]) for n in range(count)
    )
    return an_invoice(
        centre=replace(a_centre(), rounding_unit=unit),
        lines=sold,
        rounding_adjustment=rounding,
        sum_total=total,
        ssg_amount=ssg,
        fee_amount=fee,
        transactions=paid,
        employee_tips=tuple(tip for one in paid for tip in _tips(one, draw)),
        closed_at=NOON,
        receipt_number="R1",
    )


def _tips(paid: Transaction, draw: st.DrawFn) -> list[EmployeeTip]:
    if not paid.tip_amount:
        return []
    named = paid.id if draw(st.booleans()) else None
    parts = split(paid.tip_amount, [2, 1])
    return [
        EmployeeTip(employee_id=an_employee(name), amount=part, transaction_id=named)
        for name, part in zip(("Ines", "Omar"), parts, strict=True)
    ]


def _refund(original: Invoice, earlier: list[Invoice], wish: Wish) -> Invoice:
    paper = Paper(id=guid_of(f"refund {next(IDS)}"), made_at="2026-01-06T10:00:00")
    return refund_of(original, earlier, wish, paper, new_id=lambda: guid_of(f"row {next(IDS)}"))


def _wishes(draw: Any, original: Invoice) -> Wish:
    chosen = draw(st.lists(st.sampled_from(original.lines), min_size=1, max_size=3, unique_by=lambda line: line.id))
    items = []
    for line in chosen:
        quantity, amount = None, None
        match draw(st.sampled_from(["all", "quantity", "amount", "both"])):
            case "quantity":
                quantity = line.quantity * draw(st.sampled_from([Decimal("0.2"), Decimal("0.5"), Decimal(1)]))
            case "amount":
                amount = Decimal(draw(st.integers(1, max(line.final, 1)))) / 100
            case "both":
                quantity = line.quantity * draw(st.sampled_from([Decimal("0.2"), Decimal("0.5")]))
                amount = Decimal(draw(st.integers(0, line.final))) / 100
            case _:
                pass
        items.append(ItemWish(invoice_item_id=line.id, quantity=quantity, amount=amount))
    return Wish(items=tuple(items), tips=draw(st.booleans()))


def _sums(invoice: Invoice) -> dict[str, Any]:
    return {
        "net": invoice.net_price,
        "tax": invoice.tax,
        "rounding": invoice.rounding_adjustment,
        "total": invoice.sum_total,
        "ssg": invoice.ssg_amount,
        "fee": invoice.fee_amount,
    }


def _never_too_much(original: Invoice, refunds: list[Invoice]) -> None:
    for tender in original.transactions:
        back = [row for one in refunds for row in one.transactions if row.refund_of_id == tender.id]
        without_tip = sum(row.total_amount_paid - row.tip_amount for row in back)
        assert -without_tip <= tender.total_amount_paid - tender.tip_amount
        assert -sum(row.tip_amount for row in back) <= tender.tip_amount
    for line in original.lines:
        gone = [row for one in refunds for row in one.lines if row.refund_of_id == line.id]
        assert -sum(row.final for row in gone) <= line.final
        assert -sum((row.quantity for row in gone), Decimal(0)) <= line.quantity


def _is_sound(refund: Invoice) -> None:
    assert refund.sum_total <= 0
    assert refund.sum_total == refund.net_price + refund.tax + refund.rounding_adjustment
    assert closing.check(refund, today=date(2026, 1, 6)) == ()
    for row in refund.lines:
        assert row.final == row.sales + row.tax
        assert max(row.sales, row.tax, row.final, row.discount) <= 0
        assert row.quantity <= 0
    for tender in refund.transactions:
        assert max(tender.amount_paid, tender.tip_amount, tender.ssg_amount, tender.fee_amount) <= 0
    for amount in (refund.sum_total, refund.ssg_amount, refund.fee_amount):
        assert amount % refund.centre.rounding_unit == 0


@settings(max_examples=150, deadline=None)
@given(original=closed_invoices(), data=st.data())
def test_partial_refunds_sum_to_the_original_and_never_to_more(original: Invoice, data: st.DataObject) -> None:
    refunds: list[Invoice] = []
    for _ in range(data.draw(st.integers(0, 4))):
        try:
            refunds.append(_refund(original, refunds, _wishes(data.draw, original)))
        except Conflict:
            continue  # it asked for more than was left
        _is_sound(refunds[-1])
        _never_too_much(original, refunds)
    with contextlib.suppress(Conflict):  # nothing may be left, which the sums below will say
        refunds.append(_refund(original, refunds, Wish()))
        _is_sound(refunds[-1])
    _never_too_much(original, refunds)
    added = {name: sum(_sums(one)[name] for one in refunds) for name in _sums(original)}
    assert added == {name: -amount for name, amount in _sums(original).items()}
    for tender in original.transactions:
        back = [row for one in refunds for row in one.transactions if row.refund_of_id == tender.id]
        assert -sum(row.total_amount_paid for row in back) == tender.total_amount_paid
    for line in original.lines:
        gone = [row for one in refunds for row in one.lines if row.refund_of_id == line.id]
        assert -sum(row.sales for row in gone) == line.sales
        assert -sum(row.tax for row in gone) == line.tax
        assert -sum(row.discount for row in gone) == line.discount
        assert -sum((row.quantity for row in gone), Decimal(0)) == line.quantity
    for employee in {tip.employee_id for tip in original.employee_tips}:
        got = sum(tip.amount for tip in original.employee_tips if tip.employee_id == employee)
        assert got == -sum(tip.amount for one in refunds for tip in one.employee_tips if tip.employee_id == employee)


@settings(max_examples=100, deadline=None)
@given(original=closed_invoices())
def test_everything_at_once_mirrors_every_tender(original: Invoice) -> None:
    made = _refund(original, [], Wish())
    mirrored = {row.refund_of_id: row for row in made.transactions}
    for tender in original.transactions:
        back = mirrored.get(tender.id)
        if back is None:
            assert tender.total_amount_paid == 0
            continue
        for name in ("amount_paid", "tip_amount", "ssg_amount", "fee_amount"):
            assert getattr(back, name) == -getattr(tender, name)
