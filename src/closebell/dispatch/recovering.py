"""Recoveries are carried out here, by every process that dispatches: a portion of exhausted deliveries at a time.

A portion is one transaction: it makes deliveries due again, moves the job's position past them and says when the next
portion is due. So a crash leaves a job where it was, with nothing done twice and nothing left out, and the job's lock
keeps two dispatchers off one portion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.recovery import Recovery, RecoveryState
from closebell.errors import Unavailable
from closebell.store import exhausted, recoveries
from closebell.store.exhausted import Stretch
from closebell.store.unit import Database
from closebell.store.wake import Wake, moved, ring

log = structlog.get_logger()

LOOK_EVERY_S: Final = 15
"""Seconds that a job which another process made, or a ring that was missed, can go unnoticed."""
PAUSE_S: Final = 0.5
"""Seconds between two looks at least, however often somebody says that something has changed."""
CONTENTION_PAUSE_S: Final = 0.2
"""Seconds to leave a portion alone that was due and that another dispatcher was working on."""
UNAVAILABLE_PAUSE_S: Final = 1
"""Seconds to wait before asking a database again that could not answer."""
PORTION_EVERY: Final = timedelta(seconds=1)
"""Between two portions of a job; a portion is what its rate allows in this time."""


def recover_portion(connection: Connection, *, now: datetime) -> Recovery | None:
    """Bring the next portion of the job back whose turn it is; the job as it then stands, None when it is no job's."""
    job = recoveries.take_due(connection, now=now)
    if job is None:
        return None
    stretch = Stretch(endpoint_id=job.endpoint_id, since=job.since, until=job.until, position=job.position)
    found = exhausted.following(connection, stretch, job.rate_per_s)
    just_recovered = exhausted.bring_back(connection, found, now=now)
    recovered = job.recovered + just_recovered
    after = replace(
        job,
        recovered=recovered,
        just_recovered=just_recovered,
        # What was exhausted while the job ran has joined it.
        matched=max(job.matched, recovered),
        position=found[-1].id if found else job.position,
        next_at=now + PORTION_EVERY,
    )
    # What was found and is no longer exhausted was sent again by somebody else; the job has passed it all the same.
    if len(found) < job.rate_per_s:
        after = replace(after, state=RecoveryState.DONE, finished_at=now)
    recoveries.save(connection, after)
    ring(connection)
    return after


class Recoverer:
    """The task that carries recoveries out; `recovered` is called whenever deliveries have become due again.

    It sleeps until the next portion is due, or `wake` tells that something has happened, as a new job is.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        wake: Wake,
        recovered: Callable[[], None],
        observe: Callable[[Recovery], None] = lambda _job: None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake
        self._recovered = recovered
        self._observe = observe
        self._pause_s = pause_s

    async def run(self) -> None:
        """Carry out what is due, until cancelled."""
        while True:
            ticket = self._wake.ticket()
            wait_s = await self._go_on()
            if wait_s and await moved(ticket, timeout_s=wait_s):
                await asyncio.sleep(self._pause_s)

    async def _go_on(self) -> float:
        """Carry out one portion if one is due; how many seconds until there may be another."""
        try:
            now = self._clock.now()
            at = await self._database.read(recoveries.next_at, now=now)
            if at is None or at > now:
                return LOOK_EVERY_S if at is None else min((at - now).total_seconds(), LOOK_EVERY_S)
            job = await self._database.write(recover_portion, now=now)
        except Unavailable as error:
            log.warning("recovery.database_unavailable", error=str(error))
            return UNAVAILABLE_PAUSE_S
        if job is None:
            return CONTENTION_PAUSE_S
        self._recovered()
        self._observe(job)
        self._tell(job)
        return 0

    def _tell(self, job: Recovery) -> None:
        if job.state is RecoveryState.DONE:
            log.info(
                "recovery.done",
                recovery_id=job.id,
                endpoint_id=job.endpoint_id,
                recovered=job.recovered,
                matched=job.matched,
            )
