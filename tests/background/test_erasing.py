"""Erasures that were asked for are carried out by themselves, and none waits for one that fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from closebell.background.erasing import keep_erasing
from closebell.store import erasures
from closebell.store.erasures import Erasure
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, guid_of
from closebell.usecase.erase_guest import erase_guest, read_erasure
from erasing import a_known_guest

SETTLED = timedelta(seconds=70)


async def test_what_is_asked_for_is_carried_out_by_itself(database: Database) -> None:
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    clock.advance(SETTLED)
    looked = asyncio.Event()
    task = asyncio.create_task(
        keep_erasing(database, settled_after=SETTLED, clock=clock, luck=luck, told=looked.set, every_s=0)
    )
    try:
        await asyncio.wait_for(looked.wait(), timeout=30)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await database.read(read_erasure, guest_id)).finished_at == clock.now()


async def test_an_erasure_that_fails_is_told_and_the_others_are_carried_out(database: Database) -> None:
    clock, luck = FixedClock(), SeededLuck(7)
    guest_id = await database.write(lambda connection: a_known_guest(connection, clock=clock))
    failing = Erasure(id=guid_of("older"), guest_id=guid_of("unreadable"), created_at=NOON - SETTLED)
    await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    clock.advance(SETTLED)
    told, looks = asyncio.Event(), list[str]()

    class Failing:
        async def read(self, work: Any, *arguments: Any, **named: Any) -> Any:
            found = await database.read(work, *arguments, **named)
            return [failing, *found] if work is erasures.running else found

        async def write(self, work: Any, *arguments: Any, **named: Any) -> Any:
            if arguments == (failing.guest_id,):
                raise LookupError("a document of before")
            return await database.write(work, *arguments, **named)

    def looked() -> None:
        looks.append("look")
        if len(looks) == 2:
            told.set()

    beside: Any = Failing()
    with capture_logs() as logs:
        task = asyncio.create_task(
            keep_erasing(beside, settled_after=SETTLED, clock=clock, luck=luck, told=looked, every_s=3600)
        )
        try:
            await asyncio.wait_for(told.wait(), timeout=30)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert (await database.read(read_erasure, guest_id)).finished_at == clock.now()
    assert [(log["event"], log["guest_id"]) for log in logs] == [
        ("erasure.failed", failing.guest_id),
        ("erasure.finished", guest_id),
    ]
