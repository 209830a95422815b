"""What an import may say, before anything is believed: shapes with every key optional, and how bytes become them.

`null` counts as absent and unknown keys are ignored. Only types are checked here; `intake` judges the values.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from closebell.domain.money import must_be_plainly_written
from closebell.errors import InvalidInput, TooLarge

S = TypeVar("S", bound=msgspec.Struct)

RECORDS_MAX = 100_000
"""Records of one kind in one import; a longer list would hold up other writers for minutes."""

_DIGITS_NORMALISED = 100
"""Numbers further from one than this are no amounts, and arithmetic on them overflows."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A JSON object whose keys are all optional; it holds no cycle, so the garbage collector need not look at it."""


class CenterShape(Shape, frozen=True):
    """A centre, as an import defines it."""

    id: str | None = None
    name: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    currency_id: int | None = None
    receipt_prefix: str | None = None
    next_receipt_number: int | None = None
    invoice_prefix: str | None = None


class EmployeeShape(Shape, frozen=True):
    """An employee, as an import defines one."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    center_id: str | None = None


class GuestShape(Shape, frozen=True):
    """A guest, defined by an import or carried by an invoice; the e-mail address has two keys."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    gender: int | None = None
    code: str | None = None
    mobile_phone: str | None = None
    email: str | None = None
    guest_email: str | None = None
    center_id: str | None = None


class TotalShape(Shape, frozen=True):
    """What the invoice comes to."""

    net_price: Decimal | None = None
    tax: Decimal | None = None
    rounding_adjustment: Decimal | None = None
    sum_total: Decimal | None = None


class PriceShape(Shape, frozen=True):
    """What a line comes to."""

    currency_id: int | None = None
    sales: Decimal | None = None
    tax: Decimal | None = None
    final: Decimal | None = None
    discount: Decimal | None = None


class LineShape(Shape, frozen=True):
    """One line; `id` is the catalogue item."""

    invoice_item_id: str | None = None
    id: str | None = None
    name: str | None = None
    type: int | None = None
    code: str | None = None
    price: PriceShape | None = None
    quantity: Decimal | None = None
    sale_by_id: str | None = None
    therapist_name: str | None = None


class AppointmentShape(Shape, frozen=True):
    """One appointment, with the wire's own spelling."""

    id: str | None = None
    invoice_item_id: str | None = None
    service_name: str | None = None
    service_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    serviceduration_in_miutes: int | None = None
    has_add_ons: bool | None = None
    is_add_on: bool | None = None
    therapist_name: str | None = None
    therapist_id: str | None = msgspec.field(default=None, name="TherapistId")
    is_recurring: bool | None = None
    appointment_type: int | None = None
    therapist_request_type: int | None = None
    room_name: str | None = None
    equipment_name: str | None = None


class PaymentOptionShape(Shape, frozen=True):
    """What a transaction was paid with."""

    id: str | None = None
    payment_mode: int | None = None
    payment_name: str | None = None
    card_number: str | None = None


class TransactionCenterShape(Shape, frozen=True):
    """Where a payment was taken."""

    id: str | None = None
    name: str | None = None


class TransactionShape(Shape, frozen=True):
    """One tender."""

    transaction_id: str | None = None
    payment_option: PaymentOptionShape | None = None
    total_amount_paid: Decimal | None = None
    amount_paid: Decimal | None = None
    tip_amount: Decimal | None = None
    ssg_amount: Decimal | None = None
    fee_amount: Decimal | None = None
    cash_back_amount: Decimal | None = None
    payment_date: str | None = None
    transaction_center: TransactionCenterShape | None = None
    state: str | None = None
    tender: str | None = None


class TipShape(Shape, frozen=True):
    """A tip, or part of one, assigned to an employee."""

    employee_id: str | None = None
    amount: Decimal | None = None
    transaction_id: str | None = None


class AdditionalFieldShape(Shape, frozen=True):
    """A named value beside the contract's own fields."""

    key: str | None = None
    value: str | None = None


class InvoiceShape(Shape, frozen=True):
    """An invoice in the wire's own keys, and those that only an import carries."""

    id: str | None = None
    invoice_number: str | None = None
    invoice_number_prefix: str | None = None
    receipt_number: str | None = None
    appointment_group_id: str | None = None
    group_invoice_id: str | None = None
    lock: bool | None = None
    is_closed: bool | None = None
    is_refund: bool | None = None
    invoice_date: str | None = None
    center_id: str | None = None
    total_price: TotalShape | None = None
    guest: GuestShape | None = None
    invoice_items: list[LineShape] | None = None
    appointments: list[AppointmentShape] | None = None
    transactions: list[TransactionShape] | None = None
    additional_fields: list[AdditionalFieldShape] | None = None
    ssg_amount: Decimal | None = None
    fee_amount: Decimal | None = None
    loyalty_cap_amount: Decimal | None = None
    employee_tips: list[TipShape] | None = None


class DataShape(Shape, frozen=True):
    """The `data` of an event's envelope."""

    invoice: InvoiceShape | None = None


class InvoiceElement(InvoiceShape, frozen=True):
    """An invoice as such, the body of a GET around it, or the envelope of an event around it."""

    invoice: InvoiceShape | None = None
    data: DataShape | None = None


_NULL = msgspec.Raw(b"null")


class _Body(Shape, frozen=True):
    """The whole body: lists whose elements are looked at one by one, or a captured document."""

    centers: list[msgspec.Raw] | None = None
    employees: list[msgspec.Raw] | None = None
    guests: list[msgspec.Raw] | None = None
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
    invoices: tuple[Record, ...] = ()


def split(body: bytes) -> Records:
    """The records in a body: its lists, or the one captured document that it is.

    Errors: InvalidInput when the body is no UTF-8, no JSON, nested too deep, or no object of such lists; TooLarge
            when a list is too long.
    """
    _must_be_utf8(body)
    said = _decoded(_Body, body)
    invoices = _listed("invoices", said.invoices)
    if any(bytes(raw) != b"null" for raw in (said.invoice, said.data, said.total_price, said.invoice_items)):
        invoices = (*invoices, Record("", msgspec.Raw(body)))
    elif said == _Body():
        _must_say_nothing(body)
    return Records(
        centers=_listed("centers", said.centers),
        employees=_listed("employees", said.employees),
        guests=_listed("guests", said.guests),
        invoices=invoices,
    )


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
        known = "centers, employees, guests or invoices"
        raise InvalidInput("", f"the body holds none of the lists {known}, and is no captured invoice or event either")


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
