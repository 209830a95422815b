"""What an import brings of guests' holdings: balances as they were brought, saved cards, groups of invoices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from closebell.domain.account import AccountKind, EntryReason
from closebell.domain.intake_accounts import GroupEntry, SavedCard
from closebell.domain.money import Minor
from closebell.store import tables
from closebell.store.statements import among, listed

_accounts = tables.accounts.c
_entries = tables.account_entries.c


def balances_brought(connection: Connection, account_ids: Iterable[str]) -> dict[str, Minor]:
    """What each account began with when it was imported; one that began with nothing is absent."""
    statement = select(_entries.account_id, _entries.amount).where(
        among(_entries.account_id), _entries.number == 1, _entries.reason == EntryReason.IMPORTED
    )
    return {row.account_id: row.amount for row in connection.execute(statement, {"ids": listed(account_ids)}).all()}


def card_holders(connection: Connection, numbers: Iterable[str]) -> dict[str, str]:
    """The account of each of these card numbers that is taken."""
    statement = select(_accounts.number, _accounts.id).where(among(_accounts.number))
    return {row.number: row.id for row in connection.execute(statement, {"ids": listed(numbers)}).all()}


def points_of(connection: Connection, guest_ids: Iterable[str]) -> dict[tuple[str | None, str | None], str]:
    """The account of each guest's points, by guest and programme."""
    statement = select(_accounts.guest_id, _accounts.program_id, _accounts.id).where(
        among(_accounts.guest_id), _accounts.kind == AccountKind.LOYALTY_POINTS
    )
    rows = connection.execute(statement, {"ids": listed(guest_ids)}).all()
    return {(row.guest_id, row.program_id): row.id for row in rows}


def saved_cards(connection: Connection, ids: Iterable[str]) -> dict[str, SavedCard]:
    """The saved cards, by id."""
    statement = select(tables.saved_cards).where(among(tables.saved_cards.c.id))
    return {
        row.id: SavedCard(
            id=row.id,
            guest_id=row.guest_id,
            processor=row.processor,
            token=row.token,
            card_number=row.card_number,
            name=row.name,
        )
        for row in connection.execute(statement, {"ids": listed(ids)}).all()
    }


def insert_saved_cards(connection: Connection, cards: Sequence[SavedCard]) -> None:
    """Store new saved cards."""
    if cards:
        connection.execute(
            insert(tables.saved_cards), [{name: getattr(card, name) for name in card.__slots__} for card in cards]
        )


def groups(connection: Connection, ids: Iterable[str]) -> dict[str, GroupEntry]:
    """The groups of invoices, by id."""
    statement = select(tables.group_invoices).where(among(tables.group_invoices.c.id))
    return {
        row.id: GroupEntry(id=row.id, center_id=row.center_id, name=row.name, notes=row.notes, host_id=row.host_id)
        for row in connection.execute(statement, {"ids": listed(ids)}).all()
    }


def insert_groups(connection: Connection, entries: Sequence[GroupEntry], *, now: datetime) -> None:
    """Store new groups."""
    if entries:
        connection.execute(
            insert(tables.group_invoices),
            [{**{name: getattr(entry, name) for name in entry.__slots__}, "created_at": now} for entry in entries],
        )
