"""The group invoice that somebody wants to read or change: found, with its members, and theirs.

A change locks the group first and then its members, in the order of their ids. Nobody who holds an invoice asks for
its group, so two changes of one group follow each other and never wait in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from closebell.domain.caller import Caller
from closebell.domain.group import Group, GroupInvoice, must_have_room
from closebell.domain.invoice import Invoice
from closebell.errors import NotFound
from closebell.store import groups, invoices


def find(connection: Connection, group_invoice_id: str, caller: Caller) -> GroupInvoice:
    """The group and its members as they are.

    Errors: NotFound when nothing names the group; Refusal 438 when a centre of it is not the caller's; TooLarge.
    """
    ids = groups.member_ids(connection, group_invoice_id)
    must_have_room(group_invoice_id, len(ids))
    members = list(invoices.load(connection, ids).values())
    group = groups.find(connection, group_invoice_id) or _told_by(group_invoice_id, members)
    return _theirs(group, members, caller)


def find_locked(connection: Connection, group_invoice_id: str, caller: Caller, *, now: datetime) -> GroupInvoice:
    """The group and its members, locked until the transaction ends, whatever their state.

    Errors: as `find`.
    """
    group = groups.find_locked(connection, group_invoice_id)
    if group is None:
        group = lock(connection, find(connection, group_invoice_id, caller).group, now=now)
    ids = groups.member_ids(connection, group_invoice_id)
    must_have_room(group_invoice_id, len(ids))
    locked = invoices.load_locked(connection, ids).values()
    return _theirs(group, [one for one in locked if one.group_invoice_id == group_invoice_id], caller)


def lock(connection: Connection, group: Group, *, now: datetime) -> Group:
    """The group, locked; one that only its members knew of is stored first, so that there is something to lock."""
    groups.insert_missing(connection, group, now=now)
    stored = groups.find_locked(connection, group.id)
    assert stored is not None, "it was stored just now, and no group is ever removed"
    return stored


def _told_by(group_invoice_id: str, members: Sequence[Invoice]) -> Group:
    if not members:
        raise NotFound(f"No group invoice has the id {group_invoice_id}")
    return Group(id=group_invoice_id, center_id=min(members, key=lambda one: one.id).centre.id)


def _theirs(group: Group, members: Sequence[Invoice], caller: Caller) -> GroupInvoice:
    for center_id in {group.center_id, *(one.centre.id for one in members)}:
        caller.must_reach(center_id)
    return GroupInvoice(group=group, members=tuple(sorted(members, key=lambda one: one.id)))
