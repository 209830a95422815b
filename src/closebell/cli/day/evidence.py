"""What the service says at the end of the day, read over its API; and what a receiver was told meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Final

from closebell.cli.day.calls import Api
from closebell.cli.day.ledger import Bill, Held, PlaceBooks
from closebell.cli.demo_stage import Received
from closebell.domain.invoice import Tender
from closebell.receiver import Feed, FeedEvent

PAGE: Final = 1000
"""Events on a page of the feed."""
ROWS: Final = 100
"""Rows on a page of a report."""
ASKED_AGAIN_AFTER_S: Final = 0.05
"""Seconds between two questions whether everything is delivered."""
_EXPAND: Final = "&".join(f"expand={part}" for part in ("InvoiceItems", "Transactions", "dues_and_fees"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The rows of a report, and what it says that they sum to."""

    sums: Any
    rows: Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the books are held against.

    Shape: `invoices` and `tips` by the invoice's id, `balances` by the name that the books have for what is held,
           `sales` and `collections` by the name of the centre.
    """

    invoices: Mapping[str, Any]
    tips: Mapping[str, Any]
    balances: Mapping[str, Decimal]
    sales: Mapping[str, Report]
    collections: Mapping[str, Report]
    reconciliation: Any
    feed: Sequence[FeedEvent]
    calls: Sequence[Received]
    secret: str


def invoice(api: Api, bill: Bill) -> Any:
    """An invoice as the API shows it, with all that the books know of."""
    return api.get(f"/v1/invoices/{bill.id}?{_EXPAND}")["invoice"]


def tips(api: Api, bill: Bill) -> Any:
    """The tips that are somebody's."""
    return api.get(f"/v1/invoices/{bill.id}/tips")["employee_tips"]


def report(api: Api, kind: str, books: PlaceBooks, first: str, last: str) -> Report:
    """A centre's report over some days, page by page; its rows are `sales` or `collections`."""
    path = {"sales": "sales/accrual_basis", "collections": "collections"}[kind]
    said = {"center_ids": [books.place.id], "start_date": first, "end_date": last, "size": ROWS}
    rows: list[Any] = []
    for page in count(1):
        found = api.post(f"/v1/reports/{path}/flat_file", {**said, "page": page})
        rows += found[kind]
        if not found[kind] or len(rows) >= found["page_info"]["total"]:
            return Report(sums=found, rows=rows)
    raise AssertionError("there is no last number")


def balances(api: Api, books: Iterable[PlaceBooks]) -> dict[str, Decimal]:
    """What everybody holds, by the name in the books; what is not there is left out.

    Units: major units, points, or units of a service.
    """
    found: dict[str, Decimal] = {}
    for one in books:
        for name, held in one.held.items():
            balance = _balance(api, one, held)
            if balance is not None:
                found[name] = balance
    return found


def _balance(api: Api, books: PlaceBooks, held: Held) -> Decimal | None:
    of_guest = f"/v1/guests/{held.guest_id}"
    match held.tender:
        case Tender.GIFT_CARD:
            rows = api.get(f"{of_guest}/gift_cards")["gift_cards"]
            fitting = [row["balance"] for row in rows if row["code"] == held.number]
        case Tender.PREPAID_CARD:
            rows = api.get(f"{of_guest}/prepaidcards")["guest_prepaid_cards"]
            fitting = [row["balance"] for row in rows if row["prepaid_card_number"] == held.number]
        case Tender.LOYALTY_POINTS:
            rows = api.get(f"{of_guest}/points")["guest_points"]["loyalty_programs"]
            fitting = [row["balance_points"] for row in rows if row["id"] == books.place.program_id]
        case _:
            fitting = [row["balance"] for row in _units(api, held)]
    return fitting[0] if len(fitting) == 1 else None


def _units(api: Api, held: Held) -> list[Any]:
    """The units of one service in the package that an invoice sold."""
    assert held.sold_by is not None, "packages are sold here"
    packages = api.get(f"/v1/guests/{held.guest_id}/packages")["guest_packages"]
    return [
        service
        for package in packages
        if package["invoice"]["id"] == held.sold_by.id
        for service in package["services"]
        if service["id"] == held.service_id
    ]


def reconciliation(api: Api, *, patience_s: float) -> Any:
    """The reconciliation, once nothing is pending any more or patience has ended."""
    until_s = time.monotonic() + patience_s
    while True:
        found = api.get("/v1/reconciliation")
        if not any(tally["pending"] for tally in found["endpoints"]) or time.monotonic() > until_s:
            return found
        time.sleep(ASKED_AGAIN_AFTER_S)


def feed(url: str, key: str) -> list[FeedEvent]:
    """Every event there is, in order."""
    return list(Feed(base_url=url, api_key=key, limit=PAGE).pull(after=0))
