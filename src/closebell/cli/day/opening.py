"""Before the doors open: everything that an application imports, as `POST /v1/import` takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from closebell.cli.day.plan import Day, Money, Pay, PlaceDay
from closebell.cli.day.salon import CUSTOM_PAYMENT_ID, Campaign, Holding, Item, Place, guid_of
from closebell.domain.invoice import ItemType, Tender

MINUTES: Final = 45
"""How long a service takes."""
VALID_DAYS: Final = 365
"""How long what is sold today may be used."""
_TEST_CARDS: Final = {
    Money.SETTLED: "4242424242424242",
    Money.FAILED: "4000000000000002",
    Money.PENDING: "4000000000000259",
}
_ORGANIZATION_ID: Final = "c105ebe1-da10-4000-8000-0000000000aa"


def document(day: Day) -> dict[str, Any]:
    """The body of the import."""
    return {
        "centers": [_center(one.place) for one in day.places],
        "employees": [person for one in day.places for person in _staff(one.place)],
        "guests": [guest for one in day.places for guest in _guests(one)],
        "items": [_item(one.place, item) for one in day.places for item in one.place.items],
        "campaigns": [_campaign(one.place, deal) for one in day.places for deal in one.place.campaigns.values()],
        "loyalty_programs": [_program(one.place) for one in day.places],
        "custom_payments": [{"id": CUSTOM_PAYMENT_ID, "name": "House account"}],
        "accounts": [_account(one.place, holding) for one in day.places for holding in one.holdings],
        "saved_cards": [card for one in day.places for card in _saved_cards(one)],
    }


def _center(place: Place) -> dict[str, Any]:
    return {
        "id": place.id,
        "name": place.name,
        "time_zone": place.time_zone,
        "currency": place.currency,
        "receipt_prefix": place.prefix,
        "invoice_prefix": f"{place.prefix}I",
        "organization_id": _ORGANIZATION_ID,
        "rounding_unit": place.said(place.coin),
        "ssg_rate": place.ssg_rate,
        "fee_rate": place.fee_rate,
        "loyalty_cap_rate": place.cap_rate,
    }


def _staff(place: Place) -> Iterator[dict[str, Any]]:
    for number, employee_id in enumerate(place.staff, start=1):
        yield {"id": employee_id, "first_name": f"Employee {number}", "last_name": place.name, "center_id": place.id}


def _guests(one: PlaceDay) -> Iterator[dict[str, Any]]:
    known = dict.fromkeys([*(visit.guest_id for visit in one.visits), *(h.guest_id for h in one.holdings)])
    for number, guest_id in enumerate(known, start=1):
        yield {"id": guest_id, "first_name": f"Guest {number}", "last_name": one.place.name, "center_id": one.place.id}


def _item(place: Place, item: Item) -> dict[str, Any]:
    terms = {
        "center_id": place.id,
        "price": place.said(item.price),
        "tax_rate": item.tax_rate,
        "is_tax_included": item.is_tax_included,
    }
    if item.value is not None:
        terms["value"] = place.said(item.value)
    said: dict[str, Any] = {"id": item.id, "name": item.name, "type": int(item.type), "centers": [terms]}
    if item.type is ItemType.SERVICE:
        said["duration_minutes"] = MINUTES
    elif item.type is not ItemType.PRODUCT:
        said["validity_days"] = VALID_DAYS
    if item.benefits:
        said["benefits"] = [{"service_id": service.id, "quantity": units} for service, units in item.benefits]
    return said


def _campaign(place: Place, deal: Campaign) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": deal.id,
        "name": deal.code,
        "center_ids": [place.id],
        "item_ids": [item.id for item in deal.items],
    }
    if deal.vouchers:
        said |= {"voucher_prefix": deal.code, "vouchers": list(deal.vouchers)}
    else:
        said["offer_code"] = deal.code
    if deal.percent is not None:
        said["percent"] = deal.percent
    if deal.amount is not None:
        said["amount"] = place.said(deal.amount)
    if deal.minimum is not None:
        said["minimum"] = place.said(deal.minimum)
    if deal.amount is not None or deal.minimum is not None:
        said["currency"] = place.currency
    if deal.redemptions_max is not None:
        said["redemptions_max"] = deal.redemptions_max
    return said


def saved_card_of(guest_id: str, money: Money) -> str:
    """The identifier of a guest's saved card, by what becomes of its payments."""
    return guid_of(f"saved card of {guest_id}, {money.value}")


def _saved_cards(one: PlaceDay) -> Iterator[dict[str, Any]]:
    """For each payment online, a card whose number says to the built-in test processor what is to become of it."""
    for visit in one.visits:
        for step in visit.steps:
            if isinstance(step, Pay) and step.is_online:
                number = _TEST_CARDS[step.money]
                yield {
                    "id": saved_card_of(visit.guest_id, step.money),
                    "guest_id": visit.guest_id,
                    "processor": "test",
                    "token": number,
                    "card_number": f"************{number[-4:]}",
                    "name": "A Guest",
                }


def _program(place: Place) -> dict[str, Any]:
    return {
        "id": place.program_id,
        "name": f"Points of {place.name}",
        "currency": place.currency,
        "exchange_rate": place.point_worth,
    }


def _account(place: Place, holding: Holding) -> dict[str, Any]:
    said: dict[str, Any] = {"id": holding.id, "kind": str(holding.tender), "guest_id": holding.guest_id}
    if holding.tender is Tender.LOYALTY_POINTS:
        return {**said, "program_id": place.program_id, "balance": holding.value}
    worth = place.said(holding.value)
    return {
        **said,
        "center_id": place.id,
        "number": holding.name,
        "currency": place.currency,
        "value": worth,
        "balance": worth,
    }
