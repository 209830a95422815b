"""Everything that is sold, and every discount on it."""

from __future__ import annotations

from closebell.cli.day import refusals
from closebell.cli.day.desk import Desk
from closebell.cli.day.plan import (
    AssignTips,
    Cancel,
    Close,
    Discount,
    DropItem,
    Ending,
    Entries,
    Of,
    Pay,
    Pick,
    Redeem,
    Sale,
    Sell,
    Split,
    Step,
    Visit,
)
from closebell.cli.day.salon import Deal
from closebell.domain.invoice import Tender


def products(desk: Desk) -> Entries:
    """Products, paid in cash with too large a note."""
    change = desk.chance.randint(1, 5) * 100
    return (desk.visit("products", desk.products(), Pay(tender=Tender.CASH, change_for=change), Close()),)


def service(desk: Desk) -> Entries:
    """A service without an appointment, paid by card with a tip."""
    return (desk.visit("service", desk.service(), *desk.tipped(Tender.CARD, Split.BY_PRICE), Close()),)


def appointment(desk: Desk) -> Entries:
    """A booked service, paid in cash with a tip."""
    return (desk.visit("appointment", desk.service(in_days=0), *desk.tipped(Tender.CASH, Split.CUSTOM), Close()),)


def services(desk: Desk) -> Entries:
    """Two services, and a tip that two people share by percentage."""
    return (desk.visit("services", desk.services(), *desk.tipped(Tender.CUSTOM, Split.BY_PERCENTAGE), Close()),)


def membership(desk: Desk) -> Entries:
    """A membership."""
    return (desk.visit("membership", desk.membership(), Pay(tender=Tender.CUSTOM), Close()),)


def package(desk: Desk) -> Entries:
    """A package, and two of its units: one is used, one is given back as that visit is called off."""
    guest = desk.guest()
    sold = desk.visit("package", desk.package(), Pay(tender=Tender.CARD), Close(), guest_id=guest)
    unit = (Sell(sale=Sale.SERVICES, picks=(Pick(item=desk.place.services[0]),)), Redeem(sold_by=sold.name))
    used = desk.visit("package unit", *unit, desk.products(most=1), Pay(tender=Tender.CASH), Close(), guest_id=guest)
    called_off = desk.visit("package unit", *unit, Cancel(), ending=Ending.CANCELLED, guest_id=guest)
    return (sold, used, called_off)


def template_card(desk: Desk) -> Entries:
    """A gift card as the template says, and later somebody who pays with it."""
    sold = desk.visit("gift card", desk.template_card(), Pay(tender=Tender.CHECK), Close())
    return (sold, _with_card(desk, sold))


def free_card(desk: Desk) -> Entries:
    """A gift card of any price, worth more than that, and somebody who pays with it."""
    sold = desk.visit("gift card without template", desk.free_card(), Pay(tender=Tender.CARD), Close())
    return (sold, _with_card(desk, sold))


def mixed(desk: Desk) -> Entries:
    """A bit of everything on one invoice, paid in four ways, two of them with a tip."""
    sales = (desk.template_card(), desk.services(), desk.products(), desk.membership(), desk.package())
    split = (
        Pay(tender=Tender.CHECK, amount=Of(percent=31)),
        Pay(tender=Tender.CARD, amount=Of(percent=43), tip_percent=8),
        Pay(tender=Tender.CUSTOM, amount=Of(percent=50)),
        Pay(tender=Tender.CASH, tip_percent=9),
    )
    return (desk.visit("mixed", *sales, *split, AssignTips(split=Split.BY_PRICE), Close()),)


# --- discounts -------------------------------------------------------------------------------------------------------


def percent_off(desk: Desk) -> Entries:
    """A percentage off everything."""
    return (_discounted(desk, Deal.PERCENT, desk.any_sale(), desk.membership()),)


def percent_off_products(desk: Desk) -> Entries:
    """A percentage off the products only."""
    return (_discounted(desk, Deal.PRODUCTS, desk.service(), desk.products()),)


def amount_off(desk: Desk) -> Entries:
    """An amount off, shared by the lines, though not by the gift card."""
    return (_discounted(desk, Deal.AMOUNT, desk.template_card(), desk.services(), desk.products()),)


def spread_anew(desk: Desk) -> Entries:
    """An amount off, which is shared anew when something is added and when something is taken off."""
    then = (desk.products(), desk.membership(), DropItem())
    return (_discounted(desk, Deal.AMOUNT, desk.services(), then=then),)


def voucher(desk: Desk) -> Entries:
    """A voucher: good again for the next one when the first visit is called off, and then good no more."""
    code = desk.voucher()
    use = Discount(deal=Deal.VOUCHER, code=code)
    again = Discount(deal=Deal.VOUCHER, code=code, refused=refusals.VOUCHER_USED)
    return (
        desk.visit("voucher", desk.any_sale(), use, Cancel(), ending=Ending.CANCELLED),
        desk.visit("voucher", desk.any_sale(), use, *desk.paid(), Close()),
        desk.visit("discount refused", desk.any_sale(), again, *desk.paid(), Close()),
    )


def no_discount(desk: Desk) -> Entries:
    """Codes that nobody has given out, and a campaign for larger sales."""
    large = desk.place.campaigns[Deal.LARGE].code
    no_such = f"{desk.place.campaigns[Deal.VOUCHER].code}NONE"
    refused = (
        Discount(deal=Deal.LARGE, code=large, refused=refusals.NOT_ENTITLED),
        Discount(deal=Deal.PERCENT, code="NOSUCH", refused=refusals.NO_SUCH_CAMPAIGN),
        Discount(deal=Deal.VOUCHER, code=no_such, refused=refusals.NO_SUCH_VOUCHER),
    )
    return (desk.visit("discount refused", desk.any_sale(), *refused, *desk.paid(), Close()),)


def second_discount(desk: Desk) -> Entries:
    """One campaign keeps another out."""
    code = desk.place.campaigns[Deal.AMOUNT].code
    second = Discount(deal=Deal.AMOUNT, code=code, refused=refusals.ANOTHER_CAMPAIGN)
    return (_discounted(desk, Deal.PERCENT, desk.products(), then=(second,)),)


def first_only(desk: Desk) -> Entries:
    """A campaign that one guest may have, and the next one may not."""
    code = desk.place.campaigns[Deal.ONCE].code
    exhausted = Discount(deal=Deal.ONCE, code=code, refused=refusals.EXHAUSTED)
    return (
        desk.visit("discount", desk.any_sale(), Discount(deal=Deal.ONCE, code=code), *desk.paid(), Close()),
        desk.visit("discount refused", desk.any_sale(), exhausted, *desk.paid(), Close()),
    )


def _with_card(desk: Desk, sold: Visit) -> Visit:
    by_card = Pay(tender=Tender.GIFT_CARD, amount=Of(percent=30), holding=sold.name)
    return desk.visit("gift card paid", desk.service(), by_card, *desk.paid(), Close())


def _discounted(desk: Desk, deal: Deal, *sales: Sell, then: tuple[Step, ...] = ()) -> Visit:
    code = desk.place.campaigns[deal].code
    return desk.visit("discount", *sales, Discount(deal=deal, code=code), *then, *desk.paid(), Close())
