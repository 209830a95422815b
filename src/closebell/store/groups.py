"""Groups of invoices. Who is in one, its members say themselves; an import may name a group that has no row here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.group import Group
from closebell.store import tables

_groups = tables.group_invoices.c
_FIELDS = Group.__slots__


def find(connection: Connection, group_invoice_id: str) -> Group | None:
    """The group as it was made here; None for one that only its members know of."""
    return _find(connection, select(tables.group_invoices).where(_groups.id == group_invoice_id))


def find_locked(connection: Connection, group_invoice_id: str) -> Group | None:
    """The same, locked until the transaction ends; take it before its members."""
    statement = select(tables.group_invoices).where(_groups.id == group_invoice_id).with_for_update()
    return _find(connection, statement)


def insert_missing(connection: Connection, group: Group, *, now: datetime) -> None:
    """Store a group; one that exists by now stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.group_invoices).on_conflict_do_nothing(index_elements=["id"])
    connection.execute(statement, {**{name: getattr(group, name) for name in _FIELDS}, "created_at": now})


def save(connection: Connection, group: Group) -> None:
    """Write the name and the notes of a locked group."""
    connection.execute(
        update(tables.group_invoices).where(_groups.id == group.id).values(name=group.name, notes=group.notes)
    )


def member_ids(connection: Connection, group_invoice_id: str) -> list[str]:
    """The ids of the invoices in a group, in order."""
    invoices = tables.invoices.c
    statement = select(invoices.id).where(invoices.group_invoice_id == group_invoice_id).order_by(invoices.id)
    return list(connection.execute(statement).scalars())


def _find(connection: Connection, statement: Select[Any]) -> Group | None:
    row = connection.execute(statement).one_or_none()
    return None if row is None else Group(**{name: getattr(row, name) for name in _FIELDS})
