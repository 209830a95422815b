"""One attempt at a delivery: the request is made, the receiver called, all within the trace that the event is of."""

from __future__ import annotations

from urllib.parse import urlsplit

from closebell.clock import Clock
from closebell.dispatch.call import call
from closebell.dispatch.credentials import Opened
from closebell.dispatch.recording import Sent
from closebell.dispatch.sender import Sends
from closebell.domain.delivery import Outcome
from closebell.domain.endpoint import Endpoint
from closebell.domain.sealed import Opens
from closebell.store.lanes import Claimed
from closebell.tracing.spans import Facts, Kind, Tracer

SPAN = "deliver webhook"


class Attempts:
    """Makes attempts, any number at once."""

    def __init__(self, *, sender: Sends, vault: Opens, clock: Clock, tracer: Tracer) -> None:
        self._sender = sender
        self._opened = Opened(vault)
        self._clock = clock
        self._tracer = tracer

    async def make(self, claimed: Claimed, endpoint: Endpoint) -> Sent:
        """Call the endpoint with the delivery, and say what came of it."""
        with self._tracer.begin(SPAN, Kind.CLIENT, parent=claimed.traceparent) as span:
            outcome = await call(
                self._sender,
                self._opened,
                endpoint,
                call_id=claimed.id,
                event_id=claimed.event_id,
                sequence=claimed.sequence,
                stored_body=claimed.body,
                at=self._clock.now(),
                traceparent=span.traceparent,
            )
            # Asked here, because a span that has ended is not recorded any more.
            is_recorded = span.is_recorded
            if is_recorded:
                span.note(_facts(claimed, endpoint, outcome), error=outcome.error)
        return Sent(
            delivery_id=claimed.id,
            lease_id=claimed.lease_id,
            endpoint_id=claimed.endpoint_id,
            outcome=outcome,
            received_after_s=self._received_after_s(claimed, outcome),
            traceparent=span.traceparent if is_recorded else None,
        )

    def _received_after_s(self, claimed: Claimed, outcome: Outcome) -> float | None:
        """How long telling took; another machine's clock, which said when the event was told, may be ahead of ours."""
        if outcome.error is not None or claimed.told_at is None:
            return None
        return max((self._clock.now() - claimed.told_at).total_seconds(), 0.0)


def _facts(claimed: Claimed, endpoint: Endpoint, outcome: Outcome) -> Facts:
    """Of the URL the host alone: the rest may hold a secret."""
    facts: dict[str, str | int | bool] = {
        "http.request.method": endpoint.http_method.value,
        "server.address": urlsplit(endpoint.url).hostname or "",
        "closebell.endpoint_id": endpoint.id,
        "closebell.delivery_id": claimed.id,
        "closebell.event_id": claimed.event_id,
        "closebell.sequence": claimed.sequence,
    }
    return facts if outcome.status is None else {**facts, "http.response.status_code": outcome.status}
