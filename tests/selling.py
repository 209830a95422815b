"""A shop to sell in: a centre with a catalogue, people, a campaign by code and one by vouchers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from closebell.domain.account import Account, AccountKind
from closebell.domain.invoice import ItemType
from closebell.store import accounts, tables
from closebell.testing import (
    NOON,
    a_centre,
    a_guest,
    an_employee,
    an_offer,
    guid_of,
    put_centre,
    put_offers,
    put_people,
)

CENTRE: Final = replace(
    a_centre(), organization_id=guid_of("organisation"), ssg_rate=Decimal(10), fee_rate=Decimal("1.5")
)
ELSEWHERE: Final = a_centre("Elsewhere")
GUEST: Final = a_guest()
INES: Final = an_employee("Ines")

MASSAGE: Final = an_offer("Massage", price=10000, tax_rate="7.25", duration_minutes=60)
FACIAL: Final = an_offer("Facial", price=12345, tax_rate="10", is_tax_included=True, duration_minutes=45)
OIL: Final = an_offer("Oil", kind=ItemType.PRODUCT, price=1999, tax_rate="8.875")
SOAP: Final = an_offer("Soap", kind=ItemType.PRODUCT, price=333, tax_rate="20", is_tax_included=True)
TUB: Final = an_offer("Tub of oil", kind=ItemType.PRODUCT, price=9000, is_retail=False)
GOLD: Final = an_offer("Gold", kind=ItemType.MEMBERSHIP, price=40000, validity_days=365)
FIVE: Final = an_offer(
    "Five", kind=ItemType.PACKAGE, price=40000, validity_days=30, benefits=[(MASSAGE.item.id, 5), (FACIAL.item.id, 1)]
)
DAY: Final = an_offer("Day", kind=ItemType.DAY_PACKAGE, price=20000, benefits=[(MASSAGE.item.id, 1)])
GIFT: Final = an_offer("Gift", kind=ItemType.CARD, price=5000, value=6000, validity_days=730)
ABROAD: Final = an_offer("Abroad", kind=ItemType.PRODUCT, price=100)
"""A product that only the other centre sells."""

SPRING: Final = guid_of("campaign spring")
BACK: Final = guid_of("campaign back")
VOUCHERS: Final = ("BACK-1", "BACK-2")


def open_shop(connection: Connection) -> None:
    """Store it all."""
    put_centre(connection, CENTRE)
    put_centre(connection, ELSEWHERE)
    put_people(connection, guests=[GUEST], employees=[INES])
    connection.execute(update(tables.guests).values(center_id=CENTRE.id))
    put_offers(connection, CENTRE, MASSAGE, FACIAL, OIL, SOAP, TUB, GOLD, FIVE, DAY, GIFT)
    put_offers(connection, ELSEWHERE, ABROAD)
    put_campaign(connection, SPRING, {"offer_code": "SPRING", "percent": Decimal("12.5")})
    back = {"voucher_prefix": "BACK-", "amount": 1500, "currency": "USD", "minimum": 6000}
    put_campaign(connection, BACK, back)
    connection.execute(insert(tables.vouchers), [{"code": code, "campaign_id": BACK} for code in VOUCHERS])


def put_campaign(connection: Connection, campaign_id: str, columns: Mapping[str, Any]) -> None:
    """Store a campaign."""
    lists = {name: json.dumps(columns.get(name, [])) for name in ("center_ids", "item_ids")}
    row = {"id": campaign_id, "name": "Deal", "redemptions": 0, **columns, **lists}
    connection.execute(insert(tables.campaigns), row)


def put_units(connection: Connection, name: str, balance: int, *, expires_on: date | None = None) -> str:
    """Store units of a massage that the guest holds, and tell the account's id."""
    account = Account(
        id=guid_of(f"account {name}"),
        kind=AccountKind.PACKAGE,
        guest_id=GUEST.id,
        center_id=CENTRE.id,
        item_id=FIVE.item.id,
        service_id=MASSAGE.item.id,
        value=balance,
        balance=balance,
        expires_on=expires_on,
    )
    accounts.insert_many(connection, [account], now=NOON)
    return account.id


def redemptions(connection: Connection) -> dict[str, int]:
    """How often each campaign was redeemed."""
    rows = connection.execute(select(tables.campaigns.c.id, tables.campaigns.c.redemptions)).all()
    return {row.id: row.redemptions for row in rows}


def vouchers(connection: Connection) -> dict[str, str | None]:
    """Where each voucher was used."""
    rows = connection.execute(select(tables.vouchers.c.code, tables.vouchers.c.invoice_id)).all()
    return {row.code: row.invoice_id for row in rows}


def held(connection: Connection) -> dict[str, tuple[str, int]]:
    """State and balance of every account, whose entries must sum to it."""
    entries = tables.account_entries.c
    found = {}
    for row in connection.execute(select(tables.accounts)).all():
        amounts = connection.execute(select(entries.amount).where(entries.account_id == row.id)).scalars()
        assert sum(amounts) == row.balance, row.id
        found[row.id] = row.state, row.balance
    return found
