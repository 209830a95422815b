"""A member leaves its group and can be closed alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closebell.errors import Conflict, NotFound, Refusal
from closebell.store.unit import Database
from closebell.testing import NOON, a_paid_invoice, guid_of, put, snapshot
from closebell.usecase.leave_group import leave_group
from closebell.usecase.read_invoice import read_invoice

GROUP = guid_of("group")


async def test_a_member_leaves(database: Database) -> None:
    member, stays = a_paid_invoice("1", group_invoice_id=GROUP), a_paid_invoice("2", group_invoice_id=GROUP)
    await database.write(put, member, stays)
    alone = await database.write(leave_group, GROUP, member.id)
    assert alone == replace(member, group_invoice_id=None) == await database.read(read_invoice, member.id)
    assert (await database.read(read_invoice, stays.id)).group_invoice_id == GROUP


async def test_refusals_change_nothing(database: Database) -> None:
    single, closed = a_paid_invoice("1"), a_paid_invoice("2", group_invoice_id=GROUP, closed_at=NOON)
    await database.write(put, single, closed)
    before = await database.read(snapshot)
    with pytest.raises(Refusal):
        await database.write(leave_group, GROUP, guid_of("nothing"))
    with pytest.raises(NotFound):
        await database.write(leave_group, GROUP, single.id)
    with pytest.raises(Conflict):
        await database.write(leave_group, GROUP, closed.id)
    assert await database.read(snapshot) == before
