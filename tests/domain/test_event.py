"""What receivers are told is the public sample, and beside it only what the documentation adds."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from closebell import samples
from closebell.domain import event, intake, intake_definitions, intake_reading
from closebell.domain.invoice import Invoice

EVENT_ID = "6a63f0d2a961750e01db6510"
CLOSED_AT = datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC)

ADDED_TO_INVOICE = {
    "invoice_number_prefix": "",
    "group_invoice_id": None,
    "transactions": [],  # the public copy of the sample ends before them
    "additional_fields": [{"key": "currency_code", "value": "USD"}],
}


def sample_as_open() -> Invoice:
    record = intake_reading.split(samples.invoice_closed()).invoices[0]
    _, said = intake_reading.read_invoice(record)
    _, center_id = intake.identity(said)
    centre = intake_definitions.centre_of(said, center_id, currency=intake.currency(said))
    return intake.invoice(said, centre=centre, closed_at=None)


def closed(invoice: Invoice) -> Invoice:
    return dataclasses.replace(invoice, closed_at=CLOSED_AT, receipt_number="R1", close_sequence=1)


def test_the_event_of_the_sample_is_the_sample() -> None:
    told: dict[str, Any] = json.loads(event.invoice_closed(closed(sample_as_open()), event_id=EVENT_ID))
    expected = copy.deepcopy(json.loads(samples.invoice_closed()))
    expected |= {"id": EVENT_ID, "event_id": EVENT_ID, "event_timestamp": "2022-03-11T14:22:43.3847040Z"}
    invoice = expected["data"]["invoice"]
    invoice |= ADDED_TO_INVOICE | {"receipt_number": "R1"}
    invoice["guest"]["email"] = ""
    assert told == expected


def test_the_keys_keep_the_samples_order() -> None:
    told: dict[str, Any] = json.loads(event.invoice_closed(closed(sample_as_open()), event_id=EVENT_ID))
    expected: dict[str, Any] = json.loads(samples.invoice_closed())
    assert list(told) == list(expected)
    theirs = expected["data"]["invoice"]
    assert [key for key in told["data"]["invoice"] if key in theirs] == list(theirs)


def test_only_a_closed_invoice_is_told_of() -> None:
    with pytest.raises(AssertionError):
        event.invoice_closed(sample_as_open(), event_id=EVENT_ID)


def test_a_call_puts_its_own_id_and_nothing_else() -> None:
    stored = event.invoice_closed(closed(sample_as_open()), event_id=EVENT_ID)
    call = event.body_for_call(stored, "622b5b33a961750e01db6512")
    assert json.loads(call) == json.loads(stored) | {"id": "622b5b33a961750e01db6512"}
    assert len(call) == len(stored)
