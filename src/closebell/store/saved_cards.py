"""Cards that guests have saved: what each processor knows them by, and what a person does."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from closebell.domain.intake_accounts import SavedCard
from closebell.store import tables

_cards = tables.saved_cards.c


def find(connection: Connection, card_id: str) -> SavedCard | None:
    """The card with this id."""
    row = connection.execute(select(tables.saved_cards).where(_cards.id == card_id)).one_or_none()
    return None if row is None else _card(row)


def of_guest(connection: Connection, guest_id: str, *, limit: int) -> list[SavedCard]:
    """The cards of a guest, in the order of their ids."""
    statement = select(tables.saved_cards).where(_cards.guest_id == guest_id).order_by(_cards.id).limit(limit)
    return [_card(row) for row in connection.execute(statement).all()]


def _card(row: Row[Any]) -> SavedCard:
    return SavedCard(
        id=row.id,
        guest_id=row.guest_id,
        processor=row.processor,
        token=row.token,
        card_number=row.card_number,
        name=row.name,
    )
