"""Read deliveries: what became of each event on its way to each endpoint, with every attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from closebell.domain.delivery import DeliveryState
from closebell.errors import InvalidInput, NotFound
from closebell.store import delivery_log
from closebell.store.delivery_log import DeliveryFilter, DeliveryRecord

STATES: Final = (*DeliveryState, delivery_log.HELD)
"""The states that deliveries can be asked for by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """Deliveries, the newest first; `next_before` asks for the page after this one, None on the last."""

    deliveries: list[DeliveryRecord]
    next_before: str | None


def read_deliveries(connection: Connection, wanted: DeliveryFilter, *, limit: int) -> DeliveryPage:
    """Up to `limit` of the deliveries that are asked for.

    Errors: InvalidInput naming `state` when there is no such state.
    """
    assert limit >= 1, "a page has room for something"
    if wanted.state is not None and wanted.state not in STATES:
        raise InvalidInput("state", f"{wanted.state!r:.60} is not known; write one of {', '.join(STATES)}")
    found = delivery_log.page(connection, wanted, limit=limit + 1)
    page = found[:limit]
    return DeliveryPage(deliveries=page, next_before=page[-1].id if len(found) > limit else None)


def read_delivery(connection: Connection, delivery_id: str) -> DeliveryRecord:
    """The delivery with this id.

    Errors: NotFound.
    """
    delivery = delivery_log.find(connection, delivery_id)
    if delivery is None:
        raise NotFound(f"No delivery has the id {delivery_id}")
    return delivery
