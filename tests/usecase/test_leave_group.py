"""A member leaves its group and can be closed alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closebell.domain.caller import Caller, Role
from closebell.errors import Conflict, NotFound, Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_paid_invoice, guid_of, put, snapshot
from closebell.usecase.group_invoice import find
from closebell.usecase.leave_group import leave_group
from closebell.usecase.read_invoice import read_invoice

GROUP = guid_of("group")
CLOCK = FixedClock()
STRANGER = Caller(id=guid_of("stranger"), role=Role.CASHIER, center_ids=frozenset({guid_of("centre Elsewhere")}))
OPERATOR = replace(STRANGER, role=Role.ADMIN, center_ids=None)


async def test_a_member_leaves(database: Database) -> None:
    member, stays = a_paid_invoice("1", group_invoice_id=GROUP), a_paid_invoice("2", group_invoice_id=GROUP)
    await database.write(put, member, stays)
    alone = await database.write(leave_group, GROUP, member.id, clock=CLOCK)
    assert alone == replace(member, group_invoice_id=None) == await database.read(read_invoice, member.id)
    assert (await database.read(read_invoice, stays.id)).group_invoice_id == GROUP


async def test_a_group_stays_when_its_last_member_has_left(database: Database) -> None:
    member = a_paid_invoice("1", group_invoice_id=GROUP)
    await database.write(put, member)
    await database.write(leave_group, GROUP, member.id, clock=CLOCK)
    left = await database.read(find, GROUP, OPERATOR)
    assert (left.group.center_id, left.members) == (member.centre.id, ())


async def test_refusals_change_nothing(database: Database) -> None:
    single, closed = a_paid_invoice("1"), a_paid_invoice("2", group_invoice_id=GROUP, closed_at=NOON)
    member = a_paid_invoice("3", group_invoice_id=GROUP)
    await database.write(put, single, closed, member)
    before = await database.read(snapshot)
    with pytest.raises(Refusal) as unknown:
        await database.write(leave_group, GROUP, guid_of("nothing"), clock=CLOCK)
    with pytest.raises(Refusal) as denied:
        await database.write(leave_group, GROUP, member.id, clock=CLOCK, caller=STRANGER)
    assert (unknown.value.code, denied.value.code) == (RefusalCode.INVOICE_NOT_FOUND, RefusalCode.CANNOT_ACCESS)
    for group, invoice, kind in [
        (GROUP, single, NotFound),
        (guid_of("another"), member, NotFound),
        (GROUP, closed, Conflict),
    ]:
        with pytest.raises(kind):
            await database.write(leave_group, group, invoice.id, clock=CLOCK)
    assert await database.read(snapshot) == before
