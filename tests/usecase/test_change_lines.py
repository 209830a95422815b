"""Taking things off again: items, campaigns, redemptions, the whole invoice; and that all of it goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.invoice import Invoice, TransactionState
from closebell.domain.units import Wanted
from closebell.errors import ClosebellError, Conflict, NotFound, Refusal, RefusalCode
from closebell.store import accounts
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_line,
    a_payment,
    an_appointment,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.apply_campaign import Discounted, Offered, apply_campaign, remove_campaign
from closebell.usecase.begin_invoice import Sale
from closebell.usecase.cancel_invoice import cancel_invoice
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.redeem_package import Redeemed, redeem_packages, undo_redemption
from closebell.usecase.remove_item import remove_item
from closebell.usecase.seal_invoice import confirm_invoice, lock_invoice
from closebell.usecase.sell import Basket, sell, sell_more
from closebell.usecase.sell_gift_cards import TemplateCard, TemplateCards
from closebell.usecase.sell_packages import Package, Packages
from closebell.usecase.sell_products import Product, Products
from closebell.usecase.sell_services import Service, Services
from selling import (
    BACK,
    CENTRE,
    FACIAL,
    FIVE,
    GIFT,
    GUEST,
    MASSAGE,
    OIL,
    SPRING,
    held,
    open_shop,
    put_campaign,
    put_units,
    redemptions,
    vouchers,
)

CLOCK, LUCK = FixedClock(), SeededLuck()
OILS = Products((Product(id=OIL.item.id, quantity=Decimal(2)),))


def massages(*quantities: str) -> Services:
    return Services(tuple(Service(id=MASSAGE.item.id, quantity=Decimal(quantity)) for quantity in quantities))


def _sell(connection: Connection, *baskets: Basket) -> Invoice:
    who = Sale(center_id=CENTRE.id, guest_id=GUEST.id)
    invoice = sell(connection, who, baskets[0], clock=CLOCK, luck=LUCK).invoice
    for basket in baskets[1:]:
        invoice = sell_more(connection, invoice.id, who, basket, clock=CLOCK, luck=LUCK).invoice
    return invoice


def _remove(connection: Connection, invoice_id: str, line_id: str, comments: str = "") -> Invoice:
    return remove_item(connection, invoice_id, line_id, comments, clock=CLOCK)


def _cancel(connection: Connection, invoice_id: str, comments: str = "") -> Invoice:
    return cancel_invoice(connection, invoice_id, comments, clock=CLOCK)


def _apply(connection: Connection, invoice_id: str, code: str = "SPRING") -> Discounted:
    return apply_campaign(connection, invoice_id, Offered(offer_code=code, center_id=CENTRE.id), clock=CLOCK)


def _redeem(connection: Connection, invoice_id: str, wanted: list[Wanted] | None = None) -> list[Redeemed]:
    return redeem_packages(connection, invoice_id, wanted, clock=CLOCK)


def _undo(connection: Connection, invoice_id: str, line_id: str) -> Invoice:
    return undo_redemption(connection, invoice_id, line_id, clock=CLOCK)


# --- items -------------------------------------------------------------------------------------------------------


async def test_an_item_goes_with_its_appointment_and_what_it_sold(database: Database) -> None:
    await database.write(open_shop)
    cards = TemplateCards((TemplateCard(template_id=GIFT.item.id), TemplateCard(template_id=GIFT.item.id)))
    invoice = await database.write(_sell, OILS, Packages(packages=(Package(id=FIVE.item.id),)), cards)
    oil, package, first, second = invoice.lines
    for line in (package, first):
        await database.write(_remove, invoice.id, line.id, "changed her mind")
    left = await database.read(read_invoice, invoice.id)
    assert left.lines == (oil, second)
    assert left.sum_total == oil.final + second.final
    assert left.notes == "Five removed: changed her mind\nGift removed: changed her mind"
    sold = {one.invoice_item_id: one.state for one in await database.read(accounts.sold_by, [invoice.id])}
    assert sold == {package.id: "cancelled", first.id: "cancelled", second.id: "issued"}


@pytest.mark.parametrize("coin", [1, 5])
async def test_no_total_falls_below_zero_with_what_an_imported_invoice_says_beside_its_lines(
    database: Database, coin: int
) -> None:
    centre = replace(CENTRE, rounding_unit=coin)
    less = replace(an_invoice(centre=centre, lines=(a_line(final=1000),)), net_price=903, sum_total=903)
    await database.write(put, less)
    left = await database.write(_remove, less.id, less.lines[0].id)
    assert (left.net_price, left.rounding_adjustment, left.sum_total) == (-97, 97, 0)
    assert (await database.read(read_invoice, less.id)).sum_total == 0


async def test_charges_do_not_fall_below_zero_with_a_service_that_came_at_less_than_nothing(database: Database) -> None:
    credit = a_line("Credit", final=-200)
    await database.write(put, an_invoice(centre=CENTRE, lines=(a_line(final=1000), credit)))
    left = await database.write(_remove, guid_of("invoice 1"), guid_of("line Massage"))
    assert (left.lines, left.sum_total, left.ssg_amount, left.fee_amount) == ((credit,), 0, 0, 0)


async def test_the_appointment_of_another_item_stays(database: Database) -> None:
    await database.write(open_shop)
    lines = (a_line("Massage"), a_line("Facial"))
    booked = (
        an_appointment("Massage"),
        an_appointment("Facial"),
        replace(an_appointment("Free"), invoice_item_id=None),
    )
    await database.write(put, an_invoice(centre=CENTRE, lines=lines, appointments=booked))
    left = await database.write(_remove, guid_of("invoice 1"), lines[0].id)
    assert left.lines == lines[1:]
    assert left.appointments == booked[1:]
    assert await database.read(read_invoice, left.id) == left


async def test_the_last_item_leaves_an_empty_invoice_to_go_on_with(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, massages("1"))
    left = await database.write(_remove, invoice.id, invoice.lines[0].id)
    assert (left.lines, left.sum_total, left.ssg_amount, left.fee_amount) == ((), 0, 0, 0)
    more = await database.write(_more, invoice.id, massages("1"))
    assert (more.sum_total, more.ssg_amount) == (invoice.sum_total, invoice.ssg_amount)


def _more(connection: Connection, invoice_id: str, basket: Basket) -> Invoice:
    return sell_more(connection, invoice_id, Sale(), basket, clock=CLOCK, luck=LUCK).invoice


# --- campaigns ---------------------------------------------------------------------------------------------------


async def test_a_campaign_is_priced_anew_whenever_the_lines_change(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, OILS)
    made = await database.write(_apply, invoice.id)
    assert (made.campaign_id, made.discount) == (SPRING, 500)  # 12.5 % of 39.98
    more = await database.write(_more, invoice.id, massages("1"))
    assert [line.discount for line in more.lines] == [500, 1250]
    assert await database.read(read_invoice, invoice.id) == more
    left = await database.write(_remove, invoice.id, more.lines[0].id)
    assert [line.discount for line in left.lines] == [1250]
    assert await database.read(redemptions) == {SPRING: 1, BACK: 0}


async def test_a_campaign_comes_off_again(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, OILS, massages("1"))
    await database.write(_apply, invoice.id, "BACK-1")
    assert await database.read(vouchers) == {"BACK-1": invoice.id, "BACK-2": None}
    assert await database.write(remove_campaign, invoice.id) == invoice
    assert await database.read(read_invoice, invoice.id) == invoice
    assert await database.read(redemptions) == {SPRING: 0, BACK: 0}
    assert await database.read(vouchers) == {"BACK-1": None, "BACK-2": None}
    with pytest.raises(NotFound):
        await database.write(remove_campaign, invoice.id)
    await database.write(_apply, invoice.id, "BACK-1")


async def test_the_same_code_again_is_the_same_discount_and_counts_once(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, massages("1"))
    for code, campaign_id in (("SPRING", SPRING), (" BACK-1 ", BACK)):
        first = await database.write(_apply, invoice.id, code)
        assert await database.write(_apply, invoice.id, code) == first
        assert (await database.read(redemptions))[campaign_id] == 1
        await database.write(remove_campaign, invoice.id)


async def test_a_campaign_whose_minimum_is_gone_leaves_the_invoice(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, massages("1"), OILS)
    await database.write(_apply, invoice.id, "BACK-1")
    left = await database.write(_remove, invoice.id, invoice.lines[0].id)
    assert left.campaign_id is None
    assert [line.discount for line in left.lines] == [0]
    assert await database.read(read_invoice, invoice.id) == left
    assert await database.read(redemptions) == {SPRING: 0, BACK: 0}
    assert await database.read(vouchers) == {"BACK-1": None, "BACK-2": None}


async def test_a_voucher_is_used_once_however_many_try(database: Database) -> None:
    await database.write(open_shop)
    some = [await database.write(_sell, massages("1")) for _ in range(6)]
    results = await asyncio.gather(
        *(database.write(_apply, invoice.id, "BACK-1") for invoice in some), return_exceptions=True
    )
    assert sum(isinstance(one, Discounted) for one in results) == 1
    refused = [one.code for one in results if isinstance(one, Refusal)]
    assert refused == [RefusalCode.VOUCHER_USED] * 5
    assert (await database.read(redemptions))[BACK] == 1


async def test_a_campaign_is_redeemed_no_more_often_than_it_may_be(database: Database) -> None:
    await database.write(open_shop)
    await database.write(put_campaign, guid_of("few"), {"offer_code": "FEW", "amount": 100, "redemptions_max": 3})
    some = [await database.write(_sell, massages("1")) for _ in range(8)]
    results = await asyncio.gather(
        *(database.write(_apply, invoice.id, "FEW") for invoice in some), return_exceptions=True
    )
    assert sum(isinstance(one, Discounted) for one in results) == 3
    assert {one.code for one in results if isinstance(one, Refusal)} == {RefusalCode.CAMPAIGN_EXHAUSTED}
    assert (await database.read(redemptions))[guid_of("few")] == 3


async def test_vouchers_applied_and_given_back_at_once_never_wait_for_each_other_for_ever(database: Database) -> None:
    await database.write(open_shop)
    one, other = [await database.write(_sell, massages("1")) for _ in range(2)]
    for _ in range(5):
        await database.write(_apply, one.id, "BACK-1")
        await asyncio.gather(
            database.write(remove_campaign, one.id),
            database.write(_apply, other.id, "BACK-1"),
            database.write(_apply, other.id, "BACK-2"),
            return_exceptions=True,
        )
        used = [code for code, where in (await database.read(vouchers)).items() if where is not None]
        assert (await database.read(redemptions))[BACK] == len(used) <= 1
        if used:
            await database.write(remove_campaign, other.id)


# --- packages ----------------------------------------------------------------------------------------------------


async def test_units_pay_for_services_and_go_back(database: Database) -> None:
    await database.write(open_shop)
    account = await database.write(put_units, "five", 5)
    invoice = await database.write(_sell, massages("2", "1"), OILS)
    two, one, oil = invoice.lines
    done = await database.write(_redeem, invoice.id, [Wanted(invoice_item_id=two.id), Wanted(invoice_item_id=one.id)])
    assert done == [
        Redeemed(invoice_item_id=two.id, account_id=account, units=2, units_left=3),
        Redeemed(invoice_item_id=one.id, account_id=account, units=1, units_left=2),
    ]
    paid = await database.read(read_invoice, invoice.id)
    assert [line.final for line in paid.lines] == [0, 0, oil.final]
    assert (paid.sum_total, paid.ssg_amount, paid.fee_amount) == (oil.final, 0, 0)
    assert await database.read(held) == {account: ("active", 2)}
    for line in (two, one):
        assert (await database.write(_undo, invoice.id, line.id)).campaign_id is None
    assert await database.read(read_invoice, invoice.id) == invoice
    assert await database.read(held) == {account: ("active", 5)}


async def test_without_names_everything_is_paid_for_that_can_be(database: Database) -> None:
    await database.write(open_shop)
    soon = await database.write(put_units, "soon", 1, expires_on=date(2026, 1, 5))
    await database.write(put_units, "over", 9, expires_on=date(2026, 1, 4))
    later = await database.write(put_units, "later", 1)
    facials = Services((Service(id=FACIAL.item.id),))
    invoice = await database.write(_sell, massages("1", "1", "1"), facials, OILS)
    done = await database.write(_redeem, invoice.id)
    assert [(one.invoice_item_id, one.account_id) for one in done] == [
        (invoice.lines[0].id, soon),
        (invoice.lines[1].id, later),
    ]
    with pytest.raises(Conflict, match="No package of the guest pays for anything"):
        await database.write(_redeem, invoice.id)


async def test_a_campaign_is_priced_anew_over_what_no_package_paid_for(database: Database) -> None:
    await database.write(open_shop)
    await database.write(put_units, "five", 5)
    invoice = await database.write(_sell, massages("1"), OILS)
    await database.write(_apply, invoice.id)
    before = await database.read(read_invoice, invoice.id)
    massage, _ = before.lines
    await database.write(_redeem, invoice.id)
    assert [line.discount for line in (await database.read(read_invoice, invoice.id)).lines] == [0, 500]
    await database.write(_undo, invoice.id, massage.id)
    assert await database.read(read_invoice, invoice.id) == before


async def test_an_imported_service_is_redeemed_and_restored(database: Database) -> None:
    await database.write(open_shop)
    line = replace(a_line("Massage", final=10725, tax=725), item_id=MASSAGE.item.id)
    await database.write(put, an_invoice(centre=CENTRE, lines=(line,)))
    await database.write(put_units, "five", 5)
    invoice_id = guid_of("invoice 1")
    await database.write(_redeem, invoice_id)
    back = await database.write(_undo, invoice_id, line.id)
    assert (back.lines[0].sales, back.lines[0].tax, back.sum_total) == (10000, 725, 10725)


async def test_a_redeemed_item_that_is_removed_gives_its_units_back(database: Database) -> None:
    await database.write(open_shop)
    account = await database.write(put_units, "five", 5)
    invoice = await database.write(_sell, massages("2"))
    await database.write(_redeem, invoice.id)
    await database.write(_remove, invoice.id, invoice.lines[0].id)
    assert await database.read(held) == {account: ("active", 5)}


async def test_units_are_spent_once_however_many_try(database: Database) -> None:
    await database.write(open_shop)
    account = await database.write(put_units, "three", 3)
    some = [await database.write(_sell, massages("1")) for _ in range(8)]
    results = await asyncio.gather(*(database.write(_redeem, invoice.id) for invoice in some), return_exceptions=True)
    assert sum(isinstance(one, list) for one in results) == 3
    assert sum(isinstance(one, Conflict) for one in results) == 5
    assert await database.read(held) == {account: ("active", 0)}


# --- the whole invoice -------------------------------------------------------------------------------------------


async def test_cancelling_calls_everything_off(database: Database) -> None:
    await database.write(open_shop)
    account = await database.write(put_units, "five", 5)
    invoice = await database.write(_sell, massages("1"), OILS, Packages(packages=(Package(id=FIVE.item.id),)))
    await database.write(_redeem, invoice.id, [Wanted(invoice_item_id=invoice.lines[0].id)])
    await database.write(_apply, invoice.id, "BACK-1")
    before = await database.read(read_invoice, invoice.id)
    cancelled = await database.write(_cancel, invoice.id, "ill")
    assert cancelled == replace(before, cancelled_at=NOON, notes="Cancelled: ill")
    assert await database.read(read_invoice, invoice.id) == cancelled
    balances = await database.read(held)
    assert balances.pop(account) == ("active", 5)
    assert set(balances.values()) == {("cancelled", 0)}
    assert await database.read(redemptions) == {SPRING: 0, BACK: 0}
    assert await database.read(vouchers) == {"BACK-1": None, "BACK-2": None}
    rows = await database.read(snapshot)
    assert await database.write(_cancel, invoice.id, "again") == cancelled
    assert await database.read(snapshot) == rows


async def test_a_failed_payment_keeps_nobody_from_cancelling(database: Database) -> None:
    await database.write(open_shop)
    failed = a_payment(state=TransactionState.FAILED)
    await database.write(put, an_invoice(centre=CENTRE, transactions=(failed,)))
    assert (await database.write(_cancel, guid_of("invoice 1"))).is_cancelled


async def test_confirming_and_locking_are_done_once_and_succeed_again(database: Database) -> None:
    await database.write(open_shop)
    invoice = await database.write(_sell, OILS)
    later = FixedClock(NOON + timedelta(hours=1))
    for clock in (CLOCK, later):
        await database.write(lock_invoice, invoice.id)
        await database.write(confirm_invoice, invoice.id, clock=clock)
    assert await database.read(read_invoice, invoice.id) == replace(invoice, lock=True, confirmed_at=NOON)


async def test_what_was_locked_before_it_was_closed_is_locked(database: Database) -> None:
    await database.write(open_shop)
    closed = an_invoice("closed", centre=CENTRE, closed_at=NOON, receipt_number="R7", lock=True, confirmed_at=NOON)
    await database.write(put, closed)
    await database.write(lock_invoice, closed.id)
    await database.write(confirm_invoice, closed.id, clock=CLOCK)


FINISHED: dict[str, dict[str, Any]] = {
    "closed": {"closed_at": NOON, "receipt_number": "R7"},
    "cancelled": {"cancelled_at": NOON},
    "locked": {"lock": True},
    "refund": {"is_refund": True, "total": -100},
    "grouped": {"group_invoice_id": guid_of("group")},
    "paid": {"transactions": (a_payment(100),)},
    "pending": {"transactions": (a_payment(100, state=TransactionState.PENDING),)},
}
CHANGES: dict[str, Callable[[Connection, Invoice], object]] = {
    "remove": lambda connection, invoice: _remove(connection, invoice.id, invoice.lines[0].id),
    "cancel": lambda connection, invoice: _cancel(connection, invoice.id),
    "apply": lambda connection, invoice: _apply(connection, invoice.id),
    "take off": lambda connection, invoice: remove_campaign(connection, invoice.id),
    "redeem": lambda connection, invoice: _redeem(connection, invoice.id),
    "undo": lambda connection, invoice: _undo(connection, invoice.id, invoice.lines[0].id),
    "confirm": lambda connection, invoice: confirm_invoice(connection, invoice.id, clock=CLOCK),
    "lock": lambda connection, invoice: lock_invoice(connection, invoice.id),
}
ALLOWED = {
    *(("remove", state) for state in ("grouped", "paid", "pending")),
    *(("apply", state) for state in ("paid", "pending")),
    *(("confirm", state) for state in ("locked", "refund", "grouped", "paid", "pending")),
    *(("lock", state) for state in ("locked", "refund", "grouped", "paid", "pending")),
    *(("cancel", state) for state in ("cancelled", "refund")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_may_be_done_depends_on_how_far_the_invoice_is(database: Database, change: str) -> None:
    await database.write(open_shop)
    for state, fields in FINISHED.items():
        await database.write(put, an_invoice(state, centre=CENTRE, **fields))
        invoice = await database.read(read_invoice, guid_of(f"invoice {state}"))
        before = await database.read(snapshot)
        if (change, state) in ALLOWED:
            await database.write(CHANGES[change], invoice)
            continue
        with pytest.raises(ClosebellError):
            await database.write(CHANGES[change], invoice)
        assert await database.read(snapshot) == before, (change, state)
