"""`closebell endpoints recover` and what goes with it: bring back what an endpoint's receiver missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import App, Parameter
from cyclopts.validators import Number

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.progress import bar
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.domain.identifiers import guid
from closebell.domain.recovery import RECOVERED_PER_S, RECOVERED_PER_S_MAX, Recovery, RecoveryState
from closebell.store.unit import Database
from closebell.usecase.recover_endpoint import (
    RecoveryPlan,
    cancel_recovery,
    count_recoverable,
    list_recoveries,
    read_recovery,
    start_recovery,
)

EXIT_CANCELLED: Final = 1
LOOK_EVERY_S: Final = 0.5
"""Seconds between two looks at a recovery that is waited for."""
_FIRST_TO_GO: Final = ("rate_per_s", "is_automatic", "percent", "until", "since")

EndpointId = Annotated[str, Parameter(help="The id that `closebell endpoints list` shows.")]
RecoveryId = Annotated[str, Parameter(help="The id that `closebell endpoints recoveries` shows.")]
Since = Annotated[datetime, Parameter(help="The first instant whose events come back; UTC unless it says.")]
Until = Annotated[datetime | None, Parameter(help="The first instant whose events do not; without it, now.")]
DryRun = Annotated[bool, Parameter(negative="", help="Only say how many deliveries would come back.")]
Rate = Annotated[
    int, Parameter(validator=Number(gte=1, lte=RECOVERED_PER_S_MAX), help="Make at most so many due again in a second.")
]
Wait = Annotated[bool, Parameter(negative="", help="Wait until all are due again. A service must be running.")]


def add_to(app: App) -> None:
    """Make the commands below commands of `closebell endpoints`."""
    app.command(recover)
    app.command(recoveries)
    app.command(cancel)


async def recover(
    endpoint_id: EndpointId,
    /,
    *,
    since: Since,
    until: Until = None,
    dry_run: DryRun = False,
    rate_per_s: Rate = RECOVERED_PER_S,
    wait: Wait = False,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> int:
    """Send an endpoint what was exhausted of a period's events; a running service does it in the background."""
    plan = RecoveryPlan(since=_utc(since), until=None if until is None else _utc(until), rate_per_s=rate_per_s)
    clock = SystemClock()
    async with database_of(settings) as database:
        found = await database.read(count_recoverable, _id(endpoint_id), plan, clock=clock)
        if dry_run:
            period = {"since": found.stretch.since, "until": found.stretch.until}
            show_one({"is_dry_run": True, **period, "matched": found.count}, as_json=as_json)
            return 0
        begun = await database.write(start_recovery, found, clock=clock, luck=SystemLuck())
        ended = await follow(database, begun) if wait else begun
    show_one(_row(ended), as_json=as_json)
    return EXIT_CANCELLED if ended.state is RecoveryState.CANCELLED else 0


async def recoveries(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Show the recoveries of an endpoint, the newest first."""
    async with database_of(settings) as database:
        found = await database.read(list_recoveries, _id(endpoint_id), clock=SystemClock())
    show([_row(one) for one in found], as_json=as_json, first_to_go=_FIRST_TO_GO)


async def cancel(
    endpoint_id: EndpointId,
    recovery_id: RecoveryId,
    /,
    *,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Let a recovery go no further; what it brought back stays due."""
    wanted = guid(recovery_id, field="RECOVERY-ID")
    async with database_of(settings) as database:
        ended = await database.write(cancel_recovery, _id(endpoint_id), wanted, clock=SystemClock())
    show_one(_row(ended), as_json=as_json)


async def follow(database: Database, begun: Recovery, *, look_every_s: float = LOOK_EVERY_S) -> Recovery:
    """The recovery once it has ended, with a bar on standard error meanwhile if a person is looking."""
    recovery = begun
    with bar() as progress:
        task = progress.add_task("recovering")
        while recovery.state is RecoveryState.RUNNING:
            doing = "held until the endpoint is enabled" if recovery.is_held else "recovering"
            progress.update(task, description=doing, completed=recovery.recovered, total=recovery.matched)
            await asyncio.sleep(look_every_s)
            recovery = await database.read(read_recovery, recovery.endpoint_id, recovery.id)
    return recovery


def _id(text: str) -> str:
    return guid(text, field="ENDPOINT-ID")


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _row(recovery: Recovery) -> Row:
    return {
        "id": recovery.id,
        "state": recovery.shown_state,
        "matched": recovery.matched,
        "recovered": recovery.recovered,
        "percent": recovery.percent,
        "since": recovery.since,
        "until": recovery.until,
        "rate_per_s": recovery.rate_per_s,
        "is_automatic": recovery.is_automatic,
        "created_at": recovery.created_at,
        "finished_at": recovery.finished_at,
    }
