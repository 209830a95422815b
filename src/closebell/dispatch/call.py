"""From a delivery to the call that goes out: the stored bytes, the call's id, the signatures, what its owner added."""

from __future__ import annotations

from datetime import datetime

import structlog

from closebell.dispatch.credentials import Credentials, Opened
from closebell.dispatch.sender import OutgoingRequest, Sends
from closebell.domain import event, signature
from closebell.domain.delivery import DETAIL_CHARACTERS_MAX, Fault, Outcome, fit_to_store
from closebell.domain.endpoint import Endpoint
from closebell.domain.traceparent import HEADER as TRACE_HEADER
from closebell.errors import SealBroken

log = structlog.get_logger()

SEQUENCE_HEADER = "closebell-sequence"


async def call(
    sender: Sends,
    opened: Opened,
    endpoint: Endpoint,
    *,
    call_id: str,
    event_id: str,
    sequence: int | None,
    stored_body: bytes,
    at: datetime,
    traceparent: str | None = None,
) -> Outcome:
    """Call the endpoint once; what came of it says nothing secret, even where the receiver did.

    What cannot be opened fails the attempt: the endpoint slows down, is deactivated and alerts like any that fails, and
    its deliveries wait.
    """
    try:
        credentials = opened.of(endpoint)
        credentials.must_sign(endpoint.signature_styles, at)
    except SealBroken as broken:
        log.warning("dispatch.secret_not_opened", endpoint_id=endpoint.id, reason=str(broken))
        detail = fit_to_store(f"The call cannot be signed: {broken}.", DETAIL_CHARACTERS_MAX)
        return Outcome(started_at=at, duration_us=0, error=Fault.UNSENDABLE, detail=detail)
    request = request_for(
        endpoint,
        credentials,
        call_id=call_id,
        event_id=event_id,
        sequence=sequence,
        stored_body=stored_body,
        at=at,
        traceparent=traceparent,
    )
    return credentials.redacted(await sender.send(request))


def request_for(
    endpoint: Endpoint,
    credentials: Credentials,
    *,
    call_id: str,
    event_id: str,
    sequence: int | None,
    stored_body: bytes,
    at: datetime,
    traceparent: str | None = None,
) -> OutgoingRequest:
    """The signed request for one attempt at the instant `at`, which is part of the trace that `traceparent` names."""
    body = event.body_for_call(stored_body, call_id)
    signed = signature.headers(
        event_id=event_id,
        at=at,
        body=body,
        secrets=credentials.live_secrets(at),
        styles=endpoint.signature_styles,
        private_keys=credentials.live_private_keys(at),
    )
    extra = () if sequence is None else ((SEQUENCE_HEADER, str(sequence)),)
    traced = () if traceparent is None else ((TRACE_HEADER, traceparent),)
    return OutgoingRequest(
        method=endpoint.http_method.value,
        url=endpoint.url,
        headers=(("content-type", "application/json"), *signed.items(), *extra, *traced, *credentials.headers),
        body=body,
    )
