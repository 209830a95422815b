"""Look at the queue, and claim out of it.

A survey reads every endpoint and looks into both lanes of each: milliseconds at a hundred endpoints. So it is made now
and then, and a claim concerns only those it is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from closebell.domain.endpoint import Endpoint
from closebell.errors import Unavailable
from closebell.store import endpoints, lanes
from closebell.store.deliveries import NewDelivery
from closebell.store.lanes import Claimed, Due
from closebell.store.unit import Database
from closebell.tracing.spans import Kind, Tracer

T = TypeVar("T")

log = structlog.get_logger()

SURVEY_SPAN = "survey queue"
CLAIM_SPAN = "claim deliveries"

UNAVAILABLE_PAUSE_S = 1
"""How long to wait before asking a database again that could not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the queue looks like: every endpoint, and when the next delivery of each active one is due."""

    endpoints: Sequence[Endpoint]
    earliest: Mapping[str, Due]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was claimed, and when the rest of the endpoints it was claimed for is due."""

    claimed: Sequence[Claimed]
    earliest: Mapping[str, Due]


def survey(connection: Connection, *, now: datetime) -> Survey:
    """Look at the whole queue, and claim nothing."""
    return Survey(endpoints=endpoints.all_kept(connection, now=now), earliest=lanes.earliest_due(connection))


def claim(
    connection: Connection,
    wanted: Mapping[str, int],
    *,
    now: datetime,
    lease_id: str,
    leased_until: datetime,
    retried_first: Collection[str] = (),
) -> Taken:
    """Claim for the room that was taken, and look when the rest of these endpoints is due; of the others nothing."""
    claimed = lanes.claim(
        connection, wanted, now=now, lease_id=lease_id, leased_until=leased_until, retried_first=retried_first
    )
    return Taken(claimed=claimed, earliest=lanes.earliest_due(connection, wanted))


class Claims:
    """Surveys and claims, each in a transaction of its own; `observe` is told how many were claimed, if any were.

    Whatever goes wrong, whoever asks goes on: the answer is None then, and comes after a pause.
    """

    def __init__(self, *, database: Database, tracer: Tracer, observe: Callable[[int], None]) -> None:
        self._database = database
        self._tracer = tracer
        self._observe = observe

    async def survey(self, *, now: datetime) -> Survey | None:
        """Look at the whole queue."""
        with self._tracer.begin(SURVEY_SPAN, Kind.INTERNAL) as span:
            found = await _tried(self._database.read(survey, now=now))
            if found is not None and span.is_recorded:
                span.note({"closebell.endpoints": len(found.endpoints)})
        return found

    async def claim(
        self,
        wanted: Mapping[str, int],
        *,
        now: datetime,
        lease_id: str,
        leased_until: datetime,
        retried_first: Collection[str] = (),
    ) -> Taken | None:
        """Claim for the room that was taken."""
        with self._tracer.begin(CLAIM_SPAN, Kind.INTERNAL) as span:
            work = self._database.write(
                claim, wanted, now=now, lease_id=lease_id, leased_until=leased_until, retried_first=retried_first
            )
            taken = await _tried(work)
            if taken is not None and span.is_recorded:
                span.note({"closebell.endpoints": len(wanted), "closebell.deliveries": len(taken.claimed)})
        if taken is not None and taken.claimed:
            self._observe(len(taken.claimed))
        return taken


async def _tried(work: Awaitable[T]) -> T | None:
    """What the work comes to; None, after a pause, when the database could not answer or there is a bug."""
    try:
        return await work
    except Unavailable as error:
        log.warning("dispatch.database_unavailable", error=str(error))
    except Exception:
        log.exception("dispatch.claim_failed")
    await asyncio.sleep(UNAVAILABLE_PAUSE_S)
    return None


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
