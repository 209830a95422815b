"""Schemas whose properties say what they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec.inspect import DictType, ListType, Metadata, StructType, UnionType, VarTupleType, multi_type_info

from closebell.api.glossary import (
    access,
    catalogue,
    delivery,
    everywhere,
    guests,
    holdings,
    imports,
    invoices,
    legacy,
    payments,
    reports,
    selling,
)

PAGES: Final[tuple[Mapping[str, str], ...]] = (
    everywhere.WORDS,
    invoices.WORDS,
    selling.WORDS,
    payments.WORDS,
    legacy.WORDS,
    guests.WORDS,
    holdings.WORDS,
    catalogue.WORDS,
    reports.WORDS,
    delivery.WORDS,
    imports.WORDS,
    access.WORDS,
)
"""Every word, on the page of what it is about.

Shape: a key is the name of a property that means the same wherever it stands, or `Shape.name` for what it means on
       that shape and on those that inherit from it, which goes before the other.
"""
_WORDS: Final = dict(itertools.chain.from_iterable(page.items() for page in PAGES))


def described(components: Mapping[str, dict[str, Any]], types: Iterable[Any]) -> dict[str, Any]:
    """The components of these types, with a sentence at each property that has one."""
    shapes = _shapes(types)
    return {name: _described(schema, shapes) for name, schema in components.items()}


def _described(schema: dict[str, Any], shapes: Mapping[str, type]) -> dict[str, Any]:
    shape = shapes.get(schema.get("title", "").partition("[")[0])
    if shape is None or "properties" not in schema:
        return schema
    properties = {
        name: property_ if (sentence := _sentence(shape, name)) is None else {**property_, "description": sentence}
        for name, property_ in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _sentence(shape: type, name: str) -> str | None:
    keys = (*(f"{each.__name__}.{name}" for each in shape.__mro__), name)
    return next((_WORDS[key] for key in keys if key in _WORDS), None)


def _shapes(types: Iterable[Any]) -> dict[str, type]:
    """Every struct that these types are made of, by its name."""
    found: dict[str, type] = {}
    pending: list[Any] = list(multi_type_info(types))
    seen: set[Any] = set()
    while pending:
        match pending.pop():
            case StructType(cls=cls, fields=fields) if cls not in seen:
                seen.add(cls)
                shape: type[msgspec.Struct] = getattr(cls, "__origin__", cls)
                found[shape.__name__] = shape
                pending += (field.type for field in fields)
            case UnionType(types=inner):
                pending += inner
            case (
                ListType(item_type=inner)
                | VarTupleType(item_type=inner)
                | DictType(value_type=inner)
                | Metadata(type=inner)
            ):
                pending.append(inner)
    return found
