"""Sell services: each becomes a line, and each that is booked an appointment too."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.identifiers import NO_GUID
from closebell.domain.invoice import Appointment, Invoice, ItemType, Line
from closebell.domain.sale import Booking, Staff, appointment_of, line_of, must_be_something, quantity
from closebell.errors import InvalidInput
from closebell.usecase.begin_invoice import seller, staff
from closebell.usecase.change_lines import Sold
from closebell.usecase.find_offers import Shelf, find_offers

SERVICES: Final = (ItemType.SERVICE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that somebody gets, as the request says it."""

    id: str | None
    quantity: Decimal | None = None
    sale_by_id: str | None = None
    therapist_id: str | None = None
    booking: Booking = field(default_factory=Booking)


@dataclass(frozen=True, slots=True)
class Services:
    """A basket of services."""

    services: tuple[Service, ...]

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line for each, and an appointment for each that has a start.

        Errors: InvalidInput naming the field; Refusal 502 Invalid quantity. and Invalid sale_by_employee_id.
        """
        must_be_something(self.services, "services")
        shelf = find_offers(connection, invoice.centre, (service.id for service in self.services))
        named = (id_ for service in self.services for id_ in (service.sale_by_id, service.therapist_id))
        known = staff(connection, named)
        booked = [
            _booked(service, f"services[{index}]", shelf, known, luck) for index, service in enumerate(self.services)
        ]
        return Sold(
            lines=tuple(line for line, _ in booked),
            appointments=tuple(appointment for _, appointment in booked if appointment is not None),
        )


def _booked(
    service: Service, where: str, shelf: Shelf, known: dict[str, Staff], luck: Luck
) -> tuple[Line, Appointment | None]:
    offer = shelf.offer(service.id, f"{where}.id", SERVICES, "a service")
    how_much = quantity(service.quantity, f"{where}.quantity")
    sold_by = seller(known, service.sale_by_id, f"{where}.sale_by_id")
    therapist = _therapist(known, service.therapist_id, f"{where}.therapist_id")
    line = line_of(
        offer,
        shelf.centre,
        line_id=luck.guid(),
        quantity=how_much,
        # Without an appointment only the line can tell who serves, and a tip by price must find them.
        seller=sold_by or (therapist if service.booking.start_time is None else None),
        name="" if therapist is None else therapist.name,
    )
    appointment = appointment_of(
        line,
        service.booking,
        appointment_id=luck.guid(),
        minutes=offer.item.duration_minutes,
        therapist=therapist,
        field=where,
    )
    return line, appointment


def _therapist(known: dict[str, Staff], said: str | None, where: str) -> Staff | None:
    if not said or said == NO_GUID:
        return None
    if said not in known:
        raise InvalidInput(where, f"{said!r:.60} is not an employee Closebell knows; import it first")
    return known[said]
