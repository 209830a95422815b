"""docs/api.md, "Import": every field there is, its limits, and what becomes of a centre that nobody defined."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from closebell.domain import (
    intake,
    intake_accounts,
    intake_catalogue,
    intake_catalogue_shapes,
    intake_definitions,
    intake_reading,
    intake_shapes,
    intake_values,
)
from closebell.domain.account import AccountKind
from closebell.domain.identifiers import NO_GUID
from closebell.domain.intake_definitions import RECEIPT_NUMBER_MAX, centre_of
from closebell.domain.intake_report import INVALID, Kind, Result
from closebell.domain.invoice import Tender, TransactionState
from closebell.usecase.import_portions import PORTION_RECORDS
from closebell.usecase.import_records import decode

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
IMPORT = PAGE[PAGE.index("\n## Import\n") : PAGE.index("\n## Health\n")]
START = (DOCS / "start.md").read_text(encoding="utf-8")
SHAPES: dict[str, set[type[msgspec.Struct]]] = {
    "Centre": {intake_shapes.CenterShape},
    "Employee": {intake_shapes.EmployeeShape},
    "Guest": {intake_shapes.GuestShape},
    "Catalogue item": {intake_catalogue_shapes.ItemShape, intake_catalogue_shapes.CenterItemShape},
    "Campaign": {intake_catalogue_shapes.CampaignShape},
    "Loyalty programme": {intake_catalogue_shapes.LoyaltyProgramShape},
    "Payment type": {intake_catalogue_shapes.CustomPaymentShape},
    "Account": {intake_catalogue_shapes.AccountShape},
    "Saved card": {intake_catalogue_shapes.SavedCardShape},
    "Group of invoices": {intake_catalogue_shapes.GroupInvoiceShape},
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
    for name in intake_catalogue_shapes.BenefitShape.__struct_encode_fields__:
        assert f"`{name}` (" in section("Catalogue item")
    assert all(f'"{name}": text' in IMPORT for name in intake_shapes.AdditionalFieldShape.__struct_encode_fields__)


def test_the_values_that_may_be_chosen_are_named() -> None:
    for choice in (*Tender, *TransactionState):
        assert f"`{choice}`" in section("Transaction")
    for result in Result:
        assert f"`{result}`" in section("The report")
    for held in AccountKind:
        assert f"`{held}`" in section("Account")
    for kind in Kind:
        assert f'"{kind}s": [...]' in IMPORT
    assert f"`{INVALID}`" in section("What is refused")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (intake_reading.RECORDS_MAX == 100_000, "up to 100,000 records"),
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
        (intake_values.RATE_DECIMALS_MAX == 6, "a decimal from 0 to 100 with up to 6 decimals"),
        (intake_definitions.CODE_LENGTH == 40, "| `gstin` | text (40) |"),
        (intake_catalogue.TAX_RATE_MAX == 1_000, "percent, from 0 (default) to 1,000, up to 6 decimals"),
        (intake_catalogue.EXCHANGE_RATE_MAX == 1_000_000, "above 0, up to 1,000,000 and 6 decimals"),
        (intake_catalogue.BENEFIT_UNITS_MAX == 1_000, "units, 1 (default) to 1,000"),
        (intake_catalogue.DAYS_MAX == 36_500, "1 to 36,500"),
        (intake_catalogue.MINUTES_MAX == 10_080, "up to 10,080"),
        (intake_catalogue.ENTRIES_MAX == 1_000, "up to 1,000 centres that are known"),
        (intake_catalogue.VOUCHERS_MAX == 10_000, "up to 10,000 codes"),
        (intake_catalogue.CODE_LENGTH == 100, "| `offer_code` | text (100) |"),
        (intake_accounts.CARD_NUMBER_LENGTH == 40, "| `number` | text (40) |"),
        (intake_accounts.PROCESSOR_LENGTH == 40, "| `processor` | text (40) |"),
        (intake_accounts.TOKEN_LENGTH == 200, "| `token` | text (200) |"),
        (intake_accounts.NOTES_LENGTH == 4_000, "| `notes` | text (4,000) |"),
        (intake_accounts.SHOWN_DIGITS_MAX == 10, "more than 10 digits are refused"),
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
