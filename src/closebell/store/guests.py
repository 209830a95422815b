"""Guests, what is known of them, and what they are found by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSearch:
    """Which guests are looked for: all conditions hold; None for any centre, terms are folded beginnings."""

    center_ids: frozenset[str] | None
    terms: tuple[tuple[SearchField, str], ...] = ()


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
    found = _matching(wanted)
    parameters = {"ids": listed(wanted.center_ids or ())}
    total = connection.execute(select(func.count()).select_from(found.subquery()), parameters).scalar_one()
    page = connection.execute(found.order_by(_guests.id).offset(offset).limit(limit), parameters).all()
    records = load(connection, [row.id for row in page])
    return [records[row.id] for row in page], total


def _matching(wanted: GuestSearch) -> Select[tuple[str]]:
    """The ids of the guests: each beginning is a stretch of an index, and the guest is in all of them.

    The longest leads, as the fewest begin so; the others are looked up for each guest whom it finds.
    """
    statement = select(_guests.id)
    for place, (field, prefix) in enumerate(sorted(wanted.terms, key=lambda term: -len(term[1]))):
        found = select(_terms.guest_id).where(
            _terms.field == field, _terms.term >= prefix, _terms.term < first_after(prefix)
        )
        is_there = found.where(_terms.guest_id == _guests.id).exists() if place else _guests.id.in_(found)
        statement = statement.where(is_there)
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
