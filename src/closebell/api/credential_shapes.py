"""What endpoints keep secret as the wire carries it: whole on the way in, masked on the way out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from closebell.domain.authorization import AuthorizationDraft
from closebell.domain.endpoint import Endpoint
from closebell.domain.rotation import OVERLAP_HOURS, Rotation
from closebell.domain.sealed import SECRET_MASK, AuthorizationScheme


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a receiver wants us to show who we are: `type` is `none`, `basic` or `bearer`."""

    type: str
    username: str | None = None
    password: str | None = None
    token: str | None = None

    @property
    def draft(self) -> AuthorizationDraft:
        """The authorization that is asked for."""
        return AuthorizationDraft(type=self.type, username=self.username, password=self.password, token=self.token)

    def __repr__(self) -> str:
        return f"AuthorizationRequest({SECRET_MASK})"


class AuthorizationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The same as it is shown: without password or token."""

    type: str
    username: str | None


class SecretDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A signing secret that is live: what it signs with and for how long, never what it is."""

    kind: str
    created_at: datetime
    expires_at: datetime | None


class RotationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which secret is replaced, by what, and for how many hours the old one signs as well."""

    kind: str | None = None
    secret: str | None = None
    overlap_hours: int | None = None

    @property
    def rotation(self) -> Rotation:
        """The rotation that is asked for."""
        hours = OVERLAP_HOURS if self.overlap_hours is None else self.overlap_hours
        return Rotation(kind=self.kind, secret=self.secret, overlap_hours=hours)

    def __repr__(self) -> str:
        return f"RotationRequest({SECRET_MASK})"


def credential_fields(endpoint: Endpoint) -> dict[str, Any]:
    """What is shown of an endpoint's secrets."""
    scheme = endpoint.authorization_scheme
    return {
        "headers": dict.fromkeys(endpoint.header_names, SECRET_MASK),
        "authorization": AuthorizationDocument(
            type=scheme.value,
            username=endpoint.authorization_username if scheme is AuthorizationScheme.BASIC else None,
        ),
        "public_keys": list(endpoint.public_keys),
        "secrets": [
            SecretDocument(kind=one.kind.value, created_at=one.created_at, expires_at=one.expires_at)
            for one in endpoint.secrets
        ],
    }
