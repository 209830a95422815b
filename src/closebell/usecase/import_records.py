"""Import records: centres, employees, guests, and invoices with all they refer to, open or closed elsewhere.

Every record is decided by itself, before anything of it is written: one that is refused leaves nothing behind, not
even what only it referred to, and stops none of the others. What is imported twice is there once.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection

from closebell.domain import intake, intake_definitions, intake_shapes
from closebell.domain.center_book import CenterBook
from closebell.domain.intake_definitions import CenterDefinition
from closebell.domain.intake_difference import first_difference
from closebell.domain.intake_shapes import CenterShape, EmployeeShape, GuestShape, InvoiceShape, Record, Records
from closebell.domain.invoice import Invoice
from closebell.domain.people import Employee, GuestEntry
from closebell.errors import Conflict, InvalidInput
from closebell.store import directory, invoice_rows, invoices
from closebell.store.invoice_rows import Imported
from closebell.usecase import import_directory

T = TypeVar("T")
S = TypeVar("S", CenterShape, EmployeeShape, GuestShape)


class Kind(enum.StrEnum):
    """What a record is."""

    CENTER = "center"
    EMPLOYEE = "employee"
    GUEST = "guest"
    INVOICE = "invoice"


class Result(enum.StrEnum):
    """What became of a record."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


INVALID = "invalid_input"
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What became of one record.

    Shape: `index` is its place in its list; `id` is as the sender wrote it, None when it could not be read; `code`
           is None unless refused; `field` is the path of what is wrong, empty when no single value is. `reason` says
           why it was refused, or what was taken for granted when it was created.
    """

    kind: Kind
    index: int
    id: str | None
    result: Result
    code: str | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every record: centres, employees, guests, invoices, each in the order they were sent."""

    rows: tuple[ReportRow, ...]

    def count(self, result: Result) -> int:
        """How many records ended so."""
        return sum(row.result is result for row in self.rows)

    @property
    def counts(self) -> dict[Kind, dict[Result, int]]:
        """How many records of each kind ended how; every kind and every result is there."""
        found = Counter((row.kind, row.result) for row in self.rows)
        return {kind: {result: found[kind, result] for result in Result} for kind in Kind}


def decode(body: bytes) -> Records:
    """The records in a body: lists of them, or one captured document.

    Errors: InvalidInput when the body as a whole is no such thing, TooLarge when a list is too long; what is wrong
            inside one record concerns only that record, and is reported by `import_records`.
    """
    return intake_shapes.split(body)


def import_records(connection: Connection, records: Records, *, as_open: bool, now: datetime) -> ImportReport:
    """Store what is new and sound among the records, and say what became of each.

    Shape:  an invoice that says `is_closed` is stored as closed elsewhere, at `now`, without an event and without a
            receipt of ours; with `as_open` it is stored as open.
    Errors: none of a record's own, which are rows of the report.
    """
    directory.lock_imports(connection)
    centers = _read_all(records.centers, CenterShape, intake_definitions.center)
    employees = _read_all(records.employees, EmployeeShape, intake_definitions.employee)
    guests = _read_all(records.guests, GuestShape, intake_definitions.guest_entry)
    sales = [_read_invoice(index, record) for index, record in enumerate(records.invoices)]

    book = _book(connection, centers, employees, guests, sales)
    rows = [_defined(Kind.CENTER, one, book.define) for one in centers]
    sold = _Sales(connection, book, sales, as_open=as_open, now=now)
    sold_rows = [sold.decide(one) for one in sales]
    sold_rows = sold.explain(sold_rows)
    accepted = [one.invoice for one in sold.accepted]

    staff = import_directory.employees(connection, _ids(employees), accepted)
    rows += [_defined(Kind.EMPLOYEE, one, staff.define) for one in employees]
    import_directory.refer_to_employees(staff, accepted)
    visitors = import_directory.guests(connection, _ids(guests), accepted)
    rows += [_defined(Kind.GUEST, one, visitors.define) for one in guests]
    import_directory.refer_to_guests(visitors, accepted)

    import_directory.write(connection, book, staff, visitors, accepted)
    invoice_rows.insert_many(connection, sold.accepted, now=now)
    return ImportReport((*rows, *sold_rows))


# --- reading -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read(Generic[T]):
    """A record that was read: its value, or why it has none."""

    index: int
    id: str | None
    value: T | None = None
    error: InvalidInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """An invoice that was read but not judged yet."""

    path: str
    said: InvoiceShape
    id: str
    center_id: str


def _read_all(records: Sequence[Record], shape: type[S], make: Callable[[S], T]) -> list[_Read[T]]:
    return [_read_one(index, record, shape, make) for index, record in enumerate(records)]


def _read_one(index: int, record: Record, shape: type[S], make: Callable[[S], T]) -> _Read[T]:
    said_id = None
    try:
        said = intake_shapes.read(shape, record)
        said_id = said.id
        return _Read(index=index, id=said_id, value=make(said))
    except InvalidInput as error:
        return _Read(index=index, id=said_id, error=_at(record.path, error))


def _read_invoice(index: int, record: Record) -> _Read[_Sale]:
    try:
        path, said = intake_shapes.read_invoice(record)
    except InvalidInput as error:
        return _Read(index=index, id=None, error=_at(record.path, error))
    try:
        invoice_id, center_id = intake.identity(said)
    except InvalidInput as error:
        return _Read(index=index, id=said.id, error=_at(path, error))
    return _Read(index=index, id=said.id, value=_Sale(path=path, said=said, id=invoice_id, center_id=center_id))


def _at(path: str, error: InvalidInput) -> InvalidInput:
    return error.under(path) if path else error


def _values(read: Iterable[_Read[T]]) -> list[T]:
    return [one.value for one in read if one.value is not None]


def _ids(read: Iterable[_Read[Employee]] | Iterable[_Read[GuestEntry]]) -> list[str]:
    return [one.value.id for one in read if one.value is not None]


# --- deciding ----------------------------------------------------------------------------------------------------


def _book(
    connection: Connection,
    centers: Sequence[_Read[CenterDefinition]],
    employees: Sequence[_Read[Employee]],
    guests: Sequence[_Read[GuestEntry]],
    sales: Sequence[_Read[_Sale]],
) -> CenterBook:
    """Every centre that the import touches, as stored."""
    defined = {one.centre.id: one for one in _values(centers)}
    referred = {sale.center_id for sale in _values(sales)}
    referred |= {person.center_id for person in _values(employees) if person.center_id is not None}
    referred |= {visitor.center_id for visitor in _values(guests) if visitor.center_id is not None}
    stored = directory.center_entries(connection, {*defined, *referred})
    unsettled = [
        center_id
        for center_id, entry in stored.items()
        if center_id in defined and (entry.is_stub or entry.first != defined[center_id].next_receipt_number)
    ]
    return CenterBook(stored, directory.receipts_brought_along(connection, unsettled))


def _defined(kind: Kind, read: _Read[T], define: Callable[[T], bool]) -> ReportRow:
    """The row of a record that defines something."""
    if read.value is None:
        return _refused(kind, read.index, read.id, read.error)
    try:
        result = Result.CREATED if define(read.value) else Result.UNCHANGED
    except Conflict as error:
        return _refused(kind, read.index, read.id, error)
    return ReportRow(kind=kind, index=read.index, id=read.id, result=result)


def _refused(kind: Kind, index: int, record_id: str | None, error: Exception | None) -> ReportRow:
    if isinstance(error, InvalidInput):
        code, field, reason = INVALID, error.field, error.problem
    else:
        code, field, reason = CONFLICT, "", str(error)
    return ReportRow(kind=kind, index=index, id=record_id, result=Result.REFUSED, code=code, field=field, reason=reason)


class _Sales:
    """Decides the invoices of one import, in order."""

    def __init__(
        self, connection: Connection, book: CenterBook, sales: Sequence[_Read[_Sale]], *, as_open: bool, now: datetime
    ) -> None:
        self.accepted: list[Imported] = []
        self._connection = connection
        self._book = book
        self._as_open = as_open
        self._closed_at = None if as_open else now
        self._known = invoice_rows.import_digests(connection, {sale.id for sale in _values(sales)})
        self._differing: dict[int, Invoice] = {}

    def decide(self, read: _Read[_Sale]) -> ReportRow:
        """Accept the invoice, find that it is there already, or refuse it."""
        if (sale := read.value) is None:
            return _refused(Kind.INVOICE, read.index, read.id, read.error)
        digest = intake_shapes.digest(sale.said, as_open=self._as_open)
        if digest == self._known.get(sale.id):
            return ReportRow(kind=Kind.INVOICE, index=read.index, id=read.id, result=Result.UNCHANGED)
        try:
            invoice = self._judged(sale)
            if sale.id in self._known:
                self._differing[read.index] = invoice
                raise Conflict("already exists")  # noqa: TRY301 (`explain` tells how it differs)
            self._book.admit(invoice)
        except InvalidInput as error:
            return _refused(Kind.INVOICE, read.index, read.id, _at(sale.path, error))
        except Conflict as error:
            return _refused(Kind.INVOICE, read.index, read.id, error)
        self._known[sale.id] = digest
        self.accepted.append(Imported(invoice=invoice, digest=digest))
        return ReportRow(
            kind=Kind.INVOICE, index=read.index, id=read.id, result=Result.CREATED, reason=self._assumed(sale)
        )

    def _assumed(self, sale: _Sale) -> str:
        """What was taken for granted about a centre that nobody has defined."""
        entry = self._book.find(sale.center_id)
        if entry is None or not entry.is_stub or intake.currency(sale.said) is not None:
            return ""
        centre = entry.centre
        return (
            f"centre {centre.id} is not defined: its currency is taken to be {centre.currency.code}, which cannot be "
            "changed now; define centres before their invoices"
        )

    def explain(self, rows: list[ReportRow]) -> list[ReportRow]:
        """The rows, where those that contradict an invoice that is there already say how."""
        if not self._differing:
            return rows
        there = {one.invoice.id: one.invoice for one in self.accepted}
        there |= invoices.load(self._connection, {i.id for i in self._differing.values() if i.id not in there})
        return [
            replace(row, reason=self._difference(there, said)) if (said := self._differing.get(row.index)) else row
            for row in rows
        ]

    def _difference(self, there: dict[str, Invoice], said: Invoice) -> str:
        if self._known[said.id] is None:
            return "already exists and was made here, not imported"
        return f"already exists and differs: {first_difference(there[said.id], said)}"

    def _judged(self, sale: _Sale) -> Invoice:
        currency = intake.currency(sale.said)
        implied = intake_definitions.centre_of(sale.said, sale.center_id, currency=currency)
        centre = self._book.for_invoice(implied, says_currency=currency is not None)
        return intake.invoice(sale.said, centre=centre, closed_at=self._closed_at)
