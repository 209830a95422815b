"""An endpoint is what was asked for, or a refusal that names the field."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from closebell.domain.address import parse_networks
from closebell.domain.condition import Condition, ConditionDraft
from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.endpoint_draft import EndpointChanges, EndpointDraft, changed, drafted
from closebell.domain.event import EVENT_TYPES
from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import SignatureStyle
from closebell.errors import InvalidInput
from closebell.testing import NOON, an_endpoint, guid_of

REFUND = ConditionDraft(field="data.invoice.is_refund", equals="false")


def _drafted(**fields: Any) -> Endpoint:
    given: dict[str, Any] = {"name": "Till", "url": "https://till.example/hook", "event_types": ("Invoice.Closed",)}
    draft = EndpointDraft(**{**given, **fields})
    return drafted(draft, endpoint_id=guid_of("new"), networks=(), now=NOON)


def test_what_is_not_said_has_a_default() -> None:
    made = _drafted()
    assert (made.http_method, made.policy, made.state) == (HttpMethod.POST, RetryPolicy.STANDARD, EndpointState.ACTIVE)
    assert (made.center_ids, made.signature_styles) == ((), (SignatureStyle.STANDARD,))
    assert made.secrets == ()
    assert (made.created_at, made.updated_at, made.consecutive_failures) == (NOON, NOON, 0)


def test_a_draft_leaves_nothing_of_another_endpoint_but_its_credentials() -> None:
    draft = EndpointDraft(name="Till", url="https://till.example/hook", event_types=("Invoice.Closed",))
    left = {field.name for field in fields(EndpointChanges) if getattr(draft, field.name) is None}
    assert left == {"headers", "authorization"}


def test_nothing_secret_is_in_a_repr() -> None:
    draft = EndpointDraft(
        name="Till", url="https://x.example/", event_types=(), secret="hunter2", headers={"X-Api-Key": "hunter2"}
    )
    assert "hunter2" not in repr(draft)


def test_repeats_count_once() -> None:
    made = _drafted(
        event_types=("Invoice.Closed",) * 2,
        signature_styles=("zenoti", "standard", "zenoti"),
        http_method="PATCH",
        policy="zenoti",
    )
    assert made.event_types == ("Invoice.Closed",)
    assert made.signature_styles == (SignatureStyle.ZENOTI, SignatureStyle.STANDARD)
    assert (made.http_method, made.policy) == (HttpMethod.PATCH, RetryPolicy.ZENOTI)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"name": ""}, "name", "blank"),
        ({"name": " \t"}, "name", "blank"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"name": "a\nBcc: b"}, "name", "one line"),
        ({"name": "a\0"}, "name", "NUL"),
        ({"name": "\ud800"}, "name", "surrogate"),
        ({"description": "x" * 2001}, "description", "at most 2000"),
        ({"description": "\0"}, "description", "NUL"),
        ({"url": "ftp://till.example"}, "url", "https"),
        ({"url": "https://10.0.0.1/"}, "url", "private"),
        ({"url": "http://till.example/"}, "url", "https"),
        ({"event_types": ()}, "event_types", "from 1 to 100"),
        ({"event_types": ("Invoice.Closed",) * 101}, "event_types", "from 1 to 100"),
        (
            {"event_types": ("Invoice.Closed", "Guest.Born")},
            "event_types[1]",
            "write one of Guest.Created, .*Invoice.Closed",
        ),
        ({"http_method": "GET"}, "http_method", "POST, PUT, PATCH"),
        ({"http_method": "post"}, "http_method", "POST, PUT, PATCH"),
        ({"signature_styles": ()}, "signature_styles", "from 1 to"),
        ({"signature_styles": ("standard", "md5")}, "signature_styles[1]", "standard, ed25519, zenoti"),
        ({"policy": "never"}, "policy", "standard, zenoti"),
        ({"rate_per_s": -1}, "rate_per_s", "from 1 to 10000, or 0"),
        ({"rate_per_s": 10_001}, "rate_per_s", "from 1 to 10000, or 0"),
        ({"conditions": (REFUND,) * 11}, "conditions", "at most 10"),
        ({"conditions": (REFUND,), "event_types": ("Guest.Created",)}, "conditions[0].field", "no Guest.Created event"),
        ({"center_ids": (guid_of("c"), "main")}, "center_ids[1]", "not a GUID"),
        ({"center_ids": (guid_of("c"),) * 101}, "center_ids", "from 0 to 100"),
    ],
)
def test_each_field_is_refused_by_name(fields: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        _drafted(**fields)
    assert refused.value.field == field


def test_every_type_that_is_told_can_be_listened_to() -> None:
    every = tuple(sorted(EVENT_TYPES))
    assert _drafted(event_types=every).event_types == every


def test_an_allowed_network_may_be_called() -> None:
    draft = EndpointDraft(name="Till", url="http://127.0.0.1:9/", event_types=("Invoice.Closed",))
    networks = parse_networks(["127.0.0.0/8"])
    made = drafted(draft, endpoint_id="", networks=networks, now=NOON)
    assert made.url == "http://127.0.0.1:9/"


def test_pace_recovery_and_conditions_are_as_asked_and_can_be_cleared() -> None:
    made = _drafted(rate_per_s=20, recovers_when_enabled=True, conditions=(REFUND, REFUND))
    condition = Condition(field="data.invoice.is_refund", equals=False)
    assert (made.rate_per_s, made.recovers_when_enabled, made.conditions) == (20, True, (condition,))
    assert changed(made, EndpointChanges(name="Till"), networks=(), now=NOON) == made
    cleared = EndpointChanges(rate_per_s=0, recovers_when_enabled=False, conditions=())
    after = changed(made, cleared, networks=(), now=NOON)
    assert after == replace(made, rate_per_s=None, recovers_when_enabled=False, conditions=())
    assert _drafted(rate_per_s=0).rate_per_s is None


def test_other_event_types_must_fit_the_conditions_that_stay() -> None:
    made = _drafted(conditions=(REFUND,))
    with pytest.raises(InvalidInput, match="no Guest") as refused:
        changed(made, EndpointChanges(event_types=("Invoice.Closed", "Guest.Updated")), networks=(), now=NOON)
    assert refused.value.field == "conditions[0].field"


def test_changes_change_what_they_mention() -> None:
    before = an_endpoint(state=EndpointState.DEACTIVATED, state_reason="20 in a row", consecutive_failures=20)
    later = NOON + timedelta(days=1)
    after = changed(before, EndpointChanges(description="new", http_method="PUT"), networks=(), now=later)
    assert after == replace(before, description="new", http_method=HttpMethod.PUT, updated_at=later)
