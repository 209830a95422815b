"""Claim deliveries and look at the rest of the queue, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from closebell.domain.endpoint import Endpoint
from closebell.store import endpoints, lanes
from closebell.store.deliveries import NewDelivery
from closebell.store.lanes import Claimed, Due
from closebell.store.unit import Database
from closebell.tracing.spans import Kind, Tracer

SPAN = "claim deliveries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the queue looked like: the endpoints, when each active one's next delivery is due, what was claimed."""

    endpoints: Sequence[Endpoint]
    earliest: Mapping[str, Due]
    claimed: Sequence[Claimed] = ()


def claim_and_survey(
    connection: Connection,
    wanted: Mapping[str, int],
    *,
    now: datetime,
    lease_id: str,
    leased_until: datetime,
    retried_first: Collection[str] = (),
) -> Survey:
    """Claim for the room that was taken, and look when the rest is due."""
    claimed = lanes.claim(
        connection, wanted, now=now, lease_id=lease_id, leased_until=leased_until, retried_first=retried_first
    )
    return Survey(
        endpoints=endpoints.all_kept(connection, now=now),
        earliest=lanes.earliest_due(connection),
        claimed=claimed,
    )


class Claims:
    """Claims in a database; `observe` is told how many there were, each time there were any."""

    def __init__(self, *, database: Database, tracer: Tracer, observe: Callable[[int], None]) -> None:
        self._database = database
        self._tracer = tracer
        self._observe = observe

    async def claim(
        self,
        wanted: Mapping[str, int],
        *,
        now: datetime,
        lease_id: str,
        leased_until: datetime,
        retried_first: Collection[str] = (),
    ) -> Survey:
        """Claim and survey, in a transaction of its own.

        Errors: Unavailable.
        """
        with self._tracer.begin(SPAN, Kind.INTERNAL) as span:
            survey = await self._database.write(
                claim_and_survey,
                wanted,
                now=now,
                lease_id=lease_id,
                leased_until=leased_until,
                retried_first=retried_first,
            )
            if span.is_recorded:
                span.note({"closebell.endpoints": len(wanted), "closebell.deliveries": len(survey.claimed)})
        if survey.claimed:
            self._observe(len(survey.claimed))
        return survey


def claimed_by_close(new: NewDelivery, lease_id: str) -> Claimed:
    """A delivery that the close itself leased, as if it had been claimed."""
    return Claimed(
        id=new.id,
        lease_id=lease_id,
        sequence=new.sequence,
        event_id=new.event_id,
        endpoint_id=new.endpoint_id,
        body=new.body,
        traceparent=new.traceparent,
        told_at=new.told_at,
    )
