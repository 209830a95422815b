"""Every way to pay, and what may go wrong and be put right before the invoice closes."""

from __future__ import annotations

from closebell.cli.day import refusals
from closebell.cli.day.desk import Desk
from closebell.cli.day.plan import (
    Arrive,
    AssignTips,
    Close,
    CloseUnknown,
    Confirm,
    DropItem,
    DropPayment,
    Entries,
    Lock,
    Money,
    Of,
    Part,
    Pay,
    Sell,
    Split,
)
from closebell.domain.invoice import Tender


def check(desk: Desk) -> Entries:
    """A check."""
    return (desk.visit("check", desk.products(), Pay(tender=Tender.CHECK), Close()),)


def asked_twice(desk: Desk) -> Entries:
    """The till hears no answer and asks again under the same key: it is paid once."""
    twice = Pay(tender=Tender.CUSTOM, amount=Of(percent=50), is_asked_twice=True)
    return (desk.visit("asked twice", desk.any_sale(), twice, *desk.paid(), Close()),)


def gift_card(desk: Desk) -> Entries:
    """A gift card that pays all of it and a tip, and then cannot pay any more."""
    card = desk.held(Tender.GIFT_CARD, desk.rich)
    by_card = Pay(tender=Tender.GIFT_CARD, holding=card.name, tip_percent=10)
    more = Pay(tender=Tender.GIFT_CARD, amount=Of(plus=5), holding=card.name, refused=refusals.PAID_ALREADY)
    steps = (desk.service(), by_card, AssignTips(split=Split.BY_PRICE), more, Close())
    return (desk.visit("gift card paid", *steps, guest_id=card.guest_id),)


def empty_card(desk: Desk) -> Entries:
    """A gift card that holds too little."""
    card = desk.held(Tender.GIFT_CARD, 5)
    too_much = Pay(tender=Tender.GIFT_CARD, amount=Of(), holding=card.name, refused=refusals.CONTRADICTS)
    return (desk.visit("gift card paid", desk.service(), too_much, *desk.paid(), Close(), guest_id=card.guest_id),)


def prepaid_card(desk: Desk) -> Entries:
    """A prepaid card that pays all of it and a tip."""
    card = desk.held(Tender.PREPAID_CARD, desk.rich)
    by_card = Pay(tender=Tender.PREPAID_CARD, holding=card.name, tip_percent=10)
    steps = (desk.service(), by_card, AssignTips(split=Split.BY_PRICE), Close())
    return (desk.visit("prepaid card paid", *steps, guest_id=card.guest_id),)


def card_and_cash(desk: Desk) -> Entries:
    """Half by gift card with its tip, the rest in cash with another."""
    card = desk.held(Tender.GIFT_CARD, desk.rich)
    half = Pay(tender=Tender.GIFT_CARD, amount=Of(percent=50), tip_percent=7, holding=card.name)
    rest = Pay(tender=Tender.CASH, tip_percent=11)
    tips = AssignTips(split=Split.BY_PRICE)
    return (desk.visit("gift card paid", desk.services(), half, rest, tips, Close(), guest_id=card.guest_id),)


def points(desk: Desk) -> Entries:
    """As many points as may be, and not one more; the rest by card."""
    held = desk.held(Tender.LOYALTY_POINTS, desk.rich)
    by_points = Pay(tender=Tender.LOYALTY_POINTS, amount=Of(part=Part.CAP), holding=held.name)
    more = Pay(
        tender=Tender.LOYALTY_POINTS,
        amount=Of(part=Part.TOTAL, percent=50),
        holding=held.name,
        refused=refusals.TOO_MANY_POINTS,
    )
    steps = (desk.any_sale(), by_points, more, Pay(tender=Tender.CARD), Close())
    return (desk.visit("points", *steps, guest_id=held.guest_id),)


# --- online ----------------------------------------------------------------------------------------------------------


def online(desk: Desk) -> Entries:
    """Online with a tip, settled at once."""
    steps = (_online(Money.SETTLED, tip_percent=12), AssignTips(split=Split.BY_PERCENTAGE), Close())
    return (desk.visit("online", desk.any_sale(), *steps),)


def declined(desk: Desk) -> Entries:
    """Online and declined: it does not close until cash pays."""
    steps = (_online(Money.FAILED), Close(refused=refusals.UNDERPAID), *desk.paid(), Close())
    return (desk.visit("online", desk.any_sale(), *steps),)


def arrives_later(desk: Desk) -> Entries:
    """Online and pending, with a tip: it does not close until the money has arrived and the tip is somebody's."""
    steps = (
        *(_online(Money.PENDING, tip_percent=12), Close(refused=refusals.UNDERPAID)),
        *(Arrive(money=Money.SETTLED), Close(refused=refusals.TIPS_UNASSIGNED)),
        *(AssignTips(split=Split.BY_PERCENTAGE), Close()),
    )
    return (desk.visit("online", desk.any_sale(), *steps),)


def pending_beside(desk: Desk) -> Entries:
    """Paid in cash while an online payment is pending: that must fail first."""
    refused = Close(refused=refusals.CANNOT_CLOSE)
    steps = (_online(Money.PENDING), *desk.paid(), refused, Arrive(money=Money.FAILED), Close())
    return (desk.visit("online", desk.any_sale(), *steps),)


def online_removed(desk: Desk) -> Entries:
    """Online, given back by the processor, and paid in cash after all."""
    return (desk.visit("online", desk.any_sale(), _online(Money.SETTLED), DropPayment(), *desk.paid(), Close()),)


# --- put right -------------------------------------------------------------------------------------------------------


def paid_in_the_end(desk: Desk) -> Entries:
    """Refused as a third is missing, which is paid then."""
    part = Pay(tender=Tender.CUSTOM, amount=Of(percent=67))
    steps = (part, Close(refused=refusals.UNDERPAID), *desk.paid(), Close())
    return (desk.visit("paid in the end", desk.any_sale(), *steps),)


def too_much_removed(desk: Desk) -> Entries:
    """Refused as too much was paid, which is taken back and paid rightly."""
    much = Pay(tender=Tender.CHECK, amount=Of(plus=3))
    steps = (much, Close(refused=refusals.OVERPAID), DropPayment(), *desk.paid(), Close())
    return (desk.visit("payment removed", desk.any_sale(), *steps),)


def card_removed(desk: Desk) -> Entries:
    """A gift card's payment is taken back, with its tip, and its money is on the card again."""
    card = desk.held(Tender.GIFT_CARD, desk.rich)
    by_card = Pay(tender=Tender.GIFT_CARD, amount=Of(percent=80), tip_percent=5, holding=card.name)
    steps = (desk.service(), by_card, AssignTips(split=Split.CUSTOM), DropPayment(), *desk.paid(), Close())
    return (desk.visit("payment removed", *steps, guest_id=card.guest_id),)


def points_removed(desk: Desk) -> Entries:
    """Points are taken back, and are the guest's again."""
    held = desk.held(Tender.LOYALTY_POINTS, desk.rich)
    by_points = Pay(tender=Tender.LOYALTY_POINTS, amount=Of(part=Part.CAP), holding=held.name)
    steps = (desk.any_sale(), by_points, DropPayment(), *desk.paid(), Close())
    return (desk.visit("payment removed", *steps, guest_id=held.guest_id),)


def item_removed(desk: Desk) -> Entries:
    """A gift card and a membership are taken off before they are paid."""
    sold = (desk.template_card(), desk.services(), desk.membership())
    steps = (*sold, DropItem(), DropItem(place=0), *desk.paid(), Close())
    return (desk.visit("item removed", *steps),)


def locked(desk: Desk) -> Entries:
    """Locked: nothing is sold or taken off any more, but it is paid and closed."""
    extra = desk.membership()
    refused = (
        Sell(sale=extra.sale, picks=extra.picks, refused=refusals.CONTRADICTS),
        DropItem(refused=refusals.CONTRADICTS),
    )
    return (desk.visit("locked", desk.any_sale(), Confirm(), Lock(), *refused, *desk.paid(), Close()),)


def closed_for_good(desk: Desk) -> Entries:
    """Closed: no more money, and none back; closing again says the same."""
    more = Pay(tender=Tender.CUSTOM, amount=Of(plus=100), refused=refusals.CLOSED_FOR_MONEY)
    steps = (*desk.paid(), Close(), more, DropPayment(refused=refusals.CONTRADICTS), Close())
    return (desk.visit("closed for good", desk.any_sale(), *steps),)


def unknown(desk: Desk) -> Entries:
    """A wrong id first, then the right one."""
    wrong = CloseUnknown(refused=refusals.NO_SUCH_INVOICE)
    return (desk.visit("unknown id", desk.products(), wrong, *desk.paid(), Close()),)


def _online(money: Money, *, tip_percent: int = 0) -> Pay:
    return Pay(tender=Tender.CARD, is_online=True, money=money, tip_percent=tip_percent)
