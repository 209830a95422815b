"""What is old is forgotten: the bodies of events that nobody waits for, and attempts; a bounded portion at a time.

Bodies go in the order of the feed: `bodies_through` is how far. An event of which a delivery still waits is passed and
noted, so that it neither keeps the others nor is found again by looking at all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from closebell.domain.delivery import DeliveryState
from closebell.domain.event import GUEST_ERASED
from closebell.store import tables
from closebell.store.statements import among

_retention = tables.retention.c
_events = tables.events.c
_waiting = tables.bodies_waiting.c
_deliveries = tables.deliveries.c
_attempts = tables.attempts.c

NOTHING = b""
"""What is kept of a body that is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one portion came to: events that were looked at, and bodies that were forgotten."""

    looked_at: int
    forgotten: int


_PROGRESS = select(tables.retention).where(_retention.id == 1)
_FOLLOWING = (
    select(_events.sequence, _events.event_type, _events.created_at)
    .where(_events.sequence > bindparam("through"))
    .order_by(_events.sequence)
    .limit(bindparam("most"))
)
_NEXT_WAITING = (
    select(_waiting.sequence)
    .where(_waiting.sequence > bindparam("through"))
    .order_by(_waiting.sequence)
    .limit(bindparam("most"))
)
_LOCK_EVENTS = (
    select(_events.sequence)
    .where(among(_events.sequence))
    .order_by(_events.sequence)
    .with_for_update(key_share=True)  # nobody waits who merely refers to an event, as its deliveries do
)
_STILL_WAITED_FOR = (
    select(_deliveries.sequence)
    .distinct()
    .where(among(_deliveries.sequence), _deliveries.state == DeliveryState.PENDING.value)
)
_FORGET_BODIES = (
    update(tables.events)
    .where(among(_events.sequence))
    .values(
        body=NOTHING, redacted_at=func.coalesce(_events.redacted_at, bindparam("at", type_=_events.redacted_at.type))
    )
)


def bodies_through(connection: Connection) -> int:
    """The last event whose body was old enough to be forgotten."""
    through: int = connection.execute(_PROGRESS).one().bodies_through
    return through


def forget_bodies(connection: Connection, *, before: datetime, now: datetime, limit: int) -> Portion:
    """Forget the bodies of the next events told before that instant, but of those that a delivery waits for.

    What tells that a guest was erased is kept: it proves which bodies were replaced, and holds nothing of anybody.
    """
    progress = connection.execute(_PROGRESS.with_for_update()).one()
    following = connection.execute(_FOLLOWING, {"through": progress.bodies_through, "most": limit}).all()
    old = list(takewhile(lambda row: row.created_at < before, following))
    if not old:
        return Portion(looked_at=0, forgotten=0)
    connection.execute(update(tables.retention).values(bodies_through=old[-1].sequence))
    free, waited_for = _apart(connection, [row.sequence for row in old if row.event_type != GUEST_ERASED])
    if waited_for:
        connection.execute(insert(tables.bodies_waiting), [{"sequence": sequence} for sequence in waited_for])
    _forget(connection, free, now)
    return Portion(looked_at=len(old), forgotten=len(free))


def forget_waited_for(connection: Connection, *, now: datetime, limit: int) -> Portion:
    """Forget the bodies of old events that were waited for, and are not any more; a call looks at the next ones.

    Each look goes on where the last one ended and begins anew at the end, so every one has its turn.
    """
    progress = connection.execute(_PROGRESS.with_for_update()).one()
    rows = connection.execute(_NEXT_WAITING, {"through": progress.waiting_after, "most": limit}).all()
    sequences = [row.sequence for row in rows]
    goes_on = sequences[-1] if len(sequences) == limit else 0
    if goes_on != progress.waiting_after:
        connection.execute(update(tables.retention).values(waiting_after=goes_on))
    free, _ = _apart(connection, sequences)
    if free:
        _forget(connection, free, now)
        connection.execute(delete(tables.bodies_waiting).where(among(_waiting.sequence)), {"ids": free})
    return Portion(looked_at=len(sequences), forgotten=len(free))


def _apart(connection: Connection, sequences: Sequence[int]) -> tuple[list[int], list[int]]:
    """The events, locked, that no delivery waits for, and the others.

    They are locked before anybody asks for deliveries: whoever makes one due again has locked its event as well.
    """
    if not sequences:
        return [], []
    connection.execute(_LOCK_EVENTS, {"ids": sequences})
    waited_for = set(connection.execute(_STILL_WAITED_FOR, {"ids": sequences}).scalars())
    return [one for one in sequences if one not in waited_for], sorted(waited_for)


def _forget(connection: Connection, sequences: Sequence[int], now: datetime) -> None:
    if sequences:
        connection.execute(_FORGET_BODIES, {"ids": sequences, "at": now})


# --- attempts ----------------------------------------------------------------------------------------------------

_OLDEST = (
    select(_attempts.delivery_id, _attempts.number)
    .where(_attempts.started_at < bindparam("before", type_=_attempts.started_at.type))
    .order_by(_attempts.started_at)
    .limit(bindparam("most"))
    .subquery()
)
_OLD_ATTEMPTS = (
    select(_OLDEST.c.delivery_id, func.max(_OLDEST.c.number).label("last"))
    .group_by(_OLDEST.c.delivery_id)
    .order_by(_OLDEST.c.delivery_id)
)
_COUNT_FORGOTTEN = (
    update(tables.deliveries)
    .where(_deliveries.id == bindparam("delivery"))
    .values(attempts_forgotten=bindparam("last"))
)
_FORGET_COUNTED = delete(tables.attempts).where(
    among(_attempts.delivery_id),
    _attempts.number
    <= select(_deliveries.attempts_forgotten).where(_deliveries.id == _attempts.delivery_id).scalar_subquery(),
)
"""One statement for all of them, because of one that is sent row by row not every driver knows how much it changed."""


def forget_attempts(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget up to `limit` attempts made before that instant, and those that came before one of them; how many.

    Attempts are numbered in the order in which they were made, so what is left of a delivery is numbered without holes.
    """
    connection.execute(_PROGRESS.with_for_update()).one()
    rows: Sequence[Any] = connection.execute(_OLD_ATTEMPTS, {"before": before, "most": limit}).all()
    if not rows:
        return 0
    old = [{"delivery": row.delivery_id, "last": row.last} for row in rows]
    connection.execute(_COUNT_FORGOTTEN, old)
    return connection.execute(_FORGET_COUNTED, {"ids": [row.delivery_id for row in rows]}).rowcount
