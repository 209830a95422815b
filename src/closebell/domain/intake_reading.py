"""How the bytes of an import become records, and each record a shape; all that is wrong is said by its path."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from closebell.domain.intake_report import Kind
from closebell.domain.intake_shapes import InvoiceElement, InvoiceShape, Shape
from closebell.domain.money import must_be_plainly_written
from closebell.errors import InvalidInput, TooLarge

S = TypeVar("S", bound=msgspec.Struct)

RECORDS_MAX = 100_000
"""Records of one kind in one import; a longer list would hold up other writers for minutes."""

_DIGITS_NORMALISED = 100
"""Numbers further from one than this are no amounts, and arithmetic on them overflows."""

_NULL = msgspec.Raw(b"null")


class _Body(Shape, frozen=True):
    """The whole body: lists whose elements are looked at one by one, or a captured document."""

    centers: list[msgspec.Raw] | None = None
    employees: list[msgspec.Raw] | None = None
    guests: list[msgspec.Raw] | None = None
    items: list[msgspec.Raw] | None = None
    campaigns: list[msgspec.Raw] | None = None
    loyalty_programs: list[msgspec.Raw] | None = None
    custom_payments: list[msgspec.Raw] | None = None
    accounts: list[msgspec.Raw] | None = None
    saved_cards: list[msgspec.Raw] | None = None
    group_invoices: list[msgspec.Raw] | None = None
    invoices: list[msgspec.Raw] | None = None
    invoice: msgspec.Raw = _NULL
    data: msgspec.Raw = _NULL
    total_price: msgspec.Raw = _NULL
    invoice_items: msgspec.Raw = _NULL


@dataclass(frozen=True, slots=True)
class Record:
    """One element of a body, not yet looked at; `path` is where the sender wrote it."""

    path: str
    raw: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Everything one import says, in the order it says it."""

    centers: tuple[Record, ...] = ()
    employees: tuple[Record, ...] = ()
    guests: tuple[Record, ...] = ()
    items: tuple[Record, ...] = ()
    campaigns: tuple[Record, ...] = ()
    loyalty_programs: tuple[Record, ...] = ()
    custom_payments: tuple[Record, ...] = ()
    accounts: tuple[Record, ...] = ()
    saved_cards: tuple[Record, ...] = ()
    group_invoices: tuple[Record, ...] = ()
    invoices: tuple[Record, ...] = ()

    def of(self, kind: Kind) -> tuple[Record, ...]:
        """Those of one kind."""
        found: tuple[Record, ...] = getattr(self, f"{kind}s")
        return found


def split(body: bytes) -> Records:
    """The records in a body: its lists, or the one captured document that it is.

    Errors: InvalidInput when the body is no UTF-8, no JSON, nested too deep, or no object of such lists; TooLarge
            when a list is too long.
    """
    _must_be_utf8(body)
    said = _decoded(_Body, body)
    listed = {f"{kind}s": _listed(f"{kind}s", getattr(said, f"{kind}s")) for kind in Kind}
    if any(bytes(raw) != b"null" for raw in (said.invoice, said.data, said.total_price, said.invoice_items)):
        listed["invoices"] += (Record("", msgspec.Raw(body)),)
    elif said == _Body():
        _must_say_nothing(body)
    return Records(**listed)


def read(shape: type[S], record: Record) -> S:
    """The record in this shape.

    Errors: InvalidInput whose field is the path from the record on.
    """
    decoded = _decoded(shape, record.raw)
    must_be_plainly_written(bytes(record.raw))
    return decoded


def read_invoice(record: Record) -> tuple[str, InvoiceShape]:
    """The invoice inside whatever is wrapped around it, and the path that leads to it from the body."""
    element = read(InvoiceElement, record)
    if element.data is not None:
        if element.data.invoice is None:
            raise InvalidInput("data.invoice", "is missing; an envelope is imported for the invoice inside it")
        return _joined(record.path, "data.invoice"), element.data.invoice
    if element.invoice is not None:
        return _joined(record.path, "invoice"), element.invoice
    return record.path, element


def digest(said: InvoiceShape, *, as_open: bool) -> bytes:
    """What tells an invoice that says the same from one that says something else.

    Shape: SHA-256 over the known keys that say anything, so spacing, order, `null` and the spelling of a number
           make no difference, nor does a later release that knows more keys.
    """
    values: Any = msgspec.to_builtins(said, builtin_types=(Decimal,))
    values.pop("invoice", None)
    values.pop("data", None)
    text = json.dumps([as_open, values], sort_keys=True, separators=(",", ":"), default=_number)
    return hashlib.sha256(text.encode()).digest()


def _number(value: Decimal) -> str:
    if not value:
        return "0"
    ordinary = value.is_finite() and abs(value.adjusted()) <= _DIGITS_NORMALISED
    return str(value.normalize()) if ordinary else str(value)


def _joined(path: str, inner: str) -> str:
    return f"{path}.{inner}" if path else inner


def _listed(name: str, raws: list[msgspec.Raw] | None) -> tuple[Record, ...]:
    if raws is not None and len(raws) > RECORDS_MAX:
        raise TooLarge(f"{name} has {len(raws)} records; one import takes at most {RECORDS_MAX} of a kind")
    return tuple(Record(f"{name}[{index}]", raw) for index, raw in enumerate(raws or ()))


def _must_say_nothing(body: bytes) -> None:
    """An empty body is an empty import; one whose every key is unknown is a mistake, and not a silent one."""
    keys = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if keys and not keys.keys() & set(_Body.__struct_fields__):
        known = ", ".join(f"{kind}s" for kind in Kind)
        raise InvalidInput("", f"the body holds none of the lists {known}; and it is no captured invoice or event")


def _must_be_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("", f"the body is not UTF-8: {error.reason} at byte {error.start}") from None


@functools.cache
def _decoder(shape: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(shape)


def _decoded(shape: type[S], json_bytes: bytes | msgspec.Raw) -> S:
    try:
        decoded: S = _decoder(shape).decode(json_bytes)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = str(error).removeprefix("JSON is malformed: ")
        where = "" if "byte" in text else f" at byte {len(memoryview(json_bytes))}"
        raise InvalidInput("", f"the body is not JSON: {text}{where}") from None
    except RecursionError:
        raise InvalidInput("", "the body is nested too deep") from None
    return decoded


_COMPLAINT = re.compile(r"(?P<text>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<expected>[^`]*)`, got `(?P<got>[^`]*)`")
_TYPE_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def _wrong_type(complaint: str) -> InvalidInput:
    """The decoder's complaint in our words, with the path as the sender wrote it.

    >>> print(_wrong_type("Expected `str | null`, got `int` - at `$.guest.code`"))
    guest.code: expected a string, got an integer
    """
    parts = _COMPLAINT.fullmatch(complaint)
    assert parts is not None, "the pattern fits any text"
    text = parts["text"]
    if match := _EXPECTED.fullmatch(text):
        expected = match["expected"].removesuffix(" | null")
        got = match["got"]
        text = f"expected {_TYPE_NAMES.get(expected, expected)}, got {_TYPE_NAMES.get(got, got)}"
    return InvalidInput(parts["path"] or "", text)
