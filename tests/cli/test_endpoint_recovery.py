from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from cli.conftest import Cli, refused
from closebell.cli.endpoint_recovery import follow
from closebell.clock import SystemClock, SystemLuck
from closebell.dispatch.recovering import Recoverer
from closebell.domain.recovery import RecoveryState
from closebell.store import endpoints, recoveries
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.testing import NOON, FixedClock, an_endpoint, guid_of
from closebell.usecase.recover_endpoint import RecoveryPlan, cancel_recovery, count_recoverable, start_recovery
from exhausting import close, exhaust

ENDPOINT = an_endpoint()
RECOVER = ("endpoints", "recover", ENDPOINT.id, "--since", "2026-01-05T12:01:00Z")


def prepare(connection: Connection) -> list[str]:
    """Three deliveries that nobody took, of events a minute apart."""
    endpoints.insert_one(connection, ENDPOINT)
    close(connection, ["1", "2", "3"], clock=FixedClock(), apart=timedelta(minutes=1))
    return exhaust(connection, at=NOON + timedelta(hours=1))


@pytest.fixture
def exhausted(cli: Cli, ready: Callable[..., Any]) -> list[str]:
    ids: list[str] = ready(prepare)
    return ids


def test_a_dry_run_counts_and_begins_nothing(cli: Cli, exhausted: list[str]) -> None:
    dry = cli(*RECOVER, "--dry-run").fields
    assert (dry["is_dry_run"], dry["since"], dry["matched"]) == ("yes", "2026-01-05T12:01:00Z", "2")
    until = cli(*RECOVER, "--until", "2026-01-05T12:02:00", "--dry-run", "--json")
    assert json.loads(until.out)["matched"] == 1
    assert cli("endpoints", "recoveries", ENDPOINT.id).out == ""


def test_a_recovery_is_begun_shown_and_cancelled(cli: Cli, exhausted: list[str]) -> None:
    begun = cli(*RECOVER, "--rate-per-s", "7")
    assert begun.code == 0
    assert [begun.fields[name] for name in ("state", "matched", "recovered", "percent", "rate_per_s")] == [
        *("running", "2", "0", "0", "7")
    ]
    recovery_id = begun.fields["id"]
    refused(cli(*RECOVER), 1, f"recovery {recovery_id} is running for this endpoint")
    assert [row[:2] for row in cli("endpoints", "recoveries", ENDPOINT.id).rows] == [[recovery_id, "running"]]
    cli("endpoints", "disable", ENDPOINT.id)
    assert [row[1] for row in cli("endpoints", "recoveries", ENDPOINT.id).rows] == ["held"]
    assert cli("endpoints", "cancel", ENDPOINT.id, recovery_id).fields["state"] == "cancelled"
    assert json.loads(cli("endpoints", "recoveries", ENDPOINT.id, "--json").out)["state"] == "cancelled"


def test_waiting_ends_when_the_recovery_is_cancelled(cli: Cli, ready: Callable[..., Any], exhausted: list[str]) -> None:
    def cancel() -> None:
        found: Any = None
        while found is None:
            found = ready(recoveries.running_locked, ENDPOINT.id)
        ready(cancel_recovery, ENDPOINT.id, found.id, clock=SystemClock())

    somebody = threading.Thread(target=cancel)
    somebody.start()
    ended = cli(*RECOVER, "--wait")
    somebody.join()
    assert (ended.code, ended.fields["state"]) == (1, "cancelled")


async def test_what_is_followed_is_followed_to_its_end(database: Database) -> None:
    await database.write(prepare)
    clock = FixedClock(tick=timedelta(seconds=1))
    plan = RecoveryPlan(since=NOON, until=NOON + timedelta(hours=1), rate_per_s=1)
    found = await database.read(count_recoverable, ENDPOINT.id, plan, clock=clock)
    begun = await database.write(start_recovery, found, clock=clock, luck=SystemLuck())
    recoverer = Recoverer(database=database, clock=clock, wake=Wake(), recovered=lambda: None, pause_s=0)
    task = asyncio.create_task(recoverer.run())
    try:
        async with asyncio.timeout(30):
            ended = await follow(database, begun, look_every_s=0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (ended.state, ended.recovered, ended.percent) == (RecoveryState.DONE, 3, 100)


def test_misuse(cli: Cli, exhausted: list[str]) -> None:
    refused(cli("endpoints", "recover", ENDPOINT.id), 2, "--since")
    refused(cli("endpoints", "recover", ENDPOINT.id, "--since", "yesterday"), 2, "yesterday")
    refused(cli("endpoints", "recover", "nonsense", "--since", "2026-01-05"), 2, "ENDPOINT-ID")
    refused(cli(*RECOVER, "--rate-per-s", "0"), 2, "--rate-per-s")
    refused(cli(*RECOVER, "--rate-per-s", "1001"), 2, "--rate-per-s")
    refused(cli(*RECOVER, "--until", "2026-01-05T12:01:00Z"), 2, "since: is not earlier than until")
    refused(cli("endpoints", "recover", guid_of("nobody"), "--since", "2026-01-05"), 1, "No endpoint has the id")
    refused(cli("endpoints", "recoveries", guid_of("nobody")), 1, "No endpoint has the id")
    refused(cli("endpoints", "cancel", ENDPOINT.id, guid_of("nothing")), 1, "has no recovery with the id")
    refused(cli("endpoints", "cancel", ENDPOINT.id, "nonsense"), 2, "RECOVERY-ID")
    assert cli("endpoints", "recoveries", ENDPOINT.id).out == ""
