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
from closebell.domain.sealed import SECRET_MASK

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


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What should be different; what is left out or null stays as it is, and a `rate_per_s` of 0 is no bound."""

    name: str | None = None
    url: str | None = None
    event_types: tuple[str, ...] | None = None
    http_method: str | None = None
    description: str | None = None
    center_ids: tuple[str, ...] | None = None
    signature_styles: tuple[str, ...] | None = None
    policy: str | None = None
    rate_per_s: int | None = None
    recovers_when_enabled: bool | None = None
    conditions: tuple[ConditionShape, ...] | None = None
    headers: dict[str, str] | None = None
    authorization: AuthorizationRequest | None = None

    @property
    def wanted(self) -> EndpointChanges:
        """What is asked for."""
        return EndpointChanges(**self._said())

    def _said(self) -> dict[str, Any]:
        """What is mentioned, under the names that the domain gives it too."""
        said = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        if self.conditions is not None:
            said["conditions"] = tuple(one.draft for one in self.conditions)
        if self.authorization is not None:
            said["authorization"] = self.authorization.draft
        return said

    def __repr__(self) -> str:
        return f"{type(self).__name__}({SECRET_MASK})"


class EndpointRequest(EndpointChange, frozen=True, kw_only=True):
    """An endpoint as it should be; what is left out has its default."""

    name: str
    url: str
    event_types: tuple[str, ...]

    @property
    def wanted(self) -> EndpointDraft:
        """The endpoint that is asked for."""
        return EndpointDraft(**self._said())


class NewEndpointRequest(EndpointRequest, frozen=True, kw_only=True):
    """An endpoint to create; `secret` is made here unless the receiver brings one of its own."""

    secret: str | None = None


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


def _fields(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    shown = {
        "conditions": [ConditionShape.of(one) for one in endpoint.conditions],
        **credential_fields(endpoint),
        "secret": secret,
    }
    as_it_is = {name: getattr(endpoint, name) for name in EndpointDocument.__struct_fields__ if name not in shown}
    return {**as_it_is, **shown}
