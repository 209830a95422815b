"""Captured documents that ship with the package, and a chain of salons to try things on."""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files
from typing import Final

SALON_ZONE: Final = "America/Los_Angeles"
"""Where the salons' invoices are: the westernmost centre, so that their day is over or has begun at every other."""
SALON_DAY: Final = date(2022, 3, 11)
"""The day of the salons' invoices as they are stored, but for one of the day before."""
_THOSE_DAYS: Final = re.compile(rb"2022-03-1[01]")


def invoice_closed() -> bytes:
    """The public `Invoice.Closed` sample, with the comma repaired that its public copy lacks.

    >>> invoice_closed().startswith(b"{")
    True
    """
    return files(__name__).joinpath("invoice_closed.json").read_bytes()


def salon(*, today: date = SALON_DAY) -> bytes:
    """An import of three centres and all they need to sell, with invoices of `today` in every state."""

    def moved(found: re.Match[bytes]) -> bytes:
        return f"{date.fromisoformat(found[0].decode()) + (today - SALON_DAY)}".encode()

    return _THOSE_DAYS.sub(moved, files(__name__).joinpath("salon.json").read_bytes())
