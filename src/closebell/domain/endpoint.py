"""A webhook endpoint: who wants to be told, of what, and how."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from closebell.domain.condition import Condition, decoded
from closebell.domain.event import EVERYWHERE
from closebell.domain.retry import RetryPolicy
from closebell.domain.sealed import AuthorizationScheme, SealedSecret
from closebell.domain.signature import SignatureStyle


class EndpointState(enum.StrEnum):
    """Active endpoints are called; a deactivated one's deliveries are held for it; a deleted one's are cancelled."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class HttpMethod(enum.StrEnum):
    """The verbs a webhook may be sent with."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A subscription of one receiver.

    Shape: no `center_ids` means every centre, and all of the `conditions` must hold; `state_reason` says why it is not
           active; `secrets` are the live signing secrets, newest first. `recovers_when_enabled` brings exhausted
           deliveries back when it is enabled. Everything secret is sealed: of custom headers the names are known, of
           an authorization the scheme and, if it has one, the user.
    Units: `rate_per_s` bounds the calls that begin in a second; None is no bound. `enabled_at` is when somebody last
           enabled it, None if nobody had to; `failing_since` is its first failure after its last success.
    """

    id: str
    name: str
    description: str
    url: str
    http_method: HttpMethod
    event_types: tuple[str, ...]
    center_ids: tuple[str, ...]
    signature_styles: tuple[SignatureStyle, ...]
    policy: RetryPolicy
    state: EndpointState
    state_reason: str
    consecutive_failures: int
    created_at: datetime
    updated_at: datetime
    secrets: tuple[SealedSecret, ...]
    rate_per_s: int | None = None
    recovers_when_enabled: bool = False
    enabled_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    failing_since: datetime | None = None
    header_names: tuple[str, ...] = ()
    sealed_headers: str = field(default="", repr=False)
    authorization_scheme: AuthorizationScheme = AuthorizationScheme.NONE
    authorization_username: str = ""
    sealed_authorization: str = field(default="", repr=False)

    @property
    def public_keys(self) -> tuple[str, ...]:
        """What verifies its ed25519 signatures, newest first."""
        return tuple(secret.public_key for secret in self.secrets if secret.public_key)

    def listens(self, event_type: str, center_id: str | None) -> bool:
        """Whether an event of this type from this centre is for it, if its conditions hold."""
        if event_type not in self.event_types:
            return False
        return not self.center_ids or center_id in self.center_ids or event_type in EVERYWHERE


def listening(
    endpoints: Sequence[Endpoint], event_type: str, center_id: str | None, body: bytes
) -> tuple[Endpoint, ...]:
    """Those of the endpoints that an event is for; its body is read once, and only where conditions ask for it."""
    near = tuple(endpoint for endpoint in endpoints if endpoint.listens(event_type, center_id))
    if event_type in EVERYWHERE or not any(endpoint.conditions for endpoint in near):
        return near
    told = decoded(body)
    return tuple(endpoint for endpoint in near if all(one.holds(told) for one in endpoint.conditions))
