"""`closebell keys`: which applications may call the API."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from closebell.cli.at_database import database_of
from closebell.cli.granting import Centers, RoleName
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.domain.identifiers import guid
from closebell.store.keys import ApiKey
from closebell.usecase import manage_keys

Name = Annotated[str, Parameter(help="What the key is for, such as the application that will use it.")]
KeyId = Annotated[str, Parameter(help="The id that `closebell keys list` shows.")]

app = App(name="keys", help="Say which applications may call the API.")


@app.command
async def create(
    name: Name,
    /,
    *,
    role: RoleName = Role.ADMIN.value,
    center: Centers = (),
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Make a key and show it, this once; only its hash is kept."""
    grant = Grant.of(role=role, center_ids=center)
    async with database_of(settings) as database:
        made = await database.write(manage_keys.create_key, name, grant=grant, clock=SystemClock(), luck=SystemLuck())
    show_one({"id": made.api_key.id, "name": made.api_key.name, "key": made.key}, as_json=as_json)


@app.command(name="list")
async def list_(*, as_json: AsJson = False, settings: DatabaseSettings = Settings()) -> None:
    """Show every key there ever was, by how it begins; none is shown whole."""
    async with database_of(settings) as database:
        found = await database.read(manage_keys.list_keys)
    show([_row(key) for key in found], as_json=as_json, first_to_go=("created_at", "center_ids", "begins_with"))


@app.command
async def revoke(key_id: KeyId, /, *, settings: DatabaseSettings = Settings()) -> None:
    """Make a key worthless. A running service may take it for 5 seconds more."""
    async with database_of(settings) as database:
        await database.write(manage_keys.revoke_key, guid(key_id, field="KEY-ID"), clock=SystemClock())


def _row(key: ApiKey) -> Row:
    return {
        "id": key.id,
        "name": key.name,
        "begins_with": key.hint,
        "role": key.grant.role.value,
        "center_ids": key.grant.center_ids,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
