"""Read the cards that a guest has saved."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.intake_accounts import SavedCard
from closebell.errors import NotFound
from closebell.store import directory, saved_cards

SAVED_CARDS_MAX: Final = 100
"""Cards of one guest that are shown."""


def read_saved_cards(connection: Connection, guest_id: str, *, caller: Caller = OPERATOR) -> list[SavedCard]:
    """The guest's cards; none of a guest without any.

    Errors: NotFound; Refusal 438 when the guest belongs to a centre that is not the caller's.
    """
    found = directory.guests(connection, [guest_id]).get(guest_id)
    if found is None:
        raise NotFound(f"No guest has the id {guest_id}")
    if found.value.center_id is not None:
        caller.must_reach(found.value.center_id)
    return saved_cards.of_guest(connection, guest_id, limit=SAVED_CARDS_MAX)
