"""Selling: what a sale puts on an invoice, in both databases, also when many sell at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection, select, update

from closebell.domain.account import AccountKind, AccountState
from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.invoice import Invoice, ItemType
from closebell.domain.sale import LINES_MAX, Booking
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import accounts, tables
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_payment, an_invoice, guid_of, put, snapshot
from closebell.usecase.begin_invoice import Sale
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.sell import Basket, Purchase, sell, sell_more
from closebell.usecase.sell_gift_cards import CustomCard, CustomCards, Occasion, TemplateCard, TemplateCards
from closebell.usecase.sell_memberships import Memberships
from closebell.usecase.sell_packages import Package, Packages
from closebell.usecase.sell_products import Product, Products
from closebell.usecase.sell_services import Service, Services
from selling import (
    ABROAD,
    CENTRE,
    DAY,
    ELSEWHERE,
    FACIAL,
    FIVE,
    GIFT,
    GOLD,
    GUEST,
    INES,
    MASSAGE,
    OIL,
    SOAP,
    held,
    open_shop,
)

CLOCK, LUCK = FixedClock(), SeededLuck()
HERE = Sale(center_id=CENTRE.id, guest_id=GUEST.id)
NOTHING_SAID = Sale()


def _sell(connection: Connection, basket: Basket, sale: Sale = HERE, caller: Caller = OPERATOR) -> Purchase:
    return sell(connection, sale, basket, clock=CLOCK, luck=LUCK, caller=caller)


def _more(connection: Connection, invoice_id: str, basket: Basket, sale: Sale = NOTHING_SAID) -> Purchase:
    return sell_more(connection, invoice_id, sale, basket, clock=CLOCK, luck=LUCK)


def oil(quantity: str = "1") -> Products:
    return Products((Product(id=OIL.item.id, quantity=Decimal(quantity), sale_by_id=INES),))


async def test_products_become_a_new_invoice(database: Database) -> None:
    await database.write(open_shop)
    basket = Products((*oil("2").products, Product(id=SOAP.item.id.upper())))
    caller = Caller(id=guid_of("user"), role=Role.CASHIER, center_ids=frozenset([CENTRE.id]), employee_id=INES)
    made = await database.write(_sell, basket, replace(HERE, notes="Ring twice"), caller=caller)
    invoice = await database.read(read_invoice, made.invoice.id)
    assert invoice == made.invoice
    assert [(line.name, line.quantity, line.final, line.sale_by_id) for line in invoice.lines] == [
        ("Oil", Decimal(2), 4353, INES),
        ("Soap", Decimal(1), 333, None),
    ]
    assert (invoice.net_price, invoice.tax, invoice.sum_total) == (3998 + 278, 355 + 55, 4686)
    assert (invoice.ssg_amount, invoice.fee_amount) == (0, 0)
    assert (invoice.invoice_number, invoice.invoice_number_prefix, invoice.receipt_number) == ("1", "I", "0")
    # 12:00 UTC is four in the morning in Los Angeles.
    assert invoice.invoice_date == "2026-01-05T04:00:00"
    assert (invoice.guest, invoice.notes, invoice.created_by_id) == (GUEST, "Ring twice", INES)


async def test_numbers_of_invoices_have_no_hole(database: Database) -> None:
    await database.write(open_shop)

    async def one(number: int) -> Invoice | None:
        basket = oil() if number % 3 else Products((Product(id=guid_of("nothing")),))
        try:
            return (await database.write(_sell, basket)).invoice
        except Refusal:
            return None

    made = await asyncio.gather(*(one(number) for number in range(15)))
    numbers = sorted(int(invoice.invoice_number) for invoice in made if invoice is not None)
    assert numbers == list(range(1, 11))


async def test_services_are_booked_and_charged_for(database: Database) -> None:
    await database.write(open_shop)
    basket = Services(
        (
            Service(
                id=MASSAGE.item.id,
                quantity=Decimal(2),
                therapist_id=INES,
                booking=Booking(start_time="2026-01-05T10:00:00", room_name="3"),
            ),
            Service(id=FACIAL.item.id, sale_by_id=INES),
        )
    )
    made = await database.write(_sell, basket)
    invoice = await database.read(read_invoice, made.invoice.id)
    assert invoice == made.invoice
    massage, facial = invoice.lines
    assert (massage.final, massage.therapist_name, massage.sale_by_id) == (21450, "Ines Staff", None)
    assert (facial.final, facial.therapist_name, facial.sale_by_id) == (12345, "Ines Staff", INES)
    (booked,) = invoice.appointments
    assert (booked.invoice_item_id, booked.therapist_id, booked.end_time) == (massage.id, INES, "2026-01-05T11:00:00")
    services = massage.sales + facial.sales
    assert (invoice.ssg_amount, invoice.fee_amount) == (round(services / 10), round(services * 0.015))


async def test_who_serves_without_an_appointment_stands_on_the_line(database: Database) -> None:
    await database.write(open_shop)
    made = await database.write(_sell, Services((Service(id=MASSAGE.item.id, therapist_id=INES),)))
    assert [(line.sale_by_id, line.therapist_name) for line in made.invoice.lines] == [(INES, "Ines Staff")]
    assert made.invoice.appointments == ()


async def test_a_mixed_sale_is_several_calls(database: Database) -> None:
    await database.write(open_shop)
    made = await database.write(_sell, oil())
    for basket in (
        Services((Service(id=MASSAGE.item.id, booking=Booking(start_time="2026-01-05T10:00:00")),)),
        Memberships(ids=(GOLD.item.id,), sale_by_id=INES),
        Packages(packages=(Package(id=FIVE.item.id),)),
        oil("3"),
    ):
        made = await database.write(_more, made.invoice.id, basket, HERE)
    invoice = await database.read(read_invoice, made.invoice.id)
    assert invoice == made.invoice
    assert [line.type for line in invoice.lines] == [ItemType.PRODUCT, 0, ItemType.MEMBERSHIP, ItemType.PACKAGE, 2]
    assert invoice.sum_total == sum(line.final for line in invoice.lines)
    assert len(invoice.appointments) == 1
    assert invoice.invoice_number == "1"


async def test_what_a_guest_will_hold_is_theirs_once_the_invoice_closes(database: Database) -> None:
    await database.write(open_shop)
    made = await database.write(_sell, Memberships(ids=(GOLD.item.id, GOLD.item.id)))
    invoice_id = made.invoice.id
    await database.write(_more, invoice_id, Packages(packages=(Package(id=FIVE.item.id), Package(id=DAY.item.id))))
    sold = await database.read(accounts.sold_by, [invoice_id])
    assert {one.state for one in sold} == {AccountState.ISSUED}
    assert sorted((one.kind.value, one.value, str(one.expires_on)) for one in sold) == [
        ("membership", 0, "2027-01-05"),
        ("membership", 0, "2027-01-05"),
        ("package", 1, "2026-02-04"),
        ("package", 1, "None"),
        ("package", 5, "2026-02-04"),
    ]
    assert await database.write(_close, invoice_id, 80000 + 60000)
    assert sorted((await database.read(held)).values()) == [
        ("active", 0),
        ("active", 0),
        ("active", 1),
        ("active", 1),
        ("active", 5),
    ]


def _close(connection: Connection, invoice_id: str, amount: int) -> bool:
    """Pay so much and close."""
    invoice = read_invoice(connection, invoice_id)
    row = {name: getattr(a_payment(amount), name) for name in a_payment().__slots__}
    row["option_id"] = None
    connection.execute(tables.transactions.insert(), {"invoice_id": invoice.id, "position": 0, **row})
    report = close_invoices(connection, [CloseCommand(invoice_id=invoice_id)], clock=CLOCK, luck=LUCK)
    return isinstance(report.answers[0], Closed)


async def test_cards_of_the_catalogue_have_a_number_and_a_value(database: Database) -> None:
    await database.write(open_shop)
    basket = TemplateCards(
        (
            TemplateCard(template_id=GIFT.item.id, occasion=Occasion(message="Enjoy", recipient_name="Grace")),
            TemplateCard(template_id=GIFT.item.id, sale_by_id=INES),
        )
    )
    made = await database.write(_sell, basket)
    first, second = made.sold.accounts
    assert first.number != second.number
    assert (first.value, first.balance, first.expires_on) == (6000, 0, date(2028, 1, 5))
    assert first.details == '{"message": "Enjoy", "recipient_name": "Grace"}'
    assert made.invoice.sum_total == 10000
    assert await database.read(accounts.find_card, first.number or "") == first
    assert await database.write(_close, made.invoice.id, 10000)
    assert set((await database.read(held)).values()) == {("active", 6000)}


async def test_cards_for_any_amount_bring_their_own_number_or_get_one(database: Database) -> None:
    await database.write(open_shop)
    basket = CustomCards(
        (
            CustomCard(price=Decimal(50), value=Decimal("60.5"), code=" OWN-1 ", is_onetime_use=True),
            CustomCard(price=Decimal(20), kind="prepaid_card", expires_after_days=10),
            CustomCard(price=Decimal(0), value=Decimal(5), expires_on="2026-01-05"),
        )
    )
    made = await database.write(_sell, basket)
    own, prepaid, free = made.sold.accounts
    assert (own.number, own.value, own.kind, own.details) == (
        "OWN-1",
        6050,
        AccountKind.GIFT_CARD,
        '{"is_onetime_use": true}',
    )
    assert (prepaid.value, prepaid.kind, prepaid.expires_on) == (2000, AccountKind.PREPAID_CARD, date(2026, 1, 15))
    assert (free.value, free.expires_on) == (500, date(2026, 1, 5))
    assert [line.name for line in made.invoice.lines] == ["Gift card", "Prepaid card", "Gift card"]
    assert made.invoice.sum_total == 7000
    with pytest.raises(Conflict, match=r"gift_cards\[0\].code: OWN-1 is another card's"):
        await database.write(_sell, CustomCards(basket.cards[:1]))


@pytest.mark.parametrize("code", ["GIFT 2026", "Gr\u00fcn", "A/B", "9" * 41, "A\nB"])
async def test_no_card_is_sold_under_a_number_with_which_nobody_could_pay(database: Database, code: str) -> None:
    await database.write(open_shop)
    before = await database.read(snapshot)
    with pytest.raises(InvalidInput, match=r"gift_cards\[0\].code: is no card number"):
        await database.write(_sell, CustomCards((CustomCard(price=Decimal(5), code=code),)))
    assert await database.read(snapshot) == before


async def test_one_sale_does_not_sell_a_number_twice(database: Database) -> None:
    await database.write(open_shop)
    twice = tuple(CustomCard(price=Decimal(5), code=code) for code in ("ONE", "TWO", "ONE"))
    with pytest.raises(Conflict, match=r"gift_cards\[2\].code: ONE is another card's"):
        await database.write(_sell, CustomCards(twice))


async def test_two_who_sell_one_card_at_once_sell_it_once(database: Database) -> None:
    await database.write(open_shop)
    for number in range(6):
        basket = CustomCards((CustomCard(price=Decimal(5), code=f"RACE-{number}"),))
        results = await asyncio.gather(*(database.write(_sell, basket) for _ in range(3)), return_exceptions=True)
        assert sum(isinstance(one, Purchase) for one in results) == 1
        assert sum(isinstance(one, Conflict) for one in results) == 2


async def test_two_who_add_at_once_both_count(database: Database) -> None:
    await database.write(open_shop)
    made = await database.write(_sell, oil())
    await asyncio.gather(*(database.write(_more, made.invoice.id, oil()) for _ in range(8)))
    invoice = await database.read(read_invoice, made.invoice.id)
    assert len(invoice.lines) == 9
    assert invoice.sum_total == sum(line.final for line in invoice.lines) == 9 * made.invoice.sum_total


async def test_a_member_of_a_group_can_still_be_sold_to(database: Database) -> None:
    await database.write(open_shop)
    await database.write(put, an_invoice("member", centre=CENTRE, group_invoice_id=guid_of("group")))
    made = await database.write(_more, guid_of("invoice member"), oil(), HERE)
    assert len(made.invoice.lines) == 2


FINISHED = [
    an_invoice("closed", centre=CENTRE, closed_at=NOON, receipt_number="R7"),
    an_invoice("cancelled", centre=CENTRE, cancelled_at=NOON),
    an_invoice("locked", centre=CENTRE, lock=True),
    an_invoice("refund", centre=CENTRE, total=-100, is_refund=True),
]


@pytest.mark.parametrize("invoice", FINISHED, ids=lambda invoice: invoice.invoice_number)
async def test_nothing_is_added_to_what_is_finished(database: Database, invoice: Invoice) -> None:
    await database.write(open_shop)
    await database.write(put, invoice)
    before = await database.read(snapshot)
    with pytest.raises(Conflict):
        await database.write(_more, invoice.id, oil())
    assert await database.read(snapshot) == before


async def test_nobody_in_particular_holds_nothing(database: Database) -> None:
    await database.write(open_shop)
    await database.write(put, an_invoice("nobody", centre=CENTRE, guest=None))
    invoice_id = guid_of("invoice nobody")
    for basket in (Memberships(ids=(GOLD.item.id,)), Packages(packages=(Package(id=FIVE.item.id),))):
        with pytest.raises(Refusal) as caught:
            await database.write(_more, invoice_id, basket)
        assert caught.value.code is RefusalCode.GUEST_INVALID
    with pytest.raises(Refusal) as caught:
        await database.write(_more, invoice_id, oil(), HERE)
    assert caught.value.code is RefusalCode.GUEST_INVALID
    assert (await database.write(_more, invoice_id, oil())).invoice.guest is None


async def test_an_invoice_holds_so_many_lines_and_no_more(database: Database) -> None:
    await database.write(open_shop)
    full = Products(oil().products * LINES_MAX)
    made = await database.write(_sell, full)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match=f"{LINES_MAX + 1} items"):
        await database.write(_more, made.invoice.id, oil())
    with pytest.raises(Refusal, match=f"{LINES_MAX + 1} items"):
        await database.write(_sell, Products(oil().products * (LINES_MAX + 1)))
    assert await database.read(snapshot) == before


async def test_what_comes_to_too_much_is_not_sold(database: Database) -> None:
    await database.write(open_shop)
    dear = CustomCard(price=Decimal(15_000_000_000_000_000))
    with pytest.raises(Refusal) as caught:
        await database.write(_sell, CustomCards((dear, dear)))
    assert caught.value.code is RefusalCode.SALE_FAILED
    made = await database.write(_sell, CustomCards((dear,)))
    assert made.invoice.sum_total == 1_500_000_000_000_000_000
    rows = await database.read(lambda c: len(c.execute(select(tables.invoices)).all()))
    assert rows == 1


@pytest.mark.parametrize("center_id", [CENTRE.id, None])
async def test_who_is_bound_sells_to_guests_of_their_centres_alone(database: Database, center_id: str | None) -> None:
    """An invoice shows its guest's number and address, and is paid with their points and cards."""
    await database.write(open_shop)
    await database.write(lambda connection: connection.execute(update(tables.guests).values(center_id=center_id)))
    before = await database.read(snapshot)
    there = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset([ELSEWHERE.id]))
    abroad = Products((Product(id=ABROAD.item.id),))
    with pytest.raises(Refusal) as caught:
        await database.write(_sell, abroad, replace(HERE, center_id=ELSEWHERE.id), caller=there)
    assert caught.value.code is RefusalCode.CANNOT_ACCESS
    assert await database.read(snapshot) == before
    await database.write(_sell, abroad, replace(HERE, center_id=ELSEWHERE.id))


async def test_a_refused_sale_takes_no_number(database: Database) -> None:
    await database.write(open_shop)
    before = await database.read(snapshot)
    with pytest.raises(ClosebellError):
        await database.write(_sell, Products((*oil().products, Product(id=guid_of("nothing")))))
    assert await database.read(snapshot) == before
