"""Visits that nobody thought of: whatever is sold, taken off, paid with and given back, as chance has it."""

from __future__ import annotations

from closebell.cli.day.desk import TIPS, Desk
from closebell.cli.day.plan import (
    AssignTips,
    Back,
    Close,
    Discount,
    Entries,
    Money,
    Of,
    Part,
    Pay,
    Refund,
    Sale,
    Sell,
    Split,
    Step,
)
from closebell.cli.day.salon import Deal
from closebell.domain.invoice import Tender

AT_THE_TILL = (Tender.CASH, Tender.CHECK, Tender.CARD, Tender.CUSTOM)
STORED = (Tender.GIFT_CARD, Tender.PREPAID_CARD)
PAYMENTS_MAX = 4
"""Payments beside the last one, which pays the rest."""


def anything(desk: Desk) -> Entries:
    """One guest, from the first sale to what comes back."""
    points = desk.held(Tender.LOYALTY_POINTS, desk.rich)
    sales = _sales(desk)
    payments = _payments(desk, points.name)
    tips = _tips(desk, sales, payments)
    refund = _refund(desk, is_tipped=bool(tips))
    steps = (*sales, *_discount(desk, sales), *payments, *tips, Close(), *refund)
    return (desk.visit("anything", *steps, guest_id=points.guest_id),)


def _sales(desk: Desk) -> tuple[Sell, ...]:
    """One thing or several; a gift card comes first, since it makes the invoice."""
    others = (desk.products, desk.service, desk.services, desk.membership, desk.package)
    chosen = desk.chance.sample(others, desk.chance.randint(1, len(others)))
    first = desk.chance.choice(((), (desk.template_card,), (desk.free_card,)))
    return tuple(sold() for sold in (*first, *chosen))


def _discount(desk: Desk, sales: tuple[Sell, ...]) -> tuple[Step, ...]:
    deals = [Deal.PERCENT, Deal.AMOUNT, None]
    if any(sold.sale is Sale.PRODUCTS for sold in sales):
        deals.append(Deal.PRODUCTS)
    deal = desk.chance.choice(deals)
    return () if deal is None else (Discount(deal=deal, code=desk.place.campaigns[deal].code),)


def _payments(desk: Desk, points: str) -> tuple[Pay, ...]:
    """Some payments of a part each, and one of the rest."""
    paid = [_part(desk) for _ in range(desk.chance.randint(0, PAYMENTS_MAX))]
    if desk.chance.random() < 1 / 3:
        by_points = Pay(tender=Tender.LOYALTY_POINTS, amount=Of(part=Part.CAP, percent=desk.share), holding=points)
        paid.insert(desk.chance.randint(0, len(paid)), by_points)
    return (*paid, Pay(tender=desk.chance.choice(AT_THE_TILL), tip_percent=_tip(desk)))


def _part(desk: Desk) -> Pay:
    tender, amount, tip = desk.chance.choice((*AT_THE_TILL, *STORED)), Of(percent=desk.share), _tip(desk)
    if tender in STORED:
        return Pay(tender=tender, amount=amount, tip_percent=tip, holding=desk.held(tender, desk.rich).name)
    is_online = tender is Tender.CARD and desk.chance.random() < 1 / 2
    return Pay(tender=tender, amount=amount, tip_percent=tip, is_online=is_online, money=Money.SETTLED)


def _tip(desk: Desk) -> int:
    return desk.chance.choice((0, 0, *TIPS))


def _tips(desk: Desk, sales: tuple[Sell, ...], payments: tuple[Pay, ...]) -> tuple[Step, ...]:
    if not any(payment.tip_percent for payment in payments):
        return ()
    has_service = any(sold.sale is Sale.SERVICES for sold in sales)
    splits = tuple(Split) if has_service else (Split.BY_PERCENTAGE, Split.CUSTOM)
    return (AssignTips(split=desk.chance.choice(splits)),)


def _refund(desk: Desk, *, is_tipped: bool) -> tuple[Step, ...]:
    """Now and then all of it comes back, sometimes the tips first."""
    in_parts = (Back.TIPS, Back.ALL) if is_tipped else (Back.ALL,)
    back = desk.chance.choice(((), (), (Back.ALL,), in_parts))
    return tuple(Refund(back=one) for one in back)
