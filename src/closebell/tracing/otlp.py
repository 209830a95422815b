"""Spans to an OpenTelemetry collector, over OTLP/http; where it is and what is sampled say the `OTEL_*` variables.

Imported only where it is asked for, since its libraries are an extra: `pip install 'closebell[otel]'`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from closebell.domain import traceparent
from closebell.tracing.spans import LINKS_MAX, Facts, Kind, Span

SERVICE: Final = "closebell"
"""The service's name, unless the variables name it otherwise."""

_UNNAMED: Final = "unknown_service"
_KINDS: Final = {
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
}


class Traced:
    """Records spans and hands them to `processor`; without one to a collector, in batches, from a thread."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SERVICE, importlib.metadata.version("closebell"))

    def begin(self, name: str, kind: Kind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span:
        """A span that begins now."""
        found = list(dict.fromkeys(links))[:LINKS_MAX]
        span = self._tracer.start_span(
            name,
            # A context of its own: what else the task is about has no say in where the span belongs.
            context=Context() if parent is None else trace.set_span_in_context(_remote(parent), Context()),
            kind=_KINDS[kind],
            links=[trace.Link(_remote(link).get_span_context()) for link in found] or None,
        )
        return _Recorded(span)

    def close(self) -> None:
        """Hand on what was recorded."""
        self._provider.shutdown()


class _Recorded:
    """A span under way."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.traceparent = _text(span.get_span_context())

    @property
    def is_recorded(self) -> bool:
        return self._span.is_recording()

    def note(self, facts: Facts, *, name: str | None = None, error: str | None = None) -> None:
        self._span.set_attributes(dict(facts))
        if name is not None:
            self._span.update_name(name)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(trace.StatusCode.ERROR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if kind is not None:
            # The kind of error and no more: its text may hold what nobody else should read.
            self.note({}, error=kind.__name__)
        self._span.end()


def _resource() -> Resource:
    found = Resource.create({SERVICE_VERSION: importlib.metadata.version("closebell")})
    if str(found.attributes[SERVICE_NAME]).startswith(_UNNAMED):
        return found.merge(Resource({SERVICE_NAME: SERVICE}))
    return found


def _remote(text: str) -> trace.Span:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if traceparent.is_sampled(text) else trace.TraceFlags.DEFAULT)
    return trace.NonRecordingSpan(
        trace.SpanContext(
            trace_id=int(traceparent.trace_id(text), 16),
            span_id=int(traceparent.span_id(text), 16),
            is_remote=True,
            trace_flags=flags,
        )
    )


def _text(context: trace.SpanContext) -> str | None:
    """None when the SDK is switched off and hands out no ids."""
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & traceparent.FLAGS_KNOWN:02x}"
