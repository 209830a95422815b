"""Users: people who sign in with a name and a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.grant import Grant
from closebell.store import tables
from closebell.store.grants import columns_of, grant_of

_users = tables.users.c


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user; `user_name` is folded to one case."""

    id: str
    user_name: str
    grant: Grant
    employee_id: str | None
    created_at: datetime
    disabled_at: datetime | None = None
    password_hash: str = field(repr=False)


def insert_one(connection: Connection, user: User) -> bool:
    """Store a new user; whether the name was free."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.users).on_conflict_do_nothing(index_elements=["user_name"])
    return connection.execute(statement, {"id": user.id, **_columns(user)}).rowcount == 1


def save(connection: Connection, user: User) -> None:
    """Store what has changed about a user."""
    connection.execute(update(tables.users).where(_users.id == user.id).values(_columns(user)))


def find(connection: Connection, user_id: str) -> User | None:
    """The user with this id, disabled or not."""
    row = connection.execute(select(tables.users).where(_users.id == user_id)).one_or_none()
    return None if row is None else _user(row)


def find_by_name(connection: Connection, user_name: str) -> User | None:
    """The user with this folded name, disabled or not."""
    row = connection.execute(select(tables.users).where(_users.user_name == user_name)).one_or_none()
    return None if row is None else _user(row)


def find_locked(connection: Connection, user_id: str) -> User | None:
    """The user with this id, who stays as they are until the transaction ends."""
    row = connection.execute(select(tables.users).where(_users.id == user_id).with_for_update()).one_or_none()
    return None if row is None else _user(row)


def all_users(connection: Connection) -> list[User]:
    """Every user there ever was, by name."""
    return [_user(row) for row in connection.execute(select(tables.users).order_by(_users.user_name))]


def count(connection: Connection) -> int:
    """How many users there are, disabled ones too."""
    return connection.execute(select(func.count()).select_from(tables.users)).scalar_one()


def _columns(user: User) -> dict[str, Any]:
    return {
        "user_name": user.user_name,
        "password_hash": user.password_hash,
        "employee_id": user.employee_id,
        **columns_of(user.grant),
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        user_name=row.user_name,
        grant=grant_of(row.role, row.center_ids),
        employee_id=row.employee_id,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        password_hash=row.password_hash,
    )
