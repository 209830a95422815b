"""Manage keys: who may call the API. A key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import text
from closebell.domain.grant import Grant
from closebell.errors import Conflict, NotFound
from closebell.store import events, keys
from closebell.store.keys import ApiKey
from closebell.usecase.grant_access import must_exist

KEY_BYTES: Final = 32
"""Bytes of chance in a key; it is written as twice as many hexadecimal digits."""
HINT_CHARACTERS: Final = 6
"""Characters of a key that stay visible; too few to guess the rest by."""
NAME_CHARACTERS_MAX: Final = 200
"""Characters of a key's name."""
KEYS_MAX: Final = 1_000
"""Keys that are good at the same time."""
ADMIN_KEY_NAME: Final = "admin"
"""What the first key is called."""
EVERYTHING: Final = Grant()
"""What a key may do unless less is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made; `key` is the text to be shown once and is kept nowhere."""

    api_key: ApiKey
    key: str = field(repr=False)


def create_key(connection: Connection, name: str, *, grant: Grant = EVERYTHING, clock: Clock, luck: Luck) -> NewKey:
    """A new key that is good from now on.

    Errors: InvalidInput naming `name` or a place in `center_ids`; Conflict when there are KEYS_MAX already.
    """
    text.name(name, "name", most=NAME_CHARACTERS_MAX)
    must_exist(connection, grant)
    if keys.count_live(connection) >= KEYS_MAX:
        raise Conflict(f"there are {KEYS_MAX} keys, which is the most there can be; revoke one first")
    key = luck.entropy(KEY_BYTES).hex()
    api_key = ApiKey(
        id=luck.guid(),
        name=name,
        hint=key[:HINT_CHARACTERS],
        grant=grant,
        created_at=clock.now(),
        revoked_at=None,
    )
    keys.insert_one(connection, api_key, key=key)
    return NewKey(api_key=api_key, key=key)


def list_keys(connection: Connection) -> list[ApiKey]:
    """Every key there ever was, oldest first."""
    return keys.all_keys(connection)


def revoke_key(connection: Connection, key_id: str, *, clock: Clock) -> None:
    """The key is worthless from now on.

    Errors: NotFound when no live key has this id.
    """
    if not keys.revoke(connection, key_id, now=clock.now()):
        raise NotFound(f"No live key has the id {key_id}")


def ensure_admin_key(connection: Connection, *, clock: Clock, luck: Luck) -> NewKey | None:
    """A first key when there is no live one; None when there is, whoever made it."""
    if keys.count_live(connection):
        return None
    # Processes that start at once take turns on the one row that every database has, and one of them makes the key.
    events.lock_head(connection)
    if keys.count_live(connection):
        return None
    return create_key(connection, ADMIN_KEY_NAME, clock=clock, luck=luck)
