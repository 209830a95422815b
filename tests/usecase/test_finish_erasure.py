"""What comes in while an erasure is running is forgotten before its end, and so is what receivers had us write."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from closebell.background.erasing import carry_out
from closebell.store import failure_log, tables
from closebell.store.erasures import Erasure
from closebell.store.failure_log import NewFailure
from closebell.store.personal_data import REMOVED
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, guid_of
from closebell.usecase.erase_guest import erase_guest
from erasing import HERE, a_known_guest, audited, betrayed, examined, texts

SETTLED = timedelta(seconds=70)
HINT = "Redirects are not followed; set the endpoint's URL to https://idp.example/login/adal.byron@guests.example."


async def asked(database: Database, clock: FixedClock) -> Erasure:
    guest_id = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    return await database.write(erase_guest, guest_id, clock=clock, luck=SeededLuck(7))


async def finished(database: Database, erasure: Erasure, clock: FixedClock) -> Erasure:
    clock.advance(SETTLED)
    done = await carry_out(database, erasure, settled_after=SETTLED, clock=clock, luck=SeededLuck(8), pause_s=0)
    assert done.finished_at is not None
    return done


def _comes_in(connection: Connection, guest_id: str) -> None:
    """What a transaction writes that was under way when they were erased."""
    card = {"id": guid_of("late card"), "guest_id": guest_id, "processor": "test", "token": "t", "card_number": "9017"}
    connection.execute(insert(tables.saved_cards), {**card, "name": "A. Byronsdottir"})
    group = {"id": guid_of("late"), "center_id": HERE.id, "name": "Adalovelacia's", "notes": "a bad left knee"}
    connection.execute(insert(tables.group_invoices), {**group, "host_id": guest_id, "created_at": NOON})
    gift: dict[str, Any] = {"id": guid_of("late gift"), "kind": "gift_card", "state": "active", "guest_id": guest_id}
    details = json.dumps({"recipient_name": "Adalovelacia", "is_onetime_use": True})
    connection.execute(
        insert(tables.accounts), {**gift, "value": 0, "balance": 0, "created_at": NOON, "details": details}
    )


async def test_what_comes_in_while_it_is_running_is_forgotten_at_the_end(database: Database) -> None:
    clock = FixedClock()
    erasure = await asked(database, clock)
    await database.write(_comes_in, erasure.guest_id)
    assert betrayed(await database.read(texts)) != []

    await finished(database, erasure, clock)

    assert betrayed(await database.read(texts)) == []
    cards = await database.read(lambda c: c.execute(select(tables.saved_cards.c.id)).all())
    assert cards == []
    kept = select(tables.accounts.c.details).where(tables.accounts.c.id == guid_of("late gift"))
    assert json.loads(await database.read(lambda c: c.execute(kept).scalar_one())) == {"is_onetime_use": True}
    assert ((await audited(database)).problem, await examined(database)) == ("", [])


def _quoted(connection: Connection, guest_id: str) -> None:
    """Of an exhausted delivery, retention has removed the attempts; what they said stands elsewhere too."""
    deliveries, events = tables.deliveries.c, tables.events.c
    theirs = connection.execute(
        select(deliveries.id)
        .join(tables.events, events.sequence == deliveries.sequence)
        .where(events.guest_id == guest_id)
    ).scalars()
    delivery_id, other_id = sorted(theirs)[:2]
    connection.execute(delete(tables.attempts).where(tables.attempts.c.delivery_id.in_([delivery_id, other_id])))
    change = update(tables.deliveries)
    reason = f"Attempt 11 was the last and failed: {HINT}"
    connection.execute(change.where(deliveries.id == delivery_id).values(reason=reason))
    connection.execute(change.where(deliveries.id == other_id).values(reason="Ours"))
    endpoint_id = guid_of("endpoint all")
    said = f"20 attempts in a row failed; the last: {HINT}"
    connection.execute(
        update(tables.endpoints)
        .where(tables.endpoints.c.id == endpoint_id)
        .values(state="deactivated", state_reason=said)
    )
    for number, detail in enumerate((HINT, "Ours")):
        failure = NewFailure(
            endpoint_id=endpoint_id,
            failing_since=NOON,
            consecutive_failures=20,
            delivery_id=delivery_id,
            status=302,
            error="redirect",
            detail=detail,
        )
        failure_log.insert_one(connection, failure, id_=guid_of(f"failure {number}"), now=NOON, is_mailed=False)


def _said(connection: Connection) -> tuple[list[str], list[str], int]:
    failures = select(tables.endpoint_failures.c.detail).order_by(tables.endpoint_failures.c.detail)
    ours = select(tables.deliveries.c.id).where(tables.deliveries.c.reason == "Ours")
    return (
        list(connection.execute(select(tables.endpoints.c.state_reason)).scalars()),
        sorted(connection.execute(failures).scalars()),
        len(connection.execute(ours).all()),
    )


async def test_paths_that_hints_quote_go_also_where_the_attempts_are_gone(database: Database) -> None:
    clock = FixedClock()
    guest_id = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    await database.write(_quoted, guest_id)
    erasure = await database.write(erase_guest, guest_id, clock=clock, luck=SeededLuck(7))

    await finished(database, erasure, clock)

    assert betrayed(await database.read(texts)) == []
    assert await database.read(_said) == ([REMOVED], sorted(["Ours", REMOVED]), 1)


async def test_the_reason_of_an_endpoint_that_quotes_nothing_stays(database: Database) -> None:
    clock = FixedClock()
    erasure = await asked(database, clock)
    reason = "20 attempts in a row failed; the last: Redirects are not followed; x:443 answered 302 without a Location."
    change = update(tables.endpoints).values(state="deactivated", state_reason=reason)
    await database.write(lambda connection: connection.execute(change).rowcount)
    await finished(database, erasure, clock)
    assert (await database.read(_said))[0] == [reason]
