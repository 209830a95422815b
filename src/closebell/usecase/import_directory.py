"""The part of an import that concerns employees, guests, things sold and ways to pay: defined, or only referred to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from closebell.domain import intake
from closebell.domain.center_book import CenterBook
from closebell.domain.intake_definitions import EMPLOYEE_SETTINGS, EmployeeDefinition, implied_center
from closebell.domain.intake_difference import change
from closebell.domain.intake_report import Kind, ReportRow, Result
from closebell.domain.invoice import Invoice, Tender
from closebell.domain.people import CatalogItem, CustomPayment, Employee, GuestEntry, named
from closebell.errors import Conflict
from closebell.store import directory, erasures
from closebell.store.directory import Kept
from closebell.store.guests import index_guests
from closebell.usecase.import_reading import Decision, Read, decided, must_not_be_erased, values

P = TypeVar("P", Employee, GuestEntry)


@dataclass(frozen=True, slots=True)
class Register(Generic[P]):
    """The employees or the guests of one import: what is known, and what is to be written.

    Shape: `settings` names what may change of somebody who was defined before.
    """

    known: dict[str, Kept[P]]
    settings: AbstractSet[str] = frozenset()
    created: dict[str, P] = field(default_factory=dict)
    rewritten: dict[str, P] = field(default_factory=dict)
    stubs: dict[str, P] = field(default_factory=dict)

    def define(self, value: P, said: Mapping[str, Any]) -> Decision:
        """Take a definition; `said` are the settings in it.

        Errors: Conflict naming the first field it contradicts.
        """
        kept = self.known.get(value.id)
        if kept is None or kept.is_stub:
            return self._write(value, Result.CREATED)
        _must_agree(kept.value, value, but=self.settings)
        settled = replace(kept.value, **said)
        return (Result.UNCHANGED, "") if settled == kept.value else self._write(settled, Result.UPDATED)

    def refer_to(self, value: P) -> None:
        """Note someone an invoice refers to; who is known stays as they are."""
        if value.id not in self.known:
            self.known[value.id] = Kept(value, is_stub=True)
            self.stubs[value.id] = value

    def _write(self, value: P, result: Result) -> Decision:
        is_new = value.id not in self.known or value.id in self.created
        (self.created if is_new else self.rewritten)[value.id] = value
        self.known[value.id] = Kept(value, is_stub=False)
        return result, ""


def people(
    connection: Connection,
    book: CenterBook,
    employees: Sequence[Read[EmployeeDefinition]],
    guests: Sequence[Read[GuestEntry]],
    invoices: Sequence[Invoice],
) -> list[ReportRow]:
    """Decide and store employees and guests, and with them the centres, which are decided already."""
    staff = _staff(connection, [one.employee.id for one in values(employees)], invoices)
    rows = [decided(Kind.EMPLOYEE, one, lambda said: staff.define(said.employee, said.settings)) for one in employees]
    _refer_to_employees(staff, invoices)
    visitors = _visitors(connection, [one.id for one in values(guests)], invoices)
    erased = erasures.asked_for(connection, visitors.known)

    def visit(said: GuestEntry) -> Decision:
        must_not_be_erased(said.id, erased)
        return visitors.define(said, {})

    rows += [decided(Kind.GUEST, one, visit) for one in guests]
    _refer_to_guests(visitors, invoices)
    _write(connection, book, staff, visitors)
    return rows


def _staff(connection: Connection, defined: Iterable[str], invoices: Sequence[Invoice]) -> Register[Employee]:
    """The employees that are defined or referred to, as stored."""
    known = directory.employees(connection, {*defined, *intake.employees_named(invoices)})
    return Register(known, settings=EMPLOYEE_SETTINGS)


def _visitors(connection: Connection, defined: Iterable[str], invoices: Sequence[Invoice]) -> Register[GuestEntry]:
    """The guests that are defined or referred to, as stored."""
    return Register(directory.guests(connection, {*defined, *(i.guest.id for i in invoices if i.guest)}))


def _refer_to_employees(register: Register[Employee], invoices: Sequence[Invoice]) -> None:
    """Note every employee of the invoices, by the name they go by there."""
    for employee_id, (name, center_id) in intake.employees_named(invoices).items():
        first_name, last_name = named(name)
        register.refer_to(Employee(id=employee_id, first_name=first_name, last_name=last_name, center_id=center_id))


def _refer_to_guests(register: Register[GuestEntry], invoices: Sequence[Invoice]) -> None:
    """Note every guest of the invoices."""
    for invoice in invoices:
        if invoice.guest is not None:
            register.refer_to(GuestEntry.of(invoice.guest, center_id=invoice.centre.id))


def _write(connection: Connection, book: CenterBook, staff: Register[Employee], visitors: Register[GuestEntry]) -> None:
    """Store centres and people, one statement per table."""
    visiting = [*visitors.created.values(), *visitors.rewritten.values()]
    for employee in (*staff.created.values(), *staff.rewritten.values()):
        _center_of(book, employee.center_id)
    for guest in visiting:
        _center_of(book, guest.center_id)
    directory.insert_centers(connection, book.created)
    directory.rewrite_centers(connection, book.changed)
    directory.restart_receipts(connection, book.renumbered)
    directory.insert_employees(connection, [*staff.created.values()], is_stub=False)
    directory.insert_employees(connection, [*staff.stubs.values()], is_stub=True)
    directory.define_employees(connection, [*staff.rewritten.values()])
    directory.insert_guests(connection, [*visitors.created.values()], is_stub=False)
    directory.insert_guests(connection, [*visitors.stubs.values()], is_stub=True)
    directory.define_guests(connection, [*visitors.rewritten.values()])
    index_guests(connection, [*visiting, *visitors.stubs.values()])


def write_goods(connection: Connection, invoices: Sequence[Invoice]) -> None:
    """Store what the invoices sold, booked and were paid with, as far as nobody has defined it."""
    directory.insert_catalog_items(connection, _sold(invoices))
    directory.insert_custom_payments(connection, _ways_to_pay(invoices))


def _center_of(book: CenterBook, center_id: str | None) -> None:
    if center_id is not None:
        book.add_stub(implied_center(center_id))


def _sold(invoices: Iterable[Invoice]) -> list[CatalogItem]:
    """What the invoices sold or booked, as the first line that names it does."""
    found: dict[str, CatalogItem] = {}
    for invoice in invoices:
        for line in invoice.lines:
            if line.item_id not in found:
                found[line.item_id] = CatalogItem(id=line.item_id, name=line.name, type=line.type, code=line.code)
        for booked in invoice.appointments:
            if booked.service_id is not None and booked.service_id not in found:
                found[booked.service_id] = CatalogItem(id=booked.service_id, name=booked.service_name)
    return list(found.values())


def _ways_to_pay(invoices: Iterable[Invoice]) -> list[CustomPayment]:
    return list(
        {
            paid.option_id: CustomPayment(id=paid.option_id, name=paid.payment_name)
            for invoice in invoices
            for paid in invoice.transactions
            if paid.option_id is not None and paid.tender is Tender.CUSTOM
        }.values()
    )


def _must_agree(was: P, now: P, *, but: AbstractSet[str]) -> None:
    """Refuse a definition that differs from the one before, save for what may change."""
    for one in fields(was):
        before, after = getattr(was, one.name), getattr(now, one.name)
        if before != after and one.name not in but:
            raise Conflict(f"{change(one.name, before, after)}, but it was defined before")
