"""Change what is known of a guest, and tell it if it is anything new.

Open invoices show a guest as they are; what was told when an invoice closed stays as it was told.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import guest_profile
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.event import GUEST_UPDATED
from closebell.domain.guest_shapes import GuestRequest
from closebell.domain.invoice import Centre
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.store import centers, erasures, guests
from closebell.usecase import known_guest
from closebell.usecase.tell_of_guest import KnownGuest, tell_of_guest


def change_guest(
    connection: Connection,
    guest_id: str,
    said: GuestRequest,
    *,
    clock: Clock,
    luck: Luck,
    caller: Caller = OPERATOR,
) -> KnownGuest:
    """The guest with what is said about them; what is not said stays, and nothing new tells nothing.

    Errors: NotFound; Conflict when they were erased; InvalidInput naming the field; Refusal 438, 502 for a centre that
            is not known.
    """
    before = known_guest.find_locked(connection, guest_id, caller)
    if erasures.find(connection, guest_id) is not None:
        raise Conflict(f"Guest {guest_id} was erased and stays so; create a guest anew")
    after = guest_profile.changed(before, said)
    centre = _centre(connection, before.entry.center_id, after.entry.center_id, caller)
    if after == before:
        return KnownGuest(guest=before, centre=centre)
    after = replace(after, updated_at=clock.now())
    guests.save(connection, after)
    known = KnownGuest(guest=after, centre=centre)
    tell_of_guest(connection, GUEST_UPDATED, known, caller=caller, clock=clock, luck=luck)
    return known


def _centre(connection: Connection, before: str | None, after: str | None, caller: Caller) -> Centre | None:
    """The guest's centre from now on; one that they move to must be known, and the caller's."""
    if after is None:
        return None
    if after != before:
        caller.must_reach(after)
    centre = centers.load(connection, [after]).get(after)
    if centre is None:
        raise Refusal(RefusalCode.CENTER_INVALID, f"No centre has the id {after}.")
    return centre
