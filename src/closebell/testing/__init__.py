"""What tests of Closebell, and of applications beside it, are made of: invoices, a clock and luck that obey.

Every builder gives a whole, valid value; what matters to a test is named, the rest has a default. Identifiers follow
from names, so the same name is the same record: `an_invoice("first")` is found again as `guid_of("invoice first")`.

>>> an_invoice("first", total=48800, paid=40000).transactions[0].amount_paid
40000
>>> an_invoice("first").id == guid_of("invoice first")
True
"""

from __future__ import annotations

from closebell.testing.builders import (
    a_centre,
    a_guest,
    a_line,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_appointment,
    an_employee,
    an_endpoint,
    an_invoice,
    an_item,
    an_offer,
    guid_of,
    secret_of,
    stored_secret,
)
from closebell.testing.stored import put, put_centre, put_offers, put_people, snapshot
from closebell.testing.time_and_luck import NOON, FixedClock, SeededLuck
from closebell.testing.vaults import SECRET_KEY, a_vault

__all__ = [
    "NOON",
    "SECRET_KEY",
    "FixedClock",
    "SeededLuck",
    "a_centre",
    "a_guest",
    "a_line",
    "a_paid_invoice",
    "a_payment",
    "a_tip",
    "a_vault",
    "an_appointment",
    "an_employee",
    "an_endpoint",
    "an_invoice",
    "an_item",
    "an_offer",
    "guid_of",
    "put",
    "put_centre",
    "put_offers",
    "put_people",
    "secret_of",
    "snapshot",
    "stored_secret",
]
