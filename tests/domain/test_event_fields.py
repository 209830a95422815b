"""A condition that no event could ever meet is refused; one that some event meets is not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from closebell.api.event_types import EVENT_TYPES as CATALOGUE
from closebell.domain.condition import Condition, Value, decoded
from closebell.domain.event import EVENT_TYPES, EVERYWHERE
from closebell.domain.event_fields import BODIES, Kind, kinds_of, must_be_able_to_hold, paths
from closebell.errors import InvalidInput

CLOSED, ADDED, CREATED = "Invoice.Closed", "Invoice.Payments.Added", "Guest.Created"


def test_every_event_type_is_known_as_the_catalogue_describes_it() -> None:
    assert {one.name: one.envelope for one in CATALOGUE} == dict(BODIES)
    assert BODIES.keys() == EVENT_TYPES


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_path_leads_to_something_that_can_be_compared(event_type: str) -> None:
    known = paths(event_type)
    assert len(known) == len(set(known)) > 8
    for path in known:
        kinds = kinds_of(event_type, path)
        assert kinds
        assert not kinds & {Kind.OBJECT, Kind.LIST}, path


def leaves(value: Any, path: str) -> list[tuple[str, Value]]:
    match value:
        case dict():
            return [one for name, member in value.items() for one in leaves(member, f"{path}.{name}" if path else name)]
        case list():
            return [one for entry in value for one in leaves(entry, f"{path}[]")]
        case _:
            return [(path, value)]


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_whatever_is_in_a_sample_can_be_asked_for_and_holds(one: Any) -> None:
    body = decoded(json.dumps(one.sample).encode())
    found = leaves(body, "")
    assert len(found) >= 8
    for path, value in found:
        condition = Condition(field=path, equals=value)
        if one.name not in EVERYWHERE:
            must_be_able_to_hold([condition], [one.name])
        assert condition.holds(body), path


@pytest.mark.parametrize(
    ("path", "equals", "types"),
    [
        ("data.invoice.guest", None, [CLOSED]),
        ("data.invoice.guest.email", None, [CLOSED]),
        ("data.invoice.invoice_items[].sale_by_id", None, [CLOSED]),
        ("data.invoice.invoice_items[].type", None, [CLOSED]),
        ("data.is_closed", False, [ADDED, "Invoice.Payments.Deleted"]),
        ("data.personal_info.mobile_phone.number", None, [CREATED, "Guest.Updated"]),
        ("data.invoice.guest", None, [CLOSED, CREATED]),
        ("event_resource", "Invoice", [CLOSED, CREATED]),
        ("data.invoice.is_refund", False, [CLOSED, "Guest.Erased"]),
    ],
)
def test_what_some_event_can_meet_is_taken(path: str, equals: Value, types: list[str]) -> None:
    must_be_able_to_hold([Condition(field=path, equals=equals)], types)


@pytest.mark.parametrize(
    ("path", "equals", "types", "place", "says"),
    [
        ("data.invoice.is_refnd", False, [CLOSED], "field", "did you mean data.invoice.is_refund?"),
        ("invoice.is_refund", False, [CLOSED], "field", "did you mean data.invoice.is_refund?"),
        ("data.invoice.invoice_items.type", 2, [CLOSED], "field", r"did you mean data.invoice.invoice_items\[\].type?"),
        (
            "zzz",
            None,
            [CLOSED, ADDED],
            "field",
            "no Invoice.Closed or Invoice.Payments.Added event.*GET /v1/event_types",
        ),
        ("data.invoice.invoice_dues.balance", 0, [CLOSED], "field", "no Invoice.Closed event has"),
        ("data.invoice.is_refund", "false", [CLOSED], "equals", "is true or false, and never a string"),
        ("data.invoice.is_refund", None, [CLOSED], "equals", "and never null"),
        ("data.invoice.total_price.sum_total", "10", [CLOSED], "equals", "is a number, and never a string"),
        ("data.invoice.receipt_number", 7, [CLOSED], "equals", "is a string, and never a number"),
        ("data.invoice.invoice_items", "x", [CLOSED], "equals", r"is a list; write data.invoice.invoice_items\[\]"),
        ("data.invoice.guest", "Ada", [CLOSED], "equals", "name one of its members"),
        (
            "data.invoice.is_refund",
            False,
            [CLOSED, CREATED],
            "field",
            "no Guest.Created event has .*leave that type out",
        ),
    ],
)
def test_what_no_event_can_meet_is_refused(path: str, equals: Any, types: list[str], place: str, says: str) -> None:
    wanted = Decimal(equals) if type(equals) is int else equals
    good = Condition(field="event_schema", equals="v1")
    with pytest.raises(InvalidInput, match=says) as refused:
        must_be_able_to_hold([good, Condition(field=path, equals=wanted)], types)
    assert refused.value.field == f"conditions[1].{place}"


def test_what_nothing_keeps_back_has_no_conditions() -> None:
    condition = Condition(field="data.guest_id", equals="x")
    with pytest.raises(InvalidInput, match="keep back no event") as refused:
        must_be_able_to_hold([condition], ["Guest.Erased"])
    assert refused.value.field == "conditions"
    must_be_able_to_hold([], ["Guest.Erased"])
