"""A history to read: closed invoices of many centres, guests and days, in no order, the same in every run."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from bench.driver import INVOICE_TABLES, Driver, now_us
from bench.plan import SEED

CENTERS: Final = 20
"""Centres that the history is spread over."""
INVOICES_PER_GUEST: Final = 20
FIRST_DAY: Final = date(2025, 1, 1)
DAYS: Final = 365
OPEN_PERCENT: Final = 2
"""Of a hundred invoices so many are still open."""
COLUMNS: Final = (
    *("id", "center_id", "guest_id", "invoice_number", "receipt_number"),
    *("invoice_date", "payment_date", "closed_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What there is to read; the number of an invoice is its place among `invoice_ids`, from 1."""

    invoice_ids: list[str]
    center_ids: list[str]
    guest_ids: list[str]


async def make_history(driver: Driver, template_id: str, invoices: int) -> History:
    """So many invoices, copies of the template, closed before they came here but for a few."""
    chance = random.Random(SEED + 1)
    rows = await driver.rows(f"SELECT center_id, guest_id FROM invoices WHERE id = '{template_id}'")
    template_center, template_guest = rows[0]
    centers = _guids(chance, CENTERS)
    guests = _guids(chance, max(invoices // INVOICES_PER_GUEST, 1))
    await driver.copy(["centers"], template_center, ["id"], [(center,) for center in centers])
    await driver.copy(["guests"], template_guest, ["id"], [(guest,) for guest in guests])
    # In the order of their ids: what is random to the invoices' dates is in order to the tree that it goes into.
    ids = sorted(_guids(chance, invoices))
    await driver.copy(INVOICE_TABLES, template_id, COLUMNS, _invoices(chance, ids, centers, guests))
    await driver.tidy()
    return History(invoice_ids=ids, center_ids=centers, guest_ids=guests)


def _guids(chance: random.Random, count: int) -> list[str]:
    return [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]


def _invoices(
    chance: random.Random, ids: list[str], centers: list[str], guests: list[str]
) -> Iterator[tuple[Any, ...]]:
    """A row of COLUMNS for each invoice."""
    begins, closed_at = datetime.combine(FIRST_DAY, datetime.min.time()), now_us()
    for number, invoice_id in enumerate(ids, start=1):
        at = (begins + timedelta(minutes=chance.randrange(DAYS * 24 * 60))).isoformat()
        is_open = chance.randrange(100) < OPEN_PERCENT
        yield (
            *(invoice_id, chance.choice(centers), chance.choice(guests), f"{number}"),
            *("0" if is_open else f"H{number}", at, at, None if is_open else closed_at),
        )
