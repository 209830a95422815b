"""A guest is forgotten everywhere, and everything that could be proved before can be proved afterwards."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from closebell.background.erasing import carry_out
from closebell.domain import chain
from closebell.domain.caller import OPERATOR
from closebell.domain.event import GUEST_ERASED, PAYMENTS_ADDED
from closebell.domain.guest_shapes import GuestRequest, PersonalInfoShape
from closebell.domain.redaction import redacted
from closebell.errors import Conflict, NotFound
from closebell.store import guests, invoices, kept_answers, tables
from closebell.store.database import open_database
from closebell.store.erasures import Erasure
from closebell.store.kept_answers import Call
from closebell.store.schema import migrate
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_guest, a_paid_invoice, guid_of, put
from closebell.usecase import erase_guest as erasing
from closebell.usecase.change_guest import change_guest
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.erase_guest import erase_guest, erase_portion, last_changed_at, read_erasure
from closebell.usecase.record_tender import tell_payments
from erasing import SECRETS, a_known_guest, audited, betrayed, examined, reconciled, sums_told, texts
from planning import plans, scanned
from queueing import queue

SETTLED = timedelta(seconds=70)


async def known(database: Database, clock: FixedClock, closes: int = 3) -> str:
    return await database.write(lambda connection: a_known_guest(connection, clock=clock, closes=closes))


async def erased(database: Database, guest_id: str, clock: FixedClock) -> Erasure:
    """Asked for, and carried out to the end."""
    luck = SeededLuck(7)
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    soon = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert soon.finished_at is None, "calls may be on their way"
    clock.advance(SETTLED)
    return await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)


def told(connection: Connection) -> list[Any]:
    rows = connection.execute(select(tables.events).order_by(tables.events.c.sequence)).all()
    return [json.loads(row.body) for row in rows if row.event_type == GUEST_ERASED]


async def test_nothing_is_left_but_the_id_and_everything_still_holds(database: Database) -> None:
    clock = FixedClock()
    guest_id = await known(database, clock)
    assert betrayed(await database.read(texts)) == list(SECRETS), "the test would find them"
    sums, totals = await database.read(sums_told), await reconciled(database)
    before = await audited(database)
    assert (before.problem, await examined(database), totals.balanced) == ("", [], True)

    done = await erased(database, guest_id, clock)

    assert betrayed(await database.read(texts)) == []
    assert done.finished_at == clock.now()
    assert (done.events, done.attempts) == (6, 6)
    assert (await database.read(sums_told))[: len(sums)] == sums
    after = await audited(database)
    assert (after.problem, await examined(database)) == ("", [])
    assert after.sequence == before.sequence + 1
    assert await reconciled(database) == totals


async def test_the_feed_tells_what_became_of_each_body(database: Database) -> None:
    clock = FixedClock()
    guest_id = await known(database, clock)
    told_before = await database.read(lambda c: c.execute(select(tables.events)).all())

    await erased(database, guest_id, clock)

    (event,) = await database.read(told)
    assert (event["event_resource"], event["data"]["guest_id"]) == ("Guest", guest_id)
    by_sequence = {one["sequence"]: one for one in event["data"]["redacted_events"]}
    theirs = [row for row in told_before if row.guest_id == guest_id]
    assert by_sequence.keys() == {row.sequence for row in theirs}
    rows = {row.sequence: row for row in await database.read(lambda c: c.execute(select(tables.events)).all())}
    for row in theirs:
        stays = redacted(row.body)
        assert by_sequence[row.sequence] == {
            "sequence": row.sequence,
            "event_id": row.event_id,
            "redacted_body_hash": chain.body_hash(stays).hex(),
        }
        now = rows[row.sequence]
        assert (now.body, now.body_hash, now.hash) == (stays, row.body_hash, row.hash)
        assert now.redacted_at is not None
    listeners = (
        select(func.count())
        .select_from(tables.deliveries)
        .where(tables.deliveries.c.sequence == max(rows), tables.deliveries.c.endpoint_id == guid_of("endpoint all"))
    )
    assert await database.read(lambda c: c.execute(listeners).scalar_one()) == 1


async def test_many_events_are_worked_off_in_portions_that_hold_on_their_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PORTION", 2)
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await known(database, clock)
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    assert asked.events == 2
    while True:
        # What a crash would leave behind here is whole: each portion is one transaction.
        assert ((await audited(database)).problem, await examined(database)) == ("", [])
        step = await database.write(erase_portion, guest_id, clock=clock, luck=luck)
        assert step.erasure == await database.read(read_erasure, guest_id)
        if not step.goes_on:
            break
    assert [len(one["data"]["redacted_events"]) for one in await database.read(told)] == [2, 2, 2]
    clock.advance(SETTLED)
    done = await carry_out(database, step.erasure, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert (done.events, done.finished_at) == (6, clock.now())
    assert betrayed(await database.read(texts)) == []
    assert ((await audited(database)).problem, await examined(database)) == ("", [])


async def test_a_body_replaced_late_may_be_on_its_way_as_long_as_one_replaced_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody was there to carry out the later portions, and a call got its body just before they came."""
    monkeypatch.setattr(erasing, "PORTION", 2)
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await known(database, clock)
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    clock.advance(SETTLED)
    late = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert (late.events, late.finished_at) == (6, None)
    clock.advance(SETTLED - timedelta(microseconds=1))
    await database.write(_answer_again)
    early = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert (early.attempts, early.finished_at) == (late.attempts + 1, None), "what came back was blanked"
    clock.advance(timedelta(microseconds=1))
    done = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert done.finished_at == clock.now()
    assert betrayed(await database.read(texts)) == []


def _answer_again(connection: Connection) -> None:
    """A receiver answers a call with the name it was told."""
    last = select(tables.events.c.sequence).where(tables.events.c.redacted_at.is_not(None))
    newest = last.order_by(tables.events.c.sequence.desc()).limit(1).scalar_subquery()
    (delivery_id,) = connection.execute(
        select(tables.deliveries.c.id).where(tables.deliveries.c.sequence == newest)
    ).scalars()
    connection.execute(
        insert(tables.attempts),
        {
            "delivery_id": delivery_id,
            "number": 2,
            "started_at": NOON,
            "duration_us": 1,
            "status": 200,
            "error": None,
            "detail": "It was taken.",
            "response_excerpt": "Hi Byronsdottir",
        },
    )


async def test_asking_again_answers_how_it_stands(database: Database) -> None:
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await known(database, clock)
    with pytest.raises(NotFound, match="Nobody has asked"):
        await database.read(read_erasure, guest_id)
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    before = await database.read(texts)
    assert await database.write(erase_guest, guest_id, clock=clock, luck=luck) == asked
    assert await database.read(texts) == before
    with pytest.raises(NotFound, match="No guest"):
        await database.write(erase_guest, guid_of("nobody"), clock=clock, luck=luck)
    assert await database.read(texts) == before


async def test_an_erased_guest_stays_so(database: Database) -> None:
    clock = FixedClock()
    guest_id = await known(database, clock)
    await erased(database, guest_id, clock)
    change = GuestRequest(personal_info=PersonalInfoShape(first_name="Adalovelacia"))
    before = await database.read(texts)
    with pytest.raises(Conflict, match="was erased"):
        await database.write(change_guest, guest_id, change, clock=clock, luck=SeededLuck(8))
    assert await database.read(texts) == before
    record = (await database.read(guests.load, [guest_id]))[guest_id]
    assert (record.entry.first_name, record.entry.gender, record.profile.address.city) == ("", -1, "")
    assert not record.profile.preferences.receive_transactional_email


async def test_what_is_told_later_names_nobody(database: Database) -> None:
    clock = FixedClock()
    guest_id = await known(database, clock)
    await erased(database, guest_id, clock)
    command = CloseCommand(invoice_id=guid_of("invoice of the guest 4"))
    report = await database.write(close_invoices, [command], clock=clock, luck=SeededLuck(9))
    assert betrayed(report.deliveries[0].body.decode()) == []
    assert ((await audited(database)).problem, await examined(database)) == ("", [])


async def test_what_a_transaction_under_way_still_tells_is_found_before_the_end(database: Database) -> None:
    """One that has read the guest as they were, and commits after the guest was erased."""
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await known(database, clock)
    as_they_were = (await database.read(invoices.load, [guid_of("invoice of the guest 4")])).popitem()[1]
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    await database.write(tell_payments, PAYMENTS_ADDED, as_they_were, caller=OPERATOR, clock=clock, luck=luck)
    assert "9017" in betrayed(await database.read(texts))
    clock.advance(SETTLED)
    found = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert (found.events, found.finished_at) == (7, None), "what was told then may be on its way"
    clock.advance(SETTLED)
    done = await carry_out(database, asked, settled_after=SETTLED, clock=clock, luck=luck, pause_s=0)
    assert done.finished_at == clock.now()
    assert (done.events, len(await database.read(told))) == (7, 2)
    assert betrayed(await database.read(texts)) == []
    assert (await audited(database)).problem == ""


async def test_the_key_of_a_blanked_answer_stays_taken(database: Database) -> None:
    clock = FixedClock()
    guest_id = await known(database, clock)
    await erased(database, guest_id, clock)
    bodies = []
    for key in ("1", "2"):
        kept = await database.read(
            kept_answers.find, Call(caller_id="c", key=key, route="", digest=b""), now=clock.now()
        )
        assert kept is not None
        assert kept.answer is not None
        bodies.append(kept.answer.body)
    assert bodies == [b"", b"nothing of them"]


def _all_work(connection: Connection) -> None:
    luck, clock = SeededLuck(9), FixedClock()
    guest_id = connection.execute(select(tables.guests.c.id).where(tables.guests.c.code == "V-Ada-1")).scalar_one()
    asked = erase_guest(connection, guest_id, clock=clock, luck=luck)
    step = erase_portion(connection, asked.guest_id, clock=clock, luck=luck)
    last_changed_at(connection, step.erasure)


def _crowd(connection: Connection) -> None:
    others = [replace(a_paid_invoice(f"other {n}"), guest=a_guest(f"Other {n % 100}")) for n in range(500)]
    put(connection, *others)
    made = queue(connection, guid_of("endpoint all"), 3_000, attempts=1, due_at=NOON)
    row = {"number": 1, "started_at": NOON, "duration_us": 1, "status": 500, "detail": "x", "response_excerpt": "x"}
    connection.execute(insert(tables.attempts), [{**row, "delivery_id": one} for one in made])
    card = {"kind": "gift_card", "state": "active", "value": 0, "balance": 0, "details": "{}", "created_at": NOON}
    group = {"center_id": others[0].centre.id, "name": "", "notes": "", "created_at": NOON}
    ids = [guid_of(f"guest Other {number % 100}") for number in range(len(others))]
    cards = [
        {**card, "id": guid_of(f"card {n} {invoice.id}"), "guest_id": guest_id, "invoice_id": invoice.id}
        for invoice, guest_id in zip(others, ids, strict=True)
        for n in range(8)
    ]
    connection.execute(insert(tables.accounts), cards)
    groups = [{**group, "id": guid_of(f"group {n}"), "host_id": guest_id} for n, guest_id in enumerate(ids)]
    connection.execute(insert(tables.group_invoices), groups)


async def test_a_guest_is_found_everywhere_by_an_index(database: Database) -> None:
    """Among the events, deliveries, attempts and invoices of others."""
    await known(database, FixedClock())
    await database.write(_crowd)
    if database.engine_name == "postgresql":
        await database.write(lambda connection: connection.exec_driver_sql("ANALYZE").rowcount)
    found = await database.write(plans, _all_work)
    big = {"events", "deliveries", "attempts", "invoices", "transactions", "accounts", "group_invoices"}
    whole = [plan for plan in found if scanned(plan) & big]
    assert whole == [], "\n\n".join(whole)


async def test_the_bytes_of_the_file_hold_nothing_of_the_guest(sqlite_url: str) -> None:
    migrate(sqlite_url)
    path, clock = Path(sqlite_url.removeprefix("sqlite:///")), FixedClock()
    database = open_database(sqlite_url)
    guest_id = await known(database, clock, 40)
    await database.close()
    assert betrayed(in_files(path)) == list(SECRETS), "the test would find them"

    database = open_database(sqlite_url)
    await erased(database, guest_id, clock)
    await database.close()
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.close()

    assert betrayed(in_files(path)) == []


def in_files(path: Path) -> str:
    """Every byte of the database and of the files beside it."""
    files = sorted(path.parent.glob(f"{path.name}*"))
    assert path in files
    return "\n".join(one.read_bytes().decode("latin-1") for one in files)
