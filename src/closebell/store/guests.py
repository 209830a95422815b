"""Guests, what is known of them, and what they are found by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.guest_profile import GuestProfile, GuestRecord, Phone
from closebell.domain.guest_terms import SearchField, first_after, terms_of
from closebell.domain.people import GuestEntry
from closebell.store import tables
from closebell.store.statements import among, listed

_guests = tables.guests.c
_profiles = tables.guest_profiles.c
_terms = tables.guest_terms.c

_RECORDS = (
    select(tables.guests, _profiles.profile, _profiles.created_at, _profiles.updated_at)
    .outerjoin(tables.guest_profiles, _profiles.guest_id == _guests.id)
    .where(among(_guests.id))
)
_PROFILE = msgspec.json.Decoder(GuestProfile)

LOOKED_UP: Final = 1_000
"""Terms of a beginning that are looked up without asking whether anything else were quicker."""

Term = tuple[SearchField, str]
"""How a value begins, folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSearch:
    """Which guests are looked for: all conditions hold; None for any centre, terms are folded beginnings."""

    center_ids: frozenset[str] | None
    terms: tuple[Term, ...] = ()


def load(connection: Connection, ids: Iterable[str]) -> dict[str, GuestRecord]:
    """The guests as they are, by id; an id that names none is absent."""
    return {row.id: _record(row) for row in connection.execute(_RECORDS, {"ids": listed(ids)}).all()}


def load_locked(connection: Connection, guest_id: str) -> GuestRecord | None:
    """The guest, locked until the transaction ends; what is known of them is read after the lock."""
    # Nobody waits who merely refers to the guest, as every sale does.
    connection.execute(select(_guests.id).where(_guests.id == guest_id).with_for_update(key_share=True))
    return load(connection, [guest_id]).get(guest_id)


def search(connection: Connection, wanted: GuestSearch, *, offset: int, limit: int) -> tuple[list[GuestRecord], int]:
    """Up to `limit` of the guests that are looked for, in the order of their ids, and how many there are in all."""
    reach = _reach(connection, wanted)
    parameters = {"ids": listed(wanted.center_ids or ())}
    leader = None if reach.is_dense_for(offset + limit) else reach.leader
    page = _matching(wanted, leader).order_by(_guests.id).offset(offset).limit(limit)
    ids = [row.id for row in connection.execute(page, parameters)]
    records = load(connection, ids)
    return [records[guest_id] for guest_id in ids], _count(connection, wanted, reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """How much a search is over, which says what is quicker: to look up everybody whom the rarest beginning finds, or
    to go through the guests in the order in which they are shown and ask each for all beginnings.

    Shape: `leader` is the rarest beginning, None where all guests are listed, and `hits` are its terms. `candidates`
           are the guests of the centres; None where the hits are so few that they are looked up anyway.
    """

    leader: Term | None
    hits: int
    candidates: int | None

    def is_dense_for(self, rows: int) -> bool:
        """Whether so many rows are likely found by going through fewer guests than the rarest beginning finds."""
        return self.candidates is not None and rows * self.candidates < self.hits * self.hits

    @property
    def is_all(self) -> bool:
        """Whether the rarest beginning finds more than there are guests to go through."""
        return self.candidates is not None and self.candidates <= self.hits


def _reach(connection: Connection, wanted: GuestSearch) -> _Reach:
    """What counting along two indexes tells, which takes a fraction of what finding does."""
    counting = select(func.count()).select_from(tables.guest_terms)
    found = {term: connection.execute(counting.where(_begins(term))).scalar_one() for term in wanted.terms}
    leader, hits = min(found.items(), key=itemgetter(1), default=(None, 0))
    if hits <= LOOKED_UP:
        return _Reach(leader=leader, hits=hits, candidates=None)
    everybody = _at_centers(select(func.count()).select_from(tables.guests), wanted)
    candidates = connection.execute(everybody, {"ids": listed(wanted.center_ids or ())}).scalar_one()
    return _Reach(leader=leader, hits=hits, candidates=candidates)


def _count(connection: Connection, wanted: GuestSearch, reach: _Reach) -> int:
    match wanted:
        case GuestSearch(center_ids=None, terms=((field, _),)) if field is not SearchField.PHONE:
            return reach.hits  # of any other field a guest has one term, of a number there may be two
    found = select(func.count()).select_from(_matching(wanted, None if reach.is_all else reach.leader).subquery())
    total: int = connection.execute(found, {"ids": listed(wanted.center_ids or ())}).scalar_one()
    return total


def _matching(wanted: GuestSearch, leader: Term | None) -> Select[tuple[str]]:
    """The ids of the guests: `leader` finds them along the index of its field, and each is asked for all others."""
    statement = select(_guests.id)
    for term in wanted.terms:
        found = select(_terms.guest_id).where(_begins(term))
        is_there = found.where(_terms.guest_id == _guests.id).exists()
        statement = statement.where(_guests.id.in_(found) if term == leader else is_there)
    return _at_centers(statement, wanted)


def _begins(term: Term) -> ColumnElement[bool]:
    """A stretch of the index."""
    field, prefix = term
    return and_(_terms.field == field, _terms.term >= prefix, _terms.term < first_after(prefix))


def _at_centers(statement: Select[Any], wanted: GuestSearch) -> Select[Any]:
    match listed(wanted.center_ids) if wanted.center_ids is not None else None:
        case None:
            return statement
        case [center_id]:  # its guests stand in the index in the order in which they are shown
            return statement.where(_guests.center_id == center_id)
        case _:
            return statement.where(among(_guests.center_id))


def insert_one(connection: Connection, guest: GuestRecord) -> None:
    """Store a new guest."""
    connection.execute(insert(tables.guests), {**_columns(guest.entry), "is_stub": False})
    save_profile(connection, guest)
    index_guests(connection, [guest.entry])


def save(connection: Connection, guest: GuestRecord) -> None:
    """Store what a locked guest has become; from now on an import no longer completes them."""
    connection.execute(
        update(tables.guests).where(_guests.id == guest.entry.id).values(**_columns(guest.entry), is_stub=False)
    )
    save_profile(connection, guest)
    index_guests(connection, [guest.entry])


def index_guests(connection: Connection, guests: Sequence[GuestEntry]) -> None:
    """Let the guests, whose rows this transaction has written, be found by what they are now."""
    if not guests:
        return
    connection.execute(
        delete(tables.guest_terms).where(among(_terms.guest_id)), {"ids": listed(guest.id for guest in guests)}
    )
    rows = [
        {"field": field, "term": term, "guest_id": guest.id}
        for guest in {guest.id: guest for guest in guests}.values()
        for field, term in terms_of(guest)
    ]
    if rows:
        connection.execute(insert(tables.guest_terms), rows)


def save_profile(connection: Connection, guest: GuestRecord) -> None:
    """Store what is known of a locked guest beside what invoices show."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    kept = {"profile": msgspec.json.encode(guest.profile).decode(), "updated_at": guest.updated_at}
    statement = (
        dialect.insert(tables.guest_profiles)
        .values(guest_id=guest.entry.id, created_at=guest.created_at, **kept)
        .on_conflict_do_update(index_elements=["guest_id"], set_=kept)
    )
    connection.execute(statement)


def _columns(entry: GuestEntry) -> dict[str, Any]:
    return {field.name: getattr(entry, field.name) for field in fields(entry)}


def _record(row: Row[Any]) -> GuestRecord:
    entry = GuestEntry(**{field.name: getattr(row, field.name) for field in fields(GuestEntry)})
    profile = GuestProfile() if row.profile is None else _PROFILE.decode(row.profile)
    return GuestRecord(
        entry=entry,
        profile=_as_shown(profile, entry.mobile_phone),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _as_shown(profile: GuestProfile, mobile_phone: str) -> GuestProfile:
    """The profile with the phone that invoices show, which imports change without knowing of profiles."""
    if profile.mobile_phone is not None and profile.mobile_phone.display == mobile_phone:
        return profile
    return replace(profile, mobile_phone=Phone.shown_as(mobile_phone))
