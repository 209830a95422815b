"""What is counted about the API, in a registry of its own; labels are routes and codes, never ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.recording import RecordReport, Sent
from closebell.errors import Refusal
from closebell.usecase.close_invoices import Closed, CloseReport

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST.encode()
NO_ROUTE: Final = "none"
"""The route label of a request that matched none; its path is the caller's choice and so no label."""
_LATENCY_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_US_PER_S: Final = 1_000_000
_BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one application; several in one process do not disturb each other."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "closebell_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "closebell_request_seconds",
            "Time from the request's head to the answer's last byte.",
            ("method", "route"),
            buckets=_LATENCY_BOUNDS_S,
            registry=self.registry,
        )
        self.under_way = Gauge(
            "closebell_requests_under_way", "Requests being answered just now.", registry=self.registry
        )
        self._closes = Counter("closebell_invoices_closed", "Invoices closed.", registry=self.registry)
        self._again = Counter(
            "closebell_invoices_closed_again", "Close calls for a closed invoice.", registry=self.registry
        )
        self._refusals = Counter(
            "closebell_close_refusals",
            "Close calls refused, by the contract's rule.",
            ("refusal",),
            registry=self.registry,
        )
        self._batches = Histogram(
            "closebell_close_batch_invoices",
            "Close calls in one transaction.",
            buckets=_BATCH_BOUNDS,
            registry=self.registry,
        )
        self._attempts = Counter(
            "closebell_delivery_attempts",
            "Calls to receivers, by what came of them: delivered, or the kind of fault.",
            ("outcome",),
            registry=self.registry,
        )
        self._call_latency = Histogram(
            "closebell_delivery_attempt_seconds",
            "Time from the first byte sent to a receiver to the end of its answer.",
            buckets=_LATENCY_BOUNDS_S,
            registry=self.registry,
        )
        self._deactivated = Counter(
            "closebell_endpoints_deactivated",
            "Endpoints deactivated because they kept failing.",
            registry=self.registry,
        )
        self._calls_under_way = Gauge(
            "closebell_deliveries_under_way",
            "Calls to receivers being made or recorded just now.",
            registry=self.registry,
        )
        self._overdue = Gauge(
            "closebell_deliveries_overdue_seconds",
            "How long the oldest delivery to an active endpoint has been due.",
            registry=self.registry,
        )
        self._known: dict[tuple[str, str], Histogram] = {}
        self._counted: dict[tuple[str, str, int], Counter] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        counter = self._counted.get((method, route, status))
        if counter is None:
            counter = self._counted[method, route, status] = self._requests.labels(method, route, str(status))
        counter.inc()
        histogram = self._known.get((method, route))
        if histogram is None:
            histogram = self._known[method, route] = self._latency.labels(method, route)
        histogram.observe(seconds)

    def closed(self, report: CloseReport) -> None:
        """A batch of close calls was answered."""
        self._batches.observe(len(report.answers))
        for answer in report.answers:
            match answer:
                case Closed(again=True):
                    self._again.inc()
                case Closed():
                    self._closes.inc()
                case Refusal():
                    self._refusals.labels(answer.code.name.lower()).inc()
                case _:
                    self._refusals.labels("other").inc()

    def recorded(self, sent: Sequence[Sent], report: RecordReport) -> None:
        """Outcomes of calls to receivers were recorded."""
        for one in sent:
            self._attempts.labels(one.outcome.error or "delivered").inc()
            self._call_latency.observe(one.outcome.duration_us / _US_PER_S)
        self._deactivated.inc(len(report.deactivated))

    def watch(self, dispatcher: Dispatcher) -> None:
        """Ask the dispatcher how it stands whenever somebody looks."""
        self._calls_under_way.set_function(lambda: dispatcher.calls_under_way)
        self._overdue.set_function(dispatcher.overdue_s)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
