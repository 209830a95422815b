"""What the body of each event type can hold, member by member: which conditions can ever hold, and which are slips."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import inspect

from closebell.domain import condition, event
from closebell.domain.condition import SOME, Condition
from closebell.domain.document import NOT_TOLD, InvoiceDocument
from closebell.domain.event import Envelope, ErasureData, InvoiceData, PaymentsData
from closebell.domain.guest_document import GuestData
from closebell.errors import InvalidInput

BODIES: Final[Mapping[str, Any]] = {
    event.INVOICE_CLOSED: Envelope[InvoiceData],
    event.PAYMENTS_ADDED: Envelope[PaymentsData],
    event.PAYMENTS_DELETED: Envelope[PaymentsData],
    event.GUEST_CREATED: Envelope[GuestData],
    event.GUEST_UPDATED: Envelope[GuestData],
    event.GUEST_ERASED: Envelope[ErasureData],
}
"""The type of each event type's whole body."""


class Kind(enum.StrEnum):
    """What a member can be, in the words of a refusal."""

    TEXT = "a string"
    NUMBER = "a number"
    TRUTH = "true or false"
    NULL = "null"
    OBJECT = "an object"
    LIST = "a list"


Kinds = frozenset[Kind]
_NOTHING: Final[Kinds] = frozenset({Kind.NULL})
_SIMPLE: Final[Mapping[type[inspect.Type], Kinds]] = {
    inspect.StrType: frozenset({Kind.TEXT}),
    inspect.IntType: frozenset({Kind.NUMBER}),
    inspect.DecimalType: frozenset({Kind.NUMBER}),
    inspect.BoolType: frozenset({Kind.TRUTH}),
    inspect.NoneType: _NOTHING,
    inspect.StructType: frozenset({Kind.OBJECT}),
    inspect.ListType: frozenset({Kind.LIST}),
}


def must_be_able_to_hold(conditions: Sequence[Condition], event_types: Sequence[str]) -> None:
    """Refuse a condition that keeps back every event of a type the endpoint asks for: it is a slip, not a wish.

    Types that come to whoever asks for them, whatever the conditions, are let be.

    Errors: InvalidInput naming the field, such as `conditions[0].field`.
    """
    kept_back = [event_type for event_type in event_types if event_type not in event.EVERYWHERE]
    if conditions and not kept_back:
        raise InvalidInput("conditions", f"keep back no event of type {' or '.join(event_types)}; leave them out")
    for index, one in enumerate(conditions):
        found = {event_type: kinds_of(event_type, one.field) for event_type in kept_back}
        if not any(found.values()):
            raise InvalidInput(f"conditions[{index}].field", _unknown(one.field, kept_back))
        for event_type, kinds in found.items():
            if not kinds and one.equals is not None:
                raise InvalidInput(
                    f"conditions[{index}].field",
                    f"no {event_type} event has {one.field}, so none would be sent; leave that type out, "
                    "or make an endpoint of its own for it",
                )
            if kinds and _kind(one) not in kinds:
                raise InvalidInput(f"conditions[{index}].equals", _never(one, event_type, kinds))


def kinds_of(event_type: str, path: str) -> Kinds:
    """What the member at this path can be in an event of the type; nothing when there never is such a member."""
    return _kinds(inspect.type_info(BODIES[event_type]), condition.steps(path))


def paths(event_type: str) -> list[str]:
    """The path to everything that can be compared with a value, in the order of the body."""
    return list(_paths(inspect.type_info(BODIES[event_type]), ""))


def _kinds(type_: inspect.Type, steps: tuple[str, ...]) -> Kinds:
    match type_:
        case inspect.UnionType(types=types):
            found = [_kinds(one, steps) for one in types]
            # Where one branch is null the member may be absent, which is null as well.
            is_nullable = any(isinstance(one, inspect.NoneType) for one in types)
            return frozenset[Kind]().union(*found, _NOTHING if is_nullable and any(found) else ())
        case _ if not steps:
            return _SIMPLE[type(type_)]
        case inspect.ListType(item_type=entry) if steps[0] == SOME:
            found_in = _kinds(entry, steps[1:])
            return found_in | _NOTHING if found_in else found_in
        case inspect.StructType():
            member = _members(type_).get(steps[0])
            return _kinds(member, steps[1:]) if member is not None else frozenset()
        case _:
            return frozenset()


def _members(struct: inspect.StructType) -> dict[str, inspect.Type]:
    left_out = NOT_TOLD if struct.cls is InvoiceDocument else frozenset[str]()
    return {field.encode_name: field.type for field in struct.fields if field.name not in left_out}


def _paths(type_: inspect.Type, path: str) -> Iterator[str]:
    match type_:
        case inspect.UnionType(types=types):
            for one in types:
                if not isinstance(one, inspect.NoneType):
                    yield from _paths(one, path)
        case inspect.ListType(item_type=entry):
            yield from _paths(entry, path + SOME)
        case inspect.StructType():
            for name, member in _members(type_).items():
                yield from _paths(member, f"{path}.{name}" if path else name)
        case _:
            yield path


def _kind(one: Condition) -> Kind:
    match one.equals:
        case None:
            return Kind.NULL
        case bool():
            return Kind.TRUTH
        case Decimal():
            return Kind.NUMBER
        case str():
            return Kind.TEXT


def _unknown(path: str, event_types: Sequence[str]) -> str:
    known = list(dict.fromkeys(found for event_type in event_types for found in paths(event_type)))
    # A forgotten `data.`, a list without its brackets: what is left is still the nearest by far.
    near = difflib.get_close_matches(path, known, n=1, cutoff=0.5)
    said = f"no {' or '.join(event_types)} event has {path!r:.60}, so none would be sent"
    return f"{said}; did you mean {near[0]}?" if near else f"{said}; GET /v1/event_types shows what they have"


def _never(one: Condition, event_type: str, kinds: Kinds) -> str:
    if Kind.LIST in kinds:
        return f"{one.field} of {event_type} is a list; write {one.field}[] and the name of a member of its entries"
    are = " or ".join(kind for kind in Kind if kind in kinds)
    if Kind.OBJECT in kinds:
        return f"{one.field} of {event_type} is {are}, which equals no value; name one of its members"
    return f"{one.field} of {event_type} is {are}, and never {_kind(one)}"
