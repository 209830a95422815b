"""What a centre sells of the things that a request names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from closebell.domain.catalogue import Offer
from closebell.domain.intake_values import required_guid
from closebell.domain.invoice import Centre
from closebell.domain.people import CatalogItem
from closebell.errors import InvalidInput
from closebell.store import catalogue
from closebell.usecase.begin_invoice import lenient_guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The things that a request names, by id: what they are, and the centre's terms of those that it sells."""

    centre: Centre
    items: Mapping[str, CatalogItem]
    offers: Mapping[str, Offer]

    def offer(self, said: str | None, field: str, types: Collection[int], what: str) -> Offer:
        """The offer of one of these types.

        Errors: InvalidInput naming the field.
        """
        item_id = required_guid(said, field)
        item = self.items.get(item_id)
        if item is None or item.type not in types:
            raise InvalidInput(field, f"{item_id} is not {what} Closebell knows")
        offer = self.offers.get(item_id)
        if offer is None:
            raise InvalidInput(field, f"{item.name or item_id} is not sold at centre {self.centre.id}")
        return offer


def find_offers(connection: Connection, centre: Centre, named: Iterable[str | None]) -> Shelf:
    """What the centre sells of the things with these ids, as a request wrote them."""
    ids = {id_ for text in named if (id_ := lenient_guid(text)) is not None}
    return Shelf(
        centre=centre,
        items=catalogue.items(connection, ids),
        offers=catalogue.offers(connection, centre.id, ids),
    )
