"""What a guest holds, with the sale it came from."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.caller import Caller, Role
from closebell.domain.catalogue import LoyaltyProgram
from closebell.domain.guest_holding import packages_of
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency
from closebell.domain.people import GuestEntry
from closebell.errors import NotFound, Refusal
from closebell.store import accounts, directory, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    a_centre,
    a_line,
    a_paid_invoice,
    an_offer,
    guid_of,
    put,
    put_offers,
)
from closebell.usecase.read_holdings import GuestHoldings, read_holdings

HERE = a_centre()
ADA = GuestEntry(id=guid_of("ada"), first_name="Ada", center_id=HERE.id)
USD = Currency.of("USD")
SERVICE = an_offer("Massage")
PACKAGE = an_offer("Five massages", kind=ItemType.PACKAGE, benefits=[(SERVICE.item.id, 5)])


def an_account(name: str, kind: AccountKind, **fields: Any) -> Account:
    return Account(id=guid_of(f"account {name}"), kind=kind, guest_id=ADA.id, center_id=HERE.id, **fields)


def _put(connection: Connection, *held: Account) -> None:
    put(connection, a_paid_invoice("sale", lines=[a_line("Pack", final=50000, tax=1000)]))
    put_offers(connection, HERE, SERVICE, PACKAGE)
    directory.insert_guests(connection, [ADA], is_stub=False)
    program = LoyaltyProgram(id=guid_of("petals"), name="Petals", currency=USD, exchange_rate=Decimal("0.05"))
    row = {"id": program.id, "name": "Petals", "currency": "USD", "exchange_rate": program.exchange_rate}
    connection.execute(insert(tables.loyalty_programs), {**row, "points_min": 0})
    for age, account in enumerate(held):
        accounts.insert_many(connection, [account], now=NOON - timedelta(hours=age))


async def _read(database: Database, kind: AccountKind, **options: Any) -> GuestHoldings:
    return await database.read(read_holdings, ADA.id, kind, clock=FixedClock(), **options)


async def test_what_was_sold_says_by_what(database: Database) -> None:
    line = guid_of("line Pack")
    sold = an_account(
        "units",
        AccountKind.PACKAGE,
        item_id=PACKAGE.item.id,
        service_id=SERVICE.item.id,
        value=5,
        invoice_id=guid_of("invoice sale"),
        invoice_item_id=line,
        state=AccountState.ISSUED,
    )
    await database.write(_put, sold)
    found = await _read(database, AccountKind.PACKAGE)
    (package,) = packages_of(found.holdings)
    assert (package.id, package.first.centre) == (line, HERE)
    assert (package.first.item, package.first.service) == (PACKAGE.item, SERVICE.item)
    sale = package.first.sale
    assert sale is not None
    assert (sale.invoice_id, sale.is_closed, sale.is_cancelled) == (guid_of("invoice sale"), False, False)
    assert (sale.invoice_number, sale.receipt_number, sale.sold_at) == ("INVsale", "0", "2026-01-05T09:00:00")
    assert (sale.sales, sale.tax, sale.final, sale.currency_id) == (49000, 1000, 50000, 148)


async def test_each_kind_apart_the_newest_first_and_whatever_became_of_it(database: Database) -> None:
    cards = [
        an_account(name, AccountKind.GIFT_CARD, number=name, currency=USD, value=100, balance=balance, state=state)
        for name, balance, state in [
            ("new", 100, AccountState.ACTIVE),
            ("used", 0, AccountState.ACTIVE),
            ("gone", 0, AccountState.CANCELLED),
        ]
    ]
    points = an_account("points", AccountKind.LOYALTY_POINTS, program_id=guid_of("petals"), balance=30)
    await database.write(_put, *cards, points)
    found = await _read(database, AccountKind.GIFT_CARD)
    assert [holding.account for holding in found.holdings] == cards
    assert (found.total, found.today) == (3, date(2026, 1, 5))
    assert all(holding.sale is None for holding in found.holdings)
    (held,) = (await _read(database, AccountKind.LOYALTY_POINTS)).holdings
    assert held.program is not None
    assert (held.program.name, held.account.balance) == ("Petals", 30)
    assert (await _read(database, AccountKind.MEMBERSHIP)).holdings == []


async def test_a_page_of_them(database: Database) -> None:
    cards = [an_account(name, AccountKind.PREPAID_CARD, number=name, currency=USD) for name in "abcd"]
    await database.write(_put, *cards)
    found = await _read(database, AccountKind.PREPAID_CARD, offset=1, limit=2)
    assert [holding.account.number for holding in found.holdings] == ["b", "c"]
    assert found.total == 4


async def test_only_whoever_reaches_the_guest_reads_what_they_hold(database: Database) -> None:
    await database.write(_put)
    with pytest.raises(NotFound):
        await database.read(read_holdings, guid_of("nobody"), AccountKind.GIFT_CARD, clock=FixedClock())
    other = Caller(id=guid_of("key"), role=Role.READER, center_ids=frozenset({guid_of("another centre")}))
    with pytest.raises(Refusal):
        await _read(database, AccountKind.GIFT_CARD, caller=other)
