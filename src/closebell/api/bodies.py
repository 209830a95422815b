"""JSON bodies, decoded from their own bytes: exact amounts, and refusals that name the field.

The framework's own decoding of typed bodies goes through floats, which lose the cents of large amounts. Here each
type has one decoder, made once, that reads `Decimal` from the digits as they were written.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from closebell.domain.money import must_be_plainly_written
from closebell.errors import InvalidInput

T = TypeVar("T")

_AT: Final = re.compile(r"(?P<problem>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?\Z", re.DOTALL)
_EXPECTED: Final = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`\Z")
_REQUIRED: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`\Z")
_WORDS: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number with a decimal point",
    "decimal": "a decimal number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_ANYTHING: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The value that a JSON body spells.

    Errors: InvalidInput, on the field's path as the sender wrote it, or on no field when the body cannot be read.
    """
    if not body.strip():
        raise InvalidInput("", "The body is empty; send a JSON object.")
    try:
        if not body.isascii():
            body.decode()  # the decoder skips over unknown members without reading their text
        value = decoder.decode(body)
        must_be_plainly_written(body)
        if b"\\u0000" in body:
            _refuse_nul(_ANYTHING.decode(body))
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except UnicodeDecodeError:
        raise InvalidInput("", "The body is not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise InvalidInput("", f"The body is not JSON: {_told(str(error))}") from None
    except RecursionError:
        raise InvalidInput("", "The body is nested too deeply.") from None
    return value


def _told(problem: str) -> str:
    """The decoder's own sentence; half of a surrogate pair is no truncation, though it says so."""
    problem = problem.removeprefix("JSON is malformed: ")
    if problem == "Input data was truncated":
        return "it ends too early, or holds half of a \\u surrogate pair."
    return f"{problem}."


def _explained(told: str) -> InvalidInput:
    found = _AT.match(told)
    assert found is not None, "the expression takes any text"
    field, problem = (found["path"] or "").removeprefix("."), found["problem"]
    if missing := _REQUIRED.match(problem):
        return InvalidInput(missing["name"], "is missing").under(field) if field else _missing(missing["name"])
    if expected := _EXPECTED.match(problem):
        problem = f"must be {_in_words(expected['wanted'])}, not {_in_words(expected['got'])}"
        return InvalidInput(field, problem if field else f"The body {problem}.")
    problem = {
        "Invalid decimal string": "must be a decimal number such as 12.50",
        "Number out of range": "is a number beyond any amount",
        "Integer value out of range": "is a number beyond any amount",
    }.get(problem, problem[:1].lower() + problem[1:])
    return InvalidInput(field, problem if field else f"The body {problem}.")


def _missing(name: str) -> InvalidInput:
    return InvalidInput(name, "is missing")


def _in_words(types: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in types.split(" | "))


def _refuse_nul(document: Any) -> None:
    """No text of ours holds NUL: PostgreSQL cannot keep it, and no till means it."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        match value:
            case str() if "\0" in value:
                raise InvalidInput(path, "contains the character \\u0000, which no text has")
            case list():
                waiting.extend((f"{path}[{index}]", item) for index, item in enumerate(value))
            case dict():
                for key, item in value.items():
                    if "\0" in key:
                        raise InvalidInput(path, "has a name with the character \\u0000, which no text has")
                    waiting.append((f"{path}.{key}" if path else key, item))
            case _:
                pass
