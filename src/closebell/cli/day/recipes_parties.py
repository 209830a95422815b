"""Guests who come together: one bill for all of them, which closes for all of them or for none."""

from __future__ import annotations

from closebell.cli.day import refusals
from closebell.cli.day.desk import FAR_DAYS, Desk
from closebell.cli.day.plan import (
    AssignTips,
    Close,
    CloseGroup,
    DropPayment,
    Ending,
    Entries,
    GroupStep,
    LeaveGroup,
    MakeGroup,
    Of,
    OfMember,
    Party,
    Pay,
    PayGroup,
    Sell,
    Split,
    Visit,
)
from closebell.domain.invoice import Tender


def friends(desk: Desk) -> Entries:
    """Three friends on one bill: none pays or closes alone, then all do together."""
    pays = OfMember(place=0, step=Pay(tender=Tender.CASH, refused=refusals.GROUPED_FOR_MONEY))
    alone = OfMember(place=1, step=Close(refused=refusals.IN_A_GROUP))
    visits = (_guest(desk, desk.service()), _guest(desk, desk.products()), _guest(desk, desk.services()))
    return (_party(visits, pays, alone, PayGroup(), CloseGroup()),)


def tipping(desk: Desk) -> Entries:
    """One tip for all, whose part on each invoice must be somebody's before any of them closes."""
    refused = CloseGroup(refused=refusals.TIPS_UNASSIGNED)
    visits = (_guest(desk, desk.service()), _guest(desk, desk.services()))
    assigned = tuple(OfMember(place=place, step=AssignTips(split=Split.BY_PRICE)) for place in range(len(visits)))
    return (_party(visits, PayGroup(tip_percent=18), refused, *assigned, CloseGroup()),)


def one_too_early(desk: Desk) -> Entries:
    """One of them is here for another day, so that nobody's invoice closes."""
    refused = CloseGroup(refused=refusals.IN_THE_FUTURE)
    visits = (
        _guest(desk, desk.products(), ending=Ending.OPEN),
        _guest(desk, desk.service(in_days=FAR_DAYS), ending=Ending.OPEN),
    )
    return (_party(visits, PayGroup(), refused),)


def one_leaves(desk: Desk) -> Entries:
    """One leaves the group and pays alone; the others go on without."""
    visits = (_guest(desk, desk.products()), _guest(desk, desk.service()), _guest(desk, desk.products()))
    alone = (OfMember(place=1, step=Pay(tender=Tender.CASH)), OfMember(place=1, step=Close()))
    return (_party(visits, LeaveGroup(place=1), *alone, PayGroup(), CloseGroup()),)


def one_has_paid(desk: Desk) -> Entries:
    """One has paid already, which keeps all of them from being on one bill until that is taken back."""
    visits = (_guest(desk, desk.products()), _guest(desk, desk.service()))
    first = (
        OfMember(place=0, step=Pay(tender=Tender.CHECK, amount=Of(percent=50))),
        MakeGroup(refused=refusals.PARTLY_PAID),
        OfMember(place=0, step=DropPayment()),
    )
    steps = (*first, MakeGroup(), PayGroup(), CloseGroup())
    return (Party(name=visits[0].name, visits=visits, steps=steps),)


def _party(visits: tuple[Visit, ...], *steps: GroupStep) -> Party:
    """A party whose guests are on one bill from the beginning."""
    return Party(name=visits[0].name, visits=visits, steps=(MakeGroup(), *steps))


def _guest(desk: Desk, sale: Sell, *, ending: Ending = Ending.CLOSED) -> Visit:
    return desk.visit("group", sale, ending=ending)
