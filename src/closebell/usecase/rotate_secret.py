"""Rotate a signing secret: another one signs from now on, the old one beside it for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import asymmetric, new_secrets
from closebell.domain.asymmetric import PrivateKey
from closebell.domain.endpoint import Endpoint
from closebell.domain.rotation import Rotation, kind_to_rotate, retired
from closebell.domain.sealed import SealedSecret, Seals, SecretKind
from closebell.domain.signature import SECRET_BYTES, Secret
from closebell.store import endpoints, secrets
from closebell.usecase import known_endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointWithSecret:
    """An endpoint and the secret that was made or given just now, for the only answer that shows it.

    Shape: `secret` is None when a key pair was made, of which nothing is shown but the public half.
    """

    endpoint: Endpoint
    secret: Secret | None = field(repr=False)


def rotate_secret(
    connection: Connection, endpoint_id: str, rotation: Rotation, *, vault: Seals, clock: Clock, luck: Luck
) -> EndpointWithSecret:
    """The endpoint with a new secret, which signs at once; the old ones of its kind sign until the overlap is over.

    Errors: NotFound; InvalidInput; Conflict when too many would sign at once.
    """
    now = clock.now()
    endpoint = known_endpoint.find_locked(connection, endpoint_id, now=now)
    kind = kind_to_rotate(rotation, endpoint.signature_styles)
    secret = None if kind is SecretKind.ED25519 else given_or_fresh_secret(rotation.secret, luck)
    old = retired(endpoint.secrets, kind, overlap_hours=rotation.overlap_hours, now=now)
    position = secrets.next_position(connection, endpoint_id)
    fresh = (
        fresh_key_pair(endpoint_id, position=position, vault=vault, luck=luck, now=now)
        if secret is None
        else new_secrets.shared_secret(secret, endpoint_id=endpoint_id, position=position, vault=vault, now=now)
    )
    secrets.expire(connection, endpoint_id, old)
    secrets.add(connection, endpoint_id, fresh)
    after = replace(endpoint, secrets=_newest_first(endpoint.secrets, old, fresh, now), updated_at=now)
    endpoints.save(connection, after)
    return EndpointWithSecret(endpoint=after, secret=secret)


def fresh_key_pair(endpoint_id: str, *, position: int, vault: Seals, luck: Luck, now: datetime) -> SealedSecret:
    """A key pair that nobody had before."""
    key = PrivateKey.generate(luck.entropy(asymmetric.KEY_BYTES))
    return new_secrets.key_pair(key, endpoint_id=endpoint_id, position=position, vault=vault, now=now)


def given_or_fresh_secret(given: str | None, luck: Luck) -> Secret:
    """The secret that a receiver brought, or one that nobody had before.

    Errors: InvalidInput, which never repeats what was given.
    """
    return Secret.generate(luck.entropy(SECRET_BYTES)) if given is None else Secret.parse(given)


def _newest_first(
    before: Sequence[SealedSecret], old: Sequence[SealedSecret], fresh: SealedSecret, now: datetime
) -> tuple[SealedSecret, ...]:
    """What signs after the rotation: what did before as it is now, and the new one."""
    changed = {secret.position: secret for secret in old}
    kept = (changed.get(secret.position, secret) for secret in before)
    return (fresh, *(secret for secret in kept if secret.is_live(now)))
