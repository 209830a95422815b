"""JSON Schemas of the types that travel."""

from __future__ import annotations

from typing import Any, Final

import msgspec

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


def standing_alone(type_: Any) -> dict[str, Any]:
    """The schema of one type, which refers to nothing outside itself."""
    (schema,), components = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    name = schema["$ref"].rpartition("/")[2]
    whole = components.pop(name)
    return {"$schema": DIALECT, **exact(whole), "$defs": exact(components)}
