"""Cards, points, packages and memberships follow a refund, and follow it back when it is called off."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.domain.account import Account, AccountKind, AccountState, EntryReason
from closebell.domain.invoice import Invoice, ItemType, Line, Tender
from closebell.domain.refund import Wish
from closebell.domain.refund_lines import ItemWish
from closebell.errors import Conflict, InvalidInput
from closebell.store import accounts, tables
from closebell.store.accounts import Movement
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_guest,
    a_line,
    a_payment,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.cancel_invoice import cancel_invoice
from closebell.usecase.refund_invoice import RefundCommand, Refunded, refund_invoice
from closebell.usecase.remove_payment import remove_payment

CLOCK, LUCK = FixedClock(), SeededLuck()
USD = a_centre().currency


def sold(name: str, kind: ItemType, *, final: int = 10000, **fields: Any) -> Line:
    return replace(a_line(name, final=final), type=kind, **fields)


def account(name: str, kind: AccountKind, *, value: int = 0, balance: int = 0, **fields: Any) -> Account:
    has_money = kind in {AccountKind.GIFT_CARD, AccountKind.PREPAID_CARD}
    return Account(
        **{
            "id": guid_of(f"account {name}"),
            "kind": kind,
            "guest_id": a_guest().id,
            "number": f"N-{name}" if has_money else None,
            "currency": USD if has_money else None,
            "value": value,
            "balance": balance,
            **fields,
        }
    )


def closed(name: str, *lines: Line, **fields: Any) -> Invoice:
    total = sum(line.final for line in lines)
    return an_invoice(name, lines=lines, **{"transactions": (a_payment(total),), "closed_at": NOON, **fields})


async def stored(database: Database, invoice: Invoice, *held: Account) -> None:
    await database.write(put, invoice)
    await database.write(accounts.insert_many, held, now=NOON)


async def refund(database: Database, invoice: Invoice, wish: Wish | None = None, *, closes: bool = False) -> Refunded:
    command = RefundCommand(invoice_id=invoice.id, wish=wish or Wish(), closes=closes)
    return await database.write(refund_invoice, command, clock=CLOCK, luck=LUCK)


async def call_off(database: Database, refund: Invoice) -> None:
    for tender in refund.transactions:
        await database.write(remove_payment, refund.id, tender.id, clock=CLOCK, luck=LUCK)
    await database.write(cancel_invoice, refund.id, clock=CLOCK)


async def standing(database: Database, *held: Account) -> list[tuple[AccountState, int]]:
    found = await database.read(accounts.load, [one.id for one in held])
    return [(found[one.id].state, found[one.id].balance) for one in held]


def entries(connection: Connection, account_id: str) -> list[tuple[str, int, int, str | None, str | None]]:
    row = tables.account_entries.c
    statement = (
        select(row.reason, row.amount, row.balance, row.invoice_id, row.row_id)
        .where(row.account_id == account_id)
        .order_by(row.number)
    )
    return [tuple(found) for found in connection.execute(statement)]


ACTIVE, CANCELLED = AccountState.ACTIVE, AccountState.CANCELLED


@pytest.mark.parametrize(
    ("kind", "tender"),
    [(AccountKind.GIFT_CARD, Tender.GIFT_CARD), (AccountKind.PREPAID_CARD, Tender.PREPAID_CARD)],
)
async def test_a_card_gets_its_money_back_tip_included(database: Database, kind: AccountKind, tender: Tender) -> None:
    card = account("card", kind, value=20000, balance=5000)
    paid = replace(a_payment(14000, tip=1000, tender=tender), account_id=card.id)
    invoice = closed("paid", a_line(final=14000), transactions=(paid,))
    await stored(database, invoice, card)
    made = await refund(database, invoice)
    assert await standing(database, card) == [(ACTIVE, 20000)]
    back = made.refund.transactions[0]
    assert (await database.read(entries, card.id))[-1] == (
        EntryReason.REFUNDED,
        15000,
        20000,
        made.refund.id,
        back.id,
    )
    await call_off(database, made.refund)
    assert await standing(database, card) == [(ACTIVE, 5000)]


async def test_points_come_back_as_points(database: Database) -> None:
    with_points = account("points", AccountKind.LOYALTY_POINTS, balance=70)
    paid = replace(a_payment(1000, tender=Tender.LOYALTY_POINTS), account_id=with_points.id, points=200)
    invoice = closed("paid", replace(a_line(final=1000), quantity=Decimal(4)), transactions=(paid,))
    await stored(database, invoice, with_points)
    quarter = Wish(items=(ItemWish(invoice_item_id=guid_of("line Massage"), quantity=Decimal(1)),))
    await refund(database, invoice, quarter, closes=True)
    assert await standing(database, with_points) == [(ACTIVE, 120)]
    await refund(database, invoice, closes=True)
    assert await standing(database, with_points) == [(ACTIVE, 270)]


async def test_units_come_back_whole_or_not_at_all(database: Database) -> None:
    package = account("package", AccountKind.PACKAGE, value=5, balance=3)
    line = sold("Massage", ItemType.SERVICE, final=0, quantity=Decimal(2), redeemed_from_id=package.id)
    invoice = closed("served", line, transactions=())
    await stored(database, invoice, package)
    before = await database.read(snapshot)
    with pytest.raises(InvalidInput, match=r"items\[0\].quantity: is 0.5, and a package paid for Massage"):
        await refund(database, invoice, Wish(items=(ItemWish(invoice_item_id=line.id, quantity=Decimal("0.5")),)))
    assert await database.read(snapshot) == before
    for _ in range(2):
        await refund(database, invoice, Wish(items=(ItemWish(invoice_item_id=line.id, quantity=Decimal(1)),)))
    assert await standing(database, package) == [(ACTIVE, 5)]


async def test_a_service_gives_the_package_its_unit_back(database: Database) -> None:
    package = account("package", AccountKind.PACKAGE, value=5, balance=3)
    line = sold("Massage", ItemType.SERVICE, final=0, quantity=Decimal(2), redeemed_from_id=package.id)
    invoice = closed("served", line, transactions=())
    await stored(database, invoice, package)
    made = await refund(database, invoice)
    assert await standing(database, package) == [(ACTIVE, 5)]
    assert (await database.read(entries, package.id))[-1] == (
        EntryReason.REFUNDED,
        2,
        5,
        made.refund.id,
        made.refund.lines[0].id,
    )
    await call_off(database, made.refund)
    assert await standing(database, package) == [(ACTIVE, 3)]
    one = Wish(items=(ItemWish(invoice_item_id=line.id, quantity=Decimal(1)),))
    await refund(database, invoice, one, closes=True)
    assert await standing(database, package) == [(ACTIVE, 4)]


async def test_units_that_were_used_again_keep_the_refund_from_being_called_off(database: Database) -> None:
    package = account("package", AccountKind.PACKAGE, value=5, balance=0)
    line = sold("Massage", ItemType.SERVICE, final=0, redeemed_from_id=package.id)
    invoice = closed("served", line, transactions=())
    await stored(database, invoice, package)
    made = await refund(database, invoice)

    def spend(connection: Connection) -> None:
        held = accounts.load_locked(connection, [package.id])[package.id]
        accounts.move(connection, [Movement(account=held, amount=-1, reason=EntryReason.REDEEMED)], now=NOON)

    await database.write(spend)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match="holds 0 of the 1 that the refund gave back"):
        await call_off(database, made.refund)
    assert await database.read(snapshot) == before


def _issued(kind: AccountKind, invoice: Invoice, line: Line, **fields: Any) -> Account:
    return account(f"{kind} {line.name}", kind, invoice_id=invoice.id, invoice_item_id=line.id, **fields)


async def test_what_was_sold_to_be_held_is_cancelled_and_emptied(database: Database) -> None:
    card, package = sold("Card", ItemType.CARD), sold("Package", ItemType.PACKAGE)
    membership = sold("Gold", ItemType.MEMBERSHIP)
    invoice = closed("sale", card, package, membership)
    held = (
        _issued(AccountKind.GIFT_CARD, invoice, card, value=10000, balance=10000),
        _issued(AccountKind.PACKAGE, invoice, package, value=5, balance=5),
        _issued(AccountKind.PACKAGE, invoice, package, id=guid_of("second service"), value=1, balance=1),
        _issued(AccountKind.MEMBERSHIP, invoice, membership),
    )
    await stored(database, invoice, *held)
    only_card = await refund(database, invoice, Wish(items=(ItemWish(invoice_item_id=card.id),)), closes=True)
    assert await standing(database, *held) == [(CANCELLED, 0), (ACTIVE, 5), (ACTIVE, 1), (ACTIVE, 0)]
    assert (await database.read(entries, held[0].id))[-1] == (
        EntryReason.CANCELLED,
        -10000,
        0,
        only_card.refund.id,
        only_card.refund.lines[0].id,
    )
    rest = await refund(database, invoice)
    assert await standing(database, *held) == [(CANCELLED, 0)] * 4
    await call_off(database, rest.refund)
    assert await standing(database, *held) == [(CANCELLED, 0), (ACTIVE, 5), (ACTIVE, 1), (ACTIVE, 0)]
    await refund(database, invoice, closes=True)
    assert await standing(database, *held) == [(CANCELLED, 0)] * 4


async def test_less_money_for_what_is_held_leaves_it_with_the_guest(database: Database) -> None:
    line = sold("Card", ItemType.CARD)
    invoice = closed("sale", line)
    card = _issued(AccountKind.GIFT_CARD, invoice, line, value=10000, balance=4000)
    await stored(database, invoice, card)
    less = Wish(items=(ItemWish(invoice_item_id=line.id, amount=Decimal(10)),))
    await refund(database, invoice, less, closes=True)
    assert await standing(database, card) == [(ACTIVE, 4000)]


async def test_what_was_used_is_not_taken_back(database: Database) -> None:
    card, package = sold("Card", ItemType.CARD), sold("Package", ItemType.PACKAGE)
    invoice = closed("sale", card, package)
    await stored(
        database,
        invoice,
        _issued(AccountKind.PREPAID_CARD, invoice, card, value=10000, balance=9999),
        _issued(AccountKind.PACKAGE, invoice, package, value=5, balance=2),
    )
    before = await database.read(snapshot)
    for line, said in ((card, r"prepaid card \(.*\) was used: 0\.01 of 100\.00 USD"), (package, "was used: 3 of 5")):
        with pytest.raises(Conflict, match=said):
            await refund(database, invoice, Wish(items=(ItemWish(invoice_item_id=line.id),)))
    assert await database.read(snapshot) == before


async def test_what_is_held_comes_back_whole_or_not_at_all(database: Database) -> None:
    line = sold("Card", ItemType.CARD, quantity=Decimal(2))
    invoice = closed("sale", line)
    await stored(database, invoice, _issued(AccountKind.GIFT_CARD, invoice, line, value=10000, balance=10000))
    half = Wish(items=(ItemWish(invoice_item_id=line.id, quantity=Decimal(1)),))
    with pytest.raises(Conflict, match="comes back whole or not at all"):
        await refund(database, invoice, half)


async def test_nothing_is_given_back_to_what_was_cancelled(database: Database) -> None:
    card = account("card", AccountKind.GIFT_CARD, value=100, balance=0, state=CANCELLED)
    invoice = closed("paid", a_line(final=100), transactions=(replace(a_payment(100), account_id=card.id),))
    await stored(database, invoice, card)
    with pytest.raises(Conflict, match="was cancelled; nothing can be given back to it"):
        await refund(database, invoice)


async def test_a_tender_whose_account_is_not_known_here_is_recorded_alone(database: Database) -> None:
    paid = replace(a_payment(100, tender=Tender.GIFT_CARD), account_id=guid_of("elsewhere"))
    invoice = closed("paid", a_line(final=100), transactions=(paid,))
    await stored(database, invoice)
    assert (await refund(database, invoice, closes=True)).refund.transactions[0].amount_paid == -100


async def test_a_refund_that_fails_moves_nothing(database: Database) -> None:
    card = account("card", AccountKind.GIFT_CARD, value=200, balance=0)
    paid = replace(a_payment(100, tip=5), account_id=card.id)
    invoice = closed("paid", a_line(final=100), transactions=(paid,))  # its tip was assigned to nobody
    await stored(database, invoice, card)
    before = await database.read(snapshot)
    with pytest.raises(Exception, match="unassigned tips"):
        await refund(database, invoice, closes=True)
    assert await database.read(snapshot) == before
