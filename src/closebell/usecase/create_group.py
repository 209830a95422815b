"""Create a group: open invoices of one centre are put on one bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import text
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.group import (
    MEMBERS_MAX,
    NAME_CHARACTERS_MAX,
    NOTES_CHARACTERS_MAX,
    Group,
    GroupInvoice,
    must_be_free_to_join,
    must_have_no_money,
)
from closebell.domain.identifiers import guid
from closebell.domain.invoice import Invoice
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode, TooLarge
from closebell.store import directory, groups, invoice_rows, invoices


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommand:
    """These invoices are to be one bill; the guest of the first is its host."""

    name: str
    invoice_ids: Sequence[str]
    notes: str = ""
    created_by_id: str | None = None
    caller: Caller = OPERATOR


def create_group(connection: Connection, command: GroupCommand, *, clock: Clock, luck: Luck) -> GroupInvoice:
    """The new group with its members.

    Errors: Refusal 502 without invoices, 428, 438, 4001, 4002; Conflict for one that cannot join; InvalidInput.
    """
    ids = _distinct(command.invoice_ids)
    name = text.name(command.name, "group_name", most=NAME_CHARACTERS_MAX)
    notes = text.bounded(command.notes, "notes", most=NOTES_CHARACTERS_MAX)
    _must_be_known(connection, command.created_by_id)
    found = invoices.load_locked(connection, ids)
    members = [_theirs(found, invoice_id, command.caller) for invoice_id in ids]
    host = members[0]
    for member in members:
        _must_be_in_no_group(connection, member)
        must_be_free_to_join(member, host)
    group = Group(
        id=luck.guid(),
        center_id=host.centre.id,
        name=name,
        notes=notes,
        host_id=None if host.guest is None else host.guest.id,
        created_by_id=command.created_by_id,
    )
    groups.insert_missing(connection, group, now=clock.now())
    joined = [replace(member, group_invoice_id=group.id) for member in members]
    for before, after in zip(members, joined, strict=True):
        invoice_rows.save(connection, before, after)
    return GroupInvoice(group=group, members=tuple(sorted(joined, key=lambda one: one.id)))


def _distinct(invoice_ids: Sequence[str]) -> list[str]:
    """The ids in the order they were said, each once."""
    if not invoice_ids:
        raise Refusal(RefusalCode.GROUP_WITHOUT_INVOICES, "invoice_ids: name at least one invoice.")
    if len(invoice_ids) > MEMBERS_MAX:
        raise TooLarge(f"invoice_ids: has {len(invoice_ids)} entries; at most {MEMBERS_MAX} go on one bill.")
    first_at: dict[str, int] = {}
    for index, said in enumerate(invoice_ids):
        field = f"invoice_ids[{index}]"
        invoice_id = guid(said, field=field)
        first = first_at.setdefault(invoice_id, index)
        if first != index:
            raise InvalidInput(field, f"{invoice_id} is also invoice_ids[{first}]; write each id once")
    return list(first_at)


def _must_be_known(connection: Connection, created_by_id: str | None) -> None:
    if created_by_id is not None and not directory.known_employees(connection, [created_by_id]):
        raise InvalidInput("created_by_id", f"{created_by_id} is not an employee Closebell knows; import it first")


def _theirs(found: dict[str, Invoice], invoice_id: str, caller: Caller) -> Invoice:
    invoice = found.get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    caller.must_reach(invoice.centre.id)
    return invoice


def _must_be_in_no_group(connection: Connection, invoice: Invoice) -> None:
    """An invoice is on one bill at a time; whether that one is paid for already decides what is said."""
    group_invoice_id = invoice.group_invoice_id
    if group_invoice_id is None:
        return
    there = invoices.load(connection, groups.member_ids(connection, group_invoice_id))
    must_have_no_money(group_invoice_id, there.values())
    raise Conflict(f"Invoice {invoice.id} is in group invoice {group_invoice_id}; take it out of there first")
