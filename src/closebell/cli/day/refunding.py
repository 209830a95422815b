"""What a refund must give back: lines, what is beside them, and the tenders that brought the money.

All refunds of an invoice come to the invoice, to the last minor unit: each brings what came back in all to its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from closebell.cli.day.ledger import Beside, Bill, Line, LineBack, Payment, Tip, in_coins
from closebell.cli.day.plan import Back
from closebell.cli.day.sums import Minor, rounded
from closebell.domain.invoice import ItemType


def refund_of(bill: Bill, earlier: Sequence[Bill], back: Back, name: str) -> Bill:
    """The refund as it must be, after earlier ones."""
    made = Bill(place=bill.place, name=name, kind="refund", guest_id=bill.guest_id, refund_of=bill, beside=Beside())
    if back is Back.TIPS:
        made.payments = [_tip_back(payment) for payment in bill.settled if payment.tip]
    else:
        made.back = _lines_back(bill, earlier, back)
        made.beside = _beside(bill, earlier, made)
        made.payments = _rest_back(bill, earlier) if back is Back.ALL else _part_back(bill, made)
    made.tips = [
        Tip(employee_id=tip.employee_id, amount=-tip.amount, payment=payment)
        for payment in made.payments
        if payment.tip
        for tip in bill.tips
        if tip.payment is payment.of
    ]
    return made


def body(bill: Bill, back: Back) -> dict[str, Any]:
    """What the route is sent."""
    said: dict[str, Any] = {"close": True, "comments": f"{back.value} of {bill.name}"}
    line_id = bill.lines[0].id
    match back:
        case Back.ALL:
            return said
        case Back.FIRST_LINE:
            return {**said, "items": [{"invoice_item_id": line_id}]}
        case Back.ONE_UNIT:
            return {**said, "items": [{"invoice_item_id": line_id, "quantity": 1}]}
        case Back.TIPS:
            tips = [(payment.id, bill.place.said(payment.tip)) for payment in bill.settled if payment.tip]
            payments = [{"transaction_id": id_, "amount": tip, "tip_amount": tip} for id_, tip in tips]
            return {**said, "items": [], "payments": payments}


def _lines_back(bill: Bill, earlier: Sequence[Bill], back: Back) -> list[LineBack]:
    if back is Back.ALL:
        found = [_back(line, earlier, line.quantity, line.final) for line in bill.lines]
        return [one for one in found if one.quantity or one.final]
    first = bill.lines[0]
    if back is Back.FIRST_LINE:
        return [_back(first, earlier, first.quantity, first.final)]
    return [_back(first, earlier, 1, rounded(Fraction(first.final, first.quantity)))]


def _back(line: Line, earlier: Sequence[Bill], quantity: int, final: Minor) -> LineBack:
    """What brings all that came back of a line to so many, and to so much."""
    gone = [one for refund in earlier for one in refund.back if one.of is line]
    share = Fraction(final, line.final) if line.final else Fraction(0)
    sales, discount = (line.sales, line.discount)
    if final != line.final:
        sales, discount = rounded(line.sales * share), rounded(line.discount * share)
    return LineBack(
        item=line.item,
        quantity=-quantity - sum(one.quantity for one in gone),
        discount=-discount - sum(one.discount for one in gone),
        sales=-sales - sum(one.sales for one in gone),
        tax=-(final - sales) - sum(one.tax for one in gone),
        of=line,
    )


def _beside(bill: Bill, earlier: Sequence[Bill], made: Bill) -> Beside:
    """Rounding to the coin of what came back in all; service charge and fee in proportion to the services."""
    refunds = [*earlier, made]
    back = [one for refund in refunds for one in refund.back]
    is_all = sum(one.final for one in back) == -sum(line.final for line in bill.lines)
    total = sum(one.final for one in back)
    rounding = -bill.rounding if is_all else in_coins(bill.place, Fraction(total)) - total
    sold = sum(line.final for line in bill.lines if line.item.type is ItemType.SERVICE)
    served = sum(one.final for one in back if one.item.type is ItemType.SERVICE)
    share = Fraction(served, sold) if sold else Fraction(0)
    return Beside(
        rounding=rounding - sum(refund.rounding for refund in earlier),
        ssg=in_coins(bill.place, bill.ssg * share) - sum(refund.ssg for refund in earlier),
        fee=in_coins(bill.place, bill.fee * share) - sum(refund.fee for refund in earlier),
    )


def _rest_back(bill: Bill, earlier: Sequence[Bill]) -> list[Payment]:
    """Every tender in the other direction, as far as it has not gone back."""
    found = [_left(payment, [one for refund in earlier for one in refund.payments]) for payment in bill.settled]
    return [one for one in found if one.total]


def _left(payment: Payment, gone: Sequence[Payment]) -> Payment:
    rows = [payment, *(one for one in gone if one.of is payment)]
    return Payment(
        tender=payment.tender,
        paid=-sum(one.paid for one in rows),
        tip=-sum(one.tip for one in rows),
        fee=-sum(one.fee for one in rows),
        ssg=-sum(one.ssg for one in rows),
        held=payment.held,
        points=-sum(one.points for one in rows),
        of=payment,
    )


def _part_back(bill: Bill, made: Bill) -> list[Payment]:
    """What the lines come to, with the one tender that paid them; its tip stays."""
    (only,) = bill.settled
    back = Payment(tender=only.tender, paid=made.total, fee=made.fee, ssg=made.ssg, held=only.held, of=only)
    return [back] if back.total else []


def _tip_back(payment: Payment) -> Payment:
    return Payment(tender=payment.tender, tip=-payment.tip, held=payment.held, of=payment)
