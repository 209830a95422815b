"""Counting: what happened, put into the metrics. What happens often is counted in batches or without a lock."""

from __future__ import annotations

import importlib.metadata
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from closebell.api.metrics.families import Answering, Delivering, Waiting, Writing
from closebell.api.metrics.histogram import Series
from closebell.dispatch.alerts import MailOutcome
from closebell.dispatch.recording import RecordReport, Sent
from closebell.domain.recovery import Recovery
from closebell.errors import Refusal
from closebell.store.backlog import Backlog, Pile
from closebell.store.observing import Trouble
from closebell.usecase.close_invoices import Closed, CloseReport

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST.encode()
NO_ROUTE: Final = "none"
"""The route label of a request that matched none; its path is the caller's choice and so no label."""
DELIVERED: Final = "delivered"
"""The outcome label of a call that went well; of another it is the kind of fault."""
PENDING, HELD, EXHAUSTED = "pending", "held", "exhausted"
STATES: Final = (PENDING, HELD, EXHAUSTED)
_US_PER_S: Final = 1_000_000

RoleOfProcess = Literal["all", "api", "dispatch"]
"""What the process is there for, as the setting `role` says."""


class Watched(Protocol):
    """What delivers, as far as it is watched."""

    @property
    def calls_under_way(self) -> int:
        """How many calls are being made."""
        ...

    @property
    def unrecorded(self) -> int:
        """How many calls are over and not recorded."""
        ...

    def overdue_s(self) -> float:
        """How long the oldest delivery that could be sent has been due."""
        ...

    def is_failing(self, endpoint_id: str) -> bool:
        """Whether the endpoint is called one at a time."""
        ...


class Metrics:
    """The counters of one application; several in one process do not disturb each other.

    Shape: in the role `api` it shows nothing of deliveries.
    """

    def __init__(self, *, role: RoleOfProcess = "all") -> None:
        self.registry = CollectorRegistry()
        self.delivers = delivers = role != "api"
        ProcessCollector(registry=self.registry)
        says = "1; tells the version, and the role of the process."
        build = Gauge("closebell_build_info", says, ("version", "role"), registry=self.registry)
        build.labels(importlib.metadata.version("closebell"), role).set(1)
        self._answering = Answering(self.registry)
        self._writing = Writing(self.registry)
        self._delivering = Delivering(self.registry if delivers else None)
        self._waiting = Waiting(self.registry if delivers else None)
        self.under_way = self._answering.under_way
        self._batches = self._answering.batches.labels()
        self._commit_units = self._writing.commit_units.labels()
        self._commit_seconds = self._writing.commit_seconds.labels()
        self._claims = self._delivering.claims.labels()
        self._records = self._delivering.records.labels()
        for outcome in MailOutcome:
            self._delivering.alert_mails.labels(outcome)
        for trouble in Trouble:
            self._writing.unavailable.labels(trouble)
        self._requests: dict[tuple[str, str, int], tuple[Counter, Series]] = {}
        self._of: dict[str, _OfEndpoint] = {}
        self._watched: Watched | None = None

    # --- answering ---------------------------------------------------------------------------------------------------

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        known = self._requests.get((method, route, status))
        if known is None:
            counter = self._answering.requests.labels(method, route, str(status))
            known = self._requests[method, route, status] = (
                counter,
                self._answering.request_seconds.labels(method, route),
            )
        counter, latency = known
        counter.inc()
        latency.observe(seconds)

    def closed(self, report: CloseReport) -> None:
        """A batch of close calls was answered."""
        self._batches.observe(len(report.answers))
        found = Tally(_kind_of(answer) for answer in report.answers)
        self._answering.closed.inc(found.pop(_CLOSED, 0))
        self._answering.closed_again.inc(found.pop(_AGAIN, 0))
        for refusal, count in found.items():
            self._answering.refusals.labels(refusal).inc(count)

    # --- the database, which tells it from its own threads -----------------------------------------------------------

    def committed(self, units: int, seconds: float) -> None:
        """A transaction was written."""
        self._commit_units.observe(units)
        self._commit_seconds.observe(seconds)

    def retried(self) -> None:
        """A unit of work is run again."""
        self._writing.retries.inc()

    def unavailable(self, trouble: Trouble) -> None:
        """A unit of work was not carried out."""
        self._writing.unavailable.labels(trouble).inc()

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Ask how many units wait for the database whenever somebody looks."""
        self._writing.waiting.set_function(waiting)

    # --- delivering --------------------------------------------------------------------------------------------------

    def claimed(self, count: int) -> None:
        """So many deliveries were claimed at once."""
        self._claims.observe(count)

    def recorded(self, sent: Sequence[Sent], report: RecordReport) -> None:
        """Outcomes of calls to receivers were recorded."""
        self._records.observe(len(sent))
        outcomes: Tally[tuple[str, str]] = Tally()
        for one in sent:
            of = self._of_endpoint(one.endpoint_id)
            of.attempt_seconds.observe(one.outcome.duration_us / _US_PER_S)
            if one.received_after_s is not None:
                of.received_seconds.observe(one.received_after_s)
            outcomes[one.endpoint_id, one.outcome.error or DELIVERED] += 1
        for (endpoint_id, outcome), count in outcomes.items():
            self._of_endpoint(endpoint_id).attempts(outcome).inc(count)
        for endpoint_id, count in report.retried.items():
            self._of_endpoint(endpoint_id).retries.inc(count)
        for endpoint_id, count in report.exhausted.items():
            self._of_endpoint(endpoint_id).exhausted.inc(count)
        for endpoint_id in report.logged:
            self._of_endpoint(endpoint_id).deactivated.inc()
        self._delivering.leases_lost.inc(report.lost)

    def mailed(self, outcome: MailOutcome) -> None:
        """A mail about a deactivated endpoint was tried."""
        self._delivering.alert_mails.labels(outcome).inc()

    def recovered(self, job: Recovery) -> None:
        """A portion of exhausted deliveries was brought back."""
        self._of_endpoint(job.endpoint_id).recovered.inc(job.just_recovered)

    def watch(self, dispatcher: Watched) -> None:
        """Ask the dispatcher how it stands whenever somebody looks."""
        self._watched = dispatcher
        self._delivering.under_way.set_function(lambda: dispatcher.calls_under_way)
        self._delivering.unrecorded.set_function(lambda: dispatcher.unrecorded)
        self._delivering.overdue.set_function(dispatcher.overdue_s)

    def show(self, backlogs: Sequence[Backlog], *, age_s: Callable[[Pile], float]) -> None:
        """Show what the database says of each endpoint; those that it does not name any more are forgotten.

        Every counter of an endpoint begins at 0 before anything happens: Prometheus sees a counter that begins with 1
        as one that never grew, and an alert would miss the first deactivation.
        """
        self._waiting.clear()
        for backlog in backlogs:
            self._show(backlog, age_s)
            self._of_endpoint(backlog.endpoint_id)
        for endpoint_id in self._of.keys() - {backlog.endpoint_id for backlog in backlogs}:
            self._of.pop(endpoint_id).forget()

    def show_nothing(self) -> None:
        """The database does not say; old figures would look like new ones."""
        self._waiting.clear()

    def _show(self, backlog: Backlog, age_s: Callable[[Pile], float]) -> None:
        endpoint_id, shown = backlog.endpoint_id, self._waiting
        none = Pile(count=0, is_capped=False, oldest_at=None)
        piles = {
            PENDING: backlog.waiting if backlog.is_active else none,
            HELD: none if backlog.is_active else backlog.waiting,
            EXHAUSTED: backlog.exhausted,
        }
        for state, pile in piles.items():
            shown.deliveries.labels(endpoint_id, state).set(pile.count)
            shown.capped.labels(endpoint_id, state).set(pile.is_capped)
            shown.oldest.labels(endpoint_id, state).set(age_s(pile))
        shown.info.labels(endpoint_id, backlog.name).set(1)
        shown.active.labels(endpoint_id).set(backlog.is_active)
        shown.failures.labels(endpoint_id).set(backlog.consecutive_failures)
        shown.failing.labels(endpoint_id).set(self._watched is not None and self._watched.is_failing(endpoint_id))

    def _of_endpoint(self, endpoint_id: str) -> _OfEndpoint:
        found = self._of.get(endpoint_id)
        if found is None:
            found = self._of[endpoint_id] = _OfEndpoint(self._delivering, endpoint_id)
        return found

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _OfEndpoint:
    """The series of one endpoint, looked up once."""

    __slots__ = (
        "_attempts",
        "_endpoint_id",
        "_families",
        "attempt_seconds",
        "deactivated",
        "exhausted",
        "received_seconds",
        "recovered",
        "retries",
    )

    def __init__(self, families: Delivering, endpoint_id: str) -> None:
        self._families = families
        self._endpoint_id = endpoint_id
        self._attempts: dict[str, Counter] = {}
        self.attempt_seconds = families.attempt_seconds.labels(endpoint_id)
        self.received_seconds = families.received_seconds.labels(endpoint_id)
        self.retries = families.retries.labels(endpoint_id)
        self.exhausted = families.exhausted.labels(endpoint_id)
        self.recovered = families.recovered.labels(endpoint_id)
        self.deactivated = families.deactivated.labels(endpoint_id)
        self.attempts(DELIVERED)

    def attempts(self, outcome: str) -> Counter:
        """The counter of calls that came to this."""
        found = self._attempts.get(outcome)
        if found is None:
            found = self._attempts[outcome] = self._families.attempts.labels(self._endpoint_id, outcome)
        return found

    def forget(self) -> None:
        """Drop the series: the endpoint is gone."""
        families, endpoint_id = self._families, self._endpoint_id
        for histogram in (families.attempt_seconds, families.received_seconds):
            histogram.forget(endpoint_id)
        for counter in (families.retries, families.exhausted, families.recovered, families.deactivated):
            counter.remove(endpoint_id)
        for outcome in self._attempts:
            families.attempts.remove(endpoint_id, outcome)


_CLOSED: Final = "closed"
_AGAIN: Final = "again"
_OTHER: Final = "other"


def _kind_of(answer: object) -> str:
    match answer:
        case Closed(again=True):
            return _AGAIN
        case Closed():
            return _CLOSED
        case Refusal():
            return answer.code.name.lower()
        case _:
            return _OTHER
