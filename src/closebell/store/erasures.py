"""Requests to forget a guest, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from closebell.store import tables
from closebell.store.statements import among, listed

_erasures = tables.erasures.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A guest who is forgotten, at most once.

    Shape: `position` is the last event that was looked at; `events` and `attempts` count what was redacted.
    """

    id: str
    guest_id: str
    position: int = 0
    events: int = 0
    attempts: int = 0
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def state(self) -> Literal["running", "done"]:
        """How far it is, in a word."""
        return "running" if self.finished_at is None else "done"


def insert_one(connection: Connection, erasure: Erasure) -> None:
    """Store a new request."""
    connection.execute(insert(tables.erasures), {field.name: getattr(erasure, field.name) for field in fields(Erasure)})


def save(connection: Connection, erasure: Erasure) -> None:
    """Store how far a locked request has come."""
    moved = {name: getattr(erasure, name) for name in ("position", "events", "attempts", "finished_at")}
    connection.execute(update(tables.erasures).where(_erasures.id == erasure.id).values(moved))


def find(connection: Connection, guest_id: str, *, lock: bool = False) -> Erasure | None:
    """The request to forget this guest, if there ever was one; locked until the transaction ends if asked for."""
    statement = select(tables.erasures).where(_erasures.guest_id == guest_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _erasure(row)


def running(connection: Connection, *, limit: int) -> list[Erasure]:
    """Up to `limit` requests that are not carried out yet, the oldest first."""
    statement = select(tables.erasures).where(_erasures.finished_at.is_(None)).order_by(_erasures.created_at)
    return [_erasure(row) for row in connection.execute(statement.limit(limit))]


def asked_for(connection: Connection, guest_ids: Iterable[str]) -> frozenset[str]:
    """Those of the guests whom somebody has asked to forget."""
    wanted = listed(guest_ids)
    if not wanted:
        return frozenset()
    statement = select(_erasures.guest_id).where(among(_erasures.guest_id))
    return frozenset(connection.execute(statement, {"ids": wanted}).scalars())


def groups_concerned(connection: Connection, group_ids: Iterable[str]) -> frozenset[str]:
    """Those of the groups that such a guest hosts or has an invoice in."""
    wanted = listed(group_ids)
    if not wanted:
        return frozenset()
    groups, invoices = tables.group_invoices.c, tables.invoices.c
    hosted = select(groups.id).join(tables.erasures, _erasures.guest_id == groups.host_id).where(among(groups.id))
    joined = (
        select(invoices.group_invoice_id)
        .join(tables.erasures, _erasures.guest_id == invoices.guest_id)
        .where(among(invoices.group_invoice_id))
    )
    found = (connection.execute(statement, {"ids": wanted}).scalars() for statement in (hosted, joined))
    return frozenset().union(*found)


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(**{field.name: getattr(row, field.name) for field in fields(Erasure)})
