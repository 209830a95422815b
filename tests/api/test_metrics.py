"""The figures are right after a life of which we know everything, on both engines."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Never

import pytest

from calling import Site
from closebell.api.metrics import Metrics
from closebell.api.metrics.backlog_look import KEPT_FOR_S
from closebell.api.metrics.counting import RoleOfProcess
from closebell.api.metrics.histogram import Histogram
from closebell.errors import Unavailable
from closebell.testing import a_paid_invoice, guid_of
from watching import ANSWERS, BETWEEN_ATTEMPTS, Lived, Samples, living, samples, until

CLOSE = "/v1/invoices/{invoice_id}/close"


async def test_every_figure_says_what_happened(database_url: str) -> None:
    async with living(database_url) as lived:
        lived.site.clock.advance(2 * BETWEEN_ATTEMPTS)
        found = await samples(lived.site)
        _answering_is_right(found)
        _attempts_are_right(found, lived)
        _backlog_is_right(found, lived)
        _database_is_right(found, database_url)


def _answering_is_right(found: Samples) -> None:
    assert found("closebell_requests_total", method="POST", route=CLOSE, status="200") == 2
    assert found("closebell_requests_total", method="POST", route=CLOSE, status="409") == 1
    assert found("closebell_request_seconds_count", method="POST", route=CLOSE) == 3
    assert found("closebell_requests_under_way") == 1, "the one that asks"
    assert found("closebell_invoices_closed_total") == 1
    assert found("closebell_invoices_closed_again_total") == 1
    assert found("closebell_close_refusals_total", refusal="not_fully_paid") == 1
    assert found("closebell_close_batch_invoices_count") == found("closebell_close_batch_invoices_sum") == 3


def _attempts_are_right(found: Samples, lived: Lived) -> None:
    for name, endpoint_id in lived.endpoints.items():
        answers = ANSWERS[name]
        of = {"endpoint": endpoint_id}
        assert found("closebell_delivery_attempts_total", outcome="delivered", **of) == answers.count(200)
        failed = found.get("closebell_delivery_attempts_total", outcome="http_status", **of) or 0
        assert failed == len(answers) - answers.count(200)
        assert found("closebell_delivery_attempt_seconds_count", **of) == len(answers)
        assert found("closebell_delivery_received_seconds_count", **of) == answers.count(200)
        assert found("closebell_deliveries_exhausted_total", **of) == (name == "dead")
        assert found("closebell_endpoints_deactivated_total", **of) == (name == "gone")
        assert found("closebell_deliveries_recovered_total", **of) == 0
    well, shaky, dead = (lived.endpoints[name] for name in ("well", "shaky", "dead"))
    assert found("closebell_delivery_retries_total", endpoint=well) == 0
    assert found("closebell_delivery_retries_total", endpoint=dead) == len(ANSWERS["dead"]) - 1
    assert found("closebell_delivery_received_seconds_sum", endpoint=well) == 0
    assert found("closebell_delivery_received_seconds_sum", endpoint=shaky) == BETWEEN_ATTEMPTS.total_seconds()
    calls = sum(map(len, ANSWERS.values()))
    assert found("closebell_record_outcomes_sum") == calls
    # The first calls need no claim where the close has handed them over, as it may.
    assert calls - len(ANSWERS) <= found("closebell_claim_deliveries_sum") <= calls
    assert found("closebell_leases_lost_total") == 0
    assert found("closebell_deliveries_under_way") == found("closebell_deliveries_unrecorded") == 0
    assert found("closebell_deliveries_overdue_seconds") == 0


def _backlog_is_right(found: Samples, lived: Lived) -> None:
    waiting = {("gone", "held"), ("dead", "exhausted")}
    age_s = (len(ANSWERS["dead"]) + 2) * BETWEEN_ATTEMPTS.total_seconds()
    for name, endpoint_id in lived.endpoints.items():
        assert found("closebell_endpoint_info", endpoint=endpoint_id, name=name) == 1
        assert found("closebell_endpoint_active", endpoint=endpoint_id) == (name != "gone")
        for state in ("pending", "held", "exhausted"):
            of = {"endpoint": endpoint_id, "state": state}
            waits = (name, state) in waiting
            assert found("closebell_backlog_deliveries", **of) == waits
            assert found("closebell_backlog_oldest_seconds", **of) == (age_s if waits else 0)
            assert found("closebell_backlog_capped", **of) == 0
    dead = lived.endpoints["dead"]
    assert found("closebell_endpoint_consecutive_failures", endpoint=dead) == len(ANSWERS["dead"])
    assert found("closebell_endpoint_failing", endpoint=dead) == 1
    assert found("closebell_endpoint_failing", endpoint=lived.endpoints["well"]) == 0


def _database_is_right(found: Samples, database_url: str) -> None:
    commits, units = found("closebell_database_commit_units_count"), found("closebell_database_commit_units_sum")
    assert commits == found("closebell_database_commit_seconds_count")
    assert 10 <= commits <= units
    if database_url.startswith("postgresql"):
        assert commits == units, "each has a transaction of its own"
    for reason in ("busy", "full", "failing"):
        assert found("closebell_database_unavailable_total", reason=reason) == 0
    assert found("closebell_database_waiting_units") == 0
    assert found("process_resident_memory_bytes") > 0


async def test_what_was_recovered_is_counted_and_says_nothing_of_how_long_telling_takes(database_url: str) -> None:
    async with living(database_url) as lived:
        endpoint_id = lived.endpoints["dead"]
        plan = {"since": "2026-01-01T00:00:00Z"}
        assert (await lived.site.post(f"/v1/webhook_endpoints/{endpoint_id}/recover", plan)).status == 202
        of = {"endpoint": endpoint_id}
        found = await until(
            lived.site,
            lambda found: found("closebell_delivery_attempts_total", outcome="delivered", **of) == 1,
        )
        assert found("closebell_deliveries_recovered_total", **of) == 1
        assert found("closebell_delivery_received_seconds_count", **of) == 0


async def test_a_deleted_endpoint_leaves_no_figure_behind(database_url: str) -> None:
    async with living(database_url) as lived:
        endpoint_id = lived.endpoints["dead"]
        assert (await lived.site.call("DELETE", f"/v1/webhook_endpoints/{endpoint_id}")).status in {200, 204}
        lived.site.clock.advance(BETWEEN_ATTEMPTS)
        found = await samples(lived.site)
        assert not [labels for _, labels in found.figures if ("endpoint", endpoint_id) in labels]
        assert found("closebell_endpoint_active", endpoint=lived.endpoints["well"]) == 1


async def test_the_database_is_asked_for_the_backlog_once_in_a_while(site: Site) -> None:
    asked = 0

    class Counting:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def read(self, *args: Any, **named: Any) -> Any:
            nonlocal asked
            asked += 1
            return await self.inner.read(*args, **named)

    site.service.backlog._database = Counting(site.service.database)  # type: ignore[assignment]
    for _ in range(3):
        await samples(site)
    assert asked == 1
    site.clock.set(site.clock.now() + (BETWEEN_ATTEMPTS / 3600) * KEPT_FOR_S)
    await samples(site)
    assert asked == 2


async def test_a_database_that_does_not_answer_takes_the_backlog_away_and_nothing_else(site: Site) -> None:
    draft = {"name": "till", "url": "https://till.example/", "event_types": ["Invoice.Closed"]}
    endpoint_id = (await site.post("/v1/webhook_endpoints", draft)).document["id"]
    of = {"endpoint": endpoint_id, "state": "pending"}
    assert (await samples(site))("closebell_backlog_deliveries", **of) == 0

    class Gone:
        async def read(self, *_args: Any, **_named: Any) -> Never:
            raise Unavailable("gone")

    inner, site.service.backlog._database = site.service.backlog._database, Gone()  # type: ignore[assignment]
    site.clock.advance(BETWEEN_ATTEMPTS)
    found = await samples(site)
    assert found.get("closebell_backlog_deliveries", **of) is None
    assert found("closebell_endpoints_deactivated_total", endpoint=endpoint_id) == 0
    site.service.backlog._database = inner
    assert (await samples(site))("closebell_backlog_deliveries", **of) == 0


async def test_counters_of_an_endpoint_begin_at_0(site: Site) -> None:
    draft = {"name": "till", "url": "https://till.example/", "event_types": ["Invoice.Closed"]}
    endpoint_id = (await site.post("/v1/webhook_endpoints", draft)).document["id"]
    found = await samples(site)
    for name in ("endpoints_deactivated", "deliveries_exhausted", "delivery_retries", "deliveries_recovered"):
        assert found(f"closebell_{name}_total", endpoint=endpoint_id) == 0


async def test_a_figure_tells_no_id_of_an_invoice_or_an_event(site: Site) -> None:
    await site.put(a_paid_invoice())
    await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")
    found = await until(site, lambda found: found("closebell_invoices_closed_total") == 1)
    assert found.labels_of().keys() >= {"closebell_requests_total"}
    allowed = {
        "method",
        "route",
        "status",
        "refusal",
        "reason",
        "endpoint",
        "outcome",
        "state",
        "name",
        "version",
        "role",
        "le",
    }
    assert set().union(*found.labels_of().values()) <= allowed


def test_one_that_only_answers_shows_nothing_of_deliveries() -> None:
    names = {metric.name for metric in Metrics(role="api").registry.collect()}
    assert "closebell_requests" in names
    assert not {name for name in names if "deliver" in name or "backlog" in name or "endpoint" in name}


@pytest.mark.parametrize("role", ["all", "api", "dispatch"])
def test_each_process_tells_its_role(role: RoleOfProcess) -> None:
    version = importlib.metadata.version("closebell")
    registry = Metrics(role=role).registry
    assert registry.get_sample_value("closebell_build_info", {"version": version, "role": role}) == 1


def test_a_histogram_puts_each_value_below_its_bound() -> None:
    histogram = Histogram("some_seconds", "Some.", ("of",), bounds=(1, 2.5), registry=None)
    for observed in (0.5, 1, 1.01, 2.5, 99):
        histogram.labels("a").observe(observed)
    (family,) = histogram.collect()
    shown = {(sample.name, sample.labels.get("le")): sample.value for sample in family.samples}
    assert shown["some_seconds_bucket", "1.0"] == 2
    assert shown["some_seconds_bucket", "2.5"] == 4
    assert shown["some_seconds_bucket", "+Inf"] == shown["some_seconds_count", None] == 5
    assert shown["some_seconds_sum", None] == 0.5 + 1 + 1.01 + 2.5 + 99
    histogram.forget("a")
    assert [sample for family in histogram.collect() for sample in family.samples] == []
