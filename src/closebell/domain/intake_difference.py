"""What tells an invoice that is imported again from the one that is there."""

from __future__ import annotations

from collections.abc import Iterator

from closebell.domain.invoice import Invoice

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
            yield _both(name, was, now)
    for name, key in _LISTS.items():
        if getattr(there, name) != getattr(said, name):
            yield f"{key} are not the same"
    if there.close_sequence == 0 and there.is_closed != said.is_closed:
        yield _both("is_closed, as imported,", there.is_closed, said.is_closed)


def _guest_id(invoice: Invoice) -> str | None:
    return None if invoice.guest is None else invoice.guest.id


def _shown(invoice: Invoice, name: str) -> str | None:
    amount = getattr(invoice, name)
    return None if amount is None else invoice.currency.digits(amount)


def _both(name: str, was: object, now: object) -> str:
    return f"{name} is {'none' if was is None else was} and would become {'none' if now is None else now}"
