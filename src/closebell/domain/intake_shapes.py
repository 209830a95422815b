"""What an import may say, before anything is believed: shapes of centres, people and invoices, every key optional.

`null` counts as absent and unknown keys are ignored. Only types are checked here; `intake` judges the values.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


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
    organization_id: str | None = None
    code: str | None = None
    rounding_unit: Decimal | None = None
    ssg_rate: Decimal | None = None
    fee_rate: Decimal | None = None
    loyalty_cap_rate: Decimal | None = None
    allows_discounts: bool | None = None
    gstin: str | None = None


class EmployeeShape(Shape, frozen=True):
    """An employee, as an import defines one."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    center_id: str | None = None
    code: str | None = None
    is_active: bool | None = None


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
