"""The day for a person: what became of the invoices, what was taken, and whether everything adds up."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from closebell.cli.day.checks import Verdict, taken_with
from closebell.cli.day.ledger import Bill
from closebell.cli.day.plan import Ending
from closebell.cli.day.run import Outcome
from closebell.domain.invoice import Tender

PROBLEMS_SHOWN_MAX: Final = 10
"""Problems of one check that are shown."""


def show(console: Console, outcome: Outcome) -> bool:
    """Two tables, invoices by kind and money by tender, and every check; whether all of them hold."""
    for table in (_invoices(outcome), _money(outcome)):
        console.print()
        console.print(table)
    console.print()
    verdicts = outcome.verdicts
    for verdict in verdicts:
        _show_verdict(console, verdict)
    return all(verdict.holds for verdict in verdicts)


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _invoices(outcome: Outcome) -> Table:
    bills = [bill for one in outcome.books for bill in one.bills]
    counts = Counter((bill.kind, _ending_of(bill)) for bill in bills)
    table = _table("Invoices", *(ending.value for ending in Ending))
    for kind in sorted({bill.kind for bill in bills}):
        table.add_row(kind, *(f"{counts[kind, ending] or ''}" for ending in Ending))
    table.add_section()
    endings = Counter(map(_ending_of, bills))
    table.add_row(f"all {len(bills)}", *(f"{endings[ending]}" for ending in Ending))
    return table


def _ending_of(bill: Bill) -> Ending:
    if bill.is_closed:
        return Ending.CLOSED
    return Ending.CANCELLED if bill.is_cancelled else Ending.OPEN


def _money(outcome: Outcome) -> Table:
    table = _table(
        "Money taken, less given back", *(f"{one.place.name}, {one.place.currency}" for one in outcome.books)
    )
    for tender in Tender:
        taken = [(one.place, taken_with(one, tender)) for one in outcome.books]
        if any(amount for _, amount in taken):
            table.add_row(f"{tender}".replace("_", " "), *(f"{place.said(amount):,f}" for place, amount in taken))
    return table


def _show_verdict(console: Console, verdict: Verdict) -> None:
    console.print(f"{'✓' if verdict.holds else '✗'} {verdict.claim}", style="green" if verdict.holds else "bold red")
    for problem in verdict.problems[:PROBLEMS_SHOWN_MAX]:
        console.print(f"    {problem}")
    if (more := len(verdict.problems) - PROBLEMS_SHOWN_MAX) > 0:
        console.print(f"    and {more} more")
