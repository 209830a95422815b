"""Who and what there is when a world begins: two centres, a few guests, and invoices that wait to be paid or closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, update

from closebell.domain.invoice import Centre, Guest, Invoice
from closebell.store import tables
from closebell.testing import a_centre, a_guest, a_line, a_paid_invoice, an_invoice, put

PAID: Final = 40
"""Invoices that are ready to be closed when the world begins."""
UNPAID: Final = 12
"""Invoices that somebody must pay first."""

CENTRES: Final = (a_centre("Main Street"), a_centre("Harbour"))
SOLD: Final = ("Massage", "Facial", "Haircut")
"""What is on the invoices, one thing on each."""

_NAMES: Final = ("Adalinde Quillfeather", "Barnabus Oldacre", "Cressidy Thornquist")


def _guest(number: int) -> Guest:
    guest = a_guest(_NAMES[number])
    return replace(guest, mobile_phone=f"+1 206-555-017{number}")


GUESTS: Final = tuple(map(_guest, range(len(_NAMES))))

MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    guest.id: (guest.first_name.lower(), guest.last_name.lower(), guest.mobile_phone[3:]) for guest in GUESTS
}
"""What betrays each guest, in small letters: words that nothing else is called."""


def paid_invoices() -> list[Invoice]:
    """Those that may be closed at once."""
    return [a_paid_invoice(f"paid {number}", **_particulars(number)) for number in range(PAID)]


def unpaid_invoices() -> list[Invoice]:
    """Those that lack their money."""
    return [an_invoice(f"unpaid {number}", **_particulars(number)) for number in range(UNPAID)]


def _particulars(number: int) -> dict[str, Any]:
    """One of each centre, guest and thing sold, in every mixture."""
    guest, total = GUESTS[number // 2 % len(GUESTS)], 1000 + number
    return {
        "total": total,
        "centre": centre_of(number),
        "guest": guest,
        "lines": [a_line(SOLD[number // 3 % len(SOLD)], final=total)],
        "notes": f"{guest.first_name} likes it quiet",
        "additional_fields": (("asked for by", guest.last_name),),
    }


def centre_of(number: int) -> Centre:
    """Where the invoices of this number are."""
    return CENTRES[number % len(CENTRES)]


def populate(connection: Connection) -> None:
    """Store them all; the guests belong to one centre and another."""
    put(connection, *paid_invoices(), *unpaid_invoices())
    for number, guest in enumerate(GUESTS):
        theirs = update(tables.guests).where(tables.guests.c.id == guest.id)
        connection.execute(theirs.values(center_id=centre_of(number).id))
