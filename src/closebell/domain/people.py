"""Who and what an invoice refers to: employees, guests, things sold, ways to pay.

Such a record is a *stub* while it was only referred to; a definition of its own completes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from closebell.domain.invoice import Guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """Someone who sells, treats, is tipped or closes."""

    id: str
    first_name: str = ""
    last_name: str = ""
    center_id: str | None = None
    code: str = ""
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEntry:
    """A guest as the directory keeps one: the person, and the centre they belong to."""

    id: str
    first_name: str = ""
    last_name: str = ""
    gender: int = -1
    code: str = ""
    mobile_phone: str = ""
    email: str = ""
    center_id: str | None = None

    @classmethod
    def of(cls, guest: Guest, *, center_id: str | None) -> GuestEntry:
        """The entry of a guest met on an invoice."""
        return cls(
            id=guest.id,
            first_name=guest.first_name,
            last_name=guest.last_name,
            gender=guest.gender,
            code=guest.code,
            mobile_phone=guest.mobile_phone,
            email=guest.email,
            center_id=center_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogItem:
    """Something sold: its name, the contract's item type, and its code.

    Shape: `is_retail` is False for a product that is used up and not sold; `validity_days` is how long what it gives
           a guest is good for, None for ever.
    """

    id: str
    name: str = ""
    type: int = 0
    code: str = ""
    is_retail: bool = True
    duration_minutes: int = 0
    validity_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomPayment:
    """A way to pay that the business named itself."""

    id: str
    name: str = ""


def named(therapist_name: str) -> tuple[str, str]:
    """First and last name of someone of whom only the full name was said.

    >>> named("Henry Peterson"), named("Henry")
    (('Henry', 'Peterson'), ('Henry', ''))
    """
    first, _, last = therapist_name.strip().partition(" ")
    return first, last.strip()
