"""Guests who are here already are found by their names, numbers and codes too.

The folding is spelled out here, because a migration does not change when the code that runs after it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

GUESTS_AT_A_TIME = 1_000
"""Guests in memory at once."""

TERM_LENGTH = 400

guests = sa.table(
    "guests", *(sa.column(name) for name in ("id", "first_name", "last_name", "email", "mobile_phone", "code"))
)
guest_terms = sa.table("guest_terms", *(sa.column(name, sa.String()) for name in ("field", "term", "guest_id")))


def upgrade() -> None:
    connection = op.get_bind()
    last = ""
    while rows := connection.execute(_after(last)).all():
        terms = [term for row in rows for term in _terms(row)]
        if terms:
            connection.execute(sa.insert(guest_terms), terms)
        last = rows[-1].id


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")


def _after(guest_id: str) -> sa.Select[Any]:
    return sa.select(guests).where(guests.c.id > guest_id).order_by(guests.c.id).limit(GUESTS_AT_A_TIME)


def _terms(guest: sa.Row[Any]) -> Iterator[dict[str, str]]:
    country, _, number = guest.mobile_phone.strip().partition(" ")
    found = {
        *((field, getattr(guest, field).casefold().strip()) for field in ("first_name", "last_name", "email", "code")),
        ("phone", _digits(guest.mobile_phone)),
        ("phone", _digits(number) if country.startswith("+") else ""),
    }
    for field, term in found:
        if term:
            yield {"field": field, "term": term[:TERM_LENGTH], "guest_id": guest.id}


def _digits(phone: str) -> str:
    return "".join(character for character in phone if character.isascii() and character.isdigit())
