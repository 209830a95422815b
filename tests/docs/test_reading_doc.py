"""docs/reading.md names every section, mode, parameter and field, and the limits of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from closebell.api import invoice_lists, paging, report_shapes, reports
from closebell.api.routing import Operation
from closebell.domain.document import SECTIONS
from closebell.domain.period import DAYS, DAYS_MAX
from closebell.domain.redemption import RedemptionMode
from closebell.domain.report import ITEM_TYPES
from closebell.store.invoice_index import InvoiceState
from closebell.usecase.list_invoices import OPEN_MAX

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
SHAPES = (
    invoice_lists.OpenInvoiceRow,
    report_shapes.SalesRow,
    report_shapes.SalesAnswer,
    report_shapes.CollectionsAnswer,
)
# What a row of collections has beside the fields that the other report's table explains.
COLLECTED = {"tender", "payment_type", "collected_by", "processor", "processor_reference", "additional_data"}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_section_is_in_the_table(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("mode", RedemptionMode)
def test_every_mode_is_in_the_table(mode: RedemptionMode) -> None:
    assert re.search(rf"^\| {mode:d} \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.__name__))
def test_every_field_of_a_row_is_named(shape: type) -> None:
    for name in shape.__struct_encode_fields__:  # type: ignore[attr-defined]  # all of them are structs
        assert name == "error" or f"`{name}`" in PAGE or f'"{name}"' in PAGE, name


@pytest.mark.parametrize("name", sorted(COLLECTED | set(report_shapes.CollectionTotalDocument.__struct_fields__)))
def test_every_field_of_a_payment_is_named(name: str) -> None:
    assert name == "transactions" or f"`{name}`" in PAGE


@pytest.mark.parametrize("operation", [*invoice_lists.OPERATIONS, *reports.OPERATIONS], ids=repr)
def test_every_route_and_parameter_is_named(operation: Operation) -> None:
    doc = operation.doc
    assert doc.path in PAGE
    for query in doc.query:
        assert f"`{query.name}`" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    assert PAGE.count(f"at most {DAYS_MAX} days") + PAGE.count(f"At most {DAYS_MAX} days") >= 3
    assert f"it has {DAYS} days" in PAGE
    assert f"the last {DAYS} days" in PAGE
    assert f"the newest {OPEN_MAX:,}" in PAGE
    assert f"`size` is {paging.SIZE} unless said and at most {paging.SIZE_MAX}" in PAGE
    assert f"`size` is {reports.ROWS_MAX:,} rows unless fewer are asked for" in PAGE
    assert f"at most {reports.CENTERS_MAX:,}" in PAGE
    assert all(f"`{state}`" in PAGE for state in InvoiceState)
    assert all(f"`{name}`" in PAGE for name in ITEM_TYPES.values())
