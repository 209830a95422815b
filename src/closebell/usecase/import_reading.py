"""Read the records of an import and say what became of each: how every kind of them is gone through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from closebell.domain import intake_reading
from closebell.domain.intake_reading import Record
from closebell.domain.intake_report import CONFLICT, INVALID, Kind, ReportRow, Result
from closebell.errors import Conflict, InvalidInput

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

Decision = tuple[Result, str]
"""What becomes of a record that was read, and what there is to say of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[T]):
    """A record that was read: its value, or why it has none."""

    index: int
    path: str
    id: str | None
    value: T | None = None
    error: InvalidInput | None = None


def read_all(records: Sequence[Record], shape: type[S], make: Callable[[S], T]) -> list[Read[T]]:
    """Every record in its shape, made into a value."""
    return [_read_one(index, record, shape, make) for index, record in enumerate(records)]


def _read_one(index: int, record: Record, shape: type[S], make: Callable[[S], T]) -> Read[T]:
    said_id: str | None = None
    try:
        said = intake_reading.read(shape, record)
        said_id = getattr(said, "id", None)
        return Read(index=index, path=record.path, id=said_id, value=make(said))
    except InvalidInput as error:
        return Read(index=index, path=record.path, id=said_id, error=at(record.path, error))


def at(path: str, error: InvalidInput) -> InvalidInput:
    """The error as seen from the whole body."""
    return error.under(path) if path else error


def values(read: Iterable[Read[T]]) -> list[T]:
    """The values of those that have one."""
    return [one.value for one in read if one.value is not None]


def decided(kind: Kind, read: Read[T], decide: Callable[[T], Decision]) -> ReportRow:
    """The row of a record: refused if it could not be read or `decide` raises Conflict or InvalidInput."""
    if read.value is None:
        return refused(kind, read.index, read.id, read.error)
    try:
        result, reason = decide(read.value)
    except InvalidInput as error:
        return refused(kind, read.index, read.id, at(read.path, error))
    except Conflict as error:
        return refused(kind, read.index, read.id, error)
    return ReportRow(kind=kind, index=read.index, id=read.id, result=result, reason=reason)


def must_not_be_erased(guest_id: str, erased: Collection[str]) -> None:
    """Refuse what would make somebody known again.

    Errors: Conflict.
    """
    if guest_id in erased:
        raise Conflict(f"guest {guest_id} was erased and stays so")


def refused(kind: Kind, index: int, record_id: str | None, error: Exception | None) -> ReportRow:
    """The row of a record that is not taken."""
    if isinstance(error, InvalidInput):
        code, field, reason = INVALID, error.field, error.problem
    else:
        code, field, reason = CONFLICT, "", str(error)
    return ReportRow(kind=kind, index=index, id=record_id, result=Result.REFUSED, code=code, field=field, reason=reason)
