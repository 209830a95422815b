"""Record what came of calls: attempt, new state, next due time and endpoint health, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.delivery import Decision, Delivered, DueAgain, Exhausted, Outcome, StillDelivered, decide
from closebell.store import deliveries, endpoints, failure_log
from closebell.store.deliveries import Held, Recorded
from closebell.store.endpoints import Health
from closebell.store.failure_log import NewFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A call that is over: which delivery, under which lease, and what came of it.

    Shape: `traceparent` names the span that recorded the call, if one did.
    Units: `received_after_s` is how long after the event was told the receiver has it; None when it has it not, or when
           somebody asked for the delivery anew.
    """

    delivery_id: str
    lease_id: str
    endpoint_id: str
    outcome: Outcome
    received_after_s: float | None = None
    traceparent: str | None = None

    @property
    def lease(self) -> tuple[str, str]:
        """Which delivery it holds under which lease, to be asked whether it still does."""
        return self.delivery_id, self.lease_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReport:
    """What recording changed.

    Shape: `due_again` is the earliest retry by endpoint; `failures` the attempts in a row that have failed, for the
           endpoints concerned; `deactivated` the reason by endpoint, `logged` those among them that were active until
           now and are in the failure log; `retried` and `exhausted` how many by endpoint; `lost` counts outcomes
           whose lease had been lost.
    """

    delivered: int = 0
    failed: int = 0
    lost: int = 0
    due_again: Mapping[str, datetime] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    deactivated: Mapping[str, str] = field(default_factory=dict)
    logged: tuple[str, ...] = ()
    retried: Mapping[str, int] = field(default_factory=dict)
    exhausted: Mapping[str, int] = field(default_factory=dict)


def record_outcomes(
    connection: Connection, sent: Sequence[Sent], *, clock: Clock, luck: Luck, mails_failures: bool = False
) -> RecordReport:
    """Write the outcomes of calls whose lease still holds; the others were or will be made by somebody else.

    Shape: with `mails_failures` a mail about each endpoint that is deactivated is due at once.
    """
    held = deliveries.still_held(connection, {one.lease for one in sent})
    ours = [one for one in sent if one.lease in held]
    if not ours:
        return RecordReport(lost=len(sent))
    health = _health(connection, ours)
    now = clock.now()
    tally = _Tally(
        now=now,
        luck=luck,
        failures={key: value.consecutive_failures for key, value in health.items()},
        failing_since={key: value.failing_since for key, value in health.items()},
        failed_at={key: value.failed_at for key, value in health.items()},
    )
    recorded = [tally.judge(one, held[one.lease], health[one.endpoint_id]) for one in ours]
    deliveries.record(connection, recorded)
    for endpoint_id, before in health.items():
        failures, since = tally.failures[endpoint_id], tally.failing_since[endpoint_id]
        at = tally.failed_at[endpoint_id]
        if (failures, since, at) != (before.consecutive_failures, before.failing_since, before.failed_at):
            endpoints.set_failures(connection, endpoint_id, failures, failing_since=since, failed_at=at)
    logged = [
        endpoint_id
        for endpoint_id, reason in tally.deactivated.items()
        if endpoints.deactivate(connection, endpoint_id, reason=reason, now=now)
    ]
    for endpoint_id in logged:
        failure_log.insert_one(connection, tally.last[endpoint_id], id_=luck.guid(), now=now, is_mailed=mails_failures)
    return RecordReport(
        delivered=tally.delivered,
        failed=len(ours) - tally.delivered,
        lost=len(sent) - len(ours),
        due_again=tally.due_again,
        failures=tally.failures,
        deactivated=tally.deactivated,
        logged=tuple(logged),
        retried=tally.retried,
        exhausted=tally.exhausted,
    )


def _health(connection: Connection, ours: Sequence[Sent]) -> dict[str, Health]:
    """The health of the endpoints concerned; locked only when it is going to change, which for most it is not."""
    ids = {one.endpoint_id for one in ours}
    health = endpoints.health(connection, ids, lock=False)
    changing = {one.endpoint_id for one in ours if one.outcome.error is not None}
    changing |= {key for key, one in health.items() if one.consecutive_failures or one.failing_since is not None}
    return {**health, **endpoints.health(connection, changing, lock=True)} if changing else health


@dataclass(slots=True, kw_only=True)
class _Tally:
    """Goes through the outcomes in order and keeps count per endpoint."""

    now: datetime
    luck: Luck
    failures: dict[str, int]
    failing_since: dict[str, datetime | None]
    failed_at: dict[str, datetime | None]
    delivered: int = 0
    due_again: dict[str, datetime] = field(default_factory=dict)
    deactivated: dict[str, str] = field(default_factory=dict)
    retried: Counter[str] = field(default_factory=Counter)
    exhausted: Counter[str] = field(default_factory=Counter)
    last: dict[str, NewFailure] = field(default_factory=dict)
    """The attempt after which an endpoint was deactivated."""

    def judge(self, one: Sent, held: Held, health: Health) -> Recorded:
        """What this outcome makes of its delivery."""
        decision = decide(
            one.outcome,
            attempt_number=held.attempts + 1,
            consecutive_failures=self.failures[one.endpoint_id],
            policy=health.policy,
            luck=self.luck.fraction(),
            now=self.now,
            attempts_before=held.attempts_before,
            was_delivered=held.was_delivered,
            failed_at=self.failed_at[one.endpoint_id],
        )
        due_at, reason = self._follow(one.endpoint_id, decision)
        if decision.deactivate is not None:
            self.last.setdefault(one.endpoint_id, self._failure(one))
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
                self.failing_since[endpoint_id] = None
                self.delivered += 1
                return self.now, ""
            case DueAgain(at=at):
                self._note_failure(endpoint_id, counts=decision.counts)
                self.retried[endpoint_id] += 1
                self.due_again[endpoint_id] = min(at, self.due_again.get(endpoint_id, at))
                return at, ""
            case Exhausted(reason=reason) | StillDelivered(reason=reason):
                self._note_failure(endpoint_id, counts=decision.counts)
                self.exhausted[endpoint_id] += isinstance(decision.verdict, Exhausted)
                return self.now, reason

    def _failure(self, one: Sent) -> NewFailure:
        outcome = one.outcome
        return NewFailure(
            endpoint_id=one.endpoint_id,
            failing_since=self.failing_since[one.endpoint_id],
            consecutive_failures=self.failures[one.endpoint_id],
            delivery_id=one.delivery_id,
            status=outcome.status,
            error=None if outcome.error is None else outcome.error.value,
            detail=outcome.detail,
        )

    def _note_failure(self, endpoint_id: str, *, counts: bool) -> None:
        self.failing_since[endpoint_id] = self.failing_since[endpoint_id] or self.now
        if counts:
            self.failures[endpoint_id] += 1
            self.failed_at[endpoint_id] = self.now
