"""Reading out of a long history: one invoice, a page of a hundred, and reports, against the driver's own reads."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from bench import figures
from bench.driver import Driver
from bench.figures import Figure
from bench.history import DAYS, FIRST_DAY, History, make_history
from bench.plan import SEED, Plan
from bench.reader import Reader, reading
from bench.server import Server
from bench.verified import must

ONE_MS: Final = 3.0
PAGE_MS: Final = 20.0
PAGE: Final = 100
MONTH_DAYS: Final = 30
REPORT_EVERY: Final = 10
"""A report is read once for so many reads of a page."""
EVERYTHING: Final = "expand=InvoiceItems,Appointments,Transactions,dues_and_fees,gst_parameters,Redemptions"
SECTIONS: Final = ("invoice_items", "appointments", "transactions", "invoice_dues", "gst_sequence", "redemptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A centre and a month of it."""

    center_id: str
    first: date

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first + timedelta(days=MONTH_DAYS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The figures, and how many reads were verified on the way to them."""

    figures: list[Figure]
    reads: int


async def measure_reading(
    server: Server, driver: Driver, template_id: str, plan: Plan, done: Callable[[str], None]
) -> Read:
    """How long a read takes at its caller, over one connection, while nothing else is done."""
    history = await make_history(driver, template_id, plan.history)
    done(f"{plan.history:,} more invoices, a history to read")
    async with reading(server) as reader:
        bench = _Bench(reader, server, driver, history, random.Random(SEED))
        measured = [
            *await bench.measure("Read an invoice with everything", plan.reads, bench.read_one, target=ONE_MS),
            *await bench.measure("List 100 invoices", plan.reads, bench.list_page, target=PAGE_MS),
            *await bench.measure("List 100 invoices with everything", plan.reads, bench.list_full, target=PAGE_MS),
            *await bench.measure("List a guest's invoices", plan.reads, bench.list_guest),
            *await bench.measure("Find an invoice by its number", plan.reads, bench.find),
            *await bench.measure("Report 1,000 rows of sales", max(plan.reads // REPORT_EVERY, 1), bench.report),
        ]
    done("Read an invoice, and lists")
    return Read(figures=measured, reads=bench.reads)


Timed = tuple[float, float | None]
"""How many seconds the server took, and the driver for the same rows."""


class _Bench:
    """Each method reads something that is drawn by lot, first through the driver, then through the server."""

    def __init__(self, reader: Reader, server: Server, driver: Driver, history: History, chance: random.Random) -> None:
        self._reader = reader
        self._server = server
        self._driver = driver
        self._history = history
        self._chance = chance
        self.reads = 0

    async def measure(
        self, name: str, times: int, read: Callable[[], Awaitable[Timed]], *, target: float | None = None
    ) -> list[Figure]:
        """Median and 99th percentile of so many reads, after one that does not count."""
        await read()
        cpu_s = self._server.cpu_s()
        timed = [await read() for _ in range(times)]
        cpu_s = self._server.cpu_s() - cpu_s
        self.reads += times + 1
        return figures.latency(
            name,
            [taken_s * 1000 for taken_s, _ in timed],
            [ceiling_s * 1000 for _, ceiling_s in timed if ceiling_s is not None],
            target=target,
            server_cpu_us=cpu_s / times * 1e6,
        )

    async def read_one(self) -> Timed:
        """One invoice with every section."""
        invoice_id = self._chance.choice(self._history.invoice_ids)
        started_s = time.perf_counter()
        rows = await self._driver.read_invoices([invoice_id])
        ceiling_s = time.perf_counter() - started_s
        taken_s, answer = await self._reader.get(f"/v1/invoices/{invoice_id}?{EVERYTHING}")
        invoice = answer["invoice"]
        must(invoice["id"] == invoice_id and all(name in invoice for name in SECTIONS), f"{invoice_id} is incomplete")
        must(_rows_of(invoice) + 3 == rows, f"{invoice_id} has {rows} rows, and another number was shown")
        return taken_s, ceiling_s

    async def list_page(self) -> Timed:
        """The newest hundred invoices of a centre's month."""
        return await self._list("")

    async def list_full(self) -> Timed:
        """The same with every section of each."""
        return await self._list(f"&{EVERYTHING}")

    async def _list(self, expand: str) -> Timed:
        month = self._month()
        since, until = f"{month.first}T00:00:00", f"{month.last}T23:59:59"
        started_s = time.perf_counter()
        total, ids = await self._driver.list_invoices(month.center_id, since, until, PAGE)
        if expand:
            await self._driver.read_invoices(ids)
        ceiling_s = time.perf_counter() - started_s
        query = f"center_id={month.center_id}&from={month.first}&to={month.last}"
        taken_s, answer = await self._reader.get(f"/v1/invoices?{query}&size={PAGE}{expand}")
        must([one["id"] for one in answer["invoices"]] == ids, f"other invoices are listed than {month} has")
        must(answer["page_info"]["total"] == total, f"{month} has {total} invoices, and another number was told")
        must(not expand or all(name in one for one in answer["invoices"] for name in SECTIONS), "sections are missing")
        return taken_s, ceiling_s

    async def list_guest(self) -> Timed:
        """Whatever a guest ever had."""
        guest_id = self._chance.choice(self._history.guest_ids)
        taken_s, answer = await self._reader.get(f"/v1/invoices?guest_id={guest_id}&size={PAGE}")
        must(all(one["guest"]["id"] == guest_id for one in answer["invoices"]), "another guest's invoice is listed")
        return taken_s, None

    async def find(self) -> Timed:
        """An invoice by its number, wherever it is."""
        number = self._chance.randrange(len(self._history.invoice_ids)) + 1
        taken_s, answer = await self._reader.get(f"/v1/invoices?invoice_number={number}")
        wanted = self._history.invoice_ids[number - 1]
        must(wanted in [one["id"] for one in answer["invoices"]], f"number {number} is not found")
        return taken_s, None

    async def report(self) -> Timed:
        """A page of a month's sales at a centre, with the sums of the whole month."""
        month = self._month()
        query = f"center_ids={month.center_id}&start_date={month.first}&end_date={month.last}"
        taken_s, answer = await self._reader.get(f"/v1/reports/sales/accrual_basis/flat_file?{query}")
        must(len(answer["sales"]) == min(answer["page_info"]["total"], 1_000), "rows are missing in a report")
        return taken_s, None

    def _month(self) -> Month:
        begins = FIRST_DAY + timedelta(days=self._chance.randrange(DAYS - MONTH_DAYS))
        return Month(center_id=self._chance.choice(self._history.center_ids), first=begins)


def _rows_of(invoice: dict[str, Any]) -> int:
    """Rows behind an invoice's lists; tips are not shown, and the sample has none."""
    return sum(len(invoice[name]) for name in ("invoice_items", "appointments", "transactions"))
