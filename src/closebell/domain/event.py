"""Exactly what receivers are told when an invoice closes.

Source: docs/webhooks.md; public page "webhooks-event-response-structure"; docs/decisions/.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from closebell.domain import document
from closebell.domain.identifiers import OBJECT_ID_DIGITS
from closebell.domain.invoice import Invoice

INVOICE_CLOSED = "Invoice.Closed"

EVENT_TYPES = frozenset({INVOICE_CLOSED})
"""The event types an endpoint can subscribe to."""


class InvoiceData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an event about an invoice."""

    invoice: document.InvoiceDocument


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted: `event_id` names the event for every receiver, `id` the call to one of them."""

    id: str
    event_id: str
    event_schema: str
    event_resource: str
    event_type: str
    event_timestamp: str
    data: InvoiceData


_ID_OPENING = b'{"id":"'
_ID_END = len(_ID_OPENING) + OBJECT_ID_DIGITS


def invoice_closed(invoice: Invoice, *, event_id: str) -> bytes:
    """The stored body of the event that this closed invoice gives rise to.

    Shape: the whole envelope as JSON; `id` comes first and equals `event_id` until a call puts its own there.
    """
    assert invoice.closed_at is not None, "only a closed invoice is told of"
    return document.encode(
        Envelope(
            id=event_id,
            event_id=event_id,
            event_schema="v1",
            event_resource="Invoice",
            event_type=INVOICE_CLOSED,
            event_timestamp=timestamp(invoice.closed_at),
            data=InvoiceData(invoice=document.render(invoice, sections=document.EVENT_SECTIONS)),
        )
    )


def body_for_call(stored: bytes, call_id: str) -> bytes:
    """The stored body with the call's own `id`; every other byte is as stored.

    >>> body_for_call(b'{"id":"622b5b33a961750e01db6510","event_id":"x"}', "622b5b33a961750e01db6512")
    b'{"id":"622b5b33a961750e01db6512","event_id":"x"}'
    """
    assert stored.startswith(_ID_OPENING), "a stored body opens with its id"
    assert len(call_id) == OBJECT_ID_DIGITS, "a call's id has the width of the id it replaces"
    return b"".join((_ID_OPENING, call_id.encode(), stored[_ID_END:]))


def timestamp(at: datetime) -> str:
    """The instant as the envelope writes it: UTC, seven fractional digits, `Z`.

    >>> timestamp(datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC))
    '2022-03-11T14:22:43.3847040Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
