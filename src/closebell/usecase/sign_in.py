"""Sign in, stay signed in, sign out: a user's name and password for tokens that stand for them for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.caller import Caller
from closebell.errors import Conflict
from closebell.store import keys, passwords, tokens, users
from closebell.store.keys import digest
from closebell.store.tokens import TokenPair
from closebell.store.users import User
from closebell.usecase.manage_users import folded

ACCESS_FOR: Final = timedelta(hours=24)
"""How long an access token is good."""
REFRESH_FOR: Final = timedelta(days=90)
"""How long a refresh token can be used, once."""
TOKEN_BYTES: Final = 32
"""Bytes of chance in a token; it is written as twice as many hexadecimal digits."""
PAIRS_MAX: Final = 200
"""Pairs of tokens that one user has; the oldest give way."""
APP_ID_CHARACTERS_MAX: Final = 200
"""Characters of the name under which an application asks for tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A pair that was just made; the two tokens are shown once and kept nowhere."""

    pair: TokenPair
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def find_to_sign_in(connection: Connection, user_name: str) -> User | None:
    """The user whose password is to be checked; None where any password is wrong."""
    user = users.find_by_name(connection, folded(user_name))
    return None if user is None or user.disabled_at is not None else user


def hash_to_match(user: User | None) -> str:
    """What a password is held against, whether there is such a user or not: both take as long."""
    return passwords.NOBODYS if user is None else user.password_hash


def sign_in(connection: Connection, user: User, *, app_id: str, clock: Clock, luck: Luck) -> Tokens | None:
    """Tokens for a user whose password was right; None when it was changed, or they were disabled, meanwhile."""
    known = users.find_locked(connection, user.id)
    if known is None or known.disabled_at is not None or known.password_hash != user.password_hash:
        return None
    return _issue(connection, user.id, chain_id=None, app_id=app_id, clock=clock, luck=luck)


def refresh(connection: Connection, refresh_token: str, *, clock: Clock, luck: Luck) -> Tokens | None:
    """A new pair for a refresh token that is good; None for any other.

    The access tokens that came before are worthless from now on. A token that was used before was stolen from one of
    the two who showed it, and nobody can tell from whom: everything that came of that sign-in is worthless then.
    """
    pair = tokens.find_by_refresh(connection, digest(refresh_token))
    if pair is None:
        return None
    user, now = users.find_locked(connection, pair.user_id), clock.now()
    assert user is not None, "tokens refer to users, and those stay"
    if not tokens.use_refresh(connection, pair, now=now):
        tokens.revoke_chain(connection, pair, now=now)
        return None
    tokens.revoke_access_of_chain(connection, pair, now=now)
    return _issue(connection, user.id, chain_id=pair.chain_id, app_id=pair.app_id, clock=clock, luck=luck)


def sign_out(connection: Connection, caller: Caller, *, clock: Clock) -> None:
    """Every token of the caller is worthless from now on.

    Errors: Conflict when the caller is no user.
    """
    if users.find_locked(connection, caller.id) is None:
        raise Conflict("an API key has no sessions; DELETE /v1/keys/{key_id} revokes a key")
    tokens.revoke_all(connection, caller.id, now=clock.now())


def find_caller(connection: Connection, shown: bytes, *, is_bearer: bool, clock: Clock) -> Caller | None:
    """Whoever shows what has this hash: a key, or, where it is shown as a bearer's, a token or a key."""
    caller = tokens.find_caller(connection, shown, now=clock.now()) if is_bearer else None
    if caller is not None:
        return caller
    key = keys.find_live(connection, shown)
    return None if key is None else key.grant.caller(key.id)


def _issue(
    connection: Connection, user_id: str, *, chain_id: str | None, app_id: str, clock: Clock, luck: Luck
) -> Tokens:
    """A new pair; without a chain it begins one."""
    now, pair_id = clock.now(), luck.guid()
    access_token, refresh_token = luck.entropy(TOKEN_BYTES).hex(), luck.entropy(TOKEN_BYTES).hex()
    pair = TokenPair(
        id=pair_id,
        user_id=user_id,
        chain_id=chain_id or pair_id,
        app_id=app_id,
        access_expires_at=now + ACCESS_FOR,
        refresh_expires_at=now + REFRESH_FOR,
        created_at=now,
    )
    tokens.insert_one(connection, pair, access_hash=digest(access_token), refresh_hash=digest(refresh_token))
    tokens.drop_oldest(connection, user_id, keep=PAIRS_MAX)
    return Tokens(pair=pair, access_token=access_token, refresh_token=refresh_token)
