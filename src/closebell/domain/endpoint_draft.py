"""What somebody asks of a webhook endpoint, and the endpoint that comes of it once everything holds."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from closebell.domain import condition, event_fields, identifiers, text
from closebell.domain.address import Network, check_url
from closebell.domain.authorization import AuthorizationDraft
from closebell.domain.condition import ConditionDraft
from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.event import EVENT_TYPES, INVOICE_CLOSED
from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import SignatureStyle
from closebell.errors import InvalidInput

NAME_CHARACTERS_MAX: Final = 200
"""Characters of an endpoint's name."""
DESCRIPTION_CHARACTERS_MAX: Final = 2_000
"""Characters of what a person writes beside it."""
CHOICES_MAX: Final = 100
"""Event types, centres or signature styles of one endpoint."""
RATE_PER_S_MAX: Final = 10_000
"""Calls that an endpoint can ask to begin in a second at most."""

E = TypeVar("E", bound=enum.StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanges:
    """What is to be different about an endpoint, unchecked; None leaves a field as it is, a rate of 0 is no bound."""

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
    conditions: tuple[ConditionDraft, ...] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    authorization: AuthorizationDraft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDraft(EndpointChanges):
    """An endpoint as it was asked for, unchecked: the changes that make any endpoint this one, but for its credentials.

    Shape: no `center_ids` means every centre, no `secret` a fresh one, which only a new endpoint needs.
    """

    name: str
    url: str
    event_types: tuple[str, ...]
    http_method: str = "POST"
    description: str = ""
    center_ids: tuple[str, ...] = ()
    signature_styles: tuple[str, ...] = ("standard",)
    policy: str = "standard"
    rate_per_s: int = 0
    recovers_when_enabled: bool = False
    conditions: tuple[ConditionDraft, ...] = ()
    secret: str | None = field(default=None, repr=False)


def drafted(draft: EndpointDraft, *, endpoint_id: str, networks: Sequence[Network], now: datetime) -> Endpoint:
    """The active endpoint that the draft describes, still without secrets; whether its centres exist is for the caller
    to know.

    Errors: InvalidInput naming the field, such as `event_types[0]`.

    >>> from datetime import UTC
    >>> draft = EndpointDraft(name="Till", url="https://till.example/hook", event_types=("Invoice.Open",))
    >>> drafted(draft, endpoint_id="", networks=(), now=datetime(2026, 1, 5, 12, tzinfo=UTC))
    Traceback (most recent call last):
    closebell.errors.InvalidInput: event_types[0]: 'Invoice.Open' is not known; write one of Guest.Created, \
Guest.Erased, Guest.Updated, Invoice.Closed, Invoice.Payments.Added, Invoice.Payments.Deleted
    """
    blank = Endpoint(
        id=endpoint_id,
        name="",
        description="",
        url="",
        http_method=HttpMethod.POST,
        event_types=(INVOICE_CLOSED,),
        center_ids=(),
        signature_styles=(SignatureStyle.STANDARD,),
        policy=RetryPolicy.STANDARD,
        state=EndpointState.ACTIVE,
        state_reason="",
        consecutive_failures=0,
        created_at=now,
        updated_at=now,
        secrets=(),
    )
    return changed(blank, draft, networks=networks, now=now)


def changed(endpoint: Endpoint, changes: EndpointChanges, *, networks: Sequence[Network], now: datetime) -> Endpoint:
    """The endpoint with these changes; its state, its secrets and what is not mentioned stay.

    Errors: InvalidInput naming the field.
    """
    after = _described(replace(endpoint, updated_at=now), changes)
    if changes.url is not None:
        check_url(changes.url, allowed_networks=networks)
        after = replace(after, url=changes.url)
    return _paced(_called(_subscribed(after, changes), changes), changes)


def _described(after: Endpoint, changes: EndpointChanges) -> Endpoint:
    """What it is called."""
    if changes.name is not None:
        after = replace(after, name=text.name(changes.name, "name", most=NAME_CHARACTERS_MAX))
    if changes.description is not None:
        said = text.bounded(changes.description, "description", most=DESCRIPTION_CHARACTERS_MAX)
        after = replace(after, description=said)
    return after


def _subscribed(after: Endpoint, changes: EndpointChanges) -> Endpoint:
    """Which events it is told of."""
    if changes.event_types is not None:
        after = replace(after, event_types=_event_types(changes.event_types))
    if changes.center_ids is not None:
        after = replace(after, center_ids=_center_ids(changes.center_ids))
    if changes.conditions is not None:
        after = replace(after, conditions=condition.checked(changes.conditions))
    if changes.conditions is not None or changes.event_types is not None:
        event_fields.must_be_able_to_hold(after.conditions, after.event_types)
    return after


def _called(after: Endpoint, changes: EndpointChanges) -> Endpoint:
    """What a call to it looks like."""
    if changes.http_method is not None:
        after = replace(after, http_method=_member(HttpMethod, changes.http_method, "http_method"))
    if changes.signature_styles is not None:
        after = replace(after, signature_styles=_styles(changes.signature_styles))
    return after


def _paced(after: Endpoint, changes: EndpointChanges) -> Endpoint:
    """When it is called, and called again."""
    if changes.policy is not None:
        after = replace(after, policy=_member(RetryPolicy, changes.policy, "policy"))
    if changes.rate_per_s is not None:
        after = replace(after, rate_per_s=_rate(changes.rate_per_s))
    if changes.recovers_when_enabled is not None:
        after = replace(after, recovers_when_enabled=changes.recovers_when_enabled)
    return after


def _event_types(names: Sequence[str]) -> tuple[str, ...]:
    _must_be_some(names, "event_types", least=1)
    for index, name in enumerate(names):
        if name not in EVENT_TYPES:
            raise _unknown(f"event_types[{index}]", name, sorted(EVENT_TYPES))
    return tuple(dict.fromkeys(names))


def _styles(names: Sequence[str]) -> tuple[SignatureStyle, ...]:
    _must_be_some(names, "signature_styles", least=1)
    styles = [_member(SignatureStyle, name, f"signature_styles[{index}]") for index, name in enumerate(names)]
    return tuple(dict.fromkeys(styles))


def _center_ids(ids: Sequence[str]) -> tuple[str, ...]:
    """The ids in their wire spelling, each where it stood, so that a caller can name the one that is unknown."""
    _must_be_some(ids, "center_ids", least=0)
    return tuple(identifiers.guid(id_, field=f"center_ids[{index}]") for index, id_ in enumerate(ids))


def _rate(asked: int) -> int | None:
    if not 0 <= asked <= RATE_PER_S_MAX:
        raise InvalidInput("rate_per_s", f"is {asked}; it must be from 1 to {RATE_PER_S_MAX}, or 0 for no bound")
    return asked or None


def _must_be_some(values: Sequence[str], field: str, *, least: int) -> None:
    if not least <= len(values) <= CHOICES_MAX:
        raise InvalidInput(field, f"has {len(values)} entries; from {least} to {CHOICES_MAX} are allowed")


def _member(options: type[E], value: str, field: str) -> E:
    try:
        return options(value)
    except ValueError:
        raise _unknown(field, value, options) from None


def _unknown(field: str, value: str, known: Iterable[str]) -> InvalidInput:
    return InvalidInput(field, f"{value!r:.60} is not known; write one of {', '.join(known)}")
