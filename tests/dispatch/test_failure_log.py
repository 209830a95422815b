"""What deactivates an endpoint is in the failure log, from the same transaction on, with what a person must see."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.clock import SystemLuck
from closebell.dispatch.recording import RecordReport, Sent, record_outcomes
from closebell.domain.delivery import Fault, Outcome
from closebell.domain.endpoint import EndpointState
from closebell.errors import NotFound
from closebell.store import endpoints, failure_log, lanes, tables
from closebell.store.failure_log import MailState
from closebell.store.lanes import Claimed
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_paid_invoice, an_endpoint, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.manage_endpoints import delete_endpoint, disable_endpoint, enable_endpoint
from closebell.usecase.read_failure_log import RECENT_ATTEMPTS, FailureLog, read_failure_log
from planning import plans

LUCK = SystemLuck()
ENDPOINT = an_endpoint().id
MINUTE = timedelta(minutes=1)


def failed(*, status: int = 502, at: timedelta = timedelta(0)) -> Outcome:
    return Outcome(
        started_at=NOON + at,
        duration_us=1000,
        status=status,
        error=Fault.HTTP_STATUS,
        detail=f"receiver.example:443 answered {status}.",
        response_excerpt="<h1>Bad Gateway</h1>",
    )


async def claimed(database: Database, clock: FixedClock, count: int) -> list[Claimed]:
    """So many deliveries, under lease."""
    invoices = [a_paid_invoice(f"{clock.now()} {number}") for number in range(count)]

    def prepare(connection: Connection) -> list[Claimed]:
        put(connection, *invoices)
        if endpoints.find(connection, ENDPOINT, now=clock.now()) is None:
            endpoints.insert_one(connection, an_endpoint())
        close_invoices(connection, [CloseCommand(invoice_id=i.id) for i in invoices], clock=clock, luck=LUCK)
        until = clock.now() + MINUTE
        return lanes.claim(connection, {ENDPOINT: count}, now=clock.now(), lease_id="mine", leased_until=until)

    return await database.write(prepare)


def sent(one: Claimed, outcome: Outcome) -> Sent:
    return Sent(delivery_id=one.id, lease_id=one.lease_id, endpoint_id=one.endpoint_id, outcome=outcome)


async def record(database: Database, clock: FixedClock, batch: list[Sent], **options: Any) -> RecordReport:
    return await database.write(record_outcomes, batch, clock=clock, luck=LUCK, **options)


async def read(database: Database, *, limit: int = 10, offset: int = 0) -> FailureLog:
    return await database.read(read_failure_log, ENDPOINT, limit=limit, offset=offset)


async def test_twenty_failures_in_a_row_are_one_entry_with_the_last_attempt(database: Database) -> None:
    clock = FixedClock()
    deliveries = await claimed(database, clock, 22)
    outcomes = [failed(at=timedelta(seconds=number)) for number in range(22)]
    batch = [sent(one, outcome) for one, outcome in zip(deliveries, outcomes, strict=True)]
    report = await record(database, clock, batch[:19])
    assert (report.logged, (await read(database)).total) == ((), 0)
    clock.advance(MINUTE / 2)
    report = await record(database, clock, batch[19:21])
    assert report.logged == (ENDPOINT,)
    report = await record(database, clock, batch[21:])
    assert (report.logged, set(report.deactivated)) == ((), {ENDPOINT}), "it was deactivated already"

    log = await read(database)
    (entry,) = log.failures
    assert (entry.at, entry.failing_since) == (NOON + MINUTE / 2, NOON)
    assert (entry.consecutive_failures, entry.delivery_id) == (20, deliveries[19].id)
    assert (entry.status, entry.error) == (502, "http_status")
    assert entry.detail == "receiver.example:443 answered 502."
    assert (entry.mail_state, entry.mail_attempts, entry.mail_error) == (MailState.NONE, 0, "")
    assert [one.delivery_id for one in log.recent_attempts] == [one.id for one in reversed(deliveries[2:])]
    assert len(log.recent_attempts) == RECENT_ATTEMPTS
    newest = log.recent_attempts[0].attempt
    assert (newest.number, newest.status, newest.response_excerpt) == (1, 502, "<h1>Bad Gateway</h1>")
    assert newest.started_at == NOON + timedelta(seconds=21)


async def test_gone_is_an_entry_at_once(database: Database) -> None:
    clock = FixedClock()
    (one,) = await claimed(database, clock, 1)
    assert (await record(database, clock, [sent(one, failed(status=410))], mails_failures=True)).logged == (ENDPOINT,)
    (entry,) = (await read(database)).failures
    assert (entry.consecutive_failures, entry.status, entry.delivery_id) == (1, 410, one.id)
    assert (entry.mail_state, entry.mail_due_at) == (MailState.DUE, clock.now())


async def test_the_entry_and_the_deactivation_are_one(database: Database) -> None:
    clock = FixedClock()
    (one,) = await claimed(database, clock, 1)

    def crash(connection: Connection) -> None:
        record_outcomes(connection, [sent(one, failed(status=410))], clock=clock, luck=LUCK)
        assert failure_log.count(connection, ENDPOINT) == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(crash)
    assert (await read(database)).total == 0
    endpoint = await database.read(endpoints.find, ENDPOINT, now=clock.now())
    assert endpoint is not None
    assert endpoint.state is EndpointState.ACTIVE


async def test_the_log_outlives_enabling_disabling_and_deleting(database: Database) -> None:
    clock = FixedClock()
    for number in range(3):
        (one,) = await claimed(database, clock, 1)
        await record(database, clock, [sent(one, failed(status=410, at=number * MINUTE))])
        clock.advance(MINUTE)
        await database.write(enable_endpoint, ENDPOINT, clock=clock, luck=LUCK)
        await database.write(cancel_all)
    await database.write(disable_endpoint, ENDPOINT, clock=clock)
    assert (await read(database)).total == 3, "a person's doing is no failure"
    await database.write(delete_endpoint, ENDPOINT, clock=clock)
    log = await read(database, limit=2, offset=1)
    assert ([entry.at for entry in log.failures], log.total) == ([NOON + MINUTE, NOON], 3)


def cancel_all(connection: Connection) -> None:
    """So that the next claim gets what is new."""
    connection.execute(tables.deliveries.update().values(state="cancelled", finished_at=NOON, lease_id=None))


async def test_an_endpoint_that_never_was_has_no_log(database: Database) -> None:
    with pytest.raises(NotFound, match=guid_of("nobody")):
        await database.read(read_failure_log, guid_of("nobody"), limit=1, offset=0)


async def test_attempts_that_went_well_later_are_not_shown(database: Database) -> None:
    clock = FixedClock()
    first, second = await claimed(database, clock, 2)
    good = replace(failed(), status=200, error=None)
    await record(database, clock, [sent(first, failed()), sent(second, good)])
    assert [one.delivery_id for one in (await read(database)).recent_attempts] == [first.id]


async def test_reading_the_log_goes_in_by_indexes(database: Database) -> None:
    def explained(connection: Connection) -> list[str]:
        connection.exec_driver_sql("ANALYZE")
        if connection.dialect.name == "postgresql":
            # Tables this small are scanned because that is cheap; what is asked is whether they have to be.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        found = []
        for work in (
            lambda c: failure_log.page(c, ENDPOINT, limit=10, offset=0),
            lambda c: failure_log.count(c, ENDPOINT),
            lambda c: failure_log.recent_attempts(c, ENDPOINT, limit=20),
            lambda c: failure_log.situation(c, ENDPOINT),
            failure_log.next_mail_at,
            lambda c: failure_log.claim_mail(c, now=NOON, until=NOON),
        ):
            found += plans(connection, work)
        return found

    clock = FixedClock()
    first, *others = await claimed(database, clock, 60)
    good = replace(failed(), status=200, error=None)
    batch = [sent(first, failed(status=410)), *(sent(one, good) for one in others[:40])]
    await record(database, clock, batch, mails_failures=True)
    found = await database.write(explained)
    text = "\n".join(found)
    for index in (
        "ix_endpoint_failures_endpoint_id_at",
        "ix_endpoint_failures_mail_due_at",
        "ix_deliveries_fresh",
        "ix_deliveries_retried",
    ):
        assert index in text, text
    for table in ("endpoint_failures", "deliveries", "attempts"):
        assert f"Seq Scan on {table}" not in text, text
        assert not re.search(rf"^SCAN {table}", text, re.MULTILINE), text
