"""Whom an event is for, told a second time from docs/webhooks.md, without the code that decides it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from simulation.books import EndpointRow, EventRow


def fits(endpoint: EndpointRow, event: EventRow, body: bytes) -> bool:
    """Whether this endpoint must be told of this event; if not, it must never be."""
    if endpoint.state == "deleted" or event.event_type not in json.loads(endpoint.event_types):
        return False
    if event.event_type == "Guest.Erased":
        return True
    centres = json.loads(endpoint.center_ids)
    if centres and event.center_id not in centres:
        return False
    told = _exact(body)
    return all(_holds(told, one["field"], one["equals"]) for one in _exact(endpoint.conditions))


def _exact(text: bytes | str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _holds(told: object, path: str, wanted: object) -> bool:
    return any(type(found) is type(wanted) and found == wanted for found in _found(told, path.split(".")))


def _found(value: object, names: Sequence[str]) -> Iterator[object]:
    """Every value at a path; null where there is nothing."""
    if not names:
        yield value
        return
    inner = value.get(names[0].removesuffix("[]")) if isinstance(value, dict) else None
    entries = [inner]
    if names[0].endswith("[]"):
        entries = inner if isinstance(inner, list) and inner else [None]
    for entry in entries:
        yield from _found(entry, names[1:])
