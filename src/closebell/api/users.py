"""Routes of users: which people may sign in."""

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
from closebell.domain.intake_values import optional_guid
from closebell.store.users import User
from closebell.usecase.manage_users import (
    PASSWORD_CHARACTERS_MIN,
    UserDraft,
    checked_password,
    create_user,
    disable_user,
    list_users,
    set_password,
)


class UserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user to create; no `center_ids` means every centre."""

    user_name: str
    password: str
    role: str
    center_ids: list[str] | None = None
    employee_id: str | None = None


class PasswordRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new password."""

    password: str


class UserDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A user; who is disabled has `disabled_at`."""

    id: str
    user_name: str
    role: str
    center_ids: list[str]
    employee_id: str | None
    created_at: datetime
    disabled_at: datetime | None


class UserAnswer(UserDocument, frozen=True, kw_only=True):
    """One user."""

    error: None = None


class UsersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every user there ever was, by name."""

    users: list[UserDocument]
    error: None = None


_USER: Final = msgspec.json.Decoder(UserRequest)
_PASSWORD: Final = msgspec.json.Decoder(PasswordRequest)


@operation(
    Doc(
        method="GET",
        path="/v1/users",
        tag="Users",
        summary="List the users",
        answer=UsersAnswer,
        answer_example={"users": [examples.USER], "error": None},
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_users(request: ApiRequest) -> Answer:
    """List the users."""
    found = await request.service.database.read(list_users)
    return Answer.of(UsersAnswer(users=[UserDocument(**_user(user)) for user in found]))


@operation(
    Doc(
        method="POST",
        path="/v1/users",
        tag="Users",
        summary="Create a user",
        description=f"A password has at least {PASSWORD_CHARACTERS_MIN} characters. Who was disabled and is created "
        "again is the same user again.",
        body=UserRequest,
        body_example=examples.USER_REQUEST,
        answer=UserAnswer,
        answer_example={**examples.USER, "error": None},
        status=201,
        refusals=(409, 413),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
        shows_secret=True,
    )
)
async def post_user(request: ApiRequest) -> Answer:
    """Create a user."""
    said = bodies.decode(await request.payload(), _USER)
    draft = UserDraft(
        user_name=said.user_name,
        grant=Grant.of(role=said.role, center_ids=said.center_ids or ()),
        employee_id=optional_guid(said.employee_id, "employee_id"),
    )
    service = request.service
    password_hash = await service.sign_ins.hashed(checked_password(said.password))
    return await request.write(_new, create_user, draft, password_hash, clock=service.clock, luck=service.luck)


@operation(
    Doc(
        method="DELETE",
        path="/v1/users/{user_id}",
        tag="Users",
        summary="Disable a user",
        description="They are signed out everywhere and cannot sign in; other processes may take their access token "
        "for a few seconds more.",
        answer=UserAnswer,
        answer_example={**examples.USER, "disabled_at": "2022-03-12T09:00:00Z", "error": None},
        refusals=(404,),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def delete_user(request: ApiRequest) -> Answer:
    """Disable a user."""
    user_id = guid_in_path(request, "user_id")
    service = request.service
    user = await service.database.write(disable_user, user_id, clock=service.clock)
    service.gatekeeper.forget()
    return Answer.of(UserAnswer(**_user(user)))


@operation(
    Doc(
        method="PUT",
        path="/v1/users/{user_id}/password",
        tag="Users",
        summary="Set a user's password",
        description="They are signed out everywhere.",
        body=PasswordRequest,
        body_example={"password": "correct horse battery staple"},
        answer=UserAnswer,
        answer_example={**examples.USER, "error": None},
        refusals=(404, 413),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def put_password(request: ApiRequest) -> Answer:
    """Set a user's password."""
    user_id = guid_in_path(request, "user_id")
    said = bodies.decode(await request.payload(), _PASSWORD)
    service = request.service
    password_hash = await service.sign_ins.hashed(checked_password(said.password))
    user = await service.database.write(set_password, user_id, password_hash, clock=service.clock)
    service.gatekeeper.forget()
    return Answer.of(UserAnswer(**_user(user)))


def _new(user: User) -> Answer:
    return Answer.of(UserAnswer(**_user(user)), status=201)


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "user_name": user.user_name,
        "role": user.grant.role.value,
        "center_ids": list(user.grant.center_ids),
        "employee_id": user.employee_id,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }


OPERATIONS: Final[tuple[Operation, ...]] = (get_users, post_user, delete_user, put_password)
