"""What an endpoint keeps secret, as it is stored: sealed texts that nothing here can open.

Each text is sealed for its place, so that it opens there and nowhere else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

SECRET_MASK: Final = "****"  # noqa: S105  # stands where a secret is not shown
"""What is shown in the place of a value that is secret."""


class SecretKind(enum.StrEnum):
    """What a signing secret signs with."""

    HMAC = "hmac"
    """A secret that sender and receiver share."""
    ED25519 = "ed25519"
    """A private key; receivers have the public one."""


class AuthorizationScheme(enum.StrEnum):
    """How an endpoint's owner wants us to show who we are, beside the signature."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A signing secret as it is stored.

    Shape: `position` counts an endpoint's secrets of all kinds from 0; a higher one is newer. `public_key` is empty
           unless it is an ED25519 one. Of a database that was never served since it was brought up to date, `text` is
           not sealed yet.
    Units: `expires_at` is when it ceases to sign; None while nothing replaces it.
    """

    position: int
    kind: SecretKind
    text: str = field(repr=False)
    public_key: str = ""
    created_at: datetime
    expires_at: datetime | None = None

    def is_live(self, at: datetime) -> bool:
        """Whether it signs at this instant."""
        return self.expires_at is None or at < self.expires_at


class Seals(Protocol):
    """Whatever seals texts for a place."""

    def seal(self, text: str, place: str) -> str:
        """The text, sealed for this place."""
        ...


class Opens(Protocol):
    """Whatever opens what was sealed for a place."""

    def open(self, sealed: str, place: str) -> str:
        """What was sealed.

        Errors: SealBroken.
        """
        ...


def secret_place(endpoint_id: str, kind: SecretKind, position: int) -> str:
    """The place of a signing secret."""
    return f"endpoint {endpoint_id} {kind} secret {position}"


def headers_place(endpoint_id: str) -> str:
    """The place of an endpoint's custom headers."""
    return f"endpoint {endpoint_id} headers"


def authorization_place(endpoint_id: str) -> str:
    """The place of an endpoint's authorization."""
    return f"endpoint {endpoint_id} authorization"
