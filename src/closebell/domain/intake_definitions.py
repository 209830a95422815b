"""The centres, employees and guests that an import defines, read and checked.

Most of a definition is said once and for all. The rest are *settings*: these may be said again and changed, and one
that is left out stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from closebell.domain import intake_values as values
from closebell.domain.intake_shapes import CenterShape, EmployeeShape, GuestShape, InvoiceShape
from closebell.domain.intake_values import optional_guid, required_guid, text
from closebell.domain.invoice import Centre, Guest
from closebell.domain.money import Currency
from closebell.domain.people import Employee, GuestEntry
from closebell.errors import InvalidInput

DEFAULT_CURRENCY = "USD"
"""The currency of a centre of which nobody said one; the wire's numeric currency ids have no published meaning."""

DEFAULT_TIME_ZONE = "UTC"
DEFAULT_RECEIPT_PREFIX = "R"
PREFIX_LENGTH = 20
RECEIPT_NUMBER_MAX = 10**17
"""The largest number a receipt can begin with; beyond it a counter would come near the end of 64 bits."""
CODE_LENGTH = 40
"""Characters in the code of a centre or an employee, and in a tax registration."""

EMPLOYEE_SETTINGS: Final = frozenset({"code", "is_active"})
"""What may change of an employee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterDefinition:
    """A centre as an import defines it, and the number its receipts begin with.

    Shape: `settings` are those of the centre's values that may change, as far as they were said.
    """

    centre: Centre
    next_receipt_number: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployeeDefinition:
    """An employee as an import defines one; `settings` are what may change of them, as far as it was said."""

    employee: Employee
    settings: Mapping[str, Any] = field(default_factory=dict)


def center(said: CenterShape) -> CenterDefinition:
    """The centre that is defined; what it leaves out is as for a centre that was only referred to."""
    center_id = required_guid(said.id, "id")
    currency = Currency.of(DEFAULT_CURRENCY if said.currency is None else said.currency)
    settings = _center_settings(said, currency)
    centre = Centre(
        id=center_id,
        name=text(said.name, "name", default=center_id),
        time_zone=values.time_zone(said.time_zone, "time_zone", default=DEFAULT_TIME_ZONE),
        currency=currency,
        currency_id=values.integer(said.currency_id, "currency_id", least=0),
        receipt_prefix=text(
            said.receipt_prefix, "receipt_prefix", length=PREFIX_LENGTH, default=DEFAULT_RECEIPT_PREFIX
        ),
        invoice_prefix=text(said.invoice_prefix, "invoice_prefix", length=PREFIX_LENGTH),
        **settings,
    )
    first = values.integer(said.next_receipt_number, "next_receipt_number", default=1, least=1, most=RECEIPT_NUMBER_MAX)
    return CenterDefinition(centre=centre, next_receipt_number=first, settings=settings)


def _center_settings(said: CenterShape, currency: Currency) -> dict[str, Any]:
    read: dict[str, Any] = {
        "organization_id": optional_guid(said.organization_id, "organization_id"),
        "code": text(said.code, "code", length=CODE_LENGTH),
        "rounding_unit": _rounding_unit(said, currency),
        "ssg_rate": values.rate(said.ssg_rate, "ssg_rate"),
        "fee_rate": values.rate(said.fee_rate, "fee_rate"),
        "loyalty_cap_rate": values.rate(said.loyalty_cap_rate, "loyalty_cap_rate"),
        "allows_discounts": bool(said.allows_discounts),
        "gstin": text(said.gstin, "gstin", length=CODE_LENGTH),
    }
    return {name: value for name, value in read.items() if getattr(said, name) is not None}


def _rounding_unit(said: CenterShape, currency: Currency) -> int:
    if said.rounding_unit is None:
        return 1
    unit = currency.minor(said.rounding_unit, field="rounding_unit")
    if unit < 1:
        problem = f"{currency.text(unit)} is no coin; write the smallest one, {currency.digits(1)} or more"
        raise InvalidInput("rounding_unit", problem)
    return unit


def employee(said: EmployeeShape) -> EmployeeDefinition:
    """The employee that is defined."""
    read: dict[str, Any] = {
        "code": text(said.code, "code", length=CODE_LENGTH),
        "is_active": bool(said.is_active),
    }
    settings = {name: value for name, value in read.items() if getattr(said, name) is not None}
    known = Employee(
        id=required_guid(said.id, "id"),
        first_name=text(said.first_name, "first_name"),
        last_name=text(said.last_name, "last_name"),
        center_id=optional_guid(said.center_id, "center_id"),
        **settings,
    )
    return EmployeeDefinition(employee=known, settings=settings)


def guest_entry(said: GuestShape) -> GuestEntry:
    """The guest that is defined, with the centre they belong to."""
    known = guest(said)
    if known is None:
        raise InvalidInput("id", "is missing; write a GUID")
    return GuestEntry.of(known, center_id=optional_guid(said.center_id, "center_id"))


def guest(said: GuestShape) -> Guest | None:
    """The guest of an invoice; None when no guest is identified, as for a walk-in."""
    guest_id = optional_guid(said.id, "id")
    if guest_id is None:
        return None
    return Guest(
        id=guest_id,
        first_name=text(said.first_name, "first_name"),
        last_name=text(said.last_name, "last_name"),
        gender=values.integer(said.gender, "gender", default=-1),
        code=text(said.code, "code"),
        mobile_phone=text(said.mobile_phone, "mobile_phone"),
        email=_email(said),
    )


def _email(said: GuestShape) -> str:
    one, other = text(said.guest_email, "guest_email"), text(said.email, "email")
    if one and other and one != other:
        raise InvalidInput("email", "differs from guest_email, which is the same thing by another name")
    return one or other


def implied_center(center_id: str) -> Centre:
    """A centre that was only referred to, as far as that goes."""
    return Centre(
        id=center_id,
        name=center_id,
        time_zone=DEFAULT_TIME_ZONE,
        currency=Currency.of(DEFAULT_CURRENCY),
        currency_id=0,
        receipt_prefix=DEFAULT_RECEIPT_PREFIX,
        invoice_prefix="",
    )


_RECEIPT = re.compile(r"(\D{0,20})\d+", re.ASCII)


def centre_of(said: InvoiceShape, center_id: str, *, currency: Currency | None) -> Centre:
    """The centre that an invoice implies when nobody defined it.

    Nothing is refused here: whatever is wrong with these values, reading the invoice names its exact path.
    """
    match = _RECEIPT.fullmatch(said.receipt_number or "0")
    prices = [line.price.currency_id for line in said.invoice_items or () if line.price is not None]
    return Centre(
        id=center_id,
        name=_name_told(said, center_id),
        time_zone=DEFAULT_TIME_ZONE,
        currency=currency or Currency.of(DEFAULT_CURRENCY),
        currency_id=next((number for number in prices if number and number > 0), 0),
        receipt_prefix=match[1] if match and said.receipt_number not in {None, "0"} else DEFAULT_RECEIPT_PREFIX,
        invoice_prefix=(said.invoice_number_prefix or "")[:PREFIX_LENGTH],
    )


def _name_told(said: InvoiceShape, center_id: str) -> str:
    """The centre's name as a payment taken there tells it, else its id."""
    for transaction in said.transactions or ():
        place = transaction.transaction_center
        if place is not None and place.name and (place.id or "").lower() == center_id:
            return place.name
    return center_id
