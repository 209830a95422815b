"""With OpenTelemetry: who is whose parent, from the caller over the close and the delivery to the receiver."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from calling import KEY, Site, running
from closebell.config import Settings
from closebell.domain import traceparent
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_paid_invoice, an_invoice, guid_of
from closebell.tracing.otlp import Traced
from closebell.tracing.spans import Kind
from receiving import Receiver, receiving
from watching import until

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, CALLER = traceparent.trace_id(SENT), traceparent.span_id(SENT)
ROUTE = "POST /v1/invoices/{invoice_id}/close"
SINK_PATH = "/v1/traces"


def close_path(name: str) -> str:
    return f"/v1/invoices/{guid_of(f'invoice {name}')}/close"


@asynccontextmanager
async def listening(database_url: str, receiver: Receiver, tracer: Traced | None) -> AsyncIterator[Site]:
    migrate(database_url)
    settings = Settings(
        database_url=database_url,
        admin_key=KEY,
        secret_keys=(SECRET_KEY,),
        allowed_networks=("127.0.0.0/8",),
        tracing="otlp",
    )
    async with running(settings, tracer=tracer) as site:
        draft = {"name": "till", "url": f"{receiver.url}?token=secret", "event_types": ["Invoice.Closed"]}
        assert (await site.post("/v1/webhook_endpoints", draft)).status == 201
        await site.put(a_paid_invoice("1"), a_paid_invoice("2"), an_invoice("3", paid=1))
        yield site


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> tuple[str, str] | None:
    return None if span.parent is None else (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}")


def links_of(span: ReadableSpan) -> set[tuple[str, str]]:
    return {(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links}


async def test_one_trace_leads_from_the_caller_to_the_receiver(database_url: str) -> None:
    kept = InMemorySpanExporter()
    async with receiving() as receiver, listening(database_url, receiver, Traced(SimpleSpanProcessor(kept))) as site:
        assert (await site.post(close_path("1"), headers={"traceparent": SENT})).status == 200
        (call,) = await receiver.wait_for(1)
        await until(site, lambda found: found("closebell_record_outcomes_sum") == 1)
        spans = kept.get_finished_spans()
    (request,) = named(spans, ROUTE)
    (closing,) = named(spans, "close invoices")
    (delivery,) = named(spans, "deliver webhook")
    (recording,) = named(spans, "record outcomes")
    assert parent_of(request) == (TRACE, CALLER)
    assert parent_of(closing) == ids(request)
    assert parent_of(delivery) == ids(request)
    assert links_of(recording) == {ids(delivery)}
    received = call.headers["traceparent"]
    assert (traceparent.trace_id(received), traceparent.span_id(received)) == ids(delivery)
    assert (request.kind, delivery.kind, closing.kind) == (SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL)
    assert request.attributes is not None
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/invoices/{invoice_id}/close",
        "http.response.status_code": 200,
    }
    assert delivery.attributes is not None
    assert delivery.attributes["server.address"] == "127.0.0.1"
    assert delivery.attributes["http.response.status_code"] == 200
    assert delivery.attributes["closebell.sequence"] == 1
    assert delivery.attributes["closebell.event_id"] == call.headers["webhook-id"]
    assert {"closebell.endpoints": 1} in [dict(span.attributes or {}) for span in named(spans, "survey queue")]
    assert "secret" not in "".join(span.to_json() for span in spans)


async def test_without_a_trace_of_the_callers_ours_begins_one(sqlite_url: str) -> None:
    kept = InMemorySpanExporter()
    async with receiving() as receiver, listening(sqlite_url, receiver, Traced(SimpleSpanProcessor(kept))) as site:
        assert (await site.post(close_path("1"))).status == 200
        (call,) = await receiver.wait_for(1)
        spans = kept.get_finished_spans()
    (request,) = named(spans, ROUTE)
    assert parent_of(request) is None
    assert traceparent.trace_id(call.headers["traceparent"]) == ids(request)[0]


async def test_what_was_held_is_claimed_in_a_span_of_its_own(sqlite_url: str) -> None:
    kept = InMemorySpanExporter()
    async with receiving() as receiver, listening(sqlite_url, receiver, Traced(SimpleSpanProcessor(kept))) as site:
        (endpoint,) = (await site.get("/v1/webhook_endpoints")).document["webhook_endpoints"]
        path = f"/v1/webhook_endpoints/{endpoint['id']}"
        assert (await site.post(f"{path}/disable")).status == 200
        assert (await site.post(close_path("1"))).status == 200
        assert (await site.post(f"{path}/enable")).status == 200
        await receiver.wait_for(1)
        spans = kept.get_finished_spans()
    (claim,) = [span for span in named(spans, "claim deliveries") if (span.attributes or {})["closebell.deliveries"]]
    assert claim.attributes == {"closebell.endpoints": 1, "closebell.deliveries": 1}


async def test_a_transaction_of_several_callers_is_linked_to_each(sqlite_url: str) -> None:
    kept = InMemorySpanExporter()
    async with receiving() as receiver, listening(sqlite_url, receiver, Traced(SimpleSpanProcessor(kept))) as site:
        # The first line is kept busy by the first call, so the others share the one after it.
        names = ("1", "2", "3")
        replies = await asyncio.gather(*(site.post(close_path(name)) for name in names))
        assert [reply.status for reply in replies] == [200, 200, 409]
        await receiver.wait_for(2)
        spans = kept.get_finished_spans()
    requests = {ids(span) for span in named(spans, ROUTE)}
    batches = named(spans, "close invoices")
    covered = [links_of(span) | ({parent} if (parent := parent_of(span)) else set()) for span in batches]
    assert set().union(*covered) == requests, "each call is found from its transaction"
    for batch in batches:
        assert (parent_of(batch) is None) == (len(links_of(batch)) > 1)


async def test_a_failure_is_seen_in_its_span(sqlite_url: str) -> None:
    kept = InMemorySpanExporter()
    async with (
        receiving(lambda _call: 500) as receiver,
        listening(sqlite_url, receiver, Traced(SimpleSpanProcessor(kept))) as site,
    ):
        assert (await site.post(close_path("1"))).status == 200
        assert (await site.get("/v1/no/such/route")).status == 404
        await until(site, lambda found: found("closebell_record_outcomes_sum") == 1)
        spans = kept.get_finished_spans()
    (delivery,) = named(spans, "deliver webhook")
    assert delivery.status.status_code is StatusCode.ERROR
    assert delivery.attributes is not None
    assert delivery.attributes["error.type"] == "http_status"
    (lost,) = named(spans, "GET none")
    assert lost.status.status_code is StatusCode.UNSET, "it is the caller's failure, and not the service's"


def test_a_span_that_is_left_by_an_error_tells_its_kind_and_nothing_of_what_it_says() -> None:
    kept = InMemorySpanExporter()
    tracer = Traced(SimpleSpanProcessor(kept))
    with pytest.raises(ValueError, match="secret"), tracer.begin("work", Kind.INTERNAL):
        raise ValueError("a secret")
    tracer.close()
    (span,) = kept.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


async def test_spans_reach_a_collector_over_http(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as collector, receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        async with listening(sqlite_url, receiver, None) as site:
            assert (await site.post(close_path("1"), headers={"traceparent": SENT})).status == 200
            (call,) = await receiver.wait_for(1)
        exported = [ExportTraceServiceRequest.FromString(one.body) for one in await collector.wait_for(1)]
        assert {one.path for one in collector.calls} == {SINK_PATH}
    resources = [spans for request in exported for spans in request.resource_spans]
    told = {one.key: one.value.string_value for one in resources[0].resource.attributes}
    assert (told["service.name"], told["deployment.environment"]) == ("closebell", "test")
    found = {span.name: span for resource in resources for scope in resource.scope_spans for span in scope.spans}
    assert found[ROUTE].trace_id.hex() == TRACE
    assert found[ROUTE].parent_span_id.hex() == CALLER
    delivery = found["deliver webhook"]
    assert delivery.parent_span_id == found[ROUTE].span_id
    assert delivery.span_id.hex() == traceparent.span_id(call.headers["traceparent"])


def python(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )


def test_asked_for_and_not_installed_is_one_line_that_names_the_extra(tmp_path: Path) -> None:
    done = python(
        "import sys; sys.modules['opentelemetry'] = None; sys.argv = ['closebell', 'serve', '--port', '0', "
        "'--tracing', 'otlp']; from closebell.cli import main; sys.exit(main())",
        tmp_path,
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("closebell: ")]
    assert "CLOSEBELL_TRACING" in line
    assert "closebell[otel]" in line
    assert "Traceback" not in done.stderr


def test_switched_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    done = python(
        "import sys; from closebell.app import build; from closebell.config import Settings; build(Settings()); "
        "ours = 'closebell.tracing.otlp', 'opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf'; "
        "print([name for name in ours if name in sys.modules])",
        tmp_path,
    )
    assert done.stdout.strip() == "[]", done.stderr
