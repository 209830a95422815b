"""Every metric there is, declared: name, what it says, labels. Labels are routes, rules and endpoints, never more.

The names follow the conventions of Prometheus: base units, `_total` for what only grows. `docs/operating.md` has a row
for each, and a test compares the two.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from closebell.api.metrics.histogram import Histogram

LATENCY_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RECEIVED_BOUNDS_S: Final = (*LATENCY_BOUNDS_S, 60, 300, 900, 3_600, 21_600, 86_400, 259_200)
"""From a millisecond to the three days that retries may take."""
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)


class Answering:
    """What is counted where calls are answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "closebell_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "closebell_request_seconds",
            "Time from the request's head to the answer's last byte.",
            ("method", "route"),
            bounds=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self.under_way = Gauge("closebell_requests_under_way", "Requests being answered just now.", registry=registry)
        self.closed = Counter("closebell_invoices_closed", "Invoices closed.", registry=registry)
        self.closed_again = Counter(
            "closebell_invoices_closed_again", "Close calls for a closed invoice.", registry=registry
        )
        self.refusals = Counter(
            "closebell_close_refusals", "Close calls refused, by the contract's rule.", ("refusal",), registry=registry
        )
        self.batches = Histogram(
            "closebell_close_batch_invoices",
            "Close calls in one transaction.",
            bounds=BATCH_BOUNDS,
            registry=registry,
        )


class Writing:
    """What is counted of the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commit_units = Histogram(
            "closebell_database_commit_units",
            "Units of work that share one commit; on PostgreSQL each has its own.",
            bounds=BATCH_BOUNDS,
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "closebell_database_commit_seconds",
            "Time from the beginning of a write transaction until it is durable.",
            bounds=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self.waiting = Gauge(
            "closebell_database_waiting_units", "Units of work that wait for their turn just now.", registry=registry
        )
        self.retries = Counter(
            "closebell_database_retries",
            "Units of work run again because they lost to another transaction.",
            registry=registry,
        )
        self.unavailable = Counter(
            "closebell_database_unavailable",
            "Units of work that were not carried out, by what was the matter.",
            ("reason",),
            registry=registry,
        )


class Delivering:
    """What is counted where webhooks are delivered."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        by_endpoint = ("endpoint",)
        self.attempts = Counter(
            "closebell_delivery_attempts",
            "Calls to receivers, by what came of them: delivered, or the kind of fault.",
            ("endpoint", "outcome"),
            registry=registry,
        )
        self.attempt_seconds = Histogram(
            "closebell_delivery_attempt_seconds",
            "Time from the beginning of a call to a receiver to the end of its answer.",
            by_endpoint,
            bounds=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self.received_seconds = Histogram(
            "closebell_delivery_received_seconds",
            "Time from when an event was told until the receiver has it, retries included.",
            by_endpoint,
            bounds=RECEIVED_BOUNDS_S,
            registry=registry,
        )
        self.retries = Counter(
            "closebell_delivery_retries", "Failed calls after which another is due.", by_endpoint, registry=registry
        )
        self.exhausted = Counter(
            "closebell_deliveries_exhausted", "Deliveries given up.", by_endpoint, registry=registry
        )
        self.recovered = Counter(
            "closebell_deliveries_recovered",
            "Exhausted deliveries brought back by a recovery.",
            by_endpoint,
            registry=registry,
        )
        self.deactivated = Counter(
            "closebell_endpoints_deactivated",
            "How often the endpoint was deactivated because it kept failing.",
            by_endpoint,
            registry=registry,
        )
        self.alert_mails = Counter(
            "closebell_alert_mails",
            "Tries to mail that an endpoint was deactivated, by what came of them: sent, failed, or given up.",
            ("outcome",),
            registry=registry,
        )
        self.leases_lost = Counter(
            "closebell_leases_lost",
            "Calls whose outcome counted for nothing, because the lease had ended.",
            registry=registry,
        )
        self.claims = Histogram(
            "closebell_claim_deliveries", "Deliveries claimed at once.", bounds=BATCH_BOUNDS, registry=registry
        )
        self.records = Histogram(
            "closebell_record_outcomes", "Outcomes recorded at once.", bounds=BATCH_BOUNDS, registry=registry
        )
        self.under_way = Gauge(
            "closebell_deliveries_under_way",
            "Calls to receivers being made or recorded just now.",
            registry=registry,
        )
        self.unrecorded = Gauge(
            "closebell_deliveries_unrecorded", "Calls that are over and not recorded yet.", registry=registry
        )
        self.overdue = Gauge(
            "closebell_deliveries_overdue_seconds",
            "How long the oldest delivery to an active endpoint has been due.",
            registry=registry,
        )


class Waiting:
    """What the database says of each endpoint; the same in every process that delivers."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        by_state = ("endpoint", "state")
        self.deliveries = Gauge(
            "closebell_backlog_deliveries",
            "Deliveries that are pending, held or exhausted.",
            by_state,
            registry=registry,
        )
        self.capped = Gauge(
            "closebell_backlog_capped",
            "1 when there are more deliveries than were counted.",
            by_state,
            registry=registry,
        )
        self.oldest = Gauge(
            "closebell_backlog_oldest_seconds", "Age of the oldest of these deliveries.", by_state, registry=registry
        )
        self.info = Gauge(
            "closebell_endpoint_info", "1; tells the endpoint's name.", ("endpoint", "name"), registry=registry
        )
        self.active = Gauge(
            "closebell_endpoint_active",
            "1 when the endpoint is active, 0 when deactivated.",
            ("endpoint",),
            registry=registry,
        )
        self.failures = Gauge(
            "closebell_endpoint_consecutive_failures",
            "Calls in a row that have failed.",
            ("endpoint",),
            registry=registry,
        )
        self.failing = Gauge(
            "closebell_endpoint_failing",
            "1 while the endpoint is called one at a time because it keeps failing.",
            ("endpoint",),
            registry=registry,
        )

    def clear(self) -> None:
        """Say nothing of any endpoint."""
        for family in (
            *(self.deliveries, self.capped, self.oldest),
            *(self.info, self.active, self.failures, self.failing),
        ):
            family.clear()
