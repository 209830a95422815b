"""Webhook endpoints as the wire carries them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from closebell.api.credential_shapes import (
    AuthorizationDocument,
    AuthorizationRequest,
    SecretDocument,
    credential_fields,
)
from closebell.domain.condition import Condition, ConditionDraft
from closebell.domain.endpoint import Endpoint
from closebell.domain.endpoint_draft import EndpointChanges, EndpointDraft

MASKED: Final = "whsec_****"
"""What is shown of a secret after the one time it is shown whole."""


Scalar = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": ["string", "number", "boolean", "null"]})]
"""A string, a number, true, false or null, kept as it was written: a number with all its digits."""


class ConditionShape(msgspec.Struct, frozen=True, kw_only=True):
    """That a member of the event's body has this value."""

    field: str
    equals: Scalar

    @classmethod
    def of(cls, condition: Condition) -> ConditionShape:
        """The condition as it is shown."""
        return cls(field=condition.field, equals=msgspec.Raw(condition.spelled.encode()))

    @property
    def draft(self) -> ConditionDraft:
        """The condition as it was asked for."""
        return ConditionDraft(field=self.field, equals=bytes(self.equals).decode())


class EndpointRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as it should be; what is left out has its default."""

    name: str
    url: str
    event_types: list[str]
    http_method: str | None = None
    description: str | None = None
    center_ids: list[str] | None = None
    signature_styles: list[str] | None = None
    policy: str | None = None
    rate_per_s: int | None = None
    recovers_when_enabled: bool | None = None
    conditions: list[ConditionShape] | None = None
    headers: dict[str, str] | None = None
    authorization: AuthorizationRequest | None = None

    @property
    def changes(self) -> EndpointChanges:
        """What makes any endpoint this one."""
        return EndpointChanges(
            name=self.name,
            url=self.url,
            event_types=tuple(self.event_types),
            http_method="POST" if self.http_method is None else self.http_method,
            description=self.description or "",
            center_ids=tuple(self.center_ids or ()),
            signature_styles=("standard",) if self.signature_styles is None else tuple(self.signature_styles),
            policy="standard" if self.policy is None else self.policy,
            rate_per_s=self.rate_per_s or 0,
            recovers_when_enabled=bool(self.recovers_when_enabled),
            conditions=tuple(one.draft for one in self.conditions or ()),
            headers=self.headers,
            authorization=None if self.authorization is None else self.authorization.draft,
        )


class NewEndpointRequest(EndpointRequest, frozen=True, kw_only=True):
    """An endpoint to create; `secret` is made here unless the receiver brings one of its own."""

    secret: str | None = None

    @property
    def draft(self) -> EndpointDraft:
        """The endpoint that is asked for."""
        return EndpointDraft(
            name=self.name,
            url=self.url,
            event_types=tuple(self.event_types),
            http_method="POST" if self.http_method is None else self.http_method,
            description=self.description or "",
            center_ids=tuple(self.center_ids or ()),
            signature_styles=("standard",) if self.signature_styles is None else tuple(self.signature_styles),
            policy="standard" if self.policy is None else self.policy,
            rate_per_s=self.rate_per_s,
            recovers_when_enabled=bool(self.recovers_when_enabled),
            conditions=tuple(one.draft for one in self.conditions or ()),
            secret=self.secret,
            headers=self.headers,
            authorization=None if self.authorization is None else self.authorization.draft,
        )


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What should be different; what is left out or null stays as it is, and a `rate_per_s` of 0 is no bound."""

    name: str | None = None
    url: str | None = None
    event_types: list[str] | None = None
    http_method: str | None = None
    description: str | None = None
    center_ids: list[str] | None = None
    signature_styles: list[str] | None = None
    policy: str | None = None
    rate_per_s: int | None = None
    recovers_when_enabled: bool | None = None
    conditions: list[ConditionShape] | None = None
    headers: dict[str, str] | None = None
    authorization: AuthorizationRequest | None = None

    @property
    def changes(self) -> EndpointChanges:
        """What is asked for."""
        return EndpointChanges(
            name=self.name,
            url=self.url,
            event_types=_tuple(self.event_types),
            http_method=self.http_method,
            description=self.description,
            center_ids=_tuple(self.center_ids),
            signature_styles=_tuple(self.signature_styles),
            policy=self.policy,
            rate_per_s=self.rate_per_s,
            recovers_when_enabled=self.recovers_when_enabled,
            conditions=None if self.conditions is None else tuple(one.draft for one in self.conditions),
            headers=self.headers,
            authorization=None if self.authorization is None else self.authorization.draft,
        )


class EndpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint; no `center_ids` means every centre, no `rate_per_s` no bound."""

    id: str
    name: str
    description: str
    url: str
    http_method: str
    event_types: list[str]
    center_ids: list[str]
    signature_styles: list[str]
    policy: str
    rate_per_s: int | None
    recovers_when_enabled: bool
    conditions: list[ConditionShape]
    state: str
    state_reason: str
    consecutive_failures: int
    created_at: datetime
    updated_at: datetime
    enabled_at: datetime | None
    headers: dict[str, str]
    authorization: AuthorizationDocument
    public_keys: list[str]
    secrets: list[SecretDocument]
    secret: str


class EndpointAnswer(EndpointDocument, frozen=True, kw_only=True):
    """One endpoint; its secret is whole only in the answer to the call that made it."""

    error: None = None


class EndpointsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every endpoint that is not deleted, oldest first."""

    webhook_endpoints: list[EndpointDocument]
    error: None = None


class EndpointDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint is gone, and what waited for it is cancelled."""

    is_deleted: bool = True
    error: None = None


class EndpointTested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the test call; nothing of it is kept."""

    is_delivered: bool
    status: int | None
    fault: str | None
    detail: str
    response_excerpt: str
    duration_us: int
    error: None = None


def answer(endpoint: Endpoint, *, secret: str = MASKED) -> EndpointAnswer:
    """One endpoint, its secret masked unless it is shown on purpose."""
    return EndpointAnswer(**_fields(endpoint, secret))


def document(endpoint: Endpoint) -> EndpointDocument:
    """One of many, its secret masked."""
    return EndpointDocument(**_fields(endpoint, MASKED))


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _fields(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "description": endpoint.description,
        "url": endpoint.url,
        "http_method": endpoint.http_method.value,
        "event_types": list(endpoint.event_types),
        "center_ids": list(endpoint.center_ids),
        "signature_styles": [style.value for style in endpoint.signature_styles],
        "policy": endpoint.policy.value,
        "rate_per_s": endpoint.rate_per_s,
        "recovers_when_enabled": endpoint.recovers_when_enabled,
        "conditions": [ConditionShape.of(one) for one in endpoint.conditions],
        "state": endpoint.state.value,
        "state_reason": endpoint.state_reason,
        "consecutive_failures": endpoint.consecutive_failures,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "enabled_at": endpoint.enabled_at,
        **credential_fields(endpoint),
        "secret": secret,
    }
