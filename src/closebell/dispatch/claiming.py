"""Claim deliveries and look at the rest of the queue, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from closebell.domain.endpoint import Endpoint
from closebell.store import deliveries, endpoints
from closebell.store.deliveries import Claimed, NewDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the queue looked like: the endpoints, when each active one's next delivery is due, what was claimed."""

    endpoints: Sequence[Endpoint]
    earliest: Mapping[str, datetime]
    claimed: Sequence[Claimed] = ()


def claim_and_survey(
    connection: Connection, wanted: Mapping[str, int], *, now: datetime, lease_id: str, leased_until: datetime
) -> Survey:
    """Claim for the slots that were taken, and look when the rest is due."""
    claimed = deliveries.claim(connection, wanted, now=now, lease_id=lease_id, leased_until=leased_until)
    return Survey(
        endpoints=endpoints.all_kept(connection, now=now),
        earliest=deliveries.earliest_due(connection),
        claimed=claimed,
    )


def claimed_by_close(new: NewDelivery, lease_id: str) -> Claimed:
    """A delivery that the close itself leased, as if it had been claimed."""
    return Claimed(
        id=new.id,
        lease_id=lease_id,
        sequence=new.sequence,
        event_id=new.event_id,
        endpoint_id=new.endpoint_id,
        body=new.body,
    )
