"""A whole day: the doors open, three tills work at once, the evidence is gathered, and the books are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event
from typing import Final
from zoneinfo import ZoneInfo

from closebell.cli.day import evidence as gathering
from closebell.cli.day import opening, parties, steps
from closebell.cli.day.calls import Api, Mismatch, expect
from closebell.cli.day.checks import Verdict, judge
from closebell.cli.day.evidence import Evidence
from closebell.cli.day.ledger import PlaceBooks
from closebell.cli.day.plan import Again, Day, Party, PlaceDay, Visit, visits_of
from closebell.cli.day.till import Till
from closebell.cli.demo_stage import Receiver, Server
from closebell.clock import SystemClock
from closebell.domain.event import INVOICE_CLOSED

PATIENCE_S: Final = 20.0
"""Seconds until the last webhook must be delivered; less than one is usual."""
_REPORTED: Final = timedelta(days=2)
"""How far the reports reach to both sides of today, which is not the same date everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The day as it went."""

    day: Day
    books: tuple[PlaceBooks, ...]
    evidence: Evidence

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What came of each check."""
        return judge(self.books, self.evidence)


def play(
    server: Server, receiver: Receiver, day: Day, *, advance: Callable[[int], None] = lambda _visits: None
) -> Outcome:
    """The whole day, to the end of the server.

    Errors: Mismatch when the doors do not open, or what is to be judged cannot be read.
    """
    api = Api(server.call)
    secret = _open(api, receiver, day)
    books = tuple(PlaceBooks(place=one.place) for one in day.places)
    _work_all(api, day, books, advance)
    found = _gathered(server, api, books, secret)
    expect("the exit code of the server", server.stop(), 0)
    return Outcome(day=day, books=books, evidence=replace(found, calls=receiver.all_calls()))


def _open(api: Api, receiver: Receiver, day: Day) -> str:
    """Import everything, and have the receiver told; its secret."""
    wanted = {"name": "books", "url": receiver.url, "event_types": [INVOICE_CLOSED]}
    secret = str(api.post("/v1/webhook_endpoints", wanted)["secret"])
    report = api.post("/v1/import", opening.document(day))
    if report["refused"]:
        first = next(row for row in report["report"] if row["result"] == "refused")
        raise Mismatch(f"the import refused {report['refused']} records, of which the first: {first}")
    return secret


def _work_all(api: Api, day: Day, books: Sequence[PlaceBooks], advance: Callable[[int], None]) -> None:
    """Every centre's day, at once; when something ends one of them, the others end after their next guest."""
    halt = Event()
    with ThreadPoolExecutor(len(books)) as pool:
        try:
            work = [
                pool.submit(_work, api, one, book, advance, halt) for one, book in zip(day.places, books, strict=True)
            ]
            for done in as_completed(work):
                done.result()
        finally:
            halt.set()


def _work(api: Api, one: PlaceDay, books: PlaceBooks, advance: Callable[[int], None], halt: Event) -> None:
    """A centre's day: what goes otherwise than planned is noted, and the next guest comes."""
    today = SystemClock().now().astimezone(ZoneInfo(one.place.time_zone)).date()
    till = Till(place=one.place, books=books, api=api, today=today)
    books.begin(one.holdings)
    for entry in one.entries:
        if halt.is_set():
            return
        try:
            match entry:
                case Visit():
                    steps.serve(till, entry)
                case Party():
                    parties.host(till, entry)
                case Again():
                    steps.go_on(till, entry)
        except Mismatch as problem:
            books.problems.append(f"{entry.name}: {problem}")
        advance(len(visits_of((entry,))))


def _gathered(server: Server, api: Api, books: Sequence[PlaceBooks], secret: str) -> Evidence:
    """What the service says; the calls that the receiver got are to come."""
    bills = [bill for one in books for bill in one.bills if bill.id]
    today = SystemClock().now().date()
    days = (f"{today - _REPORTED}", f"{today + _REPORTED}")
    return Evidence(
        invoices={bill.id: gathering.invoice(api, bill) for bill in bills},
        tips={bill.id: gathering.tips(api, bill) for bill in bills},
        balances=gathering.balances(api, books),
        sales={one.place.name: gathering.report(api, "sales", one, *days) for one in books},
        collections={one.place.name: gathering.report(api, "collections", one, *days) for one in books},
        reconciliation=gathering.reconciliation(api, patience_s=PATIENCE_S),
        feed=gathering.feed(server.url, server.key),
        calls=(),
        secret=secret,
    )
