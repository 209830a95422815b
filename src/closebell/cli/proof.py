"""`closebell audit`, `reconcile` and `doctor`: prove on the database itself that what was closed was told.

Each ends with 0 when everything holds and with 1 when something does not, so that a timer can run it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, show
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock
from closebell.config import Settings
from closebell.store.unit import Database
from closebell.usecase.audit_feed import Progress, audit_portion
from closebell.usecase.examine import CHECKS, Examined, examine_closed, run_check
from closebell.usecase.reconcile import reconcile as totals_of

EXIT_BROKEN = 1
HOLDS = "ok"

From = Annotated[datetime | None, Parameter(name="--from", help="Where the period begins; UTC unless it says.")]
To = Annotated[datetime | None, Parameter(name="--to", help="Where it ends, itself not included; without it, now.")]


async def audit(*, settings: DatabaseSettings = Settings()) -> int:
    """Compute the hash chain of all events anew, and name the first that was altered or removed."""
    async with database_of(settings) as database:
        found = await _audited(database)
    print(found.problem or f"{found.sequence} events hold, the last with hash {found.hash.hex()}")
    return EXIT_BROKEN if found.problem else 0


async def reconcile(
    *, since: From = None, until: To = None, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> int:
    """Count closes, events and where each endpoint's deliveries stand, and say whether they balance."""
    clock = SystemClock()
    async with database_of(settings) as database:
        found = await database.read(
            totals_of,
            since=_utc(since) or datetime(1970, 1, 1, tzinfo=UTC),
            until=_utc(until) or clock.now() + timedelta(microseconds=1),
            clock=clock,
        )
    if found.endpoints:
        show([{name: getattr(one, name) for name in one.__slots__} for one in found.endpoints], as_json=as_json)
    if not as_json:
        print(f"{found.closes} closes, {found.events} events: {'balanced' if found.balanced else 'NOT BALANCED'}")
        for reason in found.reasons:
            print(reason)
    return 0 if found.balanced else EXIT_BROKEN


async def doctor(*, settings: DatabaseSettings = Settings()) -> int:
    """Examine the database: closed invoices, receipts, events, deliveries, balances and the hash chain."""
    rows = []
    async with database_of(settings) as database:
        for check in CHECKS:
            rows += _rows(check.__name__, await database.read(run_check, check))
        rows += _rows("closed_invoices_are_settled_and_told", await _examined(database))
        problem = (await _audited(database)).problem
        rows += _rows("the_chain_of_events_holds", [problem] if problem else [])
    show(rows, as_json=False)
    return EXIT_BROKEN if any(row["found"] != HOLDS for row in rows) else 0


def _rows(check: str, problems: list[str]) -> list[dict[str, str]]:
    """A row for each problem, and one that says so where everything holds."""
    return [{"check": check.replace("_", " "), "found": problem} for problem in problems or [HOLDS]]


async def _audited(database: Database) -> Progress:
    progress = Progress()
    while not progress.is_done:
        progress = await database.read(audit_portion, progress)
    return progress


async def _examined(database: Database) -> list[str]:
    examined = Examined()
    while not examined.is_done:
        examined = await database.read(examine_closed, examined)
    return list(examined.problems)


def _utc(instant: datetime | None) -> datetime | None:
    return instant if instant is None or instant.tzinfo else instant.replace(tzinfo=UTC)
