"""Record what came of calls: attempt, new state, next due time and endpoint health, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.delivery import Decision, Delivered, DueAgain, Exhausted, Outcome, decide
from closebell.store import deliveries, endpoints
from closebell.store.deliveries import Held, Recorded
from closebell.store.endpoints import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A call that is over: which delivery, under which lease, and what came of it."""

    delivery_id: str
    lease_id: str
    endpoint_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReport:
    """What recording changed.

    Shape: `due_again` is the earliest retry by endpoint; `failures` the attempts in a row that have failed, for the
           endpoints concerned; `deactivated` the reason by endpoint; `lost` counts outcomes whose lease had been lost.
    """

    delivered: int = 0
    failed: int = 0
    lost: int = 0
    due_again: Mapping[str, datetime] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    deactivated: Mapping[str, str] = field(default_factory=dict)


def record_outcomes(connection: Connection, sent: Sequence[Sent], *, clock: Clock, luck: Luck) -> RecordReport:
    """Write the outcomes of calls whose lease still holds; the others were or will be made by somebody else."""
    held = deliveries.still_held(connection, {one.delivery_id: one.lease_id for one in sent})
    ours = [one for one in sent if one.delivery_id in held]
    if not ours:
        return RecordReport(lost=len(sent))
    health = _health(connection, ours)
    now = clock.now()
    tally = _Tally(now=now, luck=luck, failures={key: value.consecutive_failures for key, value in health.items()})
    recorded = [tally.judge(one, held[one.delivery_id], health[one.endpoint_id]) for one in ours]
    deliveries.record(connection, recorded)
    for endpoint_id, before in health.items():
        if tally.failures[endpoint_id] != before.consecutive_failures:
            endpoints.set_failures(connection, endpoint_id, tally.failures[endpoint_id])
    for endpoint_id, reason in tally.deactivated.items():
        endpoints.deactivate(connection, endpoint_id, reason=reason, now=now)
    return RecordReport(
        delivered=tally.delivered,
        failed=len(ours) - tally.delivered,
        lost=len(sent) - len(ours),
        due_again=tally.due_again,
        failures=tally.failures,
        deactivated=tally.deactivated,
    )


def _health(connection: Connection, ours: Sequence[Sent]) -> dict[str, Health]:
    """The health of the endpoints concerned; locked only when it is going to change, which for most it is not."""
    ids = {one.endpoint_id for one in ours}
    health = endpoints.health(connection, ids, lock=False)
    changing = {one.endpoint_id for one in ours if one.outcome.error is not None}
    changing |= {endpoint_id for endpoint_id, one in health.items() if one.consecutive_failures}
    return {**health, **endpoints.health(connection, changing, lock=True)} if changing else health


@dataclass(slots=True, kw_only=True)
class _Tally:
    """Goes through the outcomes in order and keeps count per endpoint."""

    now: datetime
    luck: Luck
    failures: dict[str, int]
    delivered: int = 0
    due_again: dict[str, datetime] = field(default_factory=dict)
    deactivated: dict[str, str] = field(default_factory=dict)

    def judge(self, one: Sent, held: Held, health: Health) -> Recorded:
        """What this outcome makes of its delivery."""
        decision = decide(
            one.outcome,
            attempt_number=held.attempts + 1,
            consecutive_failures=self.failures[one.endpoint_id],
            policy=health.policy,
            luck=self.luck.fraction(),
            now=self.now,
        )
        due_at, reason = self._follow(one.endpoint_id, decision)
        return Recorded(
            id=one.delivery_id,
            lease_id=one.lease_id,
            attempt_number=held.attempts + 1,
            outcome=one.outcome,
            state=decision.state,
            due_at=due_at,
            reason=reason,
        )

    def _follow(self, endpoint_id: str, decision: Decision) -> tuple[datetime, str]:
        """Count the outcome for its endpoint; when the delivery is due or ended, and why it ended."""
        if decision.deactivate is not None:
            self.deactivated.setdefault(endpoint_id, decision.deactivate)
        match decision.verdict:
            case Delivered():
                self.failures[endpoint_id] = 0
                self.delivered += 1
                return self.now, ""
            case DueAgain(at=at):
                self.failures[endpoint_id] += 1
                self.due_again[endpoint_id] = min(at, self.due_again.get(endpoint_id, at))
                return at, ""
            case Exhausted(reason=reason):
                self.failures[endpoint_id] += 1
                return self.now, reason
