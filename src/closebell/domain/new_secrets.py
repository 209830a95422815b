"""Make what an endpoint keeps secret, sealed from the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from closebell.domain.asymmetric import PrivateKey
from closebell.domain.authorization import HEADER, AuthorizationDraft, check_authorization
from closebell.domain.custom_headers import check_headers
from closebell.domain.endpoint import Endpoint
from closebell.domain.sealed import (
    SECRET_MASK,
    AuthorizationScheme,
    SealedSecret,
    Seals,
    SecretKind,
    authorization_place,
    headers_place,
    secret_place,
)
from closebell.domain.signature import Secret
from closebell.errors import InvalidInput

_PORTS: Final = {"http": 80, "https": 443}


def shared_secret(secret: Secret, *, endpoint_id: str, position: int, vault: Seals, now: datetime) -> SealedSecret:
    """The secret that sender and receiver share, sealed for its endpoint."""
    place = secret_place(endpoint_id, SecretKind.HMAC, position)
    return SealedSecret(
        position=position, kind=SecretKind.HMAC, text=vault.seal(secret.reveal(), place), created_at=now
    )


def key_pair(key: PrivateKey, *, endpoint_id: str, position: int, vault: Seals, now: datetime) -> SealedSecret:
    """The private key, sealed for its endpoint, beside the public one."""
    place = secret_place(endpoint_id, SecretKind.ED25519, position)
    return SealedSecret(
        position=position,
        kind=SecretKind.ED25519,
        text=vault.seal(key.reveal(), place),
        public_key=key.public_key,
        created_at=now,
    )


def with_credentials(
    endpoint: Endpoint, *, headers: Mapping[str, str] | None, authorization: AuthorizationDraft | None, vault: Seals
) -> Endpoint:
    """The endpoint with these headers and this authorization instead of its own; None leaves either as it is.

    Errors: InvalidInput on `headers`, `authorization` or a member of them; no value is repeated.
    """
    after = endpoint
    if headers is not None:
        after = _with_headers(after, headers, vault)
    if authorization is not None:
        after = _with_authorization(after, authorization, vault)
    own = next((name for name in after.header_names if name.lower() == HEADER), None)
    if own is not None and after.authorization_scheme is not AuthorizationScheme.NONE:
        raise InvalidInput("authorization", f"and headers.{own} contradict each other: give one of the two")
    return after


def must_be_given_again(
    before: Endpoint, url: str, *, headers: Mapping[str, str] | None, authorization: AuthorizationDraft | None
) -> None:
    """Refuses to take stored headers and authorization along to another origin: who may set a URL cannot read them.

    Errors: InvalidInput on `url`.
    """
    if _origin(before.url) == _origin(url):
        return
    missing = []
    if before.header_names and headers is None:
        missing.append("headers ({} for none)")
    if before.authorization_scheme is not AuthorizationScheme.NONE and authorization is None:
        missing.append('authorization ({"type": "none"} for none)')
    if missing:
        raise InvalidInput(
            "url",
            "leads to another origin, to which what is stored for the old one is not sent: "
            f"give {' and '.join(missing)} in the same change",
        )


def _with_headers(endpoint: Endpoint, headers: Mapping[str, str], vault: Seals) -> Endpoint:
    check_headers(headers)
    for name, value in headers.items():
        if value == SECRET_MASK:
            raise InvalidInput(f"headers.{name}", "is the mask and not the value; leave headers out to keep them")
    sealed = vault.seal(json.dumps(dict(headers)), headers_place(endpoint.id)) if headers else ""
    return replace(endpoint, header_names=tuple(headers), sealed_headers=sealed)


def _with_authorization(endpoint: Endpoint, draft: AuthorizationDraft, vault: Seals) -> Endpoint:
    wanted = check_authorization(draft)
    return replace(
        endpoint,
        authorization_scheme=wanted.scheme,
        authorization_username=wanted.username,
        sealed_authorization=vault.seal(wanted.value, authorization_place(endpoint.id)) if wanted.value else "",
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL that was checked."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
