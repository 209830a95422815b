"""From a delivery to the request that goes out: the stored bytes, the call's id, the signatures."""

from __future__ import annotations

from datetime import datetime

from closebell.dispatch.sender import OutgoingRequest
from closebell.domain import event, signature
from closebell.domain.endpoint import Endpoint

SEQUENCE_HEADER = "closebell-sequence"


def request_for(
    endpoint: Endpoint, *, call_id: str, event_id: str, sequence: int | None, stored_body: bytes, at: datetime
) -> OutgoingRequest:
    """The signed request for one attempt at the instant `at`."""
    body = event.body_for_call(stored_body, call_id)
    signed = signature.headers(
        event_id=event_id, at=at, body=body, secrets=endpoint.secrets, styles=endpoint.signature_styles
    )
    extra = () if sequence is None else ((SEQUENCE_HEADER, str(sequence)),)
    return OutgoingRequest(
        method=endpoint.http_method.value,
        url=endpoint.url,
        headers=(("content-type", "application/json"), *signed.items(), *extra),
        body=body,
    )
