"""What tells a record that is imported again from the one that is there, in words that may stand in any log.

Reports of imports are stored, mailed and pasted into tickets. So ids, amounts, dates and settings are shown as they
are, and of what is personal or as good as money it is said only that it differs: whoever may see it, looks it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from closebell.domain.invoice import Invoice

PRIVATE: Final = frozenset(
    {
        *("first_name", "last_name", "gender", "code", "mobile_phone", "email"),
        *("name", "notes"),
        *("number", "card_number", "token"),
    }
)
"""Fields of people, of saved cards and groups, and of what guests hold, whose values no report shows."""

_AMOUNTS = ("net_price", "tax", "rounding_adjustment", "sum_total", "ssg_amount", "fee_amount", "loyalty_cap_amount")
_VALUES = (
    "invoice_number",
    "invoice_number_prefix",
    "appointment_group_id",
    "group_invoice_id",
    "lock",
    "is_refund",
    "invoice_date",
)
_LISTS = {"lines": "invoice_items", "appointments": "appointments", "additional_fields": "additional_fields"}


def first_difference(there: Invoice, said: Invoice) -> str:
    """The first thing that differs, with both values where they are short.

    Payments, tips and whether it is closed come last, since they change after an import.
    """
    return next(
        _differences(there, said),
        "its guest's details, its payments, its tips or the way it was imported (as_open) are not the same",
    )


def _differences(there: Invoice, said: Invoice) -> Iterator[str]:
    pairs = [("center_id", there.centre.id, said.centre.id), ("guest.id", _guest_id(there), _guest_id(said))]
    pairs += [(name, getattr(there, name), getattr(said, name)) for name in _VALUES]
    pairs += [(name, _shown(there, name), _shown(said, name)) for name in _AMOUNTS]
    for name, was, now in pairs:
        if was != now:
            yield change(name, was, now)
    for name, key in _LISTS.items():
        if getattr(there, name) != getattr(said, name):
            yield f"{key} are not the same"
    if there.close_sequence == 0 and there.is_closed != said.is_closed:
        yield change("is_closed, as imported,", there.is_closed, said.is_closed)


def change(name: str, was: object, now: object) -> str:
    """How a field differs: with both values, unless they are private.

    >>> change("center_id", None, "c1"), change("email", "ada@guests.example", "")
    ('center_id is none and would become c1', 'email would become another')
    """
    if name in PRIVATE:
        return f"{name} would become another"
    was, now = ("none" if value in {None, ""} else f"{value!s:.60}" for value in (was, now))
    return f"{name} is {was} and would become {now}"


def _guest_id(invoice: Invoice) -> str | None:
    return None if invoice.guest is None else invoice.guest.id


def _shown(invoice: Invoice, name: str) -> str | None:
    amount = getattr(invoice, name)
    return None if amount is None else invoice.currency.digits(amount)
