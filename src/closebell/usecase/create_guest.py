"""Create a guest, and tell it. Nobody is taken for somebody who is known already: people share names and numbers."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import guest_profile
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.event import GUEST_CREATED
from closebell.domain.guest_shapes import GuestRequest
from closebell.errors import Refusal, RefusalCode
from closebell.store import centers, guests
from closebell.usecase.tell_of_guest import KnownGuest, tell_of_guest


def create_guest(
    connection: Connection, said: GuestRequest, *, clock: Clock, luck: Luck, caller: Caller = OPERATOR
) -> KnownGuest:
    """The guest that is described, with a new id, at a centre that is known.

    Errors: InvalidInput naming the field; Refusal 438, 502 for a centre that is not known.
    """
    guest = guest_profile.created(said, guest_id=luck.guid(), now=clock.now())
    center_id = guest.entry.center_id
    assert center_id is not None, "a guest is created at a centre"
    caller.must_reach(center_id)
    centre = centers.load(connection, [center_id]).get(center_id)
    if centre is None:
        raise Refusal(RefusalCode.CENTER_INVALID, f"No centre has the id {center_id}.")
    guests.insert_one(connection, guest)
    known = KnownGuest(guest=guest, centre=centre)
    tell_of_guest(connection, GUEST_CREATED, known, caller=caller, clock=clock, luck=luck)
    return known
