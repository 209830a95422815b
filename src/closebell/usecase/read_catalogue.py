"""Read what an invoice can be made of: the centres, who works there, what they sell, and ways to pay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.catalogue import Offer
from closebell.domain.invoice import Centre, ItemType
from closebell.domain.people import CustomPayment, Employee
from closebell.store import catalogue_pages
from closebell.store.catalogue_pages import Found, Slice
from closebell.usecase.choose_centers import named_centers


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Some of what a centre sells."""

    centre: Centre
    offers: Found[Offer]


def list_centers(connection: Connection, part: Slice, *, caller: Caller = OPERATOR) -> Found[Centre]:
    """The centres that the caller may reach."""
    return catalogue_pages.centers_page(connection, part, among_ids=caller.center_ids)


def read_center(connection: Connection, center_id: str, *, caller: Caller = OPERATOR) -> Centre:
    """The centre with this id.

    Errors: Refusal 438, 502.
    """
    (centre,) = named_centers(connection, [center_id], caller)
    return centre


def list_employees(
    connection: Connection, center_id: str, part: Slice, *, caller: Caller = OPERATOR
) -> Found[Employee]:
    """Those who work at the centre; who has left is not among them.

    Errors: Refusal 438, 502.
    """
    read_center(connection, center_id, caller=caller)
    return catalogue_pages.employees_page(connection, center_id, part)


def list_offers(
    connection: Connection, center_id: str, types: Iterable[ItemType], part: Slice, *, caller: Caller = OPERATOR
) -> Shelf:
    """What the centre sells of these types, at its terms.

    Errors: Refusal 438, 502.
    """
    centre = read_center(connection, center_id, caller=caller)
    return Shelf(centre=centre, offers=catalogue_pages.offers_page(connection, center_id, types, part))


def list_custom_payments(
    connection: Connection, center_id: str, part: Slice, *, caller: Caller = OPERATOR
) -> Found[CustomPayment]:
    """Ways to pay that the business named itself, which are the same at every centre.

    Errors: Refusal 438, 502.
    """
    read_center(connection, center_id, caller=caller)
    return catalogue_pages.custom_payments_page(connection, part)
