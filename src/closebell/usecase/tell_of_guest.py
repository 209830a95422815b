"""Tell that a guest was created or changed, in the transaction that did it. Imports tell nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import event, guest_document
from closebell.domain.caller import Caller
from closebell.domain.guest_profile import GuestRecord
from closebell.domain.invoice import Centre
from closebell.usecase.tell import News, announce


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGuest:
    """A guest and the centre they belong to."""

    guest: GuestRecord
    centre: Centre | None


def tell_of_guest(
    connection: Connection, event_type: str, known: KnownGuest, *, caller: Caller, clock: Clock, luck: Luck
) -> None:
    """Every endpoint that listens to this type and the guest's centre is told of the guest, whole."""
    data = guest_document.render(known.guest, known.centre)
    announce(
        connection,
        lambda now: [
            News(
                event_type=event_type,
                center_id=known.guest.entry.center_id,
                guest_id=known.guest.entry.id,
                body=lambda event_id: event.stored(event_type, data, event_id=event_id, at=now),
            )
        ],
        caller=caller,
        clock=clock,
        luck=luck,
    )
