"""JSON Schemas of the types that travel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from closebell.api.glossary.describing import described

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The version of JSON Schema that these are written in."""


def exact(schema: Any) -> Any:
    """Amounts travel as JSON numbers, though the type that keeps them exact would spell them as strings."""
    match schema:
        case {"type": "string", "format": "decimal"}:
            return {"type": "number"}
        case dict():
            return {key: exact(value) for key, value in schema.items()}
        case list():
            return [exact(value) for value in schema]
        case _:
            return schema


def schemas_of(types: Sequence[Any], *, ref_template: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The schema of each type, and the components that they refer to, whose properties say what they are."""
    schemas, components = msgspec.json.schema_components(types, ref_template=ref_template)
    return tuple(schemas), described(exact(components), types)


def standing_alone(type_: Any) -> dict[str, Any]:
    """The schema of one type, which refers to nothing outside itself."""
    (schema,), components = schemas_of([type_], ref_template="#/$defs/{name}")
    whole = components.pop(schema["$ref"].rpartition("/")[2])
    return {"$schema": DIALECT, **whole, "$defs": components}
