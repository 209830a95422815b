"""docs/api.md, "Import": every field there is, its limits, and what becomes of a centre that nobody defined."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from closebell.domain import intake, intake_shapes, intake_values
from closebell.domain.identifiers import NO_GUID
from closebell.domain.intake_definitions import RECEIPT_NUMBER_MAX, centre_of
from closebell.domain.invoice import Tender, TransactionState
from closebell.usecase.import_portions import PORTION_RECORDS
from closebell.usecase.import_records import INVALID, Result, decode

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
IMPORT = PAGE[PAGE.index("\n## Import\n") : PAGE.index("\n## Health\n")]
START = (DOCS / "start.md").read_text(encoding="utf-8")
SHAPES: dict[str, set[type[msgspec.Struct]]] = {
    "Centre": {intake_shapes.CenterShape},
    "Employee": {intake_shapes.EmployeeShape},
    "Guest": {intake_shapes.GuestShape},
    "Invoice": {intake_shapes.InvoiceShape, intake_shapes.TotalShape},
    "Item": {intake_shapes.LineShape, intake_shapes.PriceShape},
    "Appointment": {intake_shapes.AppointmentShape},
    "Transaction": {intake_shapes.TransactionShape},
    "Tip": {intake_shapes.TipShape},
}


def section(heading: str) -> str:
    return IMPORT.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("heading", SHAPES)
def test_every_field_is_documented_and_no_other(heading: str) -> None:
    cells = re.findall(r"^\| (`[^|]+`) \|", section(heading), re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert documented == {name for shape in SHAPES[heading] for name in shape.__struct_encode_fields__}


def test_the_fields_of_small_objects_are_named() -> None:
    for shape in (intake_shapes.PaymentOptionShape, intake_shapes.TransactionCenterShape):
        assert all(f"`{name}` (" in section("Transaction") for name in shape.__struct_encode_fields__)
    assert all(f'"{name}": text' in IMPORT for name in intake_shapes.AdditionalFieldShape.__struct_encode_fields__)


def test_the_values_that_may_be_chosen_are_named() -> None:
    for choice in (*Tender, *TransactionState):
        assert f"`{choice}`" in section("Transaction")
    for result in Result:
        assert f"`{result}`" in section("The report")
    assert f"`{INVALID}`" in section("What is refused")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (intake_shapes.RECORDS_MAX == 100_000, "up to 100,000 records"),
        (intake.ROWS_MAX == 1_000, "up to 1,000, as of each list here"),
        (PORTION_RECORDS == 250, "transactions of 250"),
        (RECEIPT_NUMBER_MAX == 10**17, "1 (default) to 10^17"),
        (intake_values.NAME_LENGTH == 400, "up to 400 characters unless a number stands here"),
        (intake.NUMBER_LENGTH == 40, "| `invoice_number` | text (40) |"),
        (intake.PREFIX_LENGTH == 20, "| `invoice_number_prefix` | text (20) |"),
        (intake.RECEIPT_LENGTH == 60, "| `receipt_number` | text (60) |"),
        (intake.CARD_NUMBER_LENGTH == 40, "`card_number` (text (40))"),
        (intake.ADDITIONAL_VALUE_LENGTH == 4_000, '"value": text (4,000)'),
        (intake_values.QUANTITY_MAX == 10**9, "up to 6 decimals and 10^9"),
        (intake_values.QUANTITY_DECIMALS_MAX == 6, "up to 6 decimals"),
    ],
)
def test_the_numbers_are_the_codes(*, number: bool, says: str) -> None:
    assert says in IMPORT
    assert number, f"the code has another number: {says}"


def test_a_centre_that_nobody_defined_is_as_both_pages_say() -> None:
    bare = centre_of(intake_shapes.InvoiceShape(), NO_GUID, currency=None)
    told = centre_of(intake_shapes.InvoiceShape(receipt_number="BEL-2650"), NO_GUID, currency=None)
    assert (bare.currency.code, bare.time_zone, bare.name, bare.receipt_prefix) == ("USD", "UTC", NO_GUID, "R")
    assert told.receipt_prefix == "BEL-"
    for page in (IMPORT, START):
        assert "Define centres before you import their invoices" in page
        assert re.search(r"currency of a centre cannot be changed\s+once it has invoices", page)
        assert all(word in page for word in ("USD", "UTC", "`R`", "currency_code"))


def test_the_definition_of_the_first_steps_can_be_imported() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", START, re.DOTALL)
    assert len(decode(shown.encode()).centers) == 1
    assert json.loads(shown)["centers"][0].keys() <= set(intake_shapes.CenterShape.__struct_encode_fields__)
