"""`closebell users`: which people may sign in."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from cyclopts import App, Parameter

from closebell.cli.at_database import database_of
from closebell.cli.granting import Centers, RoleName
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.domain.grant import Grant
from closebell.domain.identifiers import guid
from closebell.errors import MisuseError
from closebell.store import passwords
from closebell.store.users import User
from closebell.usecase import manage_users

PASSWORD_LINE_MAX = manage_users.PASSWORD_BYTES_MAX + 2
"""Characters of standard input that are read for a password and the end of its line."""

UserName = Annotated[str, Parameter(help="The name they sign in with; upper and lower case are the same.")]
Employee = Annotated[
    str | None, Parameter(name="--employee", help="The id of the employee they are, who then stands on what they do.")
]

app = App(name="users", help="Say which people may sign in.")


@app.command
async def add(
    user_name: UserName,
    /,
    *,
    role: RoleName,
    center: Centers = (),
    employee: Employee = None,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Create a user; the password is asked for, or read from standard input."""
    draft = manage_users.UserDraft(
        user_name=user_name,
        grant=Grant.of(role=role, center_ids=center),
        employee_id=None if employee is None else guid(employee, field="--employee"),
    )
    async with database_of(settings) as database:
        password_hash = passwords.hashed(_new_password())
        made = await database.write(
            manage_users.create_user, draft, password_hash, clock=SystemClock(), luck=SystemLuck()
        )
    show_one(_row(made), as_json=as_json)


@app.command(name="list")
async def list_(*, as_json: AsJson = False, settings: DatabaseSettings = Settings()) -> None:
    """Show every user there ever was, by name."""
    async with database_of(settings) as database:
        found = await database.read(manage_users.list_users)
    show([_row(user) for user in found], as_json=as_json, first_to_go=("created_at", "center_ids", "employee_id"))


@app.command
async def password(user_name: UserName, /, *, settings: DatabaseSettings = Settings()) -> None:
    """Set a user's password, which is asked for or read from standard input, and sign them out everywhere."""
    async with database_of(settings) as database:
        user = await database.read(manage_users.find_user, user_name)
        password_hash = passwords.hashed(_new_password())
        await database.write(manage_users.set_password, user.id, password_hash, clock=SystemClock())


@app.command
async def disable(user_name: UserName, /, *, settings: DatabaseSettings = Settings()) -> None:
    """Sign a user out everywhere, for good. A running service may take their access token for 5 seconds more."""
    async with database_of(settings) as database:
        user = await database.read(manage_users.find_user, user_name)
        await database.write(manage_users.disable_user, user.id, clock=SystemClock())


def _new_password() -> str:
    """A password that may become one: typed twice at a terminal, otherwise the first line of standard input.

    Errors: MisuseError, InvalidInput naming `password`.
    """
    if not sys.stdin.isatty():
        return manage_users.checked_password(sys.stdin.readline(PASSWORD_LINE_MAX).rstrip("\r\n"))
    typed = manage_users.checked_password(getpass.getpass("Password: "))
    if getpass.getpass("Once more: ") != typed:
        raise MisuseError("the two passwords differ; nothing was changed")
    return typed


def _row(user: User) -> Row:
    return {
        "id": user.id,
        "user_name": user.user_name,
        "role": user.grant.role.value,
        "center_ids": user.grant.center_ids,
        "employee_id": user.employee_id,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }
