"""The guest that somebody wants to read or change: found, and theirs."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.caller import Caller
from closebell.domain.guest_profile import GuestRecord
from closebell.domain.people import GuestEntry
from closebell.errors import NotFound, Refusal, RefusalCode
from closebell.store import guests


def find(connection: Connection, guest_id: str, caller: Caller) -> GuestRecord:
    """The guest as they are.

    Errors: NotFound; Refusal 438 when the guest's centre is not the caller's, or the guest has none and the caller
            is bound to some.
    """
    return _theirs(guests.load(connection, [guest_id]).get(guest_id), guest_id, caller)


def find_locked(connection: Connection, guest_id: str, caller: Caller) -> GuestRecord:
    """The guest, locked until the transaction ends.

    Errors: as `find`.
    """
    return _theirs(guests.load_locked(connection, guest_id), guest_id, caller)


def must_be_theirs(guest: GuestEntry, caller: Caller) -> None:
    """Return if the caller reaches the guest, and so all that an invoice for them would show and pay with.

    Errors: Refusal 438, as `find`.
    """
    if guest.center_id is not None:
        caller.must_reach(guest.center_id)
    elif caller.center_ids is not None:
        raise Refusal(
            RefusalCode.CANNOT_ACCESS, f"Guest {guest.id} belongs to no centre, and the caller is bound to some."
        )


def _theirs(guest: GuestRecord | None, guest_id: str, caller: Caller) -> GuestRecord:
    if guest is None:
        raise NotFound(f"No guest has the id {guest_id}")
    must_be_theirs(guest.entry, caller)
    return guest
