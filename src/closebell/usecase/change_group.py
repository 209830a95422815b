"""Change a group: its name or its notes are written anew, also on a group that is closed."""

from __future__ import annotations

import enum
from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import text
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.group import NAME_CHARACTERS_MAX, NOTES_CHARACTERS_MAX, Group
from closebell.errors import InvalidInput
from closebell.store import groups
from closebell.usecase import group_invoice


class GroupProperty(enum.IntEnum):
    """The contract's number for what is written anew."""

    NAME = 0
    NOTES = 1


def change_group(
    connection: Connection,
    group_invoice_id: str,
    number: int,
    value: str,
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
) -> Group:
    """The group with the new name or the new notes.

    Errors: NotFound; Refusal 438; InvalidInput naming `property` or `value`.
    """
    changed = _property(number)
    group = group_invoice.find_locked(connection, group_invoice_id, caller, now=clock.now()).group
    match changed:
        case GroupProperty.NAME:
            group = replace(group, name=text.name(value, "value", most=NAME_CHARACTERS_MAX))
        case GroupProperty.NOTES:
            group = replace(group, notes=text.bounded(value, "value", most=NOTES_CHARACTERS_MAX))
    groups.save(connection, group)
    return group


def _property(number: int) -> GroupProperty:
    try:
        return GroupProperty(number)
    except ValueError:
        raise InvalidInput("property", f"{number!s:.40} is none; write 0 for the name or 1 for the notes") from None
