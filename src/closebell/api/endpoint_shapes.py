"""Webhook endpoints as the wire carries them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from closebell.domain.endpoint import Endpoint

MASKED: Final = "whsec_****"
"""What is shown of a secret after the one time it is shown whole."""


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


class NewEndpointRequest(EndpointRequest, frozen=True, kw_only=True):
    """An endpoint to create; `secret` is made here unless the receiver brings one of its own."""

    secret: str | None = None


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What should be different; what is left out or null stays as it is."""

    name: str | None = None
    url: str | None = None
    event_types: list[str] | None = None
    http_method: str | None = None
    description: str | None = None
    center_ids: list[str] | None = None
    signature_styles: list[str] | None = None
    policy: str | None = None


class EndpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint; no `center_ids` means every centre."""

    id: str
    name: str
    description: str
    url: str
    http_method: str
    event_types: list[str]
    center_ids: list[str]
    signature_styles: list[str]
    policy: str
    state: str
    state_reason: str
    consecutive_failures: int
    created_at: datetime
    updated_at: datetime
    secret: str


class EndpointAnswer(EndpointDocument, frozen=True, kw_only=True):
    """One endpoint; its secret is whole only in the answer to its creation."""

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
        "state": endpoint.state.value,
        "state_reason": endpoint.state_reason,
        "consecutive_failures": endpoint.consecutive_failures,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "secret": secret,
    }
