"""What tests of Closebell, and of applications beside it, are made of: invoices, a clock and luck that obey.

Every builder gives a whole, valid value; what matters to a test is named, the rest has a default. Identifiers follow
from names, so the same name is the same record: `an_invoice("first")` is found again as `guid_of("invoice first")`.

>>> an_invoice("first", total=48800, paid=40000).transactions[0].amount_paid
40000
>>> an_invoice("first").id == guid_of("invoice first")
True
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select

from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.invoice import (
    Appointment,
    Centre,
    EmployeeTip,
    Guest,
    Invoice,
    Line,
    Tender,
    Transaction,
    TransactionState,
)
from closebell.domain.money import Currency, Minor
from closebell.domain.retry import RetryPolicy
from closebell.domain.signature import SECRET_BYTES, Secret, SignatureStyle
from closebell.store import centers, invoice_rows, tables

NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When tests happen unless they say otherwise: a Monday, and the same date in most of the world."""

_NAMES: Final = uuid.UUID("c105ebe1-1000-4000-8000-000000000000")


class FixedClock:
    """A clock that stands still until it is told to go on; with a `tick`, it goes on by itself at each look.

    >>> clock = FixedClock()
    >>> clock.advance(timedelta(minutes=5))
    >>> clock.now().isoformat()
    '2026-01-05T12:05:00+00:00'
    """

    def __init__(self, at: datetime = NOON, *, tick: timedelta = timedelta(0)) -> None:
        self._at = at
        self._tick = tick

    def now(self) -> datetime:
        """The instant it shows, aware, in UTC."""
        shown = self._at
        self._at += self._tick
        return shown

    def set(self, at: datetime) -> None:
        """Show this instant from now on; earlier than before is allowed, as it is with real clocks."""
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Go on by so much."""
        self._at += by


class SeededLuck:
    """Luck that repeats: the same seed gives the same identifiers, secrets and jitter in the same order."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 (to repeat is the point)

    def entropy(self, size: int) -> bytes:
        """That many bytes."""
        return self._random.randbytes(size)

    def guid(self) -> str:
        """A GUID in its wire spelling."""
        return str(uuid.UUID(bytes=self.entropy(16), version=4))

    def fraction(self) -> float:
        """A number from 0 up to and without 1."""
        return self._random.random()


def guid_of(name: str) -> str:
    """The identifier of whatever has this name; another name is another identifier."""
    return str(uuid.uuid5(_NAMES, name))


def a_centre(
    name: str = "Main Street",
    *,
    time_zone: str = "America/Los_Angeles",
    currency: str = "USD",
    receipt_prefix: str = "",
) -> Centre:
    """A centre, `guid_of("centre <name>")`."""
    return Centre(
        id=guid_of(f"centre {name}"),
        name=name,
        time_zone=time_zone,
        currency=Currency.of(currency),
        currency_id=148,
        receipt_prefix=receipt_prefix,
        invoice_prefix="I",
    )


def a_guest(name: str = "Ada Guest") -> Guest:
    """A guest, `guid_of("guest <name>")`."""
    first, _, last = name.partition(" ")
    mail = f"{first.lower()}@guests.example"
    return Guest(
        id=guid_of(f"guest {name}"),
        first_name=first,
        last_name=last,
        gender=0,
        code=f"G-{first}",
        mobile_phone="+1 206-555-0100",
        email=mail,
    )


def an_employee(name: str = "Ines") -> str:
    """The id of an employee, `guid_of("employee <name>")`; `put` stores those that invoices mention."""
    return guid_of(f"employee {name}")


def a_line(name: str = "Massage", *, final: Minor = 48800, tax: Minor = 0, sale_by_id: str | None = None) -> Line:
    """One thing sold for `final`, of which `tax` is tax."""
    return Line(
        id=guid_of(f"line {name}"),
        item_id=guid_of(f"item {name}"),
        name=name,
        type=0,
        code=name.upper()[:10],
        currency_id=148,
        sales=final - tax,
        tax=tax,
        final=final,
        discount=0,
        quantity=Decimal(1),
        sale_by_id=sale_by_id,
        therapist_name="",
    )


def an_appointment(name: str = "Massage", *, start_time: str = "2026-01-05T10:00:00") -> Appointment:
    """An hour that begins at this wall-clock time."""
    end_time = (datetime.fromisoformat(start_time) + timedelta(hours=1)).isoformat()
    return Appointment(
        id=guid_of(f"appointment {name}"),
        invoice_item_id=guid_of(f"line {name}"),
        service_name=name,
        service_id=guid_of(f"item {name}"),
        start_time=start_time,
        end_time=end_time,
        duration_minutes=60,
        has_add_ons=False,
        is_add_on=False,
        therapist_name="",
        therapist_id=None,
        is_recurring=False,
        appointment_type=0,
        therapist_request_type=0,
        room_name="",
        equipment_name="",
    )


def a_payment(
    amount: Minor = 48800,
    *,
    name: str = "payment",
    tip: Minor = 0,
    ssg: Minor = 0,
    fee: Minor = 0,
    tender: Tender = Tender.CUSTOM,
    state: TransactionState = TransactionState.SETTLED,
    centre: Centre | None = None,
) -> Transaction:
    """Money that was tendered: `amount` for what was sold, and tip, service charge and fee on top."""
    place = centre or a_centre()
    return Transaction(
        id=guid_of(f"transaction {name}"),
        tender=tender,
        state=state,
        option_id=guid_of(f"option {tender}"),
        payment_mode=3,
        payment_name=f"{tender}".replace("_", " ").capitalize(),
        card_number="",
        amount_paid=amount,
        tip_amount=tip,
        ssg_amount=ssg,
        fee_amount=fee,
        cash_back_amount=0,
        payment_date="2026-01-05T11:00:00",
        center_id=place.id,
        center_name=place.name,
    )


def an_invoice(
    name: str = "1",
    *,
    total: Minor = 48800,
    paid: Minor | None = None,
    centre: Centre | None = None,
    lines: Iterable[Line] | None = None,
    **fields: Any,
) -> Invoice:
    """An open invoice, `guid_of("invoice <name>")`: one line of `total` and, if `paid` is given, one payment.

    Shape: `lines` replace that line and decide the total. `fields` are further fields of Invoice, as they are.
    """
    place = centre or a_centre()
    sold = (a_line(final=total),) if lines is None else tuple(lines)
    net, tax = sum(line.sales for line in sold), sum(line.tax for line in sold)
    invoice = Invoice(
        id=guid_of(f"invoice {name}"),
        centre=place,
        guest=a_guest(),
        invoice_number=f"INV{name}",
        invoice_number_prefix=place.invoice_prefix,
        receipt_number="0",
        appointment_group_id=None,
        group_invoice_id=None,
        lock=False,
        is_refund=False,
        invoice_date="2026-01-05T09:00:00",
        net_price=net,
        tax=tax,
        rounding_adjustment=0,
        sum_total=net + tax,
        lines=sold,
        transactions=() if paid is None else (a_payment(paid, centre=place),),
    )
    return replace(invoice, **fields)


def a_paid_invoice(name: str = "1", *, total: Minor = 48800, **fields: Any) -> Invoice:
    """An open invoice that nothing keeps from being closed."""
    return an_invoice(name, total=total, paid=total, **fields)


def an_endpoint(
    name: str = "till",
    *,
    url: str = "https://receiver.example/hook",
    event_types: Iterable[str] = (INVOICE_CLOSED,),
    center_ids: Iterable[str] = (),
    **fields: Any,
) -> Endpoint:
    """An active endpoint, `guid_of("endpoint <name>")`; `endpoints.insert_one` stores it."""
    endpoint = Endpoint(
        id=guid_of(f"endpoint {name}"),
        name=name,
        description="",
        url=url,
        http_method=HttpMethod.POST,
        event_types=tuple(event_types),
        center_ids=tuple(center_ids),
        signature_styles=(SignatureStyle.STANDARD,),
        policy=RetryPolicy.STANDARD,
        state=EndpointState.ACTIVE,
        state_reason="",
        consecutive_failures=0,
        created_at=NOON,
        updated_at=NOON,
        secrets=(Secret.generate(uuid.uuid5(_NAMES, f"secret {name}").bytes * (SECRET_BYTES // 16)),),
    )
    return replace(endpoint, **fields)


def put(
    connection: Connection, *invoices: Invoice, employees: Iterable[str] = (), first_receipt_number: int = 1
) -> None:
    """Store these invoices, and the centres, guests, employees and items that they mention; and further employees.

    Shape: a unit of work for `Database.write`. An invoice with `closed_at` is stored as one imported closed.
    """
    for centre in {invoice.centre.id: invoice.centre for invoice in invoices}.values():
        if not centers.load(connection, [centre.id]):
            centers.insert_one(connection, centre, first_receipt_number=first_receipt_number, is_stub=False)
    _add_missing(connection, tables.guests, (_guest_row(i.guest) for i in invoices if i.guest is not None))
    mentioned = {*employees, *(id_ for invoice in invoices for id_ in _employees_of(invoice))}
    _add_missing(connection, tables.employees, map(_employee_row, sorted(mentioned)))
    _add_missing(connection, tables.catalog_items, (row for invoice in invoices for row in _item_rows(invoice)))
    invoice_rows.insert_many(
        connection, [invoice_rows.Imported(invoice=invoice, digest=b"test") for invoice in invoices], now=NOON
    )


def put_centre(connection: Connection, centre: Centre, *, first_receipt_number: int = 1) -> None:
    """Store a centre that no invoice mentions yet."""
    centers.insert_one(connection, centre, first_receipt_number=first_receipt_number, is_stub=False)


def snapshot(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, to say that nothing has changed: equal before and after."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for table in tables.metadata.sorted_tables
    }


def _add_missing(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    wanted = {row["id"]: row for row in rows}
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_(list(wanted)))).scalars())
    missing = [row for id_, row in wanted.items() if id_ not in known]
    if missing:
        connection.execute(insert(table), missing)


def _guest_row(guest: Guest) -> dict[str, Any]:
    return {**{name: getattr(guest, name) for name in guest.__slots__}, "center_id": None, "is_stub": False}


def _employee_row(employee_id: str) -> dict[str, Any]:
    return {"id": employee_id, "first_name": "Ines", "last_name": "Staff", "center_id": None, "is_stub": False}


def _employees_of(invoice: Invoice) -> set[str]:
    found = {invoice.closed_by_id, *(tip.employee_id for tip in invoice.employee_tips)}
    found |= {line.sale_by_id for line in invoice.lines}
    found |= {appointment.therapist_id for appointment in invoice.appointments}
    return {id_ for id_ in found if id_ is not None}


def _item_rows(invoice: Invoice) -> list[dict[str, Any]]:
    sold = [{"id": line.item_id, "name": line.name, "type": line.type, "code": line.code} for line in invoice.lines]
    booked = [
        {"id": booking.service_id, "name": booking.service_name, "type": 0, "code": ""}
        for booking in invoice.appointments
        if booking.service_id is not None
    ]
    return [*booked, *sold]


def a_tip(amount: Minor, *, employee: str = "Ines", transaction: str | None = None) -> EmployeeTip:
    """A tip assigned to an employee, out of the payment of this name."""
    out_of = None if transaction is None else guid_of(f"transaction {transaction}")
    return EmployeeTip(employee_id=an_employee(employee), amount=amount, transaction_id=out_of)
