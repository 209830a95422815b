"""Exactly what receivers are told when something happened.

Source: docs/webhooks.md; public page "webhooks-event-response-structure"; docs/decisions/.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec

from closebell.domain import document
from closebell.domain.identifiers import OBJECT_ID_DIGITS
from closebell.domain.invoice import Invoice

D = TypeVar("D")

INVOICE_CLOSED = "Invoice.Closed"

PAYMENTS_ADDED = "Invoice.Payments.Added"
PAYMENTS_DELETED = "Invoice.Payments.Deleted"
GUEST_CREATED = "Guest.Created"
GUEST_UPDATED = "Guest.Updated"
GUEST_ERASED = "Guest.Erased"

EVENT_TYPES = frozenset({INVOICE_CLOSED, PAYMENTS_ADDED, PAYMENTS_DELETED, GUEST_CREATED, GUEST_UPDATED, GUEST_ERASED})
"""The event types an endpoint can subscribe to."""
EVERYWHERE = frozenset({GUEST_ERASED})
"""The types that concern whoever listens, whatever the centre: a guest's data may have been told of any."""


class InvoiceData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an event about an invoice."""

    invoice: document.InvoiceDocument


class PaymentsData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an event about payments: every tender of the invoice as it is now."""

    invoice_id: str
    is_closed: bool
    transactions: list[document.TransactionDocument]


class RedactedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose body holds nothing of a guest any more, and the hash of the body that it has now."""

    sequence: int
    event_id: str
    redacted_body_hash: str


class ErasureData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an event that a guest was erased; a guest of many events is told of in several."""

    guest_id: str
    redacted_events: list[RedactedEvent]


class Envelope(msgspec.Struct, Generic[D], frozen=True, kw_only=True):
    """What is posted: `event_id` names the event for every receiver, `id` the call to one of them."""

    id: str
    event_id: str
    event_schema: str
    event_resource: str
    event_type: str
    event_timestamp: str
    data: D


_ID_OPENING = b'{"id":"'
_ID_END = len(_ID_OPENING) + OBJECT_ID_DIGITS


def invoice_closed(invoice: Invoice, *, event_id: str) -> bytes:
    """The stored body of the event that this closed invoice gives rise to.

    Shape: the whole envelope as JSON; `id` comes first and equals `event_id` until a call puts its own there.
    """
    assert invoice.closed_at is not None, "only a closed invoice is told of"
    data = InvoiceData(invoice=document.render(invoice, sections=document.EVENT_SECTIONS))
    return stored(INVOICE_CLOSED, data, event_id=event_id, at=invoice.closed_at)


def payments_changed(event_type: str, invoice: Invoice, *, event_id: str, at: datetime) -> bytes:
    """The stored body of the event that a payment was added to the invoice, or taken off it."""
    data = PaymentsData(
        invoice_id=invoice.id,
        is_closed=invoice.is_closed,
        transactions=[document.transaction_document(t, invoice.currency) for t in invoice.transactions],
    )
    return stored(event_type, data, event_id=event_id, at=at)


def guest_erased(guest_id: str, redacted: Iterable[RedactedEvent], *, event_id: str, at: datetime) -> bytes:
    """The stored body of the event that a guest was erased, and what became of the bodies that told of them."""
    data = ErasureData(guest_id=guest_id, redacted_events=list(redacted))
    return stored(GUEST_ERASED, data, event_id=event_id, at=at)


def stored(event_type: str, data: msgspec.Struct, *, event_id: str, at: datetime) -> bytes:
    """The stored body of any event: its envelope around `data`; the resource is the type's first word."""
    return document.encode(
        Envelope(
            id=event_id,
            event_id=event_id,
            event_schema="v1",
            event_resource=event_type.partition(".")[0],
            event_type=event_type,
            event_timestamp=timestamp(at),
            data=data,
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
