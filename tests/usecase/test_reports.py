"""Reports of random books, against sums made here over the documents that anybody can read."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.document import render
from closebell.domain.invoice import Centre, Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import AMOUNT_MINOR_MAX
from closebell.domain.period import Period
from closebell.domain.redemption import MODES
from closebell.errors import Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import NOON, a_centre, a_line, a_payment, an_employee, an_invoice, guid_of, put
from closebell.usecase.report_collections import CollectionsReport, report_collections
from closebell.usecase.report_sales import ReportRequest, SalesReport, report_sales

MAIN, HARBOUR, TOKYO = a_centre(), a_centre("Harbour"), a_centre("Tokyo", time_zone="Asia/Tokyo", currency="JPY")
CENTRES = [MAIN, HARBOUR, TOKYO]
MONTH = Period(date(2026, 1, 1), date(2026, 1, 31))
INVOICES = 60
SOLD = ("sales_exc_tax", "tax", "sales_inc_tax", "rounding_adjustment", "collected", "redeemed", "due")
TAKEN = ("amount_paid", "tip_amount", "ssg_amount", "fee_amount", "total_amount_paid", "cash_back_amount")


def day(chance: random.Random) -> str:
    """Mostly in the month, at times on its edges and beyond them."""
    at = MONTH.first + timedelta(days=chance.randrange(-5, 36))
    return f"{at}T{chance.choice(['00:00:00', '12:30:00', '23:59:59'])}"


def a_tender(chance: random.Random, name: str, centre: Centre, sign: int) -> Transaction:
    paid = a_payment(
        sign * chance.randrange(50_000),
        name=name,
        tip=sign * chance.randrange(500),
        ssg=sign * chance.randrange(300),
        fee=sign * chance.randrange(200),
        tender=chance.choice([*Tender]),
        state=chance.choice([TransactionState.SETTLED] * 4 + [TransactionState.PENDING, TransactionState.FAILED]),
        centre=centre,
    )
    return replace(paid, payment_date=day(chance), cash_back_amount=sign * chance.randrange(100))


def an_entry(chance: random.Random, number: int) -> Invoice:
    """An invoice as it may come: with or without lines, paid or not, taken back, cancelled, and dear."""
    centre, is_refund = chance.choice(CENTRES), chance.random() < 0.2
    sign = -1 if is_refund else 1
    lines = [
        replace(line, sales=sign * line.sales, tax=sign * line.tax, final=sign * line.final, sale_by_id=an_employee())
        for line in (
            a_line(f"{n}", final=chance.randrange(20_000), tax=chance.randrange(300))
            for n in range(chance.randrange(4))
        )
    ]
    beside = sign * (chance.randrange(20_000) if not lines or chance.random() < 0.2 else 0)
    net, tax = sum(line.sales for line in lines) + beside, sum(line.tax for line in lines)
    rounding = chance.choice([0, 0, 3, -2]) if abs(net) > 10 else 0
    is_closed = chance.random() < 0.7
    return replace(
        an_invoice(f"{number}", centre=centre, lines=lines, is_refund=is_refund, invoice_date=day(chance)),
        net_price=net,
        tax=tax,
        rounding_adjustment=rounding,
        sum_total=net + tax + rounding,
        transactions=tuple(a_tender(chance, f"{number} {n}", centre, sign) for n in range(chance.randrange(4))),
        closed_at=NOON if is_closed else None,
        closed_by_id=an_employee("Bo") if is_closed else None,
        receipt_number=f"R{number}" if is_closed else "0",
        cancelled_at=NOON if not is_closed and chance.random() < 0.3 else None,
    )


@pytest.fixture(params=[1, 2])
async def books(request: pytest.FixtureRequest, database: Database) -> list[Invoice]:
    """What is in the database."""
    chance = random.Random(request.param)
    made = [an_entry(chance, number) for number in range(INVOICES)]
    await database.write(put, *made)
    return made


def asked(*centres: Centre, limit: int = 1_000, offset: int = 0, period: Period = MONTH) -> ReportRequest:
    return ReportRequest(center_ids=tuple(centre.id for centre in centres), period=period, limit=limit, offset=offset)


def is_within(text: str) -> bool:
    return MONTH.first <= date.fromisoformat(text[:10]) <= MONTH.last


def sold(books: list[Invoice]) -> list[Invoice]:
    return [invoice for invoice in books if is_within(invoice.invoice_date) and not invoice.is_cancelled]


def taken(books: list[Invoice]) -> list[tuple[Invoice, Transaction]]:
    return [
        (invoice, paid)
        for invoice in books
        for paid in invoice.settled
        if is_within(paid.payment_date) and not invoice.is_cancelled
    ]


def summed(books: list[Invoice]) -> dict[str, dict[str, Decimal]]:
    """What documents of the month's invoices sum to, by currency."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for invoice in sold(books):
        shown, sums = render(invoice), found[invoice.currency.code]
        price = shown.total_price
        sums["sales_exc_tax"] += price.net_price
        sums["tax"] += price.tax
        sums["sales_inc_tax"] += price.net_price + price.tax
        sums["rounding_adjustment"] += price.rounding_adjustment
        sums["due"] += price.sum_total
        assert isinstance(shown.transactions, list)
        for paid in shown.transactions:
            if paid.state == "settled":
                sums["redeemed" if Tender(paid.tender) in MODES else "collected"] += paid.amount_paid
                sums["due"] -= paid.amount_paid
    return found


def on_the_wire(report: SalesReport | CollectionsReport, names: tuple[str, ...]) -> dict[str, dict[str, Decimal]]:
    """The report's own totals, by currency."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for total in report.totals:
        for name in names:
            found[total.currency.code][name] += total.currency.wire(getattr(total, name))
    return found


async def test_totals_are_the_sums_of_the_invoices(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_sales, asked())
    assert on_the_wire(report, SOLD) == summed(books)
    assert sum(total.invoices for total in report.totals) == len(sold(books))


async def test_rows_are_every_line_and_sum_to_the_totals(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_sales, asked())
    assert sorted((row.invoice.id, row.sale.line.id if row.sale.line else "") for row in report.rows) == sorted(
        (invoice.id, line.id if line else "") for invoice in sold(books) for line in invoice.lines or (None,)
    )
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in report.rows:
        for name in SOLD:
            sums[row.invoice.currency.code][name] += getattr(row.sale, name)
    assert sums == {total.currency.code: {name: getattr(total, name) for name in SOLD} for total in report.totals}


async def test_rows_go_centre_by_centre_in_the_order_of_time(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_sales, asked())
    order = [(row.invoice.centre.id, row.invoice.invoice_date, row.invoice.id) for row in report.rows]
    assert order == sorted(order)
    for invoice in sold(books):
        lines = [row.sale.line for row in report.rows if row.invoice.id == invoice.id]
        assert tuple(lines) == (invoice.lines or (None,))


@pytest.mark.parametrize("work", [report_sales, report_collections])
async def test_pages_are_the_report_in_pieces(books: list[Invoice], database: Database, work: Any) -> None:
    whole = await database.read(work, asked())
    assert whole.count == len(whole.rows) > 20
    size = 7
    pages = [await database.read(work, asked(limit=size, offset=at)) for at in range(0, whole.count + size, size)]
    assert tuple(row for page in pages for row in page.rows) == whole.rows
    assert all((page.totals, page.count) == (whole.totals, whole.count) for page in pages)


async def test_a_report_of_a_centre_leaves_the_others_out(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_sales, asked(HARBOUR))
    assert {row.invoice.centre.id for row in report.rows} == {HARBOUR.id}
    assert on_the_wire(report, SOLD) == summed([one for one in books if one.centre == HARBOUR])
    both = await database.read(report_sales, asked(TOKYO, HARBOUR))
    assert on_the_wire(both, SOLD) == summed([one for one in books if one.centre != MAIN])


async def test_collections_are_every_settled_payment(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_collections, asked())
    assert sorted((row.invoice.id, row.transaction.id) for row in report.rows) == sorted(
        (invoice.id, paid.id) for invoice, paid in taken(books)
    )
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for invoice, paid in taken(books):
        for name in TAKEN:
            sums[invoice.currency.code][name] += invoice.currency.wire(getattr(paid, name))
    assert on_the_wire(report, TAKEN) == sums
    counts = {(total.currency.code, total.tender): total.transactions for total in report.totals}
    for (currency, tender), count in counts.items():
        assert count == sum(i.currency.code == currency and t.tender == tender for i, t in taken(books))


async def test_who_sold_and_who_closed_are_named(books: list[Invoice], database: Database) -> None:
    report = await database.read(report_sales, asked())
    assert report.employees == dict.fromkeys((an_employee(), an_employee("Bo")), "Ines Staff")


# --- single cases ------------------------------------------------------------------------------------------------


async def test_whoever_is_bound_gets_a_report_of_their_centres(database: Database) -> None:
    here = an_invoice("here", centre=MAIN, paid=100)
    there = an_invoice("there", centre=HARBOUR, paid=100)
    await database.write(put, here, there)
    caller = Caller(id=guid_of("key"), role=Role.READER, center_ids=frozenset({HARBOUR.id}))
    sales = await database.read(report_sales, asked(), caller=caller)
    assert [row.invoice for row in sales.rows] == [replace(there, transactions=there.transactions)]
    taken_there = await database.read(report_collections, asked(), caller=caller)
    assert [row.invoice.id for row in taken_there.rows] == [there.id]
    for work in (report_sales, report_collections):
        for center_id, who, code in (
            (MAIN.id, caller, RefusalCode.CANNOT_ACCESS),
            (guid_of("centre unknown"), OPERATOR, RefusalCode.CENTER_INVALID),
        ):
            with pytest.raises(Refusal) as refused:
                await database.read(work, replace(asked(), center_ids=(center_id,)), caller=who)
            assert refused.value.code is code


async def test_a_payment_counts_where_it_was_taken_even_where_nobody_knows_the_place(database: Database) -> None:
    away = replace(a_centre("Away"), name="A fair")
    invoice = an_invoice(
        centre=MAIN, transactions=(a_payment(100, centre=away), a_payment(50, name="2", centre=HARBOUR))
    )
    await database.write(put, invoice, an_invoice("other", centre=HARBOUR))
    everywhere = await database.read(report_collections, asked())
    assert [row.transaction.center_name for row in everywhere.rows] == [
        paid.center_name for paid in sorted(invoice.transactions, key=lambda paid: paid.center_id)
    ]
    assert [row.transaction.amount_paid for row in (await database.read(report_collections, asked(HARBOUR))).rows] == [
        50
    ]
    assert (await database.read(report_collections, asked(MAIN))).rows == ()


async def test_no_sum_is_too_large(database: Database) -> None:
    dear = [an_invoice(f"{n}", centre=MAIN, total=AMOUNT_MINOR_MAX, paid=AMOUNT_MINOR_MAX) for n in range(6)]
    await database.write(put, *dear)
    (total,) = (await database.read(report_sales, asked())).totals
    assert (total.sales_exc_tax, total.collected, total.due) == (6 * AMOUNT_MINOR_MAX, 6 * AMOUNT_MINOR_MAX, 0)
    (tender,) = (await database.read(report_collections, asked())).totals
    assert tender.amount_paid == 6 * AMOUNT_MINOR_MAX


async def test_a_refund_names_the_invoice_it_takes_back(database: Database) -> None:
    sold_first = an_invoice("first", invoice_date="2025-01-01T10:00:00")
    refund = an_invoice("refund", total=-100, is_refund=True, refund_of_id=sold_first.id)
    await database.write(put, sold_first, refund)
    (row,) = (await database.read(report_sales, asked())).rows
    assert row.base == replace(sold_first, lines=())


async def test_nothing_sums_to_nothing(database: Database) -> None:
    for work in (report_sales, report_collections):
        report: Any = await database.read(work, asked())
        assert (report.rows, report.totals, report.count) == ((), (), 0)
