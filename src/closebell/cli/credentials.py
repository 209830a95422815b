"""Secrets that a command takes: from a file or standard input, as other users of the machine can see its arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from closebell.domain.authorization import AuthorizationDraft
from closebell.errors import MisuseError

CREDENTIALS_BYTES_MAX: Final = 64 * 1024
"""Bytes of credentials that are read."""
STANDARD_INPUT: Final = "-"

CredentialsFile = Annotated[
    str | None,
    Parameter(
        name="--credentials",
        allow_leading_hyphen=True,
        help="File of a JSON object with secret, headers and authorization, each as the API takes it; - is standard "
        "input.",
    ),
]


class GivenCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file of credentials may hold."""

    secret: str | None = None
    headers: dict[str, str] | None = None
    authorization: AuthorizationDraft | None = None

    def __repr__(self) -> str:
        return "GivenCredentials(****)"


def read_credentials(source: str | None) -> GivenCredentials:
    """What the file holds; without one, nothing.

    Errors: MisuseError, which repeats nothing of the file.
    """
    if source is None:
        return GivenCredentials()
    name = "standard input" if source == STANDARD_INPUT else source
    try:
        if source == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(CREDENTIALS_BYTES_MAX + 1)
        else:
            with Path(source).open("rb") as file:
                raw = file.read(CREDENTIALS_BYTES_MAX + 1)
    except OSError as error:
        raise MisuseError(f"{name}: cannot be read: {error.strerror}") from None
    if len(raw) > CREDENTIALS_BYTES_MAX:
        raise MisuseError(f"{name}: has more than {CREDENTIALS_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(raw, type=GivenCredentials)
    except msgspec.DecodeError:
        raise MisuseError(
            f"{name}: must be a JSON object with nothing but secret, headers and authorization, as docs/cli.md shows"
        ) from None
