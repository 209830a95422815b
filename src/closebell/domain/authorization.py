"""How we show a receiver who we are, when its owner asks for more than a signature: basic or bearer.

Source: docs/webhooks.md; RFC 7617, section 2; RFC 6750, section 2.1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from closebell.domain.sealed import SECRET_MASK, AuthorizationScheme
from closebell.errors import InvalidInput

HEADER: Final = "authorization"
USERNAME_CHARACTERS_MAX: Final = 255
"""Characters of a basic user name."""
PASSWORD_CHARACTERS_MAX: Final = 1_024
"""Characters of a basic password."""
TOKEN_CHARACTERS_MAX: Final = 4_096
"""Characters of a bearer token; long enough for any in use."""

_USERNAME: Final = re.compile(r"[!-9;-~](?:[ -9;-~]*[!-9;-~])?", re.ASCII)
_PASSWORD: Final = re.compile(r"[ -~]*", re.ASCII)
_TOKEN: Final = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationDraft:
    """What was asked for, unchecked; its repr shows no secret."""

    type: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """How to show who we are; `value` is what stands in the header, empty when nothing does."""

    scheme: AuthorizationScheme
    username: str = ""
    value: str = field(default="", repr=False)


def check_authorization(draft: AuthorizationDraft) -> Authorization:
    """What the draft asks for.

    Errors: InvalidInput on `authorization` or a member of it. No secret is repeated.

    >>> check_authorization(AuthorizationDraft(type="basic", username="Aladdin", password="open sesame")).value
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    match draft.type:
        case AuthorizationScheme.NONE:
            _must_be_absent(draft, "username", "password", "token")
            return Authorization(scheme=AuthorizationScheme.NONE)
        case AuthorizationScheme.BASIC:
            _must_be_absent(draft, "token")
            return _basic(draft)
        case AuthorizationScheme.BEARER:
            _must_be_absent(draft, "username", "password")
            token = _text(draft.token, "token", _TOKEN, most=TOKEN_CHARACTERS_MAX, of="visible ASCII characters")
            return Authorization(scheme=AuthorizationScheme.BEARER, value=f"Bearer {token}")
        case _:
            known = ", ".join(AuthorizationScheme)
            raise InvalidInput("authorization.type", f"{draft.type!r:.60} is not known; write one of {known}")


def secrets_in(value: str) -> tuple[str, ...]:
    """The texts in a header's value that nobody may see: all that follows its scheme, and the password in it."""
    scheme, _, credentials = value.partition(" ")
    if scheme != "Basic":
        return (credentials,)
    _, _, password = base64.b64decode(credentials).decode("ascii").partition(":")
    return credentials, password


def _basic(draft: AuthorizationDraft) -> Authorization:
    said = "ASCII characters without a colon, no space at an end"
    username = _text(draft.username, "username", _USERNAME, most=USERNAME_CHARACTERS_MAX, of=said)
    password = _text(
        draft.password, "password", _PASSWORD, most=PASSWORD_CHARACTERS_MAX, of="ASCII characters without line breaks"
    )
    credentials = base64.b64encode(f"{username}:{password}".encode("ascii")).decode("ascii")
    return Authorization(scheme=AuthorizationScheme.BASIC, username=username, value=f"Basic {credentials}")


def _text(value: str | None, name: str, form: re.Pattern[str], *, most: int, of: str) -> str:
    if value is None or not form.fullmatch(value) or len(value) > most:
        raise InvalidInput(f"authorization.{name}", f"must be up to {most} {of}")
    if value == SECRET_MASK and name != "username":
        raise InvalidInput(f"authorization.{name}", "is the mask and not the value; leave authorization out to keep it")
    return value


def _must_be_absent(draft: AuthorizationDraft, *names: str) -> None:
    given: Iterable[str] = (name for name in names if getattr(draft, name) is not None)
    for name in given:
        raise InvalidInput(f"authorization.{name}", f"does not go with the type {draft.type}")
