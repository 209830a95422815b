"""Import records: centres, people, what is sold and held, and invoices, open or closed elsewhere.

Every record is decided by itself, before anything of it is written: one that is refused leaves nothing behind, not
even what only it referred to, and stops none of the others. What is imported twice is there once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from closebell.domain import intake, intake_definitions, intake_reading
from closebell.domain.center_book import CenterBook
from closebell.domain.intake_definitions import CenterDefinition, EmployeeDefinition
from closebell.domain.intake_difference import first_difference
from closebell.domain.intake_reading import Record, Records
from closebell.domain.intake_report import ImportReport, Kind, ReportRow, Result
from closebell.domain.intake_shapes import CenterShape, EmployeeShape, GuestShape, InvoiceShape
from closebell.domain.invoice import Invoice
from closebell.domain.people import GuestEntry
from closebell.errors import Conflict, InvalidInput
from closebell.store import centers, directory, erasures, invoice_rows, invoices, personal_data
from closebell.store.invoice_rows import Imported
from closebell.usecase import import_accounts, import_catalogue, import_directory
from closebell.usecase.import_reading import Read, at, decided, read_all, refused, values


def decode(body: bytes) -> Records:
    """The records in a body: lists of them, or one captured document.

    Errors: InvalidInput when the body as a whole is no such thing, TooLarge when a list is too long; what is wrong
            inside one record concerns only that record, and is reported by `import_records`.
    """
    return intake_reading.split(body)


def import_records(connection: Connection, records: Records, *, as_open: bool, now: datetime) -> ImportReport:
    """Store what is new and sound among the records, and say what became of each.

    Shape:  an invoice that says `is_closed` is stored as closed elsewhere, at `now`, without an event and without a
            receipt of ours; with `as_open` it is stored as open.
    Errors: none of a record's own, which are rows of the report.
    """
    directory.lock_imports(connection)
    defined_centers = read_all(records.centers, CenterShape, intake_definitions.center)
    employees = read_all(records.employees, EmployeeShape, intake_definitions.employee)
    guests = read_all(records.guests, GuestShape, intake_definitions.guest_entry)
    sales = [_read_invoice(index, record) for index, record in enumerate(records.invoices)]

    book = _book(connection, defined_centers, employees, guests, sales)
    rows = [decided(Kind.CENTER, one, lambda centre: (book.define(centre), "")) for one in defined_centers]
    sold = _Sales(connection, book, sales, as_open=as_open, now=now)
    sold_rows = sold.explain([sold.decide(one) for one in sales])
    accepted = [one.invoice for one in sold.accepted]

    rows += import_directory.people(connection, book, employees, guests, accepted)
    rows += import_catalogue.catalogue(connection, records)
    rows += import_accounts.holdings(connection, records, now=now)
    import_directory.write_goods(connection, accepted)
    sold_rows = _insert(connection, sold.accepted, sold_rows, now=now)
    centers.pass_invoice_numbers(connection, _numbers(accepted))
    return ImportReport((*rows, *sold_rows))


# --- reading -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """An invoice that was read but not judged yet."""

    path: str
    said: InvoiceShape
    id: str
    center_id: str


def _read_invoice(index: int, record: Record) -> Read[_Sale]:
    try:
        path, said = intake_reading.read_invoice(record)
    except InvalidInput as error:
        return Read(index=index, path=record.path, id=None, error=at(record.path, error))
    try:
        invoice_id, center_id = intake.identity(said)
    except InvalidInput as error:
        return Read(index=index, path=path, id=said.id, error=at(path, error))
    sale = _Sale(path=path, said=said, id=invoice_id, center_id=center_id)
    return Read(index=index, path=path, id=said.id, value=sale)


# --- deciding ----------------------------------------------------------------------------------------------------


def _book(
    connection: Connection,
    centers: Sequence[Read[CenterDefinition]],
    employees: Sequence[Read[EmployeeDefinition]],
    guests: Sequence[Read[GuestEntry]],
    sales: Sequence[Read[_Sale]],
) -> CenterBook:
    """Every centre that the import touches, as stored."""
    defined = {one.centre.id: one for one in values(centers)}
    referred = {sale.center_id for sale in values(sales)}
    people = [one.employee for one in values(employees)], values(guests)
    referred |= {person.center_id for group in people for person in group if person.center_id is not None}
    stored = directory.center_entries(connection, {*defined, *referred})
    unsettled = [
        center_id
        for center_id, entry in stored.items()
        if center_id in defined and (entry.is_stub or entry.first != defined[center_id].next_receipt_number)
    ]
    return CenterBook(stored, directory.receipts_brought_along(connection, unsettled))


TEXTS_OF_ERASED: Final = "additional fields and digits of cards are left out: the guest was erased"
"""What the report says of an invoice of which only what is needed was taken."""


def _insert(
    connection: Connection, imported: Sequence[Imported], rows: list[ReportRow], *, now: datetime
) -> list[ReportRow]:
    """Store the invoices, those of erased guests without texts; the rows of all, where theirs say so."""
    guests = {one.invoice.id: one.invoice.guest.id for one in imported if one.invoice.guest is not None}
    erased = erasures.asked_for(connection, guests.values())
    theirs = {invoice_id for invoice_id, guest_id in guests.items() if guest_id in erased}
    stored = [replace(one, invoice=_bare(one.invoice)) if one.invoice.id in theirs else one for one in imported]
    invoice_rows.insert_many(connection, stored, now=now)
    for guest_id in sorted(erased):
        personal_data.forget_groups(connection, guest_id)
    taken = iter(imported)
    return [
        replace(row, reason="; ".join(filter(None, (row.reason, TEXTS_OF_ERASED))))
        if row.result is Result.CREATED and next(taken).invoice.id in theirs
        else row
        for row in rows
    ]


def _bare(invoice: Invoice) -> Invoice:
    transactions = tuple(replace(one, card_number="") for one in invoice.transactions)
    return replace(invoice, additional_fields=(), transactions=transactions)


_COUNTER_DIGITS_MAX = 17
"""A longer number is beyond what a counter of ours will come to."""


def _numbers(accepted: Iterable[Invoice]) -> dict[str, int]:
    """The highest invoice number that is a plain number, by centre."""
    found: dict[str, int] = {}
    for one in accepted:
        number = one.invoice_number
        if number.isascii() and number.isdigit() and len(number) <= _COUNTER_DIGITS_MAX:
            found[one.centre.id] = max(found.get(one.centre.id, 0), int(number))
    return found


class _Sales:
    """Decides the invoices of one import, in order."""

    def __init__(
        self, connection: Connection, book: CenterBook, sales: Sequence[Read[_Sale]], *, as_open: bool, now: datetime
    ) -> None:
        self.accepted: list[Imported] = []
        self._connection = connection
        self._book = book
        self._as_open = as_open
        self._closed_at = None if as_open else now
        self._known = invoice_rows.import_digests(connection, {sale.id for sale in values(sales)})
        self._differing: dict[int, Invoice] = {}
        self._erased: frozenset[str] = frozenset()

    def decide(self, read: Read[_Sale]) -> ReportRow:
        """Accept the invoice, find that it is there already, or refuse it."""
        if (sale := read.value) is None:
            return refused(Kind.INVOICE, read.index, read.id, read.error)
        digest = intake_reading.digest(sale.said, as_open=self._as_open)
        if digest == self._known.get(sale.id):
            return ReportRow(kind=Kind.INVOICE, index=read.index, id=read.id, result=Result.UNCHANGED)
        try:
            invoice = self._judged(sale)
            if sale.id in self._known:
                self._differing[read.index] = invoice
                raise Conflict("already exists")  # noqa: TRY301 (`explain` tells how it differs)
            self._book.admit(invoice)
        except InvalidInput as error:
            return refused(Kind.INVOICE, read.index, read.id, at(sale.path, error))
        except Conflict as error:
            return refused(Kind.INVOICE, read.index, read.id, error)
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
        guests = {one.guest.id for one in there.values() if one.guest is not None}
        self._erased = erasures.asked_for(self._connection, guests)
        return [
            replace(row, reason=self._difference(there, said)) if (said := self._differing.get(row.index)) else row
            for row in rows
        ]

    def _difference(self, there: dict[str, Invoice], said: Invoice) -> str:
        if self._known[said.id] is None:
            return "already exists and was made here, not imported"
        guest = there[said.id].guest
        if guest is not None and guest.id in self._erased:
            return "already exists and differs, and its guest was erased since"
        return f"already exists and differs: {first_difference(there[said.id], said)}"

    def _judged(self, sale: _Sale) -> Invoice:
        currency = intake.currency(sale.said)
        implied = intake_definitions.centre_of(sale.said, sale.center_id, currency=currency)
        centre = self._book.for_invoice(implied, says_currency=currency is not None)
        return intake.invoice(sale.said, centre=centre, closed_at=self._closed_at)
