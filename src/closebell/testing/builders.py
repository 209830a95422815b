"""Whole, valid values; what matters to a test is named, the rest has a default."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from closebell.domain.catalogue import Offer
from closebell.domain.endpoint import Endpoint, EndpointState, HttpMethod
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.invoice import (
    Appointment,
    Centre,
    EmployeeTip,
    Guest,
    Invoice,
    ItemType,
    Line,
    Tender,
    Transaction,
    TransactionState,
)
from closebell.domain.money import Currency, Minor
from closebell.domain.people import CatalogItem
from closebell.domain.pricing import Terms
from closebell.domain.retry import RetryPolicy
from closebell.domain.sealed import SealedSecret, SecretKind
from closebell.domain.signature import SECRET_BYTES, Secret, SignatureStyle
from closebell.testing.time_and_luck import NOON

_NAMES: Final = uuid.UUID("c105ebe1-1000-4000-8000-000000000000")


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
    """An active endpoint, `guid_of("endpoint <name>")`, that signs with `secret_of(name)`.

    `endpoints.insert_one` stores it; any vault opens its secret, as it is not sealed.
    """
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
        secrets=(stored_secret(secret_of(name)),),
    )
    return replace(endpoint, **fields)


def secret_of(name: str = "till") -> Secret:
    """What the endpoint of this name signs with."""
    return Secret.generate(uuid.uuid5(_NAMES, f"secret {name}").bytes * (SECRET_BYTES // 16))


def stored_secret(secret: Secret, *, position: int = 0) -> SealedSecret:
    """The secret as an older Closebell stored it: not sealed, so that any vault opens it."""
    return SealedSecret(position=position, kind=SecretKind.HMAC, text=secret.reveal(), created_at=NOON)


def an_item(name: str = "Massage", *, kind: ItemType = ItemType.SERVICE, **fields: Any) -> CatalogItem:
    """Something that can be sold, `guid_of("item <name>")`."""
    item = CatalogItem(id=guid_of(f"item {name}"), name=name, type=kind, code=name.upper()[:10])
    return replace(item, **fields)


def an_offer(
    name: str = "Massage",
    *,
    kind: ItemType = ItemType.SERVICE,
    price: Minor = 10000,
    tax_rate: str = "0",
    is_tax_included: bool = False,
    value: Minor | None = None,
    benefits: Iterable[tuple[str, int]] = (),
    **fields: Any,
) -> Offer:
    """The same at a price; `benefits` are the ids of services with units, `fields` further fields of the item."""
    terms = Terms(unit_price=price, tax_rate=Decimal(tax_rate), is_tax_included=is_tax_included)
    return Offer(item=an_item(name, kind=kind, **fields), terms=terms, value=value, benefits=tuple(benefits))


def a_tip(amount: Minor, *, employee: str = "Ines", transaction: str | None = None) -> EmployeeTip:
    """A tip assigned to an employee, out of the payment of this name."""
    out_of = None if transaction is None else guid_of(f"transaction {transaction}")
    return EmployeeTip(employee_id=an_employee(employee), amount=amount, transaction_id=out_of)
