"""Read guests: one by id, or those that a beginning of a name, a number or a code finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.guest_profile import GuestRecord
from closebell.domain.guest_terms import TERM_LENGTH, SearchField, folded
from closebell.domain.text import bounded
from closebell.errors import InvalidInput
from closebell.store import centers, guests
from closebell.store.guests import GuestSearch
from closebell.usecase import known_guest
from closebell.usecase.tell_of_guest import KnownGuest

_NOTHING: Final = "is blank, or a phone number without digits; write how it begins"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPage:
    """Some of the guests that were found, and how many there are in all."""

    guests: Sequence[KnownGuest]
    total: int


def read_guest(connection: Connection, guest_id: str, *, caller: Caller = OPERATOR) -> KnownGuest:
    """The guest with this id.

    Errors: NotFound; Refusal 438.
    """
    (known,) = _with_centres(connection, [known_guest.find(connection, guest_id, caller)])
    return known


def search_guests(
    connection: Connection,
    beginnings: Mapping[SearchField, str],
    *,
    center_id: str | None,
    offset: int,
    limit: int,
    caller: Caller = OPERATOR,
) -> GuestPage:
    """The guests of whom each named value begins so, whatever its case; without any, all of one centre.

    Shape:  in the order of their ids. Whoever is bound to centres finds only the guests of those.
    Errors: InvalidInput naming `center_id` when neither it nor a beginning is given, or a blank beginning; Refusal 438.
    """
    terms = tuple((field, _term(field, beginning)) for field, beginning in beginnings.items())
    if center_id is not None:
        caller.must_reach(center_id)
    elif not terms:
        raise InvalidInput("center_id", "is missing; name a centre, or how something of the guest begins")
    wanted = GuestSearch(center_ids=caller.center_ids if center_id is None else frozenset({center_id}), terms=terms)
    found, total = guests.search(connection, wanted, offset=offset, limit=limit)
    return GuestPage(guests=_with_centres(connection, found), total=total)


def _term(field: SearchField, beginning: str) -> str:
    term = folded(field, bounded(beginning, field, most=TERM_LENGTH))
    if not term:
        raise InvalidInput(field, _NOTHING)
    return term


def _with_centres(connection: Connection, found: Iterable[GuestRecord]) -> list[KnownGuest]:
    records = list(found)
    known = centers.load(connection, {r.entry.center_id for r in records if r.entry.center_id is not None})
    return [KnownGuest(guest=record, centre=known.get(record.entry.center_id or "")) for record in records]
