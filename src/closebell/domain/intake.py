"""An invoice from outside becomes an invoice of ours, or is refused with the path of what is wrong.

Money that is not said follows from what is said where only one answer is possible; figures that contradict each
other are refused. The closing rules are not asked: an invoice that was closed elsewhere is history, whatever
`closing.check` would have said of it.
Source: docs/api.md, "Import"; public page "retrieve-invoice-details".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from closebell.domain import intake_values as values
from closebell.domain.intake_definitions import guest as read_guest
from closebell.domain.intake_shapes import (
    AdditionalFieldShape,
    AppointmentShape,
    GuestShape,
    InvoiceShape,
    LineShape,
    PaymentOptionShape,
    PriceShape,
    TipShape,
    TotalShape,
    TransactionCenterShape,
    TransactionShape,
)
from closebell.domain.intake_values import Amounts, optional_guid, required_guid, text
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
from closebell.domain.payment import PAYMENT_MODES
from closebell.errors import InvalidInput

A = TypeVar("A")
B = TypeVar("B")

NO_RECEIPT = "0"
"""The receipt number of an invoice that has none."""

ROWS_MAX = 1_000
"""Lines, appointments, transactions, tips or additional fields on one invoice, each."""

NUMBER_LENGTH = 40
PREFIX_LENGTH = 20
RECEIPT_LENGTH = 60
CARD_NUMBER_LENGTH = 40

ADDITIONAL_VALUE_LENGTH = 4_000
"""Characters in the value of an additional field."""

CURRENCY_KEY = "currency_code"
"""The additional field that says an invoice's currency; it is never kept, since rendering adds it."""


def identity(said: InvoiceShape) -> tuple[str, str]:
    """The invoice's own id and its centre's."""
    return required_guid(said.id, "id"), required_guid(said.center_id, "center_id")


def currency(said: InvoiceShape) -> Currency | None:
    """The currency that the invoice names, None when it names none."""
    named = [
        Currency.of(text(pair.value, field), field=field)
        for index, pair in enumerate(said.additional_fields or ())
        if pair.key == CURRENCY_KEY and (field := f"additional_fields[{index}].value")
    ]
    if len(set(named)) > 1:
        raise InvalidInput("additional_fields", f"names two currencies, {named[0].code} and {named[1].code}")
    return named[0] if named else None


def invoice(said: InvoiceShape, *, centre: Centre, closed_at: datetime | None) -> Invoice:
    """The invoice that was said, at this centre.

    Shape:  closed when it says `is_closed` and `closed_at` gives the instant to write for that; else open, with
            the receipt number of one that is not closed yet. `close_sequence` is 0: nothing closed here.
    Errors: InvalidInput with the path from the invoice on.
    """
    _must_be_in(centre, said)
    is_refund = bool(said.is_refund)
    amounts = Amounts(centre.currency, is_refund)
    invoice_date = values.wall_time(said.invoice_date, "invoice_date")
    lines = _unique(
        _each("invoice_items", said.invoice_items, lambda s: _line(s, amounts, centre)),
        "invoice_items",
        "invoice_item_id",
    )
    booked = _unique(_each("appointments", said.appointments, _appointment), "appointments", "id")
    paid = _unique(
        _each("transactions", said.transactions, lambda s: _transaction(s, amounts, centre, invoice_date)),
        "transactions",
        "transaction_id",
    )
    net_price, tax, rounding, total = _under(
        "total_price", lambda: _totals(said.total_price or TotalShape(), lines, amounts)
    )
    if is_refund and total > 0:
        problem = f"{centre.currency.text(total)} is positive; a refund hands money back, so its total is below zero"
        raise InvalidInput("total_price.sum_total", problem)
    is_closed = bool(said.is_closed) and closed_at is not None
    receipt = text(said.receipt_number, "receipt_number", length=RECEIPT_LENGTH, default=NO_RECEIPT)
    return Invoice(
        id=required_guid(said.id, "id"),
        centre=centre,
        guest=_guest(said.guest),
        invoice_number=text(said.invoice_number, "invoice_number", length=NUMBER_LENGTH),
        invoice_number_prefix=invoice_prefix(said, default=centre.invoice_prefix),
        receipt_number=receipt if is_closed else NO_RECEIPT,
        appointment_group_id=optional_guid(said.appointment_group_id, "appointment_group_id"),
        group_invoice_id=optional_guid(said.group_invoice_id, "group_invoice_id"),
        lock=bool(said.lock),
        is_refund=is_refund,
        invoice_date=invoice_date,
        net_price=net_price,
        tax=tax,
        rounding_adjustment=rounding,
        sum_total=total,
        ssg_amount=amounts.or_zero(said.ssg_amount, "ssg_amount"),
        fee_amount=amounts.or_zero(said.fee_amount, "fee_amount"),
        loyalty_cap_amount=amounts.not_negative(said.loyalty_cap_amount, "loyalty_cap_amount"),
        additional_fields=tuple(
            pair for pair in _each("additional_fields", said.additional_fields, _pair) if pair[0] != CURRENCY_KEY
        ),
        lines=lines,
        appointments=booked,
        transactions=paid,
        employee_tips=_tips(said.employee_tips, amounts, paid),
        closed_at=closed_at if is_closed else None,
    )


def _guest(said: GuestShape | None) -> Guest | None:
    return None if said is None else _under("guest", lambda: read_guest(said))


def invoice_prefix(said: InvoiceShape, *, default: str) -> str:
    """The prefix of the invoice's number."""
    return text(said.invoice_number_prefix, "invoice_number_prefix", length=PREFIX_LENGTH, default=default)


# --- lines and totals --------------------------------------------------------------------------------------------


def _line(said: LineShape, amounts: Amounts, centre: Centre) -> Line:
    price = said.price or PriceShape()
    sales, tax, final = _under("price", lambda: _price(price, amounts))
    return Line(
        id=required_guid(said.invoice_item_id, "invoice_item_id"),
        item_id=required_guid(said.id, "id"),
        name=text(said.name, "name"),
        type=values.integer(said.type, "type"),
        code=text(said.code, "code"),
        # The contract's own samples send 0 where it is not set.
        currency_id=values.integer(price.currency_id, "price.currency_id") or centre.currency_id,
        sales=sales,
        tax=tax,
        final=final,
        discount=amounts.not_negative(price.discount, "price.discount") or 0,
        quantity=values.quantity(said.quantity, "quantity", is_refund=amounts.is_refund),
        sale_by_id=optional_guid(said.sale_by_id, "sale_by_id"),
        therapist_name=text(said.therapist_name, "therapist_name"),
    )


def _price(said: PriceShape, amounts: Amounts) -> tuple[Minor, Minor, Minor]:
    """Sales, tax and final of a line, of which two say the third; a tax that nothing implies is zero."""
    sales, final = amounts.said(said.sales, "sales"), amounts.said(said.final, "final")
    tax = amounts.said(said.tax, "tax")
    if sales is None and final is None:
        raise InvalidInput("final", "is missing; say what the line comes to in sales, final or both")
    if tax is None:
        tax = 0 if sales is None or final is None else amounts.derived(final - sales, "tax")
    if sales is None:
        assert final is not None, "one of the two is said"
        sales = amounts.derived(final - tax, "sales")
    if final is None:
        final = amounts.derived(sales + tax, "final")
    amounts.agree(final, sales + tax, "final", "sales + tax")
    return sales, tax, final


def _totals(said: TotalShape, lines: Sequence[Line], amounts: Amounts) -> tuple[Minor, Minor, Minor, Minor]:
    """Net price, tax, rounding and total: said, or the sums of the lines; without lines, what the total leaves."""
    net_price, tax = amounts.said(said.net_price, "net_price"), amounts.said(said.tax, "tax")
    rounding = amounts.signed(said.rounding_adjustment, "rounding_adjustment") or 0
    total = amounts.said(said.sum_total, "sum_total")
    if lines:
        sales, taxes = sum(line.sales for line in lines), sum(line.tax for line in lines)
        net_price = amounts.derived(sales, "net_price") if net_price is None else net_price
        tax = amounts.derived(taxes, "tax") if tax is None else tax
        amounts.agree(net_price, sales, "net_price", "the sum of the items' sales")
        amounts.agree(tax, taxes, "tax", "the sum of the items' tax")
    if net_price is None:
        if total is None:
            raise InvalidInput("sum_total", "is missing; without invoice_items an invoice says its total")
        net_price = amounts.derived(total - (tax or 0) - rounding, "net_price")
    if tax is None:
        tax = 0 if total is None else amounts.derived(total - net_price - rounding, "tax")
    computed = amounts.derived(net_price + tax + rounding, "sum_total")
    amounts.agree(computed if total is None else total, computed, "sum_total", "net_price + tax + rounding_adjustment")
    return net_price, tax, rounding, computed


# --- appointments ------------------------------------------------------------------------------------------------


def _appointment(said: AppointmentShape) -> Appointment:
    start, end, minutes = _span(said)
    return Appointment(
        id=required_guid(said.id, "id"),
        invoice_item_id=optional_guid(said.invoice_item_id, "invoice_item_id"),
        service_name=text(said.service_name, "service_name"),
        service_id=optional_guid(said.service_id, "service_id"),
        start_time=start,
        end_time=end,
        duration_minutes=minutes,
        has_add_ons=bool(said.has_add_ons),
        is_add_on=bool(said.is_add_on),
        therapist_name=text(said.therapist_name, "therapist_name"),
        therapist_id=optional_guid(said.therapist_id, "TherapistId"),
        is_recurring=bool(said.is_recurring),
        appointment_type=values.integer(said.appointment_type, "appointment_type"),
        therapist_request_type=values.integer(said.therapist_request_type, "therapist_request_type"),
        room_name=text(said.room_name, "room_name"),
        equipment_name=text(said.equipment_name, "equipment_name"),
    )


def _span(said: AppointmentShape) -> tuple[str, str, int]:
    """Start, end and minutes; the minutes are as said, since a booked service may count its segments twice."""
    start = values.wall_time(said.start_time, "start_time")
    minutes = values.integer(said.serviceduration_in_miutes, "serviceduration_in_miutes", default=-1, least=0)
    after = (
        values.minutes_after(start, max(minutes, 0), "serviceduration_in_miutes") if said.end_time is None else start
    )
    end = values.wall_time(said.end_time, "end_time", default=after)
    if end < start:
        raise InvalidInput("end_time", f"{end} is before the start, {start}")
    return start, end, values.minutes_between(start, end) if minutes < 0 else minutes


# --- payments and tips -------------------------------------------------------------------------------------------


def _transaction(said: TransactionShape, amounts: Amounts, centre: Centre, invoice_date: str) -> Transaction:
    option = said.payment_option or PaymentOptionShape()
    place = said.transaction_center or TransactionCenterShape()
    amount_paid, tip, ssg, fee = _paid(said, amounts)
    place_id = optional_guid(place.id, "transaction_center.id") or centre.id
    tender = values.choice(said.tender, "tender", Tender, default=Tender.CUSTOM)
    return Transaction(
        id=required_guid(said.transaction_id, "transaction_id"),
        tender=tender,
        state=values.choice(said.state, "state", TransactionState, default=TransactionState.SETTLED),
        option_id=optional_guid(option.id, "payment_option.id"),
        payment_mode=values.integer(option.payment_mode, "payment_option.payment_mode", default=PAYMENT_MODES[tender]),
        payment_name=text(option.payment_name, "payment_option.payment_name"),
        card_number=text(option.card_number, "payment_option.card_number", length=CARD_NUMBER_LENGTH),
        amount_paid=amount_paid,
        tip_amount=tip,
        ssg_amount=ssg,
        fee_amount=fee,
        cash_back_amount=amounts.or_zero(said.cash_back_amount, "cash_back_amount"),
        payment_date=values.wall_time(said.payment_date, "payment_date", default=invoice_date),
        center_id=place_id,
        center_name=text(place.name, "transaction_center.name", default=centre.name if place_id == centre.id else ""),
    )


def _paid(said: TransactionShape, amounts: Amounts) -> tuple[Minor, Minor, Minor, Minor]:
    """Payment, tip, service charge and fee; the payment is what they leave of the total when only that is said."""
    tip = amounts.or_zero(said.tip_amount, "tip_amount")
    ssg = amounts.or_zero(said.ssg_amount, "ssg_amount")
    fee = amounts.or_zero(said.fee_amount, "fee_amount")
    paid = amounts.said(said.amount_paid, "amount_paid")
    total = amounts.said(said.total_amount_paid, "total_amount_paid")
    if paid is None:
        if total is None:
            raise InvalidInput("amount_paid", "is missing; say amount_paid, total_amount_paid or both")
        paid = amounts.derived(total - tip - ssg - fee, "amount_paid")
    if total is not None:
        formula = "amount_paid + tip_amount + ssg_amount + fee_amount"
        amounts.agree(total, paid + tip + ssg + fee, "total_amount_paid", formula)
    return paid, tip, ssg, fee


def _tips(said: list[TipShape] | None, amounts: Amounts, paid: Sequence[Transaction]) -> tuple[EmployeeTip, ...]:
    """The assigned tips; where a single transaction was tipped, that is the one they came with."""
    known = {transaction.id for transaction in paid}
    tipped = [transaction.id for transaction in paid if transaction.tip_amount != 0]
    source = tipped[0] if len(tipped) == 1 else None
    return _each("employee_tips", said, lambda s: _tip(s, amounts, known, source))


def _tip(said: TipShape, amounts: Amounts, known: set[str], source: str | None) -> EmployeeTip:
    transaction_id = optional_guid(said.transaction_id, "transaction_id")
    if transaction_id is not None and transaction_id not in known:
        raise InvalidInput("transaction_id", f"{transaction_id} is no transaction of this invoice")
    amount = amounts.said(said.amount, "amount")
    if amount is None:
        raise InvalidInput("amount", "is missing")
    return EmployeeTip(
        employee_id=required_guid(said.employee_id, "employee_id"),
        amount=amount,
        transaction_id=transaction_id or source,
    )


# --- the rest ----------------------------------------------------------------------------------------------------


def _pair(said: AdditionalFieldShape) -> tuple[str, str]:
    return text(said.key, "key"), text(said.value, "value", length=ADDITIONAL_VALUE_LENGTH)


def _must_be_in(centre: Centre, said: InvoiceShape) -> None:
    named = currency(said)
    if named is not None and named != centre.currency:
        index = next(i for i, pair in enumerate(said.additional_fields or ()) if pair.key == CURRENCY_KEY)
        raise InvalidInput(
            f"additional_fields[{index}].value",
            f"the invoice is in {named.code}, but its centre {centre.id} keeps its books in {centre.currency.code}",
        )


def _each(name: str, said: list[A] | None, read: Callable[[A], B]) -> tuple[B, ...]:
    """Every element read, with its index in the path of what is wrong."""
    if not said:
        return ()
    if len(said) > ROWS_MAX:
        raise InvalidInput(name, f"has {len(said)} elements; an invoice has at most {ROWS_MAX}")
    found: list[B] = []
    for index, element in enumerate(said):
        try:
            found.append(read(element))
        except InvalidInput as error:
            raise error.under(f"{name}[{index}]") from None
    return tuple(found)


def _under(name: str, read: Callable[[], B]) -> B:
    try:
        return read()
    except InvalidInput as error:
        raise error.under(name) from None


Row = TypeVar("Row", Line, Appointment, Transaction)


def _unique(rows: tuple[Row, ...], name: str, key: str) -> tuple[Row, ...]:
    """The rows, of which no two have the same id."""
    if len({row.id for row in rows}) == len(rows):
        return rows
    ids = [row.id for row in rows]
    index = next(index for index, row_id in enumerate(ids) if row_id in ids[:index])
    raise InvalidInput(f"{name}[{index}].{key}", f"{ids[index]} appears twice on this invoice")


def employees_named(invoices: Iterable[Invoice]) -> dict[str, tuple[str, str]]:
    """The employees that invoices refer to: by id, the full name they go by there if any, and the centre."""
    found: dict[str, tuple[str, str]] = {}
    for one in invoices:
        for employee_id, name in _mentions(one):
            if employee_id is not None and not found.get(employee_id, ("", ""))[0]:
                found[employee_id] = (name, one.centre.id)
    return found


def _mentions(one: Invoice) -> Iterable[tuple[str | None, str]]:
    yield from ((booked.therapist_id, booked.therapist_name) for booked in one.appointments)
    yield from ((line.sale_by_id, line.therapist_name) for line in one.lines)
    yield from ((tip.employee_id, "") for tip in one.employee_tips)
