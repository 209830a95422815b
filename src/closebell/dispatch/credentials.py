"""What goes out with a call and nobody else may see: opened here, kept a while in memory, taken out of what comes back.

Opening costs about 30 us a secret, so what is opened is kept for as many endpoints as there can be. Nothing but
dispatch opens anything: a close reads sealed texts and passes them on.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote

from closebell.domain import authorization
from closebell.domain.asymmetric import PrivateKey
from closebell.domain.delivery import EXCERPT_CHARACTERS_MAX, Outcome
from closebell.domain.endpoint import Endpoint
from closebell.domain.sealed import (
    SECRET_MASK,
    Opens,
    SealedSecret,
    SecretKind,
    authorization_place,
    headers_place,
    secret_place,
)
from closebell.domain.signature import Secret, SignatureStyle
from closebell.errors import InvalidInput, SealBroken

OPENED_MAX: Final = 256
"""Endpoints whose credentials are kept open in memory: more than there can be in use."""
REDACTED_CHARACTERS_MIN: Final = 4
"""Characters of the shortest value that is taken out of what comes back; a shorter one is no secret, and taking it out
would make every answer unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What an endpoint's calls carry, opened; its repr shows nothing.

    Shape: secrets and private keys newest first, each with the sealed one it came of, which knows until when it signs.
    """

    secrets: tuple[tuple[SealedSecret, Secret], ...] = field(repr=False)
    private_keys: tuple[tuple[SealedSecret, PrivateKey], ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    known: re.Pattern[str] = field(repr=False)
    beginnings: tuple[str, ...] = field(repr=False)

    def live_secrets(self, at: datetime) -> list[Secret]:
        """The shared secrets that sign at this instant, newest first."""
        return [secret for sealed, secret in self.secrets if sealed.is_live(at)]

    def live_private_keys(self, at: datetime) -> list[PrivateKey]:
        """The private keys that sign at this instant, newest first."""
        return [key for sealed, key in self.private_keys if sealed.is_live(at)]

    def must_sign(self, styles: Collection[SignatureStyle], at: datetime) -> None:
        """Return if there is what these styles sign with.

        Errors: SealBroken: the key that it was sealed under was given up.
        """
        if not self.live_secrets(at) and {*styles} - {SignatureStyle.ED25519}:
            raise SealBroken("the endpoint has no secret any more: rotate it")
        if not self.live_private_keys(at) and SignatureStyle.ED25519 in styles:
            raise SealBroken("the endpoint has no key pair any more: rotate it, with the kind ed25519")

    def redacted(self, outcome: Outcome) -> Outcome:
        """The outcome without any of these secrets: a receiver may have answered with what it was sent."""
        detail, excerpt = outcome.detail, outcome.response_excerpt
        if outcome.error is not None:
            detail = self.known.sub(SECRET_MASK, detail)
        if excerpt:
            excerpt = self._without(excerpt)
        if detail == outcome.detail and excerpt == outcome.response_excerpt:
            return outcome
        return replace(outcome, detail=detail, response_excerpt=excerpt)

    def _without(self, text: str) -> str:
        masked = self.known.sub(SECRET_MASK, text)
        if len(text.encode()) < EXCERPT_CHARACTERS_MAX:
            return masked
        # It was cut, and what was cut in two is still half a secret.
        longest = max((_overlap(masked, beginning) for beginning in self.beginnings), default=0)
        return masked[:-longest] + SECRET_MASK if longest else masked


class Opened:
    """The credentials of the endpoints that were called last, each opened once."""

    def __init__(self, vault: Opens) -> None:
        self._vault = vault
        self._kept: OrderedDict[str, tuple[Endpoint, Credentials]] = OrderedDict()

    def of(self, endpoint: Endpoint) -> Credentials:
        """The credentials of the endpoint as it is now.

        Errors: SealBroken.
        """
        kept = self._kept.get(endpoint.id)
        if kept is not None and (kept[0] is endpoint or _sealed(kept[0]) == _sealed(endpoint)):
            return kept[1]
        credentials = open_credentials(endpoint, self._vault)
        self._kept[endpoint.id] = endpoint, credentials
        self._kept.move_to_end(endpoint.id)
        if len(self._kept) > OPENED_MAX:
            self._kept.popitem(last=False)
        return credentials


def open_credentials(endpoint: Endpoint, vault: Opens) -> Credentials:
    """What the endpoint's calls carry.

    Errors: SealBroken.
    """
    opened = [
        (sealed, vault.open(sealed.text, secret_place(endpoint.id, sealed.kind, sealed.position)))
        for sealed in endpoint.secrets
    ]
    headers = _headers(endpoint, vault)
    shown = _authorization(endpoint, vault)
    nobody_may_see = [
        *(text for _, text in opened),
        *headers.values(),
        *(authorization.secrets_in(shown) if shown else ()),
    ]
    spellings = sorted({form for text in nobody_may_see for form in _spellings(text)}, key=len, reverse=True)
    try:
        secrets = tuple((sealed, Secret.parse(text)) for sealed, text in opened if sealed.kind is SecretKind.HMAC)
        keys = tuple((sealed, PrivateKey.parse(text)) for sealed, text in opened if sealed.kind is SecretKind.ED25519)
    except InvalidInput:
        raise SealBroken(f"a secret of endpoint {endpoint.id} is none: it was altered") from None
    return Credentials(
        secrets=secrets,
        private_keys=keys,
        headers=(*headers.items(), *([(authorization.HEADER, shown)] if shown else [])),
        known=_any_of(spellings),
        beginnings=tuple(spellings),
    )


def _headers(endpoint: Endpoint, vault: Opens) -> dict[str, str]:
    if not endpoint.sealed_headers:
        return {}
    headers: dict[str, str] = json.loads(vault.open(endpoint.sealed_headers, headers_place(endpoint.id)))
    return headers


def _authorization(endpoint: Endpoint, vault: Opens) -> str:
    sealed = endpoint.sealed_authorization
    return vault.open(sealed, authorization_place(endpoint.id)) if sealed else ""


def _sealed(endpoint: Endpoint) -> tuple[tuple[SealedSecret, ...], str, str]:
    return endpoint.secrets, endpoint.sealed_headers, endpoint.sealed_authorization


def _any_of(spellings: Iterable[str]) -> re.Pattern[str]:
    """Matches any of these, longer ones first; without any it matches nothing."""
    return re.compile("|".join(map(re.escape, spellings)) or r"(?!)")


def _spellings(text: str) -> Iterator[str]:
    """The text, what is in it behind a prefix of ours, and both as an answer may spell them."""
    _, _, body = text.partition("_") if text.startswith(("whsec_", "whsk_")) else ("", "", "")
    for one in (text, body):
        if len(one) < REDACTED_CHARACTERS_MIN:
            continue
        quoted = json.dumps(one)[1:-1]
        yield from (one, quoted, quoted.replace("/", "\\/"), html.escape(one), quote(one, safe=""), quote(one))
        yield base64.b64encode(one.encode()).decode("ascii").rstrip("=")


def _overlap(text: str, secret: str) -> int:
    """How many characters at the end of the text begin the secret; 0 when too few to tell anything."""
    most = min(len(text), len(secret) - 1)
    return next(
        (size for size in range(most, REDACTED_CHARACTERS_MIN - 1, -1) if text.endswith(secret[:size])),
        0,
    )
