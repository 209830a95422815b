"""What becomes of a sale: quantities, appointments, and the limits of an invoice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from closebell.domain.invoice import Appointment
from closebell.domain.money import AMOUNT_MINOR_MAX
from closebell.domain.sale import (
    COMMENT_CHARACTERS_MAX,
    LINES_MAX,
    NOTES_KEPT_CHARACTERS_MAX,
    QUANTITY_MAX,
    Booking,
    Staff,
    appointment_of,
    beyond_keeping,
    line_of,
    must_be_something,
    quantity,
    with_comment,
)
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.testing import a_centre, a_line, an_invoice, an_offer, guid_of

INES = Staff(id=guid_of("employee Ines"), name="Ines Moreau")
HENRY = Staff(id=guid_of("employee Henry"), name="Henry Peterson")


@pytest.mark.parametrize(
    ("said", "kept"), [(None, "1"), ("2", "2"), ("2.000", "2"), ("1E+2", "100"), ("0.001", "0.001"), ("1.50", "1.5")]
)
def test_a_quantity_is_kept_plainly(said: str | None, kept: str) -> None:
    assert str(quantity(None if said is None else Decimal(said), "quantity")) == kept


@pytest.mark.parametrize("said", ["0", "-1", "0.0001", "1.0005", "100000.001", "1E+9999", "1E-9999", "NaN", "Infinity"])
def test_a_quantity_out_of_bounds_is_refused_by_name(said: str) -> None:
    with pytest.raises(Refusal) as caught:
        quantity(Decimal(said), "products[1].quantity")
    assert caught.value.code is RefusalCode.QUANTITY_INVALID
    assert caught.value.detail.startswith("products[1].quantity is ")
    assert len(caught.value.detail) < 200


def test_the_largest_quantity_is_taken() -> None:
    assert quantity(QUANTITY_MAX, "") == QUANTITY_MAX


def test_a_line_takes_its_terms_from_the_offer_and_its_name_from_whoever_serves() -> None:
    offer = an_offer("Massage", price=10000, tax_rate="7.25")
    line = line_of(offer, a_centre(), line_id=guid_of("line"), quantity=Decimal(2), seller=INES, name=HENRY.name)
    assert (line.sales, line.tax, line.final, line.unit_price) == (20000, 1450, 21450, 10000)
    assert (line.sale_by_id, line.therapist_name, line.code, line.currency_id) == (
        INES.id,
        "Henry Peterson",
        "MASSAGE",
        148,
    )
    assert line_of(offer, a_centre(), line_id="", seller=INES).therapist_name == "Ines Moreau"
    assert line_of(offer, a_centre(), line_id="", seller=None).therapist_name == ""


# --- appointments ------------------------------------------------------------------------------------------------


def booked(minutes: int = 60, therapist: Staff | None = HENRY, **fields: Any) -> Appointment | None:
    return appointment_of(
        a_line(),
        Booking(**fields),
        appointment_id=guid_of("a"),
        minutes=minutes,
        therapist=therapist,
        field="services[0]",
    )


def test_without_a_start_nothing_is_booked() -> None:
    assert booked() is None


@pytest.mark.parametrize(
    ("end", "until", "minutes"),
    [
        (None, "2026-01-06T00:30:00", 60),
        ("2026-01-05T23:45:00", "2026-01-05T23:45:00", 15),
        ("2026-01-05T23:30:00", "2026-01-05T23:30:00", 0),
    ],
)
def test_an_appointment_lasts_as_long_as_the_service_unless_its_end_is_said(
    end: str | None, until: str, minutes: int
) -> None:
    made = booked(start_time="2026-01-05T23:30:00", end_time=end, room_name="3", therapist_request_type=3)
    assert made is not None
    assert (made.start_time, made.end_time, made.duration_minutes) == ("2026-01-05T23:30:00", until, minutes)
    assert (made.therapist_id, made.therapist_name, made.therapist_request_type) == (HENRY.id, HENRY.name, 3)
    assert (made.invoice_item_id, made.service_id, made.service_name) == (a_line().id, a_line().item_id, "Massage")
    assert (made.appointment_type, made.room_name, made.equipment_name) == (2, "3", "")


def test_an_appointment_may_be_nobodys_yet() -> None:
    made = booked(minutes=0, therapist=None, start_time="2026-01-05")
    assert made is not None
    assert (made.start_time, made.end_time) == ("2026-01-05T00:00:00", "2026-01-05T00:00:00")
    assert (made.therapist_id, made.therapist_name) == (None, "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start_time": "2026-01-05T10:00:00Z"}, "start_time"),
        ({"start_time": "tomorrow"}, "start_time"),
        ({"start_time": "2026-02-30T10:00:00"}, "start_time"),
        ({"start_time": "9999-12-31T23:30:00"}, "start_time"),
        ({"start_time": "2026-01-05T10:00:00", "end_time": "2026-01-05T09:59:59"}, "end_time"),
        ({"end_time": "2026-01-05T09:59:59"}, "end_time"),
        ({"room_name": "x" * 401}, "room_name"),
        ({"equipment_name": "x" * 401}, "equipment_name"),
        ({"therapist_request_type": 5}, "therapist_request_type"),
        ({"therapist_request_type": -1}, "therapist_request_type"),
    ],
)
def test_a_booking_names_the_field_that_is_wrong(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        booked(**fields)
    assert caught.value.field == f"services[0].{field}"


# --- limits ------------------------------------------------------------------------------------------------------


def test_an_invoice_at_its_limits_can_be_kept_and_beyond_them_it_cannot() -> None:
    full = an_invoice(lines=[a_line(f"{number}", final=1) for number in range(LINES_MAX)])
    assert beyond_keeping(full) is None
    over = replace(full, lines=(*full.lines, a_line("one more")))
    assert f"would have {LINES_MAX + 1} items" in (beyond_keeping(over) or "")
    dear = an_invoice(total=AMOUNT_MINOR_MAX)
    assert beyond_keeping(dear) is None
    assert beyond_keeping(an_invoice(lines=())) is None
    for name in ("net_price", "tax", "sum_total", "ssg_amount", "fee_amount"):
        huge: dict[str, Any] = {name: AMOUNT_MINOR_MAX + 1}
        assert "an amount is at most" in (beyond_keeping(replace(dear, **huge)) or "")
    line = replace(a_line(), discount=AMOUNT_MINOR_MAX + 1)
    assert beyond_keeping(an_invoice(lines=(line,))) is not None


def test_something_must_be_sold() -> None:
    must_be_something([1], "products")
    with pytest.raises(InvalidInput, match=r"products: is missing or empty"):
        must_be_something([], "products")


def test_comments_join_the_notes_one_a_line() -> None:
    invoice = an_invoice(notes="Ring twice")
    assert with_comment(invoice, "Cancelled", " \n") is invoice
    assert with_comment(invoice, "Cancelled", "ill ").notes == "Ring twice\nCancelled: ill"
    assert with_comment(replace(invoice, notes=""), "Cancelled", "ill").notes == "Cancelled: ill"


@pytest.mark.parametrize("comment", ["x" * (COMMENT_CHARACTERS_MAX + 1), "a\0b", "\ud800"])
def test_a_comment_that_cannot_be_kept_is_refused(comment: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        with_comment(an_invoice(), "Cancelled", comment)
    assert caught.value.field == "comments"


def test_notes_do_not_grow_for_ever() -> None:
    invoice = an_invoice(notes="x" * (NOTES_KEPT_CHARACTERS_MAX - len("\nC: y")))
    assert len(with_comment(invoice, "C", "y").notes) == NOTES_KEPT_CHARACTERS_MAX
    with pytest.raises(InvalidInput, match="the invoice's notes would have"):
        with_comment(invoice, "C", "yy")
