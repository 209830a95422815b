"""Invoices are put on one bill: all that are named, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.group import MEMBERS_MAX, NAME_CHARACTERS_MAX, NOTES_CHARACTERS_MAX
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode, TooLarge
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_guest,
    a_paid_invoice,
    an_employee,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.create_group import GroupCommand, create_group
from closebell.usecase.group_invoice import find

ELSEWHERE = a_centre("Elsewhere")
FIRST, SECOND = an_invoice("1"), an_invoice("2", guest=a_guest("Grace Guest"))
AT_ELSEWHERE = Caller(id=guid_of("till"), role=Role.CASHIER, center_ids=frozenset({ELSEWHERE.id}))
GROUP = guid_of("group")


async def create(database: Database, *ids: str, **fields: Any) -> Any:
    command = GroupCommand(**{"name": "Birthday", "invoice_ids": list(ids), **fields})
    return await database.write(create_group, command, clock=FixedClock(), luck=SeededLuck())


async def test_invoices_become_a_group(database: Database) -> None:
    await database.write(put, FIRST, SECOND, employees=[an_employee()])
    made = await create(database, SECOND.id.upper(), FIRST.id, notes="one bill", created_by_id=an_employee())
    group = made.group
    assert (group.name, group.notes, group.center_id) == ("Birthday", "one bill", FIRST.centre.id)
    assert (group.host_id, group.created_by_id) == (a_guest("Grace Guest").id, an_employee())
    expected = sorted((replace(one, group_invoice_id=group.id) for one in (FIRST, SECOND)), key=lambda one: one.id)
    assert list(made.members) == expected
    assert await database.read(find, group.id, OPERATOR) == made


async def test_one_invoice_of_nobody_is_a_group_without_host(database: Database) -> None:
    await database.write(put, replace(FIRST, guest=None))
    made = await create(database, FIRST.id)
    assert (made.group.host_id, len(made.members)) == (None, 1)


CASES: list[tuple[list[str], dict[str, Any], type[ClosebellError], RefusalCode | str]] = [
    ([], {}, Refusal, RefusalCode.GROUP_WITHOUT_INVOICES),
    ([FIRST.id, guid_of("nobody")], {}, Refusal, RefusalCode.INVOICE_NOT_FOUND),
    ([FIRST.id], {"caller": AT_ELSEWHERE}, Refusal, RefusalCode.CANNOT_ACCESS),
    ([FIRST.id, guid_of("invoice paid")], {}, Refusal, RefusalCode.MEMBER_PARTLY_PAID),
    ([FIRST.id, guid_of("invoice grouped and paid")], {}, Refusal, RefusalCode.GROUP_PARTLY_PAID),
    ([FIRST.id, guid_of("invoice in a paid group")], {}, Refusal, RefusalCode.GROUP_PARTLY_PAID),
    ([FIRST.id, guid_of("invoice grouped")], {}, Conflict, "take it out of there first"),
    ([FIRST.id, guid_of("invoice closed")], {}, Conflict, "is closed, receipt R9"),
    ([FIRST.id, guid_of("invoice cancelled")], {}, Conflict, "is cancelled"),
    ([FIRST.id, guid_of("invoice refund")], {}, Conflict, "is a refund"),
    ([FIRST.id, guid_of("invoice elsewhere")], {}, Conflict, "a group is of one centre"),
    ([FIRST.id, SECOND.id, FIRST.id], {}, InvalidInput, r"invoice_ids\[2\]: .* is also invoice_ids\[0\]"),
    ([FIRST.id, "x"], {}, InvalidInput, r"invoice_ids\[1\]: 'x' is not a GUID"),
    ([FIRST.id], {"name": " "}, InvalidInput, "group_name: is blank"),
    ([FIRST.id], {"name": "two\nlines"}, InvalidInput, "group_name: holds a line break"),
    ([FIRST.id], {"name": "x" * (NAME_CHARACTERS_MAX + 1)}, InvalidInput, "group_name: has 401 characters"),
    ([FIRST.id], {"notes": "x" * (NOTES_CHARACTERS_MAX + 1)}, InvalidInput, "notes: has 4001 characters"),
    ([FIRST.id], {"created_by_id": guid_of("nobody")}, InvalidInput, "created_by_id: .* is not an employee"),
    ([guid_of(f"{n}") for n in range(MEMBERS_MAX + 1)], {}, TooLarge, "at most 1000 go on one bill"),
]


async def test_refusals_change_nothing(database: Database) -> None:
    await database.write(
        put,
        FIRST,
        SECOND,
        a_paid_invoice("paid"),
        a_paid_invoice("grouped and paid", group_invoice_id=GROUP),
        an_invoice("in a paid group", group_invoice_id=GROUP),
        an_invoice("grouped", group_invoice_id=guid_of("another group")),
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R9"),
        an_invoice("cancelled", cancelled_at=NOON),
        an_invoice("refund", is_refund=True),
        an_invoice("elsewhere", centre=ELSEWHERE),
    )
    before = await database.read(snapshot)
    for ids, fields, kind, said in CASES:
        with pytest.raises(kind, match=None if isinstance(said, RefusalCode) else said) as refused:
            await create(database, *ids, **fields)
        if isinstance(said, RefusalCode):
            assert isinstance(refused.value, Refusal)
            assert refused.value.code is said
    assert await database.read(snapshot) == before
