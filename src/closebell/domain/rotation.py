"""Replace a signing secret: the new one signs at once, the old one beside it until it expires."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from closebell.domain.sealed import SealedSecret, SecretKind
from closebell.domain.signature import SignatureStyle
from closebell.errors import Conflict, InvalidInput

OVERLAP_HOURS: Final = 24
"""Hours for which the old secret signs as well, unless said otherwise."""
OVERLAP_HOURS_MAX: Final = 720
"""Hours for which it may."""
LIVE_SECRETS_MAX: Final = 4
"""Secrets of one kind that sign at once: each makes every call's header longer, and each can be stolen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What somebody asks for, unchecked; no `kind` means what the endpoint signs with, no `secret` a fresh one."""

    kind: str | None = None
    secret: str | None = field(default=None, repr=False)
    overlap_hours: int = OVERLAP_HOURS


def kind_to_rotate(rotation: Rotation, styles: Iterable[SignatureStyle]) -> SecretKind:
    """Which kind of secret is replaced; without a word about it the shared one, unless only the key pair signs.

    Errors: InvalidInput on `kind`, `secret` or `overlap_hours`.
    """
    if not 0 <= rotation.overlap_hours <= OVERLAP_HOURS_MAX:
        raise InvalidInput("overlap_hours", f"is {rotation.overlap_hours}; it must be from 0 to {OVERLAP_HOURS_MAX}")
    if rotation.kind is None:
        kind = SecretKind.ED25519 if set(styles) == {SignatureStyle.ED25519} else SecretKind.HMAC
    else:
        try:
            kind = SecretKind(rotation.kind)
        except ValueError:
            problem = f"{rotation.kind!r:.60} is not known; write one of {', '.join(SecretKind)}"
            raise InvalidInput("kind", problem) from None
    if kind is SecretKind.ED25519 and rotation.secret is not None:
        raise InvalidInput("secret", "does not go with the kind ed25519: a key pair is made here")
    return kind


def retired(
    secrets: Sequence[SealedSecret], kind: SecretKind, *, overlap_hours: int, now: datetime
) -> tuple[SealedSecret, ...]:
    """The live secrets of this kind once another replaces them, newest first: each ends when the overlap does.

    One that ends earlier already still does.

    Errors: Conflict when more than LIVE_SECRETS_MAX would sign with the new one.
    """
    end = now + timedelta(hours=overlap_hours)
    old = [
        secret if secret.expires_at is not None and secret.expires_at <= end else replace(secret, expires_at=end)
        for secret in secrets
        if secret.kind is kind and secret.is_live(now)
    ]
    live = [secret for secret in old if secret.is_live(now)]
    if len(live) >= LIVE_SECRETS_MAX:
        soonest = min(secret.expires_at for secret in live if secret.expires_at is not None)
        raise Conflict(
            f"{len(live)} secrets sign already, which is the most: wait until one expires at "
            f"{soonest:%Y-%m-%dT%H:%M:%SZ}, or rotate with overlap_hours 0"
        )
    return tuple(old)
