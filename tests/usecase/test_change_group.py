"""A group is found, with or without a row of its own, and its name and notes are written anew."""

from __future__ import annotations

import pytest

from closebell.domain import group as groups
from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.errors import InvalidInput, NotFound, Refusal, RefusalCode, TooLarge
from closebell.store import invoice_rows
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_centre, a_paid_invoice, an_invoice, guid_of, put, snapshot
from closebell.usecase.change_group import change_group
from closebell.usecase.group_invoice import find, find_locked

GROUP = guid_of("group")
CLOCK = FixedClock()
ELSEWHERE = a_centre("Elsewhere")
TILL = Caller(id=guid_of("till"), role=Role.CASHIER, center_ids=frozenset({a_centre().id}))


async def test_a_group_that_only_its_members_know_can_be_read(database: Database) -> None:
    first, second = sorted(
        (an_invoice("1", group_invoice_id=GROUP), an_invoice("2", group_invoice_id=GROUP)), key=lambda one: one.id
    )
    await database.write(put, second, first, an_invoice("3"))
    found = await database.read(find, GROUP, TILL)
    assert (found.group.name, found.group.notes, found.group.center_id) == ("", "", first.centre.id)
    assert found.members == (first, second)


async def test_name_and_notes_are_written_also_on_a_closed_group(database: Database) -> None:
    member = a_paid_invoice("1", group_invoice_id=GROUP, closed_at=NOON, receipt_number="R1")
    await database.write(put, member)
    await database.write(change_group, GROUP, 0, "Four friends", clock=CLOCK, caller=TILL)
    written = await database.write(change_group, GROUP, 1, "by the window\nplease", clock=CLOCK)
    assert (written.name, written.notes) == ("Four friends", "by the window\nplease")
    found = await database.read(find, GROUP, TILL)
    assert (found.group, found.members) == (written, (member,))


async def test_refusals_change_nothing(database: Database) -> None:
    here, there = an_invoice("1", group_invoice_id=GROUP), an_invoice("2", centre=ELSEWHERE, group_invoice_id=GROUP)
    await database.write(put, here, there)
    before = await database.read(snapshot)
    with pytest.raises(Refusal) as denied:
        await database.write(change_group, GROUP, 0, "x", clock=CLOCK, caller=TILL)
    assert denied.value.code is RefusalCode.CANNOT_ACCESS
    with pytest.raises(NotFound):
        await database.write(change_group, guid_of("nothing"), 0, "x", clock=CLOCK)
    for number, value, said in [
        (2, "x", "property: 2 is none; write 0 for the name or 1 for the notes"),
        (-1, "x", "property: -1"),
        (0, "", "value: is blank"),
        (0, "two\nlines", "value: holds a line break"),
        (0, "x" * 401, "value: has 401 characters"),
        (1, "x" * 4001, "value: has 4001 characters"),
    ]:
        with pytest.raises(InvalidInput, match=said):
            await database.write(change_group, GROUP, number, value, clock=CLOCK)
    assert await database.read(snapshot) == before


async def test_a_group_beyond_its_limit_is_not_worked_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MEMBERS_MAX", 1)
    await database.write(put, an_invoice("1", group_invoice_id=GROUP), an_invoice("2", group_invoice_id=GROUP))
    with pytest.raises(TooLarge, match="has 2 invoices; at most 1"):
        await database.read(find, GROUP, TILL)
    with pytest.raises(TooLarge, match="has 2 invoices; at most 1"):
        await database.write(find_locked, GROUP, TILL, now=NOON)


async def test_a_group_that_was_locked_once_stays_without_its_members(database: Database) -> None:
    member = an_invoice("1", group_invoice_id=GROUP)
    await database.write(put, member)
    assert (await database.write(find_locked, GROUP, OPERATOR, now=NOON)).members == (member,)
    await database.write(invoice_rows.leave_group, member.id)
    assert (await database.write(find_locked, GROUP, OPERATOR, now=NOON)).members == ()
