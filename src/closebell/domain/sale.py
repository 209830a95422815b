"""What becomes of a sale: a line for each thing, an appointment for each that is booked, within named limits.

Source: docs/selling.md; the contract, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from closebell.domain import intake_values as values
from closebell.domain import pricing
from closebell.domain.catalogue import Offer
from closebell.domain.invoice import Appointment, Centre, Invoice, Line
from closebell.domain.money import AMOUNT_MINOR_MAX
from closebell.domain.text import bounded
from closebell.errors import InvalidInput, Refusal, RefusalCode

LINES_MAX: Final = 1_000
"""Lines on one invoice; as many as an import may bring along."""
QUANTITY_MAX: Final = Decimal(100_000)
"""The largest quantity on a line that is sold here."""
QUANTITY_DECIMALS_MAX: Final = 3
"""Decimals of such a quantity: a gram of a kilogram."""
NOTES_CHARACTERS_MAX: Final = 4_000
"""Characters of the notes that an invoice begins with."""
COMMENT_CHARACTERS_MAX: Final = 1_000
"""Characters of a comment on what is removed or cancelled."""
NOTES_KEPT_CHARACTERS_MAX: Final = 20_000
"""Characters of an invoice's notes with every comment that was made on it."""
REQUEST_TYPE_MAX: Final = 4
"""The contract's requested therapist: 0 any, 1 male, 2 female, 3 this one, 4 several."""
BOOKED: Final = 2
"""The `appointment_type` of an appointment made here: the only one that the contract's samples show."""


def quantity(said: Decimal | None, field: str) -> Decimal:
    """How much of a thing is sold, one unless said; without trailing zeros or exponent.

    Errors: Refusal 502 Invalid quantity.

    >>> quantity(Decimal("1.500"), "products[0].quantity"), quantity(None, "")
    (Decimal('1.5'), Decimal('1'))
    """
    if said is None:
        return Decimal(1)
    if not said.is_finite() or not 0 < said <= QUANTITY_MAX:
        raise Refusal(
            RefusalCode.QUANTITY_INVALID, f"{field} is {said!s:.40}; write a number above zero, up to {QUANTITY_MAX}."
        )
    plain = round(said, QUANTITY_DECIMALS_MAX)
    if plain != said:
        raise Refusal(
            RefusalCode.QUANTITY_INVALID,
            f"{field} is {said!s:.40}, which has more than {QUANTITY_DECIMALS_MAX} decimals.",
        )
    return Decimal(int(plain)) if plain == plain.to_integral_value() else plain.normalize()


def must_be_something(things: Sequence[object], field: str) -> None:
    """Return if something is sold at all.

    Errors: InvalidInput.
    """
    if not things:
        raise InvalidInput(field, "is missing or empty; name at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """An employee who sells or serves."""

    id: str
    name: str


def line_of(
    offer: Offer, centre: Centre, *, line_id: str, quantity: Decimal = Decimal(1), seller: Staff | None, name: str = ""
) -> Line:
    """The line that sells so much of an offer; `name` is whoever serves, the seller unless said."""
    item, terms = offer.item, offer.terms
    return pricing.priced(
        Line(
            id=line_id,
            item_id=item.id,
            name=item.name,
            type=item.type,
            code=item.code,
            currency_id=centre.currency_id,
            sales=0,
            tax=0,
            final=0,
            discount=0,
            quantity=quantity,
            sale_by_id=None if seller is None else seller.id,
            therapist_name=name or ("" if seller is None else seller.name),
            unit_price=terms.unit_price,
            tax_rate=terms.tax_rate,
            is_tax_included=terms.is_tax_included,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """When and where a service is booked, as the request says it; all of it is optional."""

    start_time: str | None = None
    end_time: str | None = None
    room_name: str | None = None
    equipment_name: str | None = None
    therapist_request_type: int | None = None


def appointment_of(
    line: Line, booking: Booking, *, appointment_id: str, minutes: int, therapist: Staff | None, field: str
) -> Appointment | None:
    """The appointment of a service that is booked, so many minutes long unless its end is said; None without a start.

    Errors: InvalidInput naming the field below `field`.
    """
    room = values.text(booking.room_name, f"{field}.room_name")
    equipment = values.text(booking.equipment_name, f"{field}.equipment_name")
    asked = values.integer(
        booking.therapist_request_type, f"{field}.therapist_request_type", least=0, most=REQUEST_TYPE_MAX
    )
    if booking.start_time is None:
        if booking.end_time is not None:
            raise InvalidInput(f"{field}.end_time", "is there and start_time is not; write both, or neither")
        return None
    start = values.wall_time(booking.start_time, f"{field}.start_time")
    usual = values.minutes_after(start, minutes, f"{field}.start_time")
    end = values.wall_time(booking.end_time, f"{field}.end_time", default=usual)
    if end < start:
        raise InvalidInput(f"{field}.end_time", f"{end} is before the start, {start}")
    return Appointment(
        id=appointment_id,
        invoice_item_id=line.id,
        service_name=line.name,
        service_id=line.item_id,
        start_time=start,
        end_time=end,
        duration_minutes=values.minutes_between(start, end),
        has_add_ons=False,
        is_add_on=False,
        therapist_name="" if therapist is None else therapist.name,
        therapist_id=None if therapist is None else therapist.id,
        is_recurring=False,
        appointment_type=BOOKED,
        therapist_request_type=asked,
        room_name=room,
        equipment_name=equipment,
    )


def beyond_keeping(invoice: Invoice) -> str | None:
    """What of the invoice is over a limit, in words; None when it can be kept."""
    if len(invoice.lines) > LINES_MAX:
        return f"The invoice would have {len(invoice.lines)} items; one has at most {LINES_MAX}."
    amounts = [invoice.net_price, invoice.tax, invoice.sum_total, invoice.ssg_amount, invoice.fee_amount]
    amounts += [amount for line in invoice.lines for amount in (line.sales, line.tax, line.final, line.discount)]
    if max(map(abs, amounts)) > AMOUNT_MINOR_MAX:
        money = invoice.currency
        return (
            f"The invoice would come to {money.text(invoice.sum_total)}; an amount is at most "
            f"{money.text(AMOUNT_MINOR_MAX)}."
        )
    return None


def with_comment(invoice: Invoice, what: str, comment: str) -> Invoice:
    """The invoice with a line in its notes that says what was done to it and why; without a comment, as it is.

    Errors: InvalidInput naming `comments`.
    """
    said = bounded(comment, "comments", most=COMMENT_CHARACTERS_MAX).strip()
    if not said:
        return invoice
    notes = "\n".join(filter(None, (invoice.notes, f"{what}: {said}")))
    if len(notes) > NOTES_KEPT_CHARACTERS_MAX:
        raise InvalidInput(
            "comments", f"the invoice's notes would have {len(notes)} characters of {NOTES_KEPT_CHARACTERS_MAX}"
        )
    return replace(invoice, notes=notes)
