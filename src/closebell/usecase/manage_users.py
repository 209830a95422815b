"""Manage users: who may sign in with a name and a password, and what they may then do."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import text
from closebell.domain.grant import Grant
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import tokens, users
from closebell.store.users import User
from closebell.usecase.grant_access import must_exist

USERS_MAX: Final = 10_000
"""Users, disabled ones too."""
USER_NAME_CHARACTERS_MAX: Final = 200
"""Characters of a user's name."""
PASSWORD_CHARACTERS_MIN: Final = 12
"""Characters of a new password."""
PASSWORD_BYTES_MAX: Final = 1_024
"""Bytes of a password that are taken; what is longer is no password that a person types or a manager makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDraft:
    """A user to create; who they are, if they are an employee, stands for them on what they do."""

    user_name: str
    grant: Grant
    employee_id: str | None = None


def folded(user_name: str) -> str:
    """The name as it is kept and compared: however it is typed, it is one user.

    >>> folded(" Front.Desk@Example.com")
    'front.desk@example.com'
    """
    return unicodedata.normalize("NFKC", user_name).casefold().strip()


def checked_password(password: str) -> str:
    """The password, if it may become one.

    Errors: InvalidInput naming `password`, and not repeating it.
    """
    size = len(password.encode(errors="replace"))
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise InvalidInput(
            "password", f"has {len(password)} characters; a password has at least {PASSWORD_CHARACTERS_MIN}"
        )
    if size > PASSWORD_BYTES_MAX:
        raise InvalidInput("password", f"has {size} bytes; at most {PASSWORD_BYTES_MAX} are taken")
    return text.bounded(password, "password", most=PASSWORD_BYTES_MAX)


def create_user(connection: Connection, draft: UserDraft, password_hash: str, *, clock: Clock, luck: Luck) -> User:
    """A user who may sign in from now on; one who was disabled is the same user again, as they are said to be now.

    Errors: InvalidInput naming the field; Conflict when the name is taken, or there are USERS_MAX already.
    """
    user_name = text.name(folded(draft.user_name), "user_name", most=USER_NAME_CHARACTERS_MAX)
    must_exist(connection, draft.grant, employee_id=draft.employee_id)
    before = users.find_by_name(connection, user_name)
    if before is not None and before.disabled_at is None:
        raise _taken(user_name)
    if before is None and users.count(connection) >= USERS_MAX:
        raise Conflict(f"there are {USERS_MAX} users, which is the most there can be")
    user = User(
        id=luck.guid() if before is None else before.id,
        user_name=user_name,
        grant=draft.grant,
        employee_id=draft.employee_id,
        created_at=clock.now() if before is None else before.created_at,
        password_hash=password_hash,
    )
    if before is not None:
        users.save(connection, user)
    elif not users.insert_one(connection, user):
        raise _taken(user_name)
    return user


def _taken(user_name: str) -> Conflict:
    return Conflict(f"there is a user {user_name} already")


def list_users(connection: Connection) -> list[User]:
    """Every user there ever was, by name."""
    return users.all_users(connection)


def find_user(connection: Connection, user_name: str) -> User:
    """The user of this name, however it is typed.

    Errors: NotFound.
    """
    user = users.find_by_name(connection, folded(user_name))
    if user is None:
        raise NotFound(f"No user has the name {folded(user_name)!r:.220}")
    return user


def set_password(connection: Connection, user_id: str, password_hash: str, *, clock: Clock) -> User:
    """The user with another password, signed out everywhere.

    Errors: NotFound when there is no such user, or they are disabled.
    """
    user = replace(_live(connection, user_id), password_hash=password_hash)
    users.save(connection, user)
    tokens.revoke_all(connection, user_id, now=clock.now())
    return user


def disable_user(connection: Connection, user_id: str, *, clock: Clock) -> User:
    """The user, who is signed out everywhere and cannot sign in.

    Errors: NotFound when there is no such user, or they are disabled already.
    """
    user = replace(_live(connection, user_id), disabled_at=clock.now())
    users.save(connection, user)
    tokens.revoke_all(connection, user_id, now=clock.now())
    return user


def _live(connection: Connection, user_id: str) -> User:
    user = users.find_locked(connection, user_id)
    if user is None or user.disabled_at is not None:
        raise NotFound(f"No user who may sign in has the id {user_id}")
    return user
