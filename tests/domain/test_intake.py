"""What an import may say of an invoice, what it becomes, and which path is named when it is refused."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell import samples
from closebell.domain import document, intake, intake_definitions, intake_reading, intake_values
from closebell.domain.intake_reading import Record
from closebell.domain.intake_shapes import CenterShape, GuestShape, InvoiceShape
from closebell.domain.invoice import Centre, Invoice
from closebell.domain.money import Currency
from closebell.errors import InvalidInput, TooLarge
from closebell.store import tables

NOW = datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC)
CENTRE = "5528ee09-5321-4153-8ca7-31c78d757dcb"
EMPLOYEE = "62ba6081-329e-4135-9c90-e4bc8ee35772"
GUIDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(1, 20)]


def centre(code: str = "USD") -> Centre:
    return Centre(
        id=CENTRE,
        name="Bellevue",
        time_zone="UTC",
        currency=Currency.of(code),
        currency_id=148,
        receipt_prefix="R",
        invoice_prefix="BEL1",
    )


def sample() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(samples.invoice_closed())["data"]["invoice"]
    return found


def line(number: int, **price: Any) -> dict[str, Any]:
    return {"invoice_item_id": GUIDS[number], "id": GUIDS[10 + number], "name": "Massage", "price": price}


def said(**changes: Any) -> dict[str, Any]:
    """The smallest invoice, with these keys beside or instead of its own."""
    base = {"id": GUIDS[0], "center_id": CENTRE, "invoice_date": "2022-03-11", "total_price": {"sum_total": 488}}
    return base | changes


def shape(value: dict[str, Any]) -> InvoiceShape:
    return msgspec.json.decode(json.dumps(value).encode(), type=InvoiceShape)


def read(value: dict[str, Any] | str, code: str = "USD", closed_at: datetime | None = NOW) -> Invoice:
    text = value if isinstance(value, str) else json.dumps(value)
    decoded = intake_reading.read(InvoiceShape, Record("", msgspec.Raw(text)))
    return intake.invoice(decoded, centre=centre(code), closed_at=closed_at)


def rendered(invoice: Invoice) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.encode(document.render(invoice)), parse_float=Decimal)
    return found


# --- what becomes of what is said --------------------------------------------------------------------------------


def test_the_sample_is_rendered_as_it_was_read() -> None:
    shown = rendered(read(sample()))
    for key, value in sample().items():
        if key == "guest":
            assert shown["guest"] == {**value, "email": ""}
        else:
            assert shown[key] == value, key


def test_a_closed_invoice_keeps_its_receipt_and_one_loaded_as_open_has_none() -> None:
    closed, opened = read(sample()), read(sample(), closed_at=None)
    assert (closed.closed_at, closed.receipt_number, closed.close_sequence) == (NOW, "R2650", 0)
    assert (opened.closed_at, opened.receipt_number) == (None, "0")


def test_seventeen_digits_survive() -> None:
    text = json.dumps(said(total_price={"sum_total": 0.125}))
    invoice = read(text.replace("0.125", "12345678901234567.89"))
    assert invoice.sum_total == 1234567890123456789
    assert b'"sum_total":12345678901234567.89' in document.encode(document.render(invoice))


@pytest.mark.parametrize(("code", "amount", "minor"), [("JPY", 488, 488), ("USD", 4.88, 488), ("KWD", 0.488, 488)])
def test_currencies_of_no_two_and_three_decimals(code: str, amount: float, minor: int) -> None:
    assert read(said(total_price={"sum_total": amount}), code).sum_total == minor


def test_null_is_as_good_as_absent() -> None:
    decoded = intake_reading.read(InvoiceShape, Record("", msgspec.Raw(json.dumps(said()))))
    nulls = dict.fromkeys(decoded.__struct_fields__) | said()
    assert read(nulls) == read(said())
    assert intake_reading.digest(shape(nulls), as_open=False) == intake_reading.digest(shape(said()), as_open=False)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"sales": 100, "tax": 8}, (10000, 800, 10800)),
        ({"final": 108, "tax": 8}, (10000, 800, 10800)),
        ({"final": 108, "sales": 100}, (10000, 800, 10800)),
        ({"final": 108}, (10800, 0, 10800)),
        ({"sales": 108}, (10800, 0, 10800)),
    ],
)
def test_a_price_is_completed(price: dict[str, Any], expected: tuple[int, int, int]) -> None:
    first = read(said(total_price=None, invoice_items=[line(1, **price)])).lines[0]
    assert (first.sales, first.tax, first.final) == expected


def test_totals_follow_from_the_lines() -> None:
    invoice = read(
        said(
            total_price={"rounding_adjustment": -0.02},
            invoice_items=[line(1, sales=100, tax=8.01), line(2, sales=50, tax=4.01)],
        )
    )
    assert (invoice.net_price, invoice.tax, invoice.sum_total) == (15000, 1202, 16200)


def test_without_lines_the_total_suffices() -> None:
    invoice = read(said(total_price={"sum_total": 108, "tax": 8}))
    assert (invoice.net_price, invoice.tax, invoice.sum_total) == (10000, 800, 10800)


def test_a_payment_is_what_the_total_leaves() -> None:
    paid = {"transaction_id": GUIDS[1], "total_amount_paid": 110, "tip_amount": 10, "ssg_amount": 5, "fee_amount": 1}
    only = read(said(transactions=[paid])).transactions[0]
    assert (only.amount_paid, only.tip_amount, only.total_amount_paid) == (9400, 1000, 11000)
    assert (only.tender, only.state) == ("custom", "settled")
    assert (only.payment_date, only.center_id, only.center_name) == ("2022-03-11T00:00:00", CENTRE, "Bellevue")


def test_tips_are_put_to_the_only_tender_that_was_tipped() -> None:
    transactions = [
        {"transaction_id": GUIDS[1], "amount_paid": 400},
        {"transaction_id": GUIDS[2], "amount_paid": 88, "tip_amount": 10},
    ]
    tips = [{"employee_id": EMPLOYEE, "amount": 10}]
    assert read(said(transactions=transactions, employee_tips=tips)).employee_tips[0].transaction_id == GUIDS[2]
    transactions[0]["tip_amount"] = 1
    assert read(said(transactions=transactions, employee_tips=tips)).employee_tips[0].transaction_id is None


def test_the_currency_is_taken_from_the_additional_fields_and_not_kept_there() -> None:
    fields = [{"key": "currency_code", "value": "USD"}, {"key": "Next payment Date", "value": "soon"}]
    assert read(said(additional_fields=fields)).additional_fields == (("Next payment Date", "soon"),)
    assert intake.currency(shape(said(additional_fields=fields))) == Currency.of("USD")
    assert intake.currency(shape(said())) is None


def test_the_email_is_read_from_either_key() -> None:
    for key in ("email", "guest_email"):
        guest = intake_definitions.guest(
            shape(said(guest={"id": GUIDS[0], key: "a@example.org"})).guest or GuestShape()
        )
        assert guest is not None
        assert guest.email == "a@example.org"


def test_no_guid_means_no_reference() -> None:
    invoice = read(said(group_invoice_id="00000000-0000-0000-0000-000000000000", guest={"id": ""}))
    assert invoice.group_invoice_id is None
    assert invoice.guest is None


def test_times_are_the_centres_own() -> None:
    booked = {"id": GUIDS[1], "start_time": "2022-03-11T02:30:00.5", "end_time": "2022-03-11T05:45:00"}
    assert read(said(appointments=[booked])).appointments[0].duration_minutes == 195
    del booked["end_time"]
    only = read(said(appointments=[{**booked, "serviceduration_in_miutes": 45}])).appointments[0]
    assert (only.start_time, only.end_time) == ("2022-03-11T02:30:00", "2022-03-11T03:15:00")


def test_a_refund_is_negative() -> None:
    invoice = read(
        said(
            is_refund=True,
            total_price={"sum_total": -100},
            invoice_items=[line(1, sales=-100, discount=5) | {"quantity": -1}],
            transactions=[{"transaction_id": GUIDS[3], "amount_paid": -100}],
        )
    )
    assert (invoice.sum_total, invoice.transactions[0].amount_paid) == (-10000, -10000)
    assert invoice.lines[0].quantity == Decimal(-1)


def test_history_is_not_judged_by_the_closing_rules() -> None:
    assert read(said(is_closed=True)).is_closed


# --- what is refused, and by which name --------------------------------------------------------------------------

PAID = {"transaction_id": GUIDS[1], "amount_paid": 400}
BOOKED = {"id": GUIDS[1], "start_time": "2022-03-11T02:30:00"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"id": None}, "id", "is missing"),
    ({"id": "x"}, "id", "not a GUID"),
    ({"id": "00000000-0000-0000-0000-000000000000"}, "id", "names nothing"),
    ({"guest": {"id": 5}}, "guest.id", "expected a string, got an integer"),
    ({"guest": {"id": GUIDS[1], "first_name": "a\0b"}}, "guest.first_name", "u0000"),
    ({"guest": {"id": GUIDS[1], "last_name": "a" * 401}}, "guest.last_name", "at most 400"),
    ({"guest": {"id": GUIDS[1], "gender": 2**40}}, "guest.gender", "out of range"),
    ({"guest": {"id": GUIDS[1], "email": "a", "guest_email": "b"}}, "guest.email", "differs"),
    ({"invoice_number": "1" * 41}, "invoice_number", "at most 40"),
    ({"invoice_number_prefix": "1" * 21}, "invoice_number_prefix", "at most 20"),
    ({"receipt_number": "1" * 61}, "receipt_number", "at most 60"),
    ({"invoice_date": None}, "invoice_date", "is missing"),
    ({"invoice_date": "2022-02-30"}, "invoice_date", "does not exist"),
    ({"invoice_date": "2022-03-11T24:00:00"}, "invoice_date", "does not exist"),
    ({"invoice_date": "2022-03-11T08:00:00Z"}, "invoice_date", "has no zone"),
    ({"invoice_date": "2022-03-11T08:00:00.5+02:00"}, "invoice_date", "has no zone"),
    ({"invoice_date": "11.3.2022"}, "invoice_date", "is not a time"),
    ({"total_price": {}}, "total_price.sum_total", "is missing"),
    ({"total_price": {"sum_total": -1}}, "total_price.sum_total", "negative"),
    ({"total_price": {"sum_total": 1.001}}, "total_price.sum_total", "more decimals"),
    ({"total_price": {"sum_total": 10**30}}, "total_price.sum_total", "largest"),
    ({"total_price": {"sum_total": "NaN"}}, "total_price.sum_total", "not an amount"),
    ({"total_price": {"sum_total": "1E-9999999999"}}, "total_price.sum_total", "more decimals"),
    ({"total_price": {"sum_total": True}}, "total_price.sum_total", "expected a number, got true or false"),
    ({"total_price": {"net_price": 10, "tax": 1, "sum_total": 12}}, "total_price.sum_total", "is 12.00, but"),
    ({"total_price": {"net_price": 5}, "invoice_items": [line(1, sales=6)]}, "total_price.net_price", "6.00 USD"),
    ({"total_price": {"tax": 5}, "invoice_items": [line(1, sales=6)]}, "total_price.tax", "is 5.00, but"),
    ({"invoice_items": [line(1, sales=1, tax=1, final=3)]}, "invoice_items[0].price.final", "is 3.00, but sales + tax"),
    ({"invoice_items": [line(1, sales=1), line(1, sales=1)]}, "invoice_items[1].invoice_item_id", "twice"),
    ({"invoice_items": [line(1)]}, "invoice_items[0].price.final", "is missing"),
    ({"invoice_items": [line(1, sales=-1)]}, "invoice_items[0].price.sales", "negative"),
    ({"invoice_items": [line(1, sales=1, discount=-1)]}, "invoice_items[0].price.discount", "never below"),
    ({"invoice_items": [line(1, sales=1) | {"quantity": -1}]}, "invoice_items[0].quantity", "negative"),
    ({"invoice_items": [line(1, sales=1) | {"quantity": "1E+99999999999"}]}, "invoice_items[0].quantity", "range"),
    ({"invoice_items": [line(1, sales=1) | {"quantity": 0.0000001}]}, "invoice_items[0].quantity", "decimals"),
    ({"invoice_items": [line(1, sales=1)] * 1001}, "invoice_items", "at most 1000"),
    ({"appointments": [{"id": GUIDS[1]}]}, "appointments[0].start_time", "is missing"),
    ({"appointments": [BOOKED, BOOKED]}, "appointments[1].id", "twice"),
    ({"appointments": [BOOKED | {"end_time": "2022-03-11T02:29:59"}]}, "appointments[0].end_time", "before the start"),
    (
        {"appointments": [BOOKED | {"serviceduration_in_miutes": 2**31 - 1, "start_time": "9999-12-31"}]},
        "appointments[0].serviceduration_in_miutes",
        "9999",
    ),
    ({"transactions": [PAID, PAID]}, "transactions[1].transaction_id", "twice"),
    ({"transactions": [{"transaction_id": GUIDS[1]}]}, "transactions[0].amount_paid", "is missing"),
    ({"transactions": [PAID | {"total_amount_paid": 401}]}, "transactions[0].total_amount_paid", "is 401.00, but"),
    ({"transactions": [PAID | {"amount_paid": -400}]}, "transactions[0].amount_paid", "negative"),
    ({"transactions": [PAID | {"state": "maybe"}]}, "transactions[0].state", "settled, pending, failed"),
    ({"transactions": [PAID | {"tender": "shells"}]}, "transactions[0].tender", "cash, card"),
    ({"transactions": [PAID | {"payment_option": {"id": "x"}}]}, "transactions[0].payment_option.id", "GUID"),
    ({"employee_tips": [{"employee_id": EMPLOYEE}]}, "employee_tips[0].amount", "is missing"),
    (
        {"employee_tips": [{"employee_id": EMPLOYEE, "amount": 1, "transaction_id": GUIDS[5]}]},
        "employee_tips[0].transaction_id",
        "no transaction of this invoice",
    ),
    ({"loyalty_cap_amount": -1}, "loyalty_cap_amount", "never below"),
    ({"ssg_amount": -1}, "ssg_amount", "negative"),
    ({"additional_fields": [{"key": "currency_code", "value": "EUR"}]}, "additional_fields[0].value", "in EUR"),
    ({"additional_fields": [{"key": "currency_code", "value": "ZZZ"}]}, "additional_fields[0].value", "ISO 4217"),
    ({"additional_fields": [{"key": "a", "value": 5}]}, "additional_fields[0].value", "expected a string"),
]


@pytest.mark.parametrize(("changes", "field", "problem"), REFUSED, ids=[f"{f}: {p}" for _, f, p in REFUSED])
def test_refused(changes: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(said(**changes))
    assert caught.value.field == field
    assert problem in caught.value.problem


@pytest.mark.parametrize("name", ["../../etc/passwd", "America", "", "\0", "Mars/Olympus", "utc "])
def test_a_zone_that_does_not_exist(name: str) -> None:
    with pytest.raises(InvalidInput, match="time_zone"):
        intake_definitions.center(CenterShape(id=CENTRE, time_zone=name))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": "USDX"}, "currency"),
        ({"currency_id": -1}, "currency_id"),
        ({"receipt_prefix": "R" * 21}, "receipt_prefix"),
        ({"next_receipt_number": 0}, "next_receipt_number"),
        ({"next_receipt_number": 10**18}, "next_receipt_number"),
    ],
)
def test_a_centre_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        intake_definitions.center(CenterShape(id=CENTRE, **changes))
    assert caught.value.field == field


def test_bounds_are_those_of_the_columns() -> None:
    lengths = {
        tables.guests.c.first_name: intake_values.NAME_LENGTH,
        tables.invoices.c.invoice_number: intake.NUMBER_LENGTH,
        tables.invoices.c.invoice_number_prefix: intake.PREFIX_LENGTH,
        tables.invoices.c.receipt_number: intake.RECEIPT_LENGTH,
        tables.transactions.c.card_number: intake.CARD_NUMBER_LENGTH,
        tables.centers.c.receipt_prefix: intake_definitions.PREFIX_LENGTH,
    }
    for column, length in lengths.items():
        assert column.type.length == length, column  # type: ignore[attr-defined]


# --- the body ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON: Input data was truncated at byte 0"),
        (b'{"invoices": [tru]}', "not JSON: invalid character (byte 15)"),
        (b'{"guests": "\xff"}', "not UTF-8: invalid start byte at byte 12"),
        (b"[" * 200_000, "expected an object"),
        (b'{"invoices":' + b"[" * 200_000, "nested too deep"),
        (b"[]", "expected an object, got a list"),
        (b'{"centers": 3}', "expected a list, got an integer"),
    ],
)
def test_a_body_that_is_none(body: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        intake_reading.split(body)
    assert problem in caught.value.problem


def test_a_list_that_is_too_long() -> None:
    with pytest.raises(TooLarge, match="at most 100000"):
        intake_reading.split(b'{"guests": [' + b"{}," * intake_reading.RECORDS_MAX + b"{}]}")


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda d: d, ""),
        (lambda d: {"invoice": d, "error": None}, "invoice"),
        (lambda d: {"data": {"invoice": d}, "id": "622b5b33a961750e01db6512"}, "data.invoice"),
        (lambda d: {"invoices": [d]}, "invoices[0]"),
        (lambda d: {"invoices": [{"invoice": d}]}, "invoices[0].invoice"),
        (lambda d: {"invoices": [{"id": "x", "data": {"invoice": d}}], "guests": None}, "invoices[0].data.invoice"),
    ],
)
def test_every_way_to_wrap_an_invoice(wrap: Any, path: str) -> None:
    records = intake_reading.split(json.dumps(wrap(sample())).encode())
    found_path, found = intake_reading.read_invoice(records.invoices[0])
    assert found_path == path
    assert found.invoice_number == "7448"
    assert intake_reading.digest(found, as_open=True) == intake_reading.digest(shape(sample()), as_open=True)


def test_the_digest_sees_what_is_said_and_not_how() -> None:
    spelled = json.dumps(sample()).replace(": 488", ": 488.00").replace("}", ', "unknown": [1]}')
    decoded = intake_reading.read(InvoiceShape, Record("", msgspec.Raw(spelled)))
    known = intake_reading.digest(shape(sample()), as_open=False)
    assert intake_reading.digest(decoded, as_open=False) == known
    assert intake_reading.digest(decoded, as_open=True) != known
    other = copy.deepcopy(sample())
    other["invoice_items"][0]["price"]["discount"] = 0.01
    assert intake_reading.digest(shape(other), as_open=False) != known


@pytest.mark.parametrize("amount", ["sNaN", "1E+999999999999", "1E-999999999999", "Infinity"])
def test_the_digest_of_what_is_no_amount(amount: str) -> None:
    assert intake_reading.digest(shape(said(total_price={"sum_total": amount})), as_open=False)


# --- any valid invoice -------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MINORS = st.integers(0, 10**15)


@st.composite
def invoices(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A currency, and a whole invoice in it as the wire would show it."""
    code = draw(st.sampled_from(["JPY", "USD", "KWD"]))
    wire = Currency.of(code).wire
    prices = draw(st.lists(st.tuples(MINORS, MINORS, MINORS), max_size=4))
    net, tax = sum(p[0] for p in prices), sum(p[1] for p in prices)
    rounding = draw(st.integers(-min(net + tax, 5), 5))
    items = [
        {
            "invoice_item_id": GUIDS[number],
            "id": GUIDS[10 + number],
            "name": draw(TEXTS),
            "type": draw(st.sampled_from([0, 2, 3, 4, 5, 6])),
            "code": draw(TEXTS),
            "price": {
                "currency_id": 148,
                "sales": wire(sales),
                "tax": wire(taxes),
                "final": wire(sales + taxes),
                "discount": wire(discount),
            },
            "quantity": draw(st.sampled_from([Decimal(1), Decimal("2.5"), Decimal(100)])),
            "sale_by_id": draw(st.sampled_from([None, EMPLOYEE])),
            "therapist_name": draw(TEXTS),
        }
        for number, (sales, taxes, discount) in enumerate(prices)
    ]
    paid = draw(st.lists(st.tuples(MINORS, MINORS, MINORS, MINORS), max_size=3))
    transactions = [
        {
            "transaction_id": GUIDS[number],
            "payment_option": {
                "id": draw(st.sampled_from([None, GUIDS[9]])),
                "payment_mode": draw(st.integers(0, 9)),
                "payment_name": draw(TEXTS),
                "card_number": "",
            },
            "total_amount_paid": wire(amount + tip + ssg + fee),
            "amount_paid": wire(amount),
            "tip_amount": wire(tip),
            "ssg_amount": wire(ssg),
            "fee_amount": wire(fee),
            "cash_back_amount": wire(0),
            "payment_date": "2022-03-11T09:00:00",
            "transaction_center": {"id": CENTRE, "name": draw(TEXTS)},
            "state": draw(st.sampled_from(["settled", "pending", "failed"])),
            "tender": draw(st.sampled_from(["cash", "card", "custom", "loyalty_points"])),
        }
        for number, (amount, tip, ssg, fee) in enumerate(paid)
    ]
    closed = draw(st.booleans())
    return code, {
        "id": GUIDS[0],
        "invoice_number": "7448",
        "invoice_number_prefix": "BEL1",
        "receipt_number": "R1" if closed else "0",
        "appointment_group_id": None,
        "group_invoice_id": draw(st.sampled_from([None, GUIDS[5]])),
        "lock": draw(st.booleans()),
        "is_closed": closed,
        "is_refund": False,
        "invoice_date": draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))).isoformat()[:19],  # noqa: DTZ001
        "center_id": CENTRE,
        "total_price": {
            "currency_id": 0,
            "net_price": wire(net),
            "tax": wire(tax),
            "rounding_adjustment": wire(rounding),
            "sum_total": wire(net + tax + rounding),
        },
        "guest": None,
        "invoice_items": items,
        "appointments": [],
        "transactions": transactions,
        "additional_fields": [
            {"key": "currency_code", "value": code},
            *({"key": draw(TEXTS.filter(lambda key: key != "currency_code")), "value": draw(TEXTS)} for _ in range(2)),
        ],
    }


@given(invoices())
def test_any_invoice_is_rendered_as_it_was_said(case: tuple[str, dict[str, Any]]) -> None:
    code, value = case
    body = document.encode(value)
    decoded = intake_reading.read(InvoiceShape, Record("", msgspec.Raw(body)))
    invoice = intake.invoice(decoded, centre=centre(code), closed_at=NOW)
    shown = rendered(invoice)
    said = json.loads(body, parse_float=Decimal)
    assert {key: shown[key] for key in said} == said
