"""What is refused, each for one reason, and left at that."""

from __future__ import annotations

from closebell.cli.day import refusals
from closebell.cli.day.desk import FAR_DAYS, Desk
from closebell.cli.day.plan import (
    Cancel,
    Close,
    DropItem,
    DropPayment,
    Ending,
    Entries,
    Money,
    Of,
    Part,
    Pay,
    Says,
    Step,
)
from closebell.domain.invoice import Tender


def unpaid(desk: Desk) -> Entries:
    """Nothing is paid."""
    return _refused(desk, refusals.UNDERPAID)


def underpaid(desk: Desk) -> Entries:
    """One minor unit is missing."""
    return _refused(desk, refusals.UNDERPAID, Pay(tender=Tender.CHECK, amount=Of(part=Part.TOTAL, plus=-1)))


def without_fee(desk: Desk) -> Entries:
    """The things are paid, the environment fee is not."""
    return _refused(desk, refusals.UNDERPAID, Pay(tender=Tender.CARD, amount=Of(part=Part.TOTAL)))


def without_ssg(desk: Desk) -> Entries:
    """The service charge alone is missing."""
    return _refused(desk, refusals.SSG_UNPAID, Pay(tender=Tender.CARD, amount=Of(part=Part.TOTAL_AND_FEE)))


def overpaid(desk: Desk) -> Entries:
    """One minor unit too much."""
    return _refused(desk, refusals.OVERPAID, Pay(tender=Tender.CUSTOM, amount=Of(plus=1)))


def points_over_cap(desk: Desk) -> Entries:
    """Points paid what they might, and then something was taken off the invoice."""
    held = desk.held(Tender.LOYALTY_POINTS, desk.rich)
    by_points = Pay(tender=Tender.LOYALTY_POINTS, amount=Of(part=Part.CAP), holding=held.name)
    steps = (desk.membership(), desk.products(), by_points, DropItem(), Pay(tender=Tender.CUSTOM))
    close = Close(refused=refusals.TOO_MANY_POINTS)
    return (desk.visit("refused: points", *steps, close, ending=Ending.OPEN, guest_id=held.guest_id),)


def tips_unassigned(desk: Desk) -> Entries:
    """Nobody said whose the tip is."""
    return _refused(desk, refusals.TIPS_UNASSIGNED, Pay(tender=Tender.CARD, tip_percent=20))


def future(desk: Desk) -> Entries:
    """Everything is paid for an appointment that has not come."""
    steps = (desk.service(in_days=FAR_DAYS), *desk.paid(), Close(refused=refusals.IN_THE_FUTURE))
    return (desk.visit("refused: appointment", *steps, ending=Ending.OPEN),)


def still_pending(desk: Desk) -> Entries:
    """Paid, and a payment beside it that never arrives."""
    pending = Pay(tender=Tender.CARD, is_online=True, money=Money.PENDING)
    steps = (desk.any_sale(), pending, *desk.paid(), Close(refused=refusals.CANNOT_CLOSE))
    return (desk.visit("refused: pending", *steps, ending=Ending.OPEN),)


def cancelled(desk: Desk) -> Entries:
    """Called off once the money was given back; it never closes."""
    steps = (
        *(desk.service(in_days=0), *desk.paid(), Cancel(refused=refusals.PAYMENTS_ON_IT), DropPayment()),
        *(Cancel(), Close(refused=refusals.CANNOT_CLOSE)),
    )
    return (desk.visit("cancelled", *steps, ending=Ending.CANCELLED),)


def _refused(desk: Desk, says: Says, *paid: Step) -> Entries:
    steps = (desk.services(), *paid, Close(refused=says))
    return (desk.visit(f"refused: {says.code}", *steps, ending=Ending.OPEN),)
