"""What a guest holds, over HTTP, in the shapes of the contract's pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from calling import Site
from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency
from closebell.domain.people import GuestEntry
from closebell.store import accounts, directory, tables
from closebell.testing import (
    NOON,
    a_centre,
    a_line,
    an_invoice,
    an_offer,
    guid_of,
    put,
    put_offers,
)

HERE = a_centre()
ADA = GuestEntry(id=guid_of("ada"), first_name="Ada", center_id=HERE.id)
AT = f"/v1/guests/{ADA.id}"
USD, KWD = Currency.of("USD"), Currency.of("KWD")
MASSAGE, FACIAL = an_offer("Massage", duration_minutes=60), an_offer("Facial")
PACKAGE = an_offer("Pack", kind=ItemType.PACKAGE)
MEMBERSHIP = an_offer("Gold", kind=ItemType.MEMBERSHIP)
SOLD = {"invoice_id": guid_of("invoice sale"), "invoice_item_id": guid_of("line Pack")}
CENTER = {"id": HERE.id, "name": "Main Street"}
INVOICE = {
    "id": guid_of("invoice sale"),
    "no": "INVsale",
    "receipt_no": "0",
    "status": 0,
    "item_id": guid_of("line Pack"),
}
PRICE = {"currency_id": 148, "sales": 490, "tax": Decimal("10.5"), "final": Decimal("500.5")}


def an_account(name: str, kind: AccountKind, **fields: Any) -> Account:
    given = {"center_id": HERE.id, **fields}
    return Account(id=guid_of(f"account {name}"), kind=kind, guest_id=ADA.id, **given)


def _put(connection: Connection, *held: Account) -> None:
    line = replace(a_line("Pack", final=50050, tax=1050), type=ItemType.MEMBERSHIP)
    put(connection, an_invoice("sale", lines=[line], paid=50050))
    put_offers(connection, HERE, MASSAGE, FACIAL, PACKAGE, MEMBERSHIP)
    directory.insert_guests(connection, [ADA], is_stub=False)
    for name, currency, rate in [("petals", "USD", "0.05"), ("leaves", "USD", "0.1"), ("pearls", "KWD", "0.001")]:
        row = {"id": guid_of(name), "name": name, "currency": currency, "exchange_rate": Decimal(rate)}
        connection.execute(insert(tables.loyalty_programs), {**row, "points_min": 0})
    accounts.insert_many(connection, held, now=NOON)


@pytest.fixture
async def salon(site: Site) -> Site:
    """A salon with one guest, who holds nothing."""
    await site.service.database.write(_put)
    return site


async def _hold(site: Site, *held: Account) -> None:
    await site.service.database.write(accounts.insert_many, held, now=NOON)


async def _get(site: Site, what: str) -> Any:
    reply = await site.get(f"{AT}/{what}")
    assert reply.status == 200, reply.document
    document = reply.document
    assert document.pop("error") is None
    return document


async def test_whoever_holds_nothing_has_empty_lists(salon: Site) -> None:
    assert await _get(salon, "memberships") == {"guest_memberships": []}
    assert await _get(salon, "packages") == {"guest_packages": []}
    assert await _get(salon, "prepaidcards") == {"guest_prepaid_cards": []}
    assert await _get(salon, "gift_cards") == {"gift_cards": [], "page_info": {"total": 0, "page": 1, "size": 10}}
    assert await _get(salon, "points") == {
        "guest_points": {"balance_points": 0, "balance_amount": 0, "exchange_rate": None, "loyalty_programs": []}
    }


async def test_a_membership_is_not_started_until_its_invoice_closes(salon: Site) -> None:
    issued = an_account(
        "gold",
        AccountKind.MEMBERSHIP,
        item_id=MEMBERSHIP.item.id,
        state=AccountState.ISSUED,
        expires_on=date(2027, 1, 5),
        **SOLD,
    )
    await _hold(salon, issued)
    (shown,) = (await _get(salon, "memberships"))["guest_memberships"]
    assert shown == {
        "user_membership_id": issued.id,
        "status": 7,
        "is_refunded": False,
        "redeemable": False,
        "membership": {"id": MEMBERSHIP.item.id, "name": "Gold", "code": "GOLD", "type": 0},
        "invoice": INVOICE,
        "center": CENTER,
        "purchase": {"date": "2026-01-05T09:00:00", "price": PRICE},
        "expiry_date": "2027-01-05T00:00:00",
    }
    await salon.post(f"/v1/invoices/{guid_of('invoice sale')}/close")
    (shown,) = (await _get(salon, "memberships"))["guest_memberships"]
    assert (shown["status"], shown["redeemable"], shown["is_refunded"]) == (1, True, False)
    assert (shown["invoice"]["status"], shown["invoice"]["receipt_no"]) == (4, "1")
    await salon.service.database.write(accounts.set_state, issued, AccountState.CANCELLED)
    (shown,) = (await _get(salon, "memberships"))["guest_memberships"]
    assert (shown["status"], shown["redeemable"], shown["is_refunded"]) == (4, False, True)


async def test_the_units_of_a_sold_package_are_one_package(salon: Site) -> None:
    units = [
        an_account(
            offer.item.name,
            AccountKind.PACKAGE,
            item_id=PACKAGE.item.id,
            service_id=offer.item.id,
            value=value,
            balance=balance,
            **SOLD,
        )
        for offer, value, balance in [(MASSAGE, 5, 4), (FACIAL, 1, 0)]
    ]
    await _hold(salon, *units)
    (package,) = (await _get(salon, "packages"))["guest_packages"]
    assert package["services"] == [
        {
            "id": one.service_id,
            "name": offer.item.name,
            "service_type_info": {"id": one.service_id, "name": offer.item.name, "duration": minutes},
            "total": one.value,
            "used": one.value - one.balance,
            "balance": one.balance,
        }
        for one, offer, minutes in sorted([(units[0], MASSAGE, 60), (units[1], FACIAL, 0)], key=lambda unit: unit[0].id)
    ]
    del package["services"]
    assert package == {
        "user_package_id": guid_of("line Pack"),
        "status": 1,
        "user_package_state": 1,
        "redeemable": True,
        "package": {"id": PACKAGE.item.id, "name": "Pack", "code": "PACK", "type": 0},
        "invoice": INVOICE,
        "center": CENTER,
        "purchase": {"date": "2026-01-05T09:00:00", "price": PRICE},
        "date": {"end": None},
    }


async def test_packages_come_whole_or_in_pages_and_under_both_spellings(salon: Site) -> None:
    await _hold(salon, *(an_account(f"{n}", AccountKind.PACKAGE, value=1, balance=1) for n in range(12)))
    every = (await _get(salon, "packages"))["guest_packages"]
    assert len(every) == 12
    assert (await _get(salon, "Packages"))["guest_packages"] == every
    assert (await _get(salon, "packages?page_num=1"))["guest_packages"] == every[:10]
    assert (await _get(salon, "packages?page_num=2&page_size=5"))["guest_packages"] == every[5:10]
    assert (await _get(salon, "packages?page_num=4&page_size=5"))["guest_packages"] == []
    assert (await salon.get(f"{AT}/packages?page_num=0")).status == 400
    assert (await salon.get(f"{AT}/packages?page_size=101")).status == 422


async def test_points_by_programme_and_in_all_where_that_means_anything(salon: Site) -> None:
    async def hold(program: str, balance: int, **fields: Any) -> Any:
        held = an_account(
            program, AccountKind.LOYALTY_POINTS, program_id=guid_of(program), balance=balance, center_id=None, **fields
        )
        await _hold(salon, held)
        return (await _get(salon, "points"))["guest_points"]

    one = await hold("petals", 1203)
    assert one == {
        "balance_points": 1203,
        "balance_amount": Decimal("60.15"),
        "exchange_rate": Decimal("0.05"),
        "loyalty_programs": [
            {
                "id": guid_of("petals"),
                "name": "petals",
                "balance_points": 1203,
                "balance_amount": Decimal("60.15"),
                "exchange_rate": Decimal("0.05"),
                "currency_code": "USD",
            }
        ],
    }
    two = await hold("leaves", 10)
    assert (two["balance_points"], two["balance_amount"], two["exchange_rate"]) == (1213, Decimal("61.15"), None)
    three = await hold("pearls", 5)
    assert (three["balance_points"], three["balance_amount"], three["exchange_rate"]) == (1218, None, None)


async def test_points_that_are_over_are_not_counted(salon: Site) -> None:
    over = an_account(
        "over", AccountKind.LOYALTY_POINTS, program_id=guid_of("petals"), balance=5, expires_on=date(2026, 1, 4)
    )
    await _hold(salon, over)
    assert (await _get(salon, "points"))["guest_points"]["balance_points"] == 0


async def test_a_prepaid_card_is_worth_what_is_left_on_it(salon: Site) -> None:
    card = an_account(
        "card",
        AccountKind.PREPAID_CARD,
        number="PC-1",
        currency=KWD,
        value=1500,
        balance=1001,
        expires_on=date(2026, 12, 31),
        **SOLD,
    )
    await _hold(salon, card)
    assert (await _get(salon, "prepaidcards"))["guest_prepaid_cards"] == [
        {
            "id": card.id,
            "prepaid_card_number": "PC-1",
            "invoice": INVOICE,
            "center": CENTER,
            "purchase_details": {"date": "2026-01-05T09:00:00", "price": PRICE},
            "expiration_date": "2026-12-31T00:00:00",
            "value": Decimal("1.5"),
            "balance": Decimal("1.001"),
            "is_closed": False,
            "is_one_time_use": False,
            "sale_invoice": guid_of("invoice sale"),
            "state": "active",
            "currency_code": "KWD",
        }
    ]


async def test_gift_cards_come_in_pages_and_under_both_spellings(salon: Site) -> None:
    await _hold(
        salon,
        *(an_account(f"{n}", AccountKind.GIFT_CARD, number=f"GC-{n}", currency=USD, value=100) for n in range(12)),
        an_account("sold", AccountKind.GIFT_CARD, number="GC", currency=USD, state=AccountState.CANCELLED, **SOLD),
    )
    every = (await _get(salon, "gift_cards?size=100"))["gift_cards"]
    assert len(every) == 13
    (sold,) = (card for card in every if card["code"] == "GC")
    assert (sold["price"], sold["sale_date"], sold["is_closed"]) == (Decimal("500.5"), "2026-01-05T09:00:00", True)
    second = await _get(salon, "giftcards?page=2")
    assert second == {"gift_cards": every[10:], "page_info": {"total": 13, "page": 2, "size": 10}}
    assert (await salon.get(f"{AT}/giftcards?size=101")).status == 422


@pytest.mark.parametrize(
    "what", ["memberships", "packages", "Packages", "points", "prepaidcards", "gift_cards", "giftcards"]
)
async def test_nobody_holds_nothing(salon: Site, what: str) -> None:
    reply = await salon.get(f"/v1/guests/{guid_of('nobody')}/{what}")
    assert (reply.status, reply.error["code"]) == (404, 404)
    assert (await salon.get(f"/v1/guests/nobody/{what}")).error["message"].startswith("guest_id: ")
