"""The part of an import that concerns employees, guests, things sold and ways to pay: defined, or only referred to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from sqlalchemy import Connection

from closebell.domain import intake
from closebell.domain.center_book import CenterBook
from closebell.domain.intake_definitions import implied_center
from closebell.domain.invoice import Invoice, Tender
from closebell.domain.people import CatalogItem, CustomPayment, Employee, GuestEntry, named
from closebell.errors import Conflict
from closebell.store import directory
from closebell.store.directory import Kept

P = TypeVar("P", Employee, GuestEntry)


@dataclass(frozen=True, slots=True)
class Register(Generic[P]):
    """The employees or the guests of one import: what is known, and what is to be written."""

    known: dict[str, Kept[P]]
    created: dict[str, P]
    completed: dict[str, P]
    stubs: dict[str, P]

    @classmethod
    def over(cls, stored: dict[str, Kept[P]]) -> Register[P]:
        """A register with nothing to write yet."""
        return cls(dict(stored), {}, {}, {})

    def define(self, value: P) -> bool:
        """Take a definition; False when it says what is known already.

        Errors: Conflict naming the first field it contradicts, with both values.
        """
        kept = self.known.get(value.id)
        if kept is not None and not kept.is_stub:
            _must_agree(kept.value, value)
            return False
        (self.created if kept is None else self.completed)[value.id] = value
        self.known[value.id] = Kept(value, is_stub=False)
        return True

    def refer_to(self, value: P) -> None:
        """Note someone an invoice refers to; who is known stays as they are."""
        if value.id not in self.known:
            self.known[value.id] = Kept(value, is_stub=True)
            self.stubs[value.id] = value


def employees(connection: Connection, defined: Iterable[str], invoices: Sequence[Invoice]) -> Register[Employee]:
    """The employees that are defined or referred to, as stored; the references are noted by `refer_to_employees`."""
    return Register.over(directory.employees(connection, {*defined, *intake.employees_named(invoices)}))


def guests(connection: Connection, defined: Iterable[str], invoices: Sequence[Invoice]) -> Register[GuestEntry]:
    """The guests that are defined or referred to, as stored."""
    return Register.over(directory.guests(connection, {*defined, *(i.guest.id for i in invoices if i.guest)}))


def refer_to_employees(register: Register[Employee], invoices: Sequence[Invoice]) -> None:
    """Note every employee of the invoices, by the name they go by there."""
    for employee_id, (name, center_id) in intake.employees_named(invoices).items():
        first_name, last_name = named(name)
        register.refer_to(Employee(id=employee_id, first_name=first_name, last_name=last_name, center_id=center_id))


def refer_to_guests(register: Register[GuestEntry], invoices: Sequence[Invoice]) -> None:
    """Note every guest of the invoices."""
    for invoice in invoices:
        if invoice.guest is not None:
            register.refer_to(GuestEntry.of(invoice.guest, center_id=invoice.centre.id))


def write(
    connection: Connection,
    book: CenterBook,
    staff: Register[Employee],
    visitors: Register[GuestEntry],
    invoices: Sequence[Invoice],
) -> None:
    """Store everything that the invoices will refer to, one statement per table."""
    for person in (*staff.created.values(), *staff.completed.values()):
        _center_of(book, person.center_id)
    for visitor in (*visitors.created.values(), *visitors.completed.values()):
        _center_of(book, visitor.center_id)
    directory.insert_centers(connection, book.created)
    directory.rewrite_centers(connection, book.changed)
    directory.insert_employees(connection, [*staff.created.values()], is_stub=False)
    directory.insert_employees(connection, [*staff.stubs.values()], is_stub=True)
    directory.define_employees(connection, [*staff.completed.values()])
    directory.insert_guests(connection, [*visitors.created.values()], is_stub=False)
    directory.insert_guests(connection, [*visitors.stubs.values()], is_stub=True)
    directory.define_guests(connection, [*visitors.completed.values()])
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


def _must_agree(was: P, now: P) -> None:
    """Refuse a definition that differs from the one before."""
    for field in fields(was):
        before, after = getattr(was, field.name), getattr(now, field.name)
        if before != after:
            raise Conflict(f"{field.name} is {before!r} and would become {after!r}, but it was defined before")
