"""The invoice as the contract's older routes show it, in PascalCase; one key of it is in snake_case there too.

Source: docs/legacy.md; the contract, sections 1.2 and 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from closebell.api.problems import Problem
from closebell.domain import redemption
from closebell.domain.invoice import Guest, Invoice, ItemType, Line, Transaction
from closebell.domain.money import Currency, Minor

OPEN: Final = 0
CLOSED: Final = 4
"""The old `Status` of an invoice; the contract's samples show 0 on open ones and 4 on closed ones."""
FEE_LABEL: Final = "Environmental fee"


class LegacyShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A shape whose keys are in PascalCase."""


class LegacyError(LegacyShape, frozen=True, kw_only=True):
    """What went wrong, as the older routes say it."""

    status_code: int
    message: str
    internal_message: str

    @classmethod
    def of(cls, problem: Problem) -> LegacyError:
        """The error that a problem is to a client of these routes."""
        return cls(status_code=problem.code, message=problem.message, internal_message=problem.detail)


class LegacyPrice(LegacyShape, frozen=True, kw_only=True):
    """What an invoice or a line comes to: `Sales`, net of `Discount`, `Tax` and `RoundingCorrection` make `Final`."""

    currency_id: int
    sales: Decimal
    tax: Decimal
    final: Decimal
    final1: Decimal
    discount: Decimal
    tip: Decimal
    ssg: Decimal = msgspec.field(name="SSG")
    rounding_correction: Decimal
    discounted_price: Decimal
    environmental_fee: Decimal = msgspec.field(name="environmental_fee")
    environmental_fee_label: str = msgspec.field(name="environmental_fee_label", default=FEE_LABEL)
    can_be_waived: bool = msgspec.field(name="can_be_waived", default=False)


class LegacyGuest(LegacyShape, frozen=True, kw_only=True):
    """The guest."""

    id: str
    code: str
    first_name: str
    last_name: str
    gender: int
    mobile_phone: str
    email: str


class LegacyItem(LegacyShape, frozen=True, kw_only=True):
    """The thing that a line sells."""

    id: str
    name: str
    code: str


class LegacyEmployee(LegacyShape, frozen=True, kw_only=True):
    """Whoever sold it."""

    id: str | None
    name: str


class AppliedPackage(LegacyShape, frozen=True, kw_only=True):
    """The package of the guest that paid for a line."""

    package_id: str


class AppliedDiscount(LegacyShape, frozen=True, kw_only=True):
    """What was taken off a line."""

    discount_id: str | None
    campaign_id: str | None
    coupon_id: str | None
    discount_amount: Decimal
    type: int
    action: int


class LegacyLine(LegacyShape, frozen=True, kw_only=True):
    """What every line says, whatever it sells; it stands under the name of its kind."""

    service: LegacyItem | msgspec.UnsetType = msgspec.UNSET
    product: LegacyItem | msgspec.UnsetType = msgspec.UNSET
    membership: LegacyItem | msgspec.UnsetType = msgspec.UNSET
    series_package: LegacyItem | msgspec.UnsetType = msgspec.UNSET
    gift_card: LegacyItem | msgspec.UnsetType = msgspec.UNSET
    invoice_item_id: str
    employee: LegacyEmployee
    quantity: Decimal
    price: LegacyPrice


class LegacySold(LegacyShape, frozen=True, kw_only=True):
    """A line with what was applied to it."""

    appointment_service: LegacyLine | msgspec.UnsetType = msgspec.UNSET
    appointment_product: LegacyLine | msgspec.UnsetType = msgspec.UNSET
    appointment_membership: LegacyLine | msgspec.UnsetType = msgspec.UNSET
    appointment_series_package: LegacyLine | msgspec.UnsetType = msgspec.UNSET
    appointment_gift_card: LegacyLine | msgspec.UnsetType = msgspec.UNSET
    applied_membership: None = None
    applied_package: AppliedPackage | None = None
    applied_discount: AppliedDiscount | None = None


class LegacyOption(LegacyShape, frozen=True, kw_only=True):
    """A way that was paid with."""

    id: str | None
    payment_mode: int
    payment_name: str
    card_number: str


class LegacyPayment(LegacyShape, frozen=True, kw_only=True):
    """One tender that brought money."""

    transaction_id: str
    payment_option: LegacyOption
    total_amount_paid: Decimal
    amount_paid: Decimal
    tip_amount: Decimal
    ssg_amount: Decimal = msgspec.field(name="SSGAmount")
    payment_date: str


class LegacyRedemptionOption(LegacyShape, frozen=True, kw_only=True):
    """What was redeemed."""

    id: str | None
    mode: int
    name: str


class LegacyRedemption(LegacyShape, frozen=True, kw_only=True):
    """Something the guest held that paid."""

    transaction_id: str
    option: LegacyRedemptionOption
    amount: Decimal
    payment_date: str


class LegacyRefundItem(LegacyShape, frozen=True, kw_only=True):
    """A line of a refund: how much of which line came back, as amounts above zero."""

    invoice_item_id: str
    item_id: str
    quantity: Decimal
    refund_amount: Decimal
    refund_date: str


class LegacyInvoice(LegacyShape, frozen=True, kw_only=True):
    """The old invoice; the lines stand in one list for each kind."""

    id: str
    invoice_number: str
    group_invoice_id: str | None
    group_name: str | None = msgspec.field(name="group_name")
    receipt_number: str
    appointment_group_id: str | None
    reservation_id: str | None = None
    is_rebooking: bool = False
    notes: str
    guest_id: str | None
    guest: LegacyGuest | None
    price: LegacyPrice
    sale_date: str
    future_recurring_bill_date: str | None = None
    linked_invoice_id: str | None
    status: int
    invoice_services: list[LegacySold]
    invoice_products: list[LegacySold]
    invoice_memberships: list[LegacySold]
    invoice_series_packages: list[LegacySold]
    invoice_gift_cards: list[LegacySold]
    payments: list[LegacyPayment]
    redemptions: list[LegacyRedemption]
    refund_items: list[LegacyRefundItem]
    lock: bool
    can_change_guest: bool = False


def legacy_invoice(invoice: Invoice, *, group_name: str | None = None) -> LegacyInvoice:
    """The invoice as the older routes show it."""
    return LegacyInvoice(
        id=invoice.id,
        invoice_number=invoice.invoice_number,
        group_invoice_id=invoice.group_invoice_id,
        group_name=group_name,
        receipt_number=invoice.receipt_number,
        appointment_group_id=invoice.appointment_group_id,
        notes=invoice.notes,
        guest_id=None if invoice.guest is None else invoice.guest.id,
        guest=None if invoice.guest is None else _guest(invoice.guest),
        price=legacy_price([invoice]),
        sale_date=invoice.invoice_date,
        linked_invoice_id=invoice.refund_of_id,
        status=CLOSED if invoice.is_closed else OPEN,
        invoice_services=_sold(invoice, "service"),
        invoice_products=_sold(invoice, "product"),
        invoice_memberships=_sold(invoice, "membership"),
        invoice_series_packages=_sold(invoice, "series_package"),
        invoice_gift_cards=_sold(invoice, "gift_card"),
        payments=legacy_payments(invoice),
        redemptions=legacy_redemptions(invoice),
        refund_items=_refund_items(invoice) if invoice.is_refund else [],
        lock=invoice.lock,
    )


def legacy_price(invoices: Iterable[Invoice]) -> LegacyPrice:
    """What these invoices of one centre come to together; there is at least one."""
    many = list(invoices)
    wire = many[0].currency.wire
    net, total = sum(one.net_price for one in many), sum(one.sum_total for one in many)
    return LegacyPrice(
        currency_id=many[0].centre.currency_id,
        sales=wire(net),
        tax=wire(sum(one.tax for one in many)),
        final=wire(total),
        final1=wire(total),
        discount=wire(sum(line.discount for one in many for line in one.lines)),
        tip=wire(sum(tender.tip_amount for one in many for tender in one.settled)),
        ssg=wire(sum(one.ssg_amount for one in many)),
        rounding_correction=wire(sum(one.rounding_adjustment for one in many)),
        discounted_price=wire(net),
        environmental_fee=wire(sum(one.fee_amount for one in many)),
    )


def legacy_payments(invoice: Invoice) -> list[LegacyPayment]:
    """The settled tenders that brought money; what the guest held is a redemption."""
    wire = invoice.currency.wire
    return [
        LegacyPayment(
            transaction_id=one.id,
            payment_option=_option(one),
            total_amount_paid=wire(one.total_amount_paid),
            amount_paid=wire(one.amount_paid),
            tip_amount=wire(one.tip_amount),
            ssg_amount=wire(one.ssg_amount),
            payment_date=one.payment_date,
        )
        for one in invoice.settled
        if one.tender not in redemption.MODES
    ]


def legacy_redemptions(invoice: Invoice) -> list[LegacyRedemption]:
    """What the guest held that paid."""
    return [
        LegacyRedemption(
            transaction_id=one.row_id,
            option=LegacyRedemptionOption(id=one.option_id, mode=one.mode, name=one.name),
            amount=invoice.currency.wire(one.amount),
            payment_date=one.on,
        )
        for one in redemption.redemptions(invoice)
    ]


def legacy_options(invoice: Invoice) -> list[LegacyOption]:
    """The ways the invoice was paid with, each once."""
    return list(dict.fromkeys(_option(one) for one in invoice.settled))


def _option(tender: Transaction) -> LegacyOption:
    return LegacyOption(
        id=tender.option_id,
        payment_mode=tender.payment_mode,
        payment_name=tender.payment_name,
        card_number=tender.card_number,
    )


def _guest(guest: Guest) -> LegacyGuest:
    return LegacyGuest(
        id=guest.id,
        code=guest.code,
        first_name=guest.first_name,
        last_name=guest.last_name,
        gender=guest.gender,
        mobile_phone=guest.mobile_phone,
        email=guest.email,
    )


_KINDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        ItemType.PRODUCT: "product",
        ItemType.MEMBERSHIP: "membership",
        ItemType.PACKAGE: "series_package",
        ItemType.DAY_PACKAGE: "series_package",
        ItemType.CARD: "gift_card",
    }
)
"""The kind of each type of line; whatever else was imported stands with the services."""


def _sold(invoice: Invoice, kind: str) -> list[LegacySold]:
    """The lines of this kind, each under its name."""
    lines = [line for line in invoice.lines if _KINDS.get(line.type, "service") == kind]
    return [_applied(line, invoice, {f"appointment_{kind}": _line(line, kind, invoice.currency)}) for line in lines]


def _applied(line: Line, invoice: Invoice, named: Mapping[str, Any]) -> LegacySold:
    return LegacySold(
        applied_package=None if line.redeemed_from_id is None else AppliedPackage(package_id=line.redeemed_from_id),
        applied_discount=_discount(line, invoice) if line.discount else None,
        **named,
    )


def _line(line: Line, kind: str, money: Currency) -> LegacyLine:
    named: Mapping[str, Any] = {kind: LegacyItem(id=line.item_id, name=line.name, code=line.code)}
    return LegacyLine(
        invoice_item_id=line.id,
        employee=LegacyEmployee(id=line.sale_by_id, name=line.therapist_name),
        quantity=line.quantity,
        price=_line_price(line, money),
        **named,
    )


def _line_price(line: Line, money: Currency) -> LegacyPrice:
    wire, none = money.wire, Decimal(0)
    return LegacyPrice(
        currency_id=line.currency_id,
        sales=wire(line.sales),
        tax=wire(line.tax),
        final=wire(line.final),
        final1=wire(line.final),
        discount=wire(line.discount),
        tip=none,
        ssg=none,
        rounding_correction=none,
        discounted_price=wire(line.sales),
        environmental_fee=none,
    )


def _discount(line: Line, invoice: Invoice) -> AppliedDiscount:
    return AppliedDiscount(
        discount_id=None,
        campaign_id=invoice.campaign_id,
        coupon_id=None,
        discount_amount=invoice.currency.wire(line.discount),
        type=0,
        action=0,
    )


def _refund_items(refund: Invoice) -> list[LegacyRefundItem]:
    def back(amount: Minor) -> Decimal:
        return refund.currency.wire(-amount)

    return [
        LegacyRefundItem(
            invoice_item_id=line.refund_of_id or line.id,
            item_id=line.item_id,
            quantity=-line.quantity,
            refund_amount=back(line.final),
            refund_date=refund.invoice_date,
        )
        for line in refund.lines
    ]
