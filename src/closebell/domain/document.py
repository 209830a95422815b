"""The invoice exactly as the wire shows it, to readers of the API and to receivers of events alike.

The typos and the mixed case are the wire's own. Amounts are exact decimals in major units.
Source: public page "retrieve-invoice-details" and the public Invoice.Closed sample; docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from closebell.domain.invoice import Appointment, Guest, Invoice, Line, Transaction
from closebell.domain.money import Currency
from closebell.domain.redemption import Redemption, redemptions


class TotalPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What the invoice comes to; `currency_id` is 0 as in the public sample."""

    currency_id: int
    net_price: Decimal
    tax: Decimal
    rounding_adjustment: Decimal
    sum_total: Decimal


class GuestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The guest; the e-mail address stands under both keys that receivers read."""

    id: str
    first_name: str
    last_name: str
    gender: int
    code: str
    mobile_phone: str
    guest_email: str
    email: str


class ItemPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What one line comes to: `final` = `sales` + `tax`, and `sales` is net of `discount`."""

    currency_id: int
    sales: Decimal
    tax: Decimal
    final: Decimal
    discount: Decimal


class ItemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the invoice; `id` is the catalogue item, `invoice_item_id` the line."""

    invoice_item_id: str
    id: str
    name: str
    type: int
    code: str
    price: ItemPrice
    quantity: Decimal
    sale_by_id: str | None
    therapist_name: str


class AppointmentDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment, at the centre's wall-clock times."""

    id: str
    invoice_item_id: str | None
    service_name: str
    service_id: str | None
    start_time: str
    end_time: str
    serviceduration_in_miutes: int
    has_add_ons: bool
    is_add_on: bool
    therapist_name: str
    therapist_id: str | None = msgspec.field(name="TherapistId")
    is_recurring: bool
    appointment_type: int
    therapist_request_type: int
    room_name: str
    equipment_name: str


class PaymentOption(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest paid with."""

    id: str | None
    payment_mode: int
    payment_name: str
    card_number: str


class TransactionCentre(msgspec.Struct, frozen=True, kw_only=True):
    """Where the payment was taken."""

    id: str
    name: str


class TransactionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One tender. `amount_paid` is without the tip, `total_amount_paid` is everything handed over."""

    transaction_id: str
    payment_option: PaymentOption
    total_amount_paid: Decimal
    amount_paid: Decimal
    tip_amount: Decimal
    ssg_amount: Decimal
    fee_amount: Decimal
    cash_back_amount: Decimal
    payment_date: str
    transaction_center: TransactionCentre
    state: str
    tender: str


class RedemptionOption(msgspec.Struct, frozen=True, kw_only=True):
    """What was redeemed; docs/reading.md names the modes."""

    id: str | None
    mode: int
    name: str


class RedemptionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Something the guest held that paid; `transaction_id` is the line's where a package paid for a line."""

    transaction_id: str
    option: RedemptionOption
    amount: Decimal
    payment_date: str


class GstSequence(msgspec.Struct, frozen=True, kw_only=True):
    """The number of the tax invoice: that of the receipt, "0" until there is one."""

    prefix: str
    number: str


class AdditionalField(msgspec.Struct, frozen=True, kw_only=True):
    """A named value beside the contract's own fields; `currency_code` carries the ISO code."""

    key: str
    value: str


class AmountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a due is paid."""

    total: Decimal
    paid: Decimal
    balance: Decimal


class InvoiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The contract's invoice object; a section that was not asked for is absent."""

    id: str
    invoice_number: str
    invoice_number_prefix: str
    receipt_number: str
    appointment_group_id: str | None
    group_invoice_id: str | None
    lock: bool
    is_closed: bool
    is_refund: bool
    invoice_date: str
    has_redemptions: bool | msgspec.UnsetType = msgspec.UNSET
    center_id: str
    gstin: str | msgspec.UnsetType | None = msgspec.UNSET
    gst_sequence: GstSequence | msgspec.UnsetType = msgspec.UNSET
    total_price: TotalPrice
    guest: GuestDocument | None
    invoice_items: list[ItemDocument] | msgspec.UnsetType = msgspec.UNSET
    appointments: list[AppointmentDocument] | msgspec.UnsetType = msgspec.UNSET
    transactions: list[TransactionDocument] | msgspec.UnsetType = msgspec.UNSET
    redemptions: list[RedemptionDocument] | msgspec.UnsetType = msgspec.UNSET
    invoice_dues: AmountStatus | msgspec.UnsetType = msgspec.UNSET
    environmental_fee: AmountStatus | msgspec.UnsetType = msgspec.UNSET
    additional_fields: list[AdditionalField]


OWN_FIELDS = frozenset({"currency_code", "refund_of", "cancelled_at"})
"""The additional fields that Closebell itself adds; any other was brought along."""

SECTIONS = frozenset({"InvoiceItems", "Appointments", "Transactions", "dues_and_fees", "gst_parameters", "Redemptions"})
"""The sections a reader can ask for with `expand`."""

EVENT_SECTIONS = frozenset({"InvoiceItems", "Appointments", "Transactions"})
"""The sections that an event carries."""


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(document: object) -> bytes:
    """JSON bytes with exact decimal numbers."""
    return _ENCODER.encode(document)


def render(invoice: Invoice, *, sections: frozenset[str] = SECTIONS) -> InvoiceDocument:
    """The invoice as the wire shows it, with the sections that were asked for."""
    money = invoice.currency
    return InvoiceDocument(
        id=invoice.id,
        invoice_number=invoice.invoice_number,
        invoice_number_prefix=invoice.invoice_number_prefix,
        receipt_number=invoice.receipt_number,
        appointment_group_id=invoice.appointment_group_id,
        group_invoice_id=invoice.group_invoice_id,
        lock=invoice.lock,
        is_closed=invoice.is_closed,
        is_refund=invoice.is_refund,
        invoice_date=invoice.invoice_date,
        center_id=invoice.centre.id,
        total_price=_total_price(invoice),
        guest=None if invoice.guest is None else _guest(invoice.guest),
        additional_fields=_additional_fields(invoice),
        **{name: show(invoice, money) for section in sections for name, show in _SHOWN[section].items()},
    )


_SHOWN: Final[Mapping[str, Mapping[str, Callable[[Invoice, Currency], Any]]]] = {
    "InvoiceItems": {"invoice_items": lambda invoice, money: [_item(line, money) for line in invoice.lines]},
    "Appointments": {"appointments": lambda invoice, _: [_appointment(one) for one in invoice.appointments]},
    "Transactions": {"transactions": lambda invoice, money: [_transaction(t, money) for t in invoice.transactions]},
    "Redemptions": {"redemptions": lambda invoice, _: redemption_documents(invoice)},
    "dues_and_fees": {
        "invoice_dues": lambda invoice, _: _dues(invoice),
        "environmental_fee": lambda invoice, _: _environmental_fee(invoice),
    },
    "gst_parameters": {
        "has_redemptions": lambda invoice, _: bool(redemptions(invoice)),
        "gstin": lambda invoice, _: invoice.centre.gstin or None,
        "gst_sequence": lambda invoice, _: _gst_sequence(invoice),
    },
}
"""What each section adds."""

NOT_TOLD: Final = frozenset(name for section in SECTIONS - EVENT_SECTIONS for name in _SHOWN[section])
"""The members of an invoice that no event carries."""


def redemption_documents(invoice: Invoice) -> list[RedemptionDocument]:
    """Everything that was redeemed on the invoice, as the wire shows it."""
    return [_redemption(one, invoice.currency) for one in redemptions(invoice)]


def transaction_document(transaction: Transaction, currency: Currency) -> TransactionDocument:
    """One tender as the wire shows it."""
    return _transaction(transaction, currency)


def _total_price(invoice: Invoice) -> TotalPrice:
    wire = invoice.currency.wire
    return TotalPrice(
        currency_id=0,
        net_price=wire(invoice.net_price),
        tax=wire(invoice.tax),
        rounding_adjustment=wire(invoice.rounding_adjustment),
        sum_total=wire(invoice.sum_total),
    )


def _guest(guest: Guest) -> GuestDocument:
    return GuestDocument(
        id=guest.id,
        first_name=guest.first_name,
        last_name=guest.last_name,
        gender=guest.gender,
        code=guest.code,
        mobile_phone=guest.mobile_phone,
        guest_email=guest.email,
        email=guest.email,
    )


def _item(line: Line, money: Currency) -> ItemDocument:
    wire = money.wire
    return ItemDocument(
        invoice_item_id=line.id,
        id=line.item_id,
        name=line.name,
        type=line.type,
        code=line.code,
        price=ItemPrice(
            currency_id=line.currency_id,
            sales=wire(line.sales),
            tax=wire(line.tax),
            final=wire(line.final),
            discount=wire(line.discount),
        ),
        quantity=line.quantity,
        sale_by_id=line.sale_by_id,
        therapist_name=line.therapist_name,
    )


def _appointment(appointment: Appointment) -> AppointmentDocument:
    return AppointmentDocument(
        id=appointment.id,
        invoice_item_id=appointment.invoice_item_id,
        service_name=appointment.service_name,
        service_id=appointment.service_id,
        start_time=appointment.start_time,
        end_time=appointment.end_time,
        serviceduration_in_miutes=appointment.duration_minutes,
        has_add_ons=appointment.has_add_ons,
        is_add_on=appointment.is_add_on,
        therapist_name=appointment.therapist_name,
        therapist_id=appointment.therapist_id,
        is_recurring=appointment.is_recurring,
        appointment_type=appointment.appointment_type,
        therapist_request_type=appointment.therapist_request_type,
        room_name=appointment.room_name,
        equipment_name=appointment.equipment_name,
    )


def _transaction(transaction: Transaction, money: Currency) -> TransactionDocument:
    wire = money.wire
    return TransactionDocument(
        transaction_id=transaction.id,
        payment_option=PaymentOption(
            id=transaction.option_id,
            payment_mode=transaction.payment_mode,
            payment_name=transaction.payment_name,
            card_number=transaction.card_number,
        ),
        total_amount_paid=wire(transaction.total_amount_paid),
        amount_paid=wire(transaction.amount_paid),
        tip_amount=wire(transaction.tip_amount),
        ssg_amount=wire(transaction.ssg_amount),
        fee_amount=wire(transaction.fee_amount),
        cash_back_amount=wire(transaction.cash_back_amount),
        payment_date=transaction.payment_date,
        transaction_center=TransactionCentre(id=transaction.center_id, name=transaction.center_name),
        state=transaction.state.value,
        tender=transaction.tender.value,
    )


def _redemption(redemption: Redemption, money: Currency) -> RedemptionDocument:
    return RedemptionDocument(
        transaction_id=redemption.row_id,
        option=RedemptionOption(id=redemption.option_id, mode=redemption.mode, name=redemption.name),
        amount=money.wire(redemption.amount),
        payment_date=redemption.on,
    )


def _gst_sequence(invoice: Invoice) -> GstSequence:
    prefix, number = invoice.centre.receipt_prefix, invoice.receipt_number
    if not invoice.is_closed or number.startswith(prefix):
        return GstSequence(prefix=prefix, number=number.removeprefix(prefix) if invoice.is_closed else number)
    return GstSequence(prefix="", number=number)  # a receipt that was brought along, numbered elsewhere


def _additional_fields(invoice: Invoice) -> list[AdditionalField]:
    found = [("currency_code", invoice.currency.code), *invoice.additional_fields]
    if invoice.refund_of_id is not None:
        found.append(("refund_of", invoice.refund_of_id))
    if invoice.cancelled_at is not None:
        found.append(("cancelled_at", invoice.centre.wall_time(invoice.cancelled_at)))
    return [AdditionalField(key=key, value=value) for key, value in found]


def _dues(invoice: Invoice) -> AmountStatus:
    due = invoice.sum_total + invoice.ssg_amount
    paid = sum(t.amount_paid + t.ssg_amount for t in invoice.settled)
    return _status(invoice.currency, due, paid)


def _environmental_fee(invoice: Invoice) -> AmountStatus:
    return _status(invoice.currency, invoice.fee_amount, sum(t.fee_amount for t in invoice.settled))


def _status(money: Currency, due: int, paid: int) -> AmountStatus:
    return AmountStatus(total=money.wire(due), paid=money.wire(paid), balance=money.wire(due - paid))
