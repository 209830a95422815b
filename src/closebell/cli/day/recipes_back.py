"""What is given back once it is closed: all of it, parts of it, and never more than there was."""

from __future__ import annotations

from closebell.cli.day import refusals
from closebell.cli.day.desk import Desk
from closebell.cli.day.plan import (
    Again,
    AssignTips,
    Back,
    Close,
    Discount,
    Entries,
    Of,
    Part,
    Pay,
    Pick,
    Redeem,
    Refund,
    Sale,
    Sell,
    Split,
)
from closebell.cli.day.salon import Deal
from closebell.domain.invoice import Tender

NO_MORE = Refund(back=Back.ALL, refused=refusals.CONTRADICTS)
"""A refund when nothing is left."""


def everything(desk: Desk) -> Entries:
    """Everything is given back, tips and all, and only once."""
    split = (Pay(tender=Tender.CHECK, amount=Of(percent=40), tip_percent=5), Pay(tender=Tender.CARD, tip_percent=15))
    steps = (desk.services(), *split, AssignTips(split=Split.BY_PRICE), Close(), Refund(back=Back.ALL), NO_MORE)
    return (desk.visit("refunded", *steps),)


def line_and_rest(desk: Desk) -> Entries:
    """One of several services is given back, with its share of the charges, and then the rest."""
    steps = (*desk.tipped(Tender.CASH, Split.BY_PRICE), Close(), Refund(back=Back.FIRST_LINE), Refund(back=Back.ALL))
    return (desk.visit("refunded", desk.services(), desk.products(), *steps, NO_MORE),)


def one_and_rest(desk: Desk) -> Entries:
    """One of three is given back at its share of a discount, and then the other two."""
    three = Sell(sale=Sale.PRODUCTS, picks=(Pick(item=desk.chance.choice(desk.place.products), quantity=3),))
    off = Discount(deal=Deal.PERCENT, code=desk.place.campaigns[Deal.PERCENT].code)
    steps = (*desk.paid(), Close(), Refund(back=Back.ONE_UNIT), Refund(back=Back.FIRST_LINE), NO_MORE)
    return (desk.visit("refunded", three, off, *steps),)


def tips(desk: Desk) -> Entries:
    """Only the tips are given back, and later all the rest."""
    steps = (*desk.tipped(Tender.CASH, Split.CUSTOM), Close(), Refund(back=Back.TIPS), Refund(back=Back.ALL), NO_MORE)
    return (desk.visit("refunded", desk.service(), *steps),)


def to_a_card(desk: Desk) -> Entries:
    """What a gift card paid goes back on it, the tip too."""
    card = desk.held(Tender.GIFT_CARD, desk.rich)
    by_card = Pay(tender=Tender.GIFT_CARD, holding=card.name, tip_percent=15)
    steps = (desk.service(), by_card, AssignTips(split=Split.BY_PRICE), Close(), Refund(back=Back.ALL))
    return (desk.visit("refunded", *steps, guest_id=card.guest_id),)


def to_points(desk: Desk) -> Entries:
    """What points paid are points again."""
    held = desk.held(Tender.LOYALTY_POINTS, desk.rich)
    by_points = Pay(tender=Tender.LOYALTY_POINTS, amount=Of(part=Part.CAP), holding=held.name)
    steps = (desk.any_sale(), by_points, *desk.paid(), Close(), Refund(back=Back.ALL))
    return (desk.visit("refunded", *steps, guest_id=held.guest_id),)


def a_card(desk: Desk) -> Entries:
    """A gift card that was sold and not used is taken back, and holds nothing any more."""
    return (desk.visit("gift card without template", desk.free_card(), *desk.paid(), Close(), Refund(back=Back.ALL)),)


def a_used_card(desk: Desk) -> Entries:
    """A gift card that somebody has paid with is not taken back."""
    sold = desk.visit("gift card", desk.template_card(), *desk.paid(), Close())
    by_card = Pay(tender=Tender.GIFT_CARD, amount=Of(percent=10), holding=sold.name)
    later = desk.visit("gift card paid", desk.service(), by_card, *desk.paid(), Close())
    return (sold, later, Again(name=sold.name, steps=(NO_MORE,)))


def a_unit(desk: Desk) -> Entries:
    """A service that a package paid for is given back: its unit is in the package again."""
    guest = desk.guest()
    sold = desk.visit("package", desk.package(), *desk.paid(), Close(), guest_id=guest)
    unit = Sell(sale=Sale.SERVICES, picks=(Pick(item=desk.place.services[1]),))
    steps = (unit, Redeem(sold_by=sold.name), desk.products(), *desk.paid(), Close(), Refund(back=Back.ALL))
    return (sold, desk.visit("package unit", *steps, guest_id=guest))
