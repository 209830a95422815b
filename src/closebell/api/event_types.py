"""The catalogue of event types: what each says, its JSON Schema and a sample; and the route that tells of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from closebell.api.examples import events as samples
from closebell.api.examples.sample import Document
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.json_schema import standing_alone
from closebell.api.routing import Doc, Operation, operation
from closebell.domain import event
from closebell.domain.event import Envelope, ErasureData, InvoiceData, PaymentsData
from closebell.domain.guest_document import GuestData


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of event; `envelope` is the type of the whole body that receivers get."""

    name: str
    description: str
    envelope: Any
    sample: Document

    @property
    def resource(self) -> str:
        """What it happened to: the type's first word."""
        return self.name.partition(".")[0]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the whole envelope."""
        schema = standing_alone(self.envelope)
        fixed = {"event_schema": "v1", "event_resource": self.resource, "event_type": self.name}
        told = schema["properties"]
        consts = {name: {"const": value, "description": told[name]["description"]} for name, value in fixed.items()}
        return {**schema, "title": self.name, "properties": {**told, **consts}}


EVENT_TYPES: Final = (
    EventType(
        name=event.INVOICE_CLOSED,
        description="An invoice was closed; `data.invoice` is the whole invoice as it was at that instant.",
        envelope=Envelope[InvoiceData],
        sample=samples.INVOICE_CLOSED,
    ),
    EventType(
        name=event.PAYMENTS_ADDED,
        description="A payment was taken for an invoice; `data.transactions` are all of its payments as they are now.",
        envelope=Envelope[PaymentsData],
        sample=samples.PAYMENTS_ADDED,
    ),
    EventType(
        name=event.PAYMENTS_DELETED,
        description="A payment was taken off an invoice; `data.transactions` are the payments that are left.",
        envelope=Envelope[PaymentsData],
        sample=samples.PAYMENTS_DELETED,
    ),
    EventType(
        name=event.GUEST_CREATED,
        description="A guest was created; `data` is the guest. Guests that are imported are not told.",
        envelope=Envelope[GuestData],
        sample=samples.GUEST_CREATED,
    ),
    EventType(
        name=event.GUEST_UPDATED,
        description="Something new is known of a guest; `data` is the whole guest as they are now.",
        envelope=Envelope[GuestData],
        sample=samples.GUEST_UPDATED,
    ),
    EventType(
        name=event.GUEST_ERASED,
        description="A guest was erased, and so must what you hold of them: all endpoints that ask for it are told, "
        "whatever their centres; `data.redacted_events` are the events whose bodies no longer name the guest.",
        envelope=Envelope[ErasureData],
        sample=samples.GUEST_ERASED,
    ),
)
"""Every type that an endpoint can listen to, in the order in which the documentation tells of them."""


class EventTypeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A type of event; `schema` is a JSON Schema of the whole body, draft 2020-12, and `sample` a body that fits it."""

    name: str
    resource: str
    description: str
    json_schema: dict[str, Any] = msgspec.field(name="schema")
    sample: dict[str, Any]


class EventTypesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every type of event."""

    event_types: list[EventTypeDocument]
    error: None = None


@operation(
    Doc(
        method="GET",
        path="/v1/event_types",
        tag="Events",
        summary="List the types of events",
        description="Each with the JSON Schema of its whole body, and a sample.",
        answer=EventTypesAnswer,
        answer_example={
            "event_types": [
                {
                    "name": event.PAYMENTS_DELETED,
                    "resource": "Invoice",
                    "description": EVENT_TYPES[2].description,
                    "schema": {"type": "object"},
                    "sample": samples.PAYMENTS_DELETED,
                }
            ],
            "error": None,
        },
        is_extension=True,
    )
)
async def get_event_types(_request: ApiRequest) -> Answer:
    """List the types of events."""
    return Answer(_catalogue())


@functools.cache
def _catalogue() -> bytes:
    """The answer, which is the same for everybody and always."""
    documents = [
        EventTypeDocument(
            name=one.name,
            resource=one.resource,
            description=one.description,
            json_schema=one.schema(),
            sample=one.sample,
        )
        for one in EVENT_TYPES
    ]
    return Answer.of(EventTypesAnswer(event_types=documents)).body


OPERATIONS: Final[tuple[Operation, ...]] = (get_event_types,)
"""The catalogue alone: the events themselves are in the feed."""
