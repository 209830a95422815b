"""What goes out with a call and nobody else may see: opened here, kept a while in memory, taken out of what comes back.

Opening costs about 30 us a secret, so what is opened is kept for as many endpoints as there can be. Nobody else
opens anything but to seal it anew: a close reads sealed texts and passes them on.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from closebell.domain import authorization
from closebell.domain.asymmetric import PrivateKey
from closebell.domain.delivery import EXCERPT_CHARACTERS_MAX, Outcome
from closebell.domain.endpoint import Endpoint
from closebell.domain.masking import Mask
from closebell.domain.sealed import (
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What an endpoint's calls carry, opened; its repr shows nothing.

    Shape: secrets and private keys newest first, each with the sealed one it came of, which knows until when it signs.
    """

    secrets: tuple[tuple[SealedSecret, Secret], ...] = field(repr=False)
    private_keys: tuple[tuple[SealedSecret, PrivateKey], ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    mask: Mask

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
            # What it repeats of an answer comes last, before the full stop, and may have been cut to its limit.
            sentence = detail.removesuffix(".")
            detail = self.mask.over(sentence, is_cut=True) + detail[len(sentence) :]
        if excerpt:
            excerpt = self.mask.over(excerpt, is_cut=len(excerpt.encode()) >= EXCERPT_CHARACTERS_MAX)
        if detail == outcome.detail and excerpt == outcome.response_excerpt:
            return outcome
        return replace(outcome, detail=detail, response_excerpt=excerpt)


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
    try:
        secrets = tuple((sealed, Secret.parse(text)) for sealed, text in opened if sealed.kind is SecretKind.HMAC)
        keys = tuple((sealed, PrivateKey.parse(text)) for sealed, text in opened if sealed.kind is SecretKind.ED25519)
    except InvalidInput:
        raise SealBroken(f"a secret of endpoint {endpoint.id} is none: it was altered") from None
    return Credentials(
        secrets=secrets,
        private_keys=keys,
        headers=(*headers.items(), *([(authorization.HEADER, shown)] if shown else [])),
        mask=Mask(nobody_may_see),
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
