"""Every statement of lists and reports goes in by its index; none looks at all invoices, lines or payments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from closebell.domain.invoice import Invoice
from closebell.domain.period import Period
from closebell.store import invoice_index, reports
from closebell.store.invoice_index import InvoiceState, Wanted
from closebell.store.unit import Database
from closebell.testing import NOON, a_centre, a_guest, a_payment, an_invoice, guid_of, put
from planning import plans
from planning import scanned as scanned_tables

BIG = {"invoices", "invoice_lines", "appointments", "transactions", "employee_tips"}
JANUARY = Period(date(2026, 1, 1), date(2026, 1, 31))
PLACES = ("Main Street", "Harbour")
CENTRE, OTHER = (guid_of(f"centre {name}") for name in PLACES)
GUEST = guid_of("guest Ada 7")
DATES, OPEN, GUESTS = "ix_invoices_center_id_invoice_date", "ix_invoices_open", "ix_invoices_guest_id"
NUMBERS, RECEIPTS = "ix_invoices_invoice_number", "ix_invoices_receipt_number"
PAID = "ix_transactions_center_id_payment_date"

LISTS: dict[str, tuple[str, Wanted]] = {
    "a centre's month": (DATES, Wanted.during(JANUARY, [CENTRE])),
    "several centres' month": (DATES, Wanted.during(JANUARY, [CENTRE, OTHER])),
    "a centre's open month": (OPEN, Wanted.during(JANUARY, [CENTRE], InvoiceState.OPEN)),
    "several centres' open month": (OPEN, Wanted.during(JANUARY, [CENTRE, OTHER], InvoiceState.OPEN)),
    "a centre's closed month": (DATES, Wanted.during(JANUARY, [CENTRE], InvoiceState.CLOSED)),
    "a centre's cancelled month": (DATES, Wanted.during(JANUARY, [CENTRE], InvoiceState.CANCELLED)),
    "a centre's refunds": (DATES, Wanted.during(JANUARY, [CENTRE], InvoiceState.REFUND)),
    "a register": (OPEN, Wanted(center_ids=(CENTRE,), until=JANUARY.until, state=InvoiceState.OPEN)),
    "a guest": (GUESTS, Wanted(guest_id=GUEST)),
    "a guest at centres": (GUESTS, Wanted(guest_id=GUEST, center_ids=(CENTRE, OTHER))),
    "a guest's month": (GUESTS, Wanted(guest_id=GUEST, center_ids=(CENTRE,), since=JANUARY.since, until=JANUARY.until)),
    **{f"a guest's {state}": (GUESTS, Wanted(guest_id=GUEST, state=state)) for state in InvoiceState},
    "a number": (NUMBERS, Wanted(invoice_numbers=("7",))),
    "a centre's number": (NUMBERS, Wanted(invoice_numbers=("7448", "7"), center_ids=(CENTRE,), since=JANUARY.since)),
    "a number and a receipt": (NUMBERS, Wanted(invoice_numbers=("7",), receipt_number="R7")),
    "a receipt": (RECEIPTS, Wanted(receipt_number="R7")),
    "a guest's receipt": (RECEIPTS, Wanted(receipt_number="R7", center_ids=(CENTRE, OTHER), guest_id=GUEST)),
}
REPORTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "sale_keys": (DATES, reports.sale_keys),
    "count_sales": (DATES, reports.count_sales),
    "sales_totals": (DATES, reports.sales_totals),
    "collection_keys": (PAID, reports.collection_keys),
    "count_collections": (PAID, reports.count_collections),
    "tender_totals": (PAID, reports.tender_totals),
}
INVOICES, DAYS = 4_000, 1_460


def fill(connection: Connection) -> None:
    """As the planner of a real business finds it: most invoices are closed, and a month is little of the whole."""
    put(connection, *(_invoice(number) for number in range(INVOICES)))
    connection.exec_driver_sql("ANALYZE")


def _invoice(number: int) -> Invoice:
    centre = a_centre(PLACES[number % len(PLACES)])
    at = f"{date(2023, 1, 1) + timedelta(days=number * 7 % DAYS)}T09:00:00"
    is_open = number % 20 == 0
    return an_invoice(
        f"{number}",
        centre=centre,
        guest=a_guest(f"Ada {number % 200}"),
        invoice_date=at,
        invoice_number=f"{number}",
        transactions=(replace(a_payment(centre=centre), payment_date=at),),
        closed_at=None if is_open else NOON,
        receipt_number="0" if is_open else f"R{number}",
    )


def scanned(plan: str) -> set[str]:
    """The large tables that a plan looks at from one end to the other."""
    return BIG & scanned_tables(plan)


def test_scans_are_recognised() -> None:
    assert scanned("SCAN invoices USING INDEX ix_invoices_open") == {"invoices"}
    assert scanned("SEARCH invoices USING INDEX ix (center_id=?)\nSCAN json_each VIRTUAL TABLE INDEX 1:") == set()
    along = "Index Scan using ix_invoices_open on invoices  (cost=0.14..8.16 rows=1)"
    assert scanned(f"  ->  {along}\n        Filter: (guest_id = 'x')") == {"invoices"}
    assert scanned(f"  ->  {along}\n        Index Cond: (center_id = 'x')\n        Filter: is_refund") == set()
    assert scanned("->  Seq Scan on transactions  (cost=0..1)\n  Filter: (state = 'settled')") == {"transactions"}


Found = list[str]


def check_lists(connection: Connection) -> Found:
    """What is wrong with the plans of lists."""
    wrong = []
    for name, (index, wanted) in LISTS.items():
        page = partial(invoice_index.page, wanted=wanted, limit=10, offset=20)
        found = [*plans(connection, page), *plans(connection, partial(invoice_index.count, wanted=wanted))]
        assert len(found) == 2
        wrong += [f"{name}\n{plan}" for plan in found if scanned(plan) or index not in plan]
    return wrong


def check_reports(connection: Connection) -> Found:
    """What is wrong with the plans of reports."""
    if connection.dialect.name == "postgresql":
        # A table this small is scanned because that is cheap; what is asked is whether it has to be.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    wrong = []
    for name, (index, work) in REPORTS.items():
        pages = {"limit": 10, "offset": 20} if name.endswith("keys") else {}
        for centers in ([CENTRE], [CENTRE, OTHER]):
            found = plans(connection, partial(work, center_ids=centers, period=JANUARY, **pages))
            wrong += [f"{name}\n{plan}" for plan in found if scanned(plan) or index not in plan]
    (places,) = plans(connection, reports.collecting_centers)
    is_right = PAID in places and not re.search(r"Seq Scan on transactions|SCAN transactions$", places, re.MULTILINE)
    return wrong if is_right else [*wrong, places]


async def test_no_list_and_no_report_scans(database: Database) -> None:
    await database.write(fill)
    wrong = [*await database.read(check_lists), *await database.read(check_reports)]
    assert not wrong, "\n\n".join(wrong)
    assert set(await database.read(reports.collecting_centers)) == {CENTRE, OTHER}
