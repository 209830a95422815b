"""Routes of keys: which applications may call."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import access as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.store.keys import ApiKey
from closebell.usecase.manage_keys import NewKey, create_key, list_keys, revoke_key


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A key as far as it is known: `hint` is how it begins; no `center_ids` means every centre."""

    id: str
    name: str
    hint: str
    role: str
    center_ids: list[str]
    created_at: datetime
    revoked_at: datetime | None


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A key to create, whose it is, and what it may do; without a role everything."""

    name: str
    role: str | None = None
    center_ids: list[str] | None = None


class NewKeyAnswer(KeyDocument, frozen=True, kw_only=True):
    """A new key; `key` is shown here and never again."""

    key: str
    error: None = None


class KeysAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every key there ever was, oldest first."""

    keys: list[KeyDocument]
    error: None = None


class KeyRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """The key is worthless."""

    is_revoked: bool = True
    error: None = None


_KEY: Final = msgspec.json.Decoder(KeyRequest)


@operation(
    Doc(
        method="GET",
        path="/v1/keys",
        tag="Keys",
        summary="List the keys",
        answer=KeysAnswer,
        answer_example={"keys": [examples.KEY], "error": None},
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_keys(request: ApiRequest) -> Answer:
    """List the keys."""
    found = await request.service.database.read(list_keys)
    return Answer.of(KeysAnswer(keys=[KeyDocument(**_key(key)) for key in found]))


@operation(
    Doc(
        method="POST",
        path="/v1/keys",
        tag="Keys",
        summary="Create a key",
        description="The answer is the only one that shows it.",
        body=KeyRequest,
        body_example=examples.KEY_REQUEST,
        answer=NewKeyAnswer,
        answer_example={**examples.KEY, "key": "4f0c1d" + "0" * 58, "error": None},
        status=201,
        refusals=(409, 413),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
        shows_secret=True,
    )
)
async def post_key(request: ApiRequest) -> Answer:
    """Create a key and show it, once."""
    said = bodies.decode(await request.payload(), _KEY)
    role = Role.ADMIN if said.role is None else said.role
    grant = Grant.of(role=role, center_ids=said.center_ids or ())
    service = request.service
    return await request.write(_new, create_key, said.name, grant=grant, clock=service.clock, luck=service.luck)


@operation(
    Doc(
        method="DELETE",
        path="/v1/keys/{key_id}",
        tag="Keys",
        summary="Revoke a key",
        description="Other processes may take it for a few seconds more.",
        answer=KeyRevoked,
        answer_example={"is_revoked": True, "error": None},
        refusals=(404,),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def delete_key(request: ApiRequest) -> Answer:
    """Revoke a key."""
    key_id = guid_in_path(request, "key_id")
    service = request.service
    await service.database.write(revoke_key, key_id, clock=service.clock)
    service.gatekeeper.forget()
    return Answer.of(KeyRevoked())


def _new(made: NewKey) -> Answer:
    return Answer.of(NewKeyAnswer(**_key(made.api_key), key=made.key), status=201)


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "role": key.grant.role.value,
        "center_ids": list(key.grant.center_ids),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


OPERATIONS: Final[tuple[Operation, ...]] = (get_keys, post_key, delete_key)
