"""Routes of tokens: sign in, stay signed in, sign out."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from closebell.api import bodies
from closebell.api.examples import access as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.routing import Doc, Operation, operation
from closebell.domain import text
from closebell.domain.caller import Role
from closebell.errors import InvalidInput, Unauthorised
from closebell.usecase.manage_users import PASSWORD_BYTES_MAX, USER_NAME_CHARACTERS_MAX, folded
from closebell.usecase.sign_in import (
    ACCESS_FOR,
    APP_ID_CHARACTERS_MAX,
    Tokens,
    find_to_sign_in,
    hash_to_match,
    refresh,
    sign_in,
    sign_out,
)

FORM_FIELDS_MAX: Final = 20
"""Fields of a sign-in that comes as a form."""
TOKEN_CHARACTERS_MAX: Final = 512
"""Characters of a refresh token that are looked at; ours have 64."""
FORM_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A name and a password, or a refresh token, as `grant_type` says; the rest is taken and of no account."""

    grant_type: str = ""
    user_name: str | None = None
    password: str | None = None
    refresh_token: str | None = None
    app_id: str | None = None
    app_secret: str | None = None
    account_name: str | None = None
    device_id: str | None = None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of tokens, shown here and never again; the instants are UTC and, as the contract's, say no zone."""

    access_token: str
    access_token_expiry: str
    refresh_token: str
    refresh_token_expiry: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme
    token_id: str
    app_id: str
    user_type: str = "Employee"


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a user who signed in."""

    credentials: Credentials
    error: None = None


class FlatTokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The same as OAuth clients read it, who take any member `error` for an error; `expires_in` is in seconds."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme
    expires_in: int
    refresh_token: str


class SessionsRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """Every token of the caller is worthless."""

    is_revoked: bool = True
    error: None = None


_REQUEST: Final = msgspec.json.Decoder(TokenRequest)


@operation(
    Doc(
        method="POST",
        path="/v1/tokens",
        tag="Tokens",
        summary="Sign in, or stay signed in",
        description="With `grant_type` `password`, tokens for a user's name and password; with `refresh_token`, a new "
        "pair for a refresh token, which can be used once. The answer is the only one that shows them.",
        body=TokenRequest,
        body_example=examples.SIGN_IN,
        answer=TokenAnswer,
        answer_example=examples.SIGNED_IN,
        refusals=(413,),
        is_open=True,
    )
)
async def post_tokens(request: ApiRequest) -> Answer:
    """Sign in, or refresh."""
    said = bodies.decode(await request.payload(), _REQUEST)
    tokens = await _granted(request, said)
    pair = tokens.pair
    return Answer.of(
        TokenAnswer(
            credentials=Credentials(
                access_token=tokens.access_token,
                access_token_expiry=_zoneless(pair.access_expires_at),
                refresh_token=tokens.refresh_token,
                refresh_token_expiry=_zoneless(pair.refresh_expires_at),
                token_id=pair.id,
                app_id=pair.app_id,
            )
        )
    )


async def post_form(request: ApiRequest) -> Answer:
    """Sign in, or refresh, in the older form."""
    tokens = await _granted(request, _form(await request.payload()))
    return Answer.of(
        FlatTokenAnswer(
            access_token=tokens.access_token,
            expires_in=int(ACCESS_FOR.total_seconds()),
            refresh_token=tokens.refresh_token,
        )
    )


def _older(path: str) -> Operation:
    return Operation(
        doc=Doc(
            method="POST",
            path=path,
            tag="Tokens",
            summary="Sign in, in the older form",
            description="The same as `POST /v1/tokens` with a form, whatever the Content-Type says.",
            body_media_type=FORM_MEDIA_TYPE,
            body_schema=_FORM_SCHEMA,
            body_example=examples.FORM,
            answer=FlatTokenAnswer,
            answer_example=examples.FLAT,
            refusals=(413,),
            is_open=True,
        ),
        handler=post_form,
    )


_FORM_SCHEMA: Final = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        name: {"type": "string"} for name in ("grant_type", "username", "password", "clientid", "refresh_token")
    },
}
_FORM_NAMES: Final = {"username": "user_name", "clientid": "app_id", "client_id": "app_id"}


@operation(
    Doc(
        method="DELETE",
        path="/v1/tokens/sessions/revoke",
        tag="Tokens",
        summary="Sign out everywhere",
        description="Every token of the user who calls is worthless from now on.",
        answer=SessionsRevoked,
        answer_example={"is_revoked": True, "error": None},
        refusals=(409,),
        role=Role.READER,
    )
)
async def delete_sessions(request: ApiRequest) -> Answer:
    """Sign out everywhere."""
    service = request.service
    await service.database.write(sign_out, request.caller, clock=service.clock)
    service.gatekeeper.forget()
    return Answer.of(SessionsRevoked())


async def _granted(request: ApiRequest, said: TokenRequest) -> Tokens:
    """The tokens that were asked for.

    Errors: InvalidInput on the request as a whole; Unauthorised; TooOften.
    """
    match said.grant_type:
        case "password":
            return await _signed_in(
                request,
                user_name=_present(said.user_name, "user_name", most=USER_NAME_CHARACTERS_MAX),
                password=_present(said.password, "password", most=PASSWORD_BYTES_MAX),
                app_id=_bounded(said.app_id or "", "app_id", most=APP_ID_CHARACTERS_MAX),
            )
        case "refresh_token":
            return await _refreshed(request, _present(said.refresh_token, "refresh_token", most=TOKEN_CHARACTERS_MAX))
        case _:
            raise InvalidInput("", "grant_type must be password or refresh_token.")


async def _signed_in(request: ApiRequest, *, user_name: str, password: str, app_id: str) -> Tokens:
    """Tokens for a name and a password. Whatever is wrong is answered alike, and takes as long."""
    service = request.service
    user = await service.database.read(find_to_sign_in, user_name)
    is_right = await service.sign_ins.check(folded(user_name), password, hash_to_match(user))
    tokens = None
    if is_right and user is not None:
        tokens = await service.database.write(sign_in, user, app_id=app_id, clock=service.clock, luck=service.luck)
    if tokens is None:
        raise Unauthorised("The user name or the password is wrong.")
    return tokens


async def _refreshed(request: ApiRequest, refresh_token: str) -> Tokens:
    service = request.service
    tokens = await service.database.write(refresh, refresh_token, clock=service.clock, luck=service.luck)
    # Access tokens ended, those of a chain that was given away included.
    service.gatekeeper.forget()
    if tokens is None:
        raise Unauthorised("The refresh token is unknown, was used before, or has expired; sign in again.")
    return tokens


def _form(body: bytes) -> TokenRequest:
    """The fields of a form; names are taken in any case, and of a repeated one the last."""
    try:
        pairs = parse_qsl(
            body.decode().strip(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise InvalidInput(
            "", f"The body is no form of up to {FORM_FIELDS_MAX} fields; write username=...&password=...&grant_type=..."
        ) from None
    said = {_FORM_NAMES.get(name.lower(), name.lower()): value for name, value in pairs}
    return TokenRequest(
        grant_type=said.get("grant_type", ""),
        user_name=said.get("user_name"),
        password=said.get("password"),
        refresh_token=said.get("refresh_token"),
        app_id=said.get("app_id"),
    )


def _present(value: str | None, name: str, *, most: int) -> str:
    """A value that must be there.

    Errors: InvalidInput on the request as a whole, as the contract has it for these routes.
    """
    if not value:
        raise InvalidInput("", f"{name} is missing.")
    return _bounded(value, name, most=most)


def _bounded(value: str, name: str, *, most: int) -> str:
    try:
        return text.bounded(value, name, most=most)
    except InvalidInput as error:
        raise InvalidInput("", f"{error}.") from None


def _zoneless(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="seconds")


OPERATIONS: Final[tuple[Operation, ...]] = (post_tokens, _older("/Token"), _older("/token"), delete_sessions)
