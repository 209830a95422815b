"""An invoice and everything that hangs on it, as values that check themselves.

Amounts are minor units of `invoice.centre.currency`. Times on an invoice are the centre's wall clock without a
zone, kept as the text `YYYY-MM-DDTHH:MM:SS`: they name no instant, and as text they still sort.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from closebell.domain.money import Currency, Minor


class Tender(enum.StrEnum):
    """What a transaction was paid with."""

    CASH = "cash"
    CARD = "card"
    CHECK = "check"
    CUSTOM = "custom"
    GIFT_CARD = "gift_card"
    PREPAID_CARD = "prepaid_card"
    LOYALTY_POINTS = "loyalty_points"
    PACKAGE = "package"


class TransactionState(enum.StrEnum):
    """Whether a transaction's money has arrived; only settled money pays an invoice."""

    SETTLED = "settled"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """A place of business: its clock, its currency, how it numbers its papers and what it adds to a bill.

    Shape:  `gstin` is its tax registration, empty without one.
    Units:  totals are rounded to `rounding_unit` minor units, the smallest coin. `ssg_rate` and `fee_rate` are the
            service charge and the environment fee in percent of the services' net; `loyalty_cap_rate` is the most
            that points may pay, in percent of the total, None for no limit.
    """

    id: str
    name: str
    time_zone: str
    currency: Currency
    currency_id: int
    receipt_prefix: str
    invoice_prefix: str
    organization_id: str | None = None
    code: str = ""
    rounding_unit: Minor = 1
    ssg_rate: Decimal = Decimal(0)
    fee_rate: Decimal = Decimal(0)
    loyalty_cap_rate: Decimal | None = None
    allows_discounts: bool = True
    gstin: str = ""

    def today(self, now: datetime) -> date:
        """The date on the centre's wall at the instant `now`."""
        return now.astimezone(self.zone).date()

    @property
    def zone(self) -> tzinfo:
        """The centre's time zone."""
        return ZoneInfo(self.time_zone)

    def wall_time(self, now: datetime) -> str:
        """What the centre's clock shows at the instant `now`, without its zone."""
        return now.astimezone(self.zone).replace(tzinfo=None).isoformat(timespec="seconds")

    def receipt(self, number: int) -> str:
        """The receipt number as it is printed.

        >>> usd = Currency.of("USD")
        >>> Centre(id="", name="", time_zone="UTC", currency=usd, currency_id=148,
        ...        receipt_prefix="R", invoice_prefix="").receipt(2650)
        'R2650'
        """
        return f"{self.receipt_prefix}{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """The person the invoice is for."""

    id: str
    first_name: str = ""
    last_name: str = ""
    gender: int = -1
    code: str = ""
    mobile_phone: str = ""
    email: str = ""


class ItemType(enum.IntEnum):
    """The contract's number for what kind of thing a line sells."""

    SERVICE = 0
    PRODUCT = 2
    MEMBERSHIP = 3
    PACKAGE = 4
    DAY_PACKAGE = 5
    CARD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing sold: a service, product, membership, package or card (`type` is the contract's item type).

    Shape: `unit_price` and `tax_rate` are the terms it was sold at, None on a line that was imported; `refund_of_id`
           is the line that a refund takes back, `redeemed_from_id` the guest's account that paid for a service.
    Units: `tax_rate` is in percent.
    """

    id: str
    item_id: str
    name: str
    type: int
    code: str
    currency_id: int
    sales: Minor
    tax: Minor
    final: Minor
    discount: Minor
    quantity: Decimal
    sale_by_id: str | None
    therapist_name: str
    unit_price: Minor | None = None
    tax_rate: Decimal | None = None
    is_tax_included: bool = False
    refund_of_id: str | None = None
    redeemed_from_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A booked service on the invoice, at the centre's wall-clock times."""

    id: str
    invoice_item_id: str | None
    service_name: str
    service_id: str | None
    start_time: str
    end_time: str
    duration_minutes: int
    has_add_ons: bool
    is_add_on: bool
    therapist_name: str
    therapist_id: str | None
    is_recurring: bool
    appointment_type: int
    therapist_request_type: int
    room_name: str
    equipment_name: str

    @property
    def starts_on(self) -> date:
        """The date it begins, on the centre's wall."""
        return date.fromisoformat(self.start_time[:10])


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Money that was tendered; one tender may carry a payment, a tip, a service charge and a fee.

    Shape: `account_id` is the guest's card or points that paid, `points` how many of them; `refund_of_id` is the
           tender that a refund gives back; `processor` names who moves the money of a card, by its own reference.
    Units: `amount_paid` is without the tip; `total_amount_paid` is everything the guest handed over.
    """

    id: str
    tender: Tender
    state: TransactionState
    option_id: str | None
    payment_mode: int
    payment_name: str
    card_number: str
    amount_paid: Minor
    tip_amount: Minor
    ssg_amount: Minor
    fee_amount: Minor
    cash_back_amount: Minor
    payment_date: str
    center_id: str
    center_name: str
    additional_data: str = ""
    collected_by_id: str | None = None
    cash_register_id: str | None = None
    refund_of_id: str | None = None
    account_id: str | None = None
    points: int | None = None
    processor: str = ""
    processor_reference: str = ""

    @property
    def total_amount_paid(self) -> Minor:
        """What was handed over: payment, tip, service charge and fee."""
        return self.amount_paid + self.tip_amount + self.ssg_amount + self.fee_amount

    @property
    def is_settled(self) -> bool:
        """Whether its money has arrived."""
        return self.state is TransactionState.SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployeeTip:
    """A tip, or part of one, assigned to an employee; `transaction_id` is the tender it came with, if known."""

    employee_id: str
    amount: Minor
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A sale to one guest at one centre.

    Shape:  `receipt_number` is "0" until the invoice closes. `close_sequence` counts the closings that
            happened here: 0 on a closed invoice means that it was imported as closed.
    Units:  `ssg_amount` and `fee_amount` are what is due on top of `sum_total`; `loyalty_cap_amount` is the
            most that loyalty points may pay, None for no limit.
    """

    id: str
    centre: Centre
    guest: Guest | None
    invoice_number: str
    invoice_number_prefix: str
    receipt_number: str
    appointment_group_id: str | None
    group_invoice_id: str | None
    lock: bool
    is_refund: bool
    invoice_date: str
    net_price: Minor
    tax: Minor
    rounding_adjustment: Minor
    sum_total: Minor
    ssg_amount: Minor = 0
    fee_amount: Minor = 0
    loyalty_cap_amount: Minor | None = None
    additional_fields: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    employee_tips: tuple[EmployeeTip, ...] = ()
    closed_at: datetime | None = None
    closed_by_id: str | None = None
    close_sequence: int = 0
    notes: str = ""
    created_by_id: str | None = None
    cancelled_at: datetime | None = None
    confirmed_at: datetime | None = None
    refund_of_id: str | None = None
    campaign_id: str | None = None

    @property
    def currency(self) -> Currency:
        """The one currency of every amount on the invoice."""
        return self.centre.currency

    @property
    def is_closed(self) -> bool:
        """Whether it is settled and immutable."""
        return self.closed_at is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether everything on it was called off; it will never close."""
        return self.cancelled_at is not None

    @property
    def settled(self) -> tuple[Transaction, ...]:
        """The transactions whose money has arrived."""
        return tuple(t for t in self.transactions if t.is_settled)
