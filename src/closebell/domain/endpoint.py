"""A webhook endpoint: who wants to be told, of what, and how."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import Secret, SignatureStyle


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

    Shape: no `center_ids` means every centre; `state_reason` says why it is not active; `secrets` are the live
           signing secrets, newest first. `recovers_when_enabled` brings exhausted deliveries back when it is enabled.
    Units: `rate_per_s` bounds the calls that begin in a second; None is no bound. `enabled_at` is when somebody last
           enabled it, None if nobody had to.
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
    secrets: tuple[Secret, ...]
    rate_per_s: int | None = None
    recovers_when_enabled: bool = False
    enabled_at: datetime | None = None

    def listens(self, event_type: str, center_id: str | None) -> bool:
        """Whether an event of this type from this centre is for it."""
        return event_type in self.event_types and (not self.center_ids or center_id in self.center_ids)
