"""Routes of the feed and of deliveries: what was told, to whom, and what came of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

import msgspec

from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import object_id_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.api.service import Service
from closebell.domain.caller import Role
from closebell.store.delivery_log import DeliveryFilter, DeliveryRecord
from closebell.store.events import StoredEvent
from closebell.store.wake import moved
from closebell.usecase.read_deliveries import STATES, read_deliveries, read_delivery
from closebell.usecase.read_feed import FeedPage, read_event, read_feed
from closebell.usecase.resend_delivery import resend_delivery

EVENTS_MAX: Final = 1_000
"""Events on one page of the feed."""
WAIT_S_MAX: Final = 30
"""Seconds that a page which would be empty may be held."""
DELIVERIES_MAX: Final = 200
"""Deliveries on one page, each with its attempts."""
PAGE: Final = 100
"""Events or deliveries on a page unless the caller says otherwise."""


class EventDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the feed; `body` is the stored text, byte for byte, and the hashes prove its place.

    `body_hash` is that of the body as it was told. Since `redacted_at`, if it is not null, the body is another one:
    null when it is not kept any more, or one from which a guest was erased.
    """

    sequence: int
    event_id: str
    event_type: str
    created_at: datetime
    hash: str
    previous_hash: str
    body_hash: str
    redacted_at: datetime | None
    body: str | None


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Events in sequence order without gaps; the next page begins after `next_after`."""

    events: list[EventDocument]
    next_after: int
    has_more: bool
    error: None = None


class EventAnswer(EventDocument, frozen=True, kw_only=True):
    """One event."""

    error: None = None


class AttemptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the receiver; `fault` is null when it was delivered."""

    number: int
    started_at: datetime
    duration_us: int
    status: int | None
    fault: str | None
    detail: str
    response_excerpt: str


class DeliveryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to one endpoint; `id` is the `id` of the webhook call."""

    id: str
    sequence: int
    event_id: str
    event_type: str
    invoice_id: str | None
    endpoint_id: str
    state: str
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    reason: str
    attempts: list[AttemptDocument]


class DeliveriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, the newest first; `next_before` asks for the next page, null on the last."""

    deliveries: list[DeliveryDocument]
    next_before: str | None
    error: None = None


class DeliveryAnswer(DeliveryDocument, frozen=True, kw_only=True):
    """One delivery."""

    error: None = None


@operation(
    Doc(
        method="GET",
        path="/v1/events",
        tag="Events",
        summary="Read the feed",
        description="What no webhook brought can be read here: every event, in order, with the bytes that were sent, "
        "as long as they are kept.",
        query=(
            Query(
                name="after",
                schema={"type": "integer", "minimum": 0, "default": 0},
                sentence="Sequence after which the page begins.",
                example=0,
            ),
            Query(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": EVENTS_MAX, "default": PAGE},
                sentence="Events on the page.",
                example=100,
            ),
            Query(
                name="wait",
                schema={"type": "integer", "minimum": 0, "maximum": WAIT_S_MAX, "default": 0},
                sentence="Seconds to hold a page that would be empty until something happens.",
                example=0,
            ),
        ),
        answer=EventsAnswer,
        answer_example=examples.FEED,
        refusals=(422,),
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_events(request: ApiRequest) -> Answer:
    """Read the feed, waiting for news if asked to."""
    query = query_of(request)
    page = await _page(
        request.service,
        after=query.integer("after", default=0),
        limit=query.page_size("limit", default=PAGE, most=EVENTS_MAX),
        wait_s=query.integer("wait", default=0, most=WAIT_S_MAX),
    )
    return Answer.of(
        EventsAnswer(
            events=[EventDocument(**_event(event)) for event in page.events],
            next_after=page.next_after,
            has_more=page.has_more,
        )
    )


async def _page(service: Service, *, after: int, limit: int, wait_s: int) -> FeedPage:
    """The page, as soon as there is something on it or the time is up."""
    clock = asyncio.get_running_loop()
    until_s = clock.time() + wait_s
    while True:
        ticket = service.wake.ticket()
        page = await service.database.read(read_feed, after=after, limit=limit)
        left_s = until_s - clock.time()
        if page.events or left_s <= 0 or service.stopping.is_set():
            return page
        await moved(ticket, timeout_s=left_s)


@operation(
    Doc(
        method="GET",
        path="/v1/events/{event_id}",
        tag="Events",
        summary="Read an event",
        answer=EventAnswer,
        answer_example={**examples.FEED["events"][0], "error": None},
        refusals=(404,),
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_event(request: ApiRequest) -> Answer:
    """Read one event."""
    event_id = object_id_in_path(request, "event_id")
    return Answer.of(EventAnswer(**_event(await request.service.database.read(read_event, event_id))))


@operation(
    Doc(
        method="GET",
        path="/v1/deliveries",
        tag="Deliveries",
        summary="List deliveries",
        description="The newest first, each with its attempts.",
        query=(
            Query(
                name="endpoint_id",
                schema={"type": "string", "format": "uuid"},
                sentence="Only those to this endpoint.",
            ),
            Query(
                name="state",
                schema={"type": "string", "enum": [str(state) for state in STATES]},
                sentence="Only those in this state.",
                example="delivered",
            ),
            Query(name="event_id", schema={"type": "string"}, sentence="Only those of this event."),
            Query(
                name="invoice_id",
                schema={"type": "string", "format": "uuid"},
                sentence="Only those about this invoice.",
            ),
            Query(
                name="before",
                schema={"type": "string"},
                sentence="The `next_before` of the page before.",
            ),
            Query(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": DELIVERIES_MAX, "default": PAGE},
                sentence="Deliveries on the page.",
                example=100,
            ),
        ),
        answer=DeliveriesAnswer,
        answer_example={"deliveries": [examples.DELIVERY], "next_before": None, "error": None},
        refusals=(422,),
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_deliveries(request: ApiRequest) -> Answer:
    """List deliveries."""
    query = query_of(request)
    wanted = DeliveryFilter(
        endpoint_id=query.guid("endpoint_id"),
        state=query.text("state"),
        event_id=query.object_id("event_id"),
        invoice_id=query.guid("invoice_id"),
        before=query.object_id("before"),
    )
    limit = query.page_size("limit", default=PAGE, most=DELIVERIES_MAX)
    page = await request.service.database.read(read_deliveries, wanted, limit=limit)
    return Answer.of(
        DeliveriesAnswer(
            deliveries=[DeliveryDocument(**_delivery(delivery)) for delivery in page.deliveries],
            next_before=page.next_before,
        )
    )


@operation(
    Doc(
        method="GET",
        path="/v1/deliveries/{delivery_id}",
        tag="Deliveries",
        summary="Read a delivery",
        answer=DeliveryAnswer,
        answer_example={**examples.DELIVERY, "error": None},
        refusals=(404,),
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_delivery(request: ApiRequest) -> Answer:
    """Read one delivery."""
    delivery_id = object_id_in_path(request, "delivery_id")
    return Answer.of(DeliveryAnswer(**_delivery(await request.service.database.read(read_delivery, delivery_id))))


@operation(
    Doc(
        method="POST",
        path="/v1/deliveries/{delivery_id}/resend",
        tag="Deliveries",
        summary="Send a delivery again",
        description="Due now, whatever came of it so far: its retries are counted anew, its attempts numbered on.",
        answer=DeliveryAnswer,
        answer_example={**examples.DELIVERY, **examples.RESENT, "error": None},
        refusals=(404, 409),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def post_resend(request: ApiRequest) -> Answer:
    """Send a delivery again."""
    delivery_id = object_id_in_path(request, "delivery_id")
    return await request.write(_resent, resend_delivery, delivery_id, clock=request.service.clock)


def _resent(delivery: DeliveryRecord) -> Answer:
    return Answer.of(DeliveryAnswer(**_delivery(delivery)))


def _event(event: StoredEvent) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "created_at": event.created_at,
        "hash": event.hash.hex(),
        "previous_hash": event.previous_hash.hex(),
        "body_hash": event.body_hash.hex(),
        "redacted_at": event.redacted_at,
        "body": None if event.body is None else event.body.decode(),
    }


def _delivery(delivery: DeliveryRecord) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "sequence": delivery.sequence,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "invoice_id": delivery.invoice_id,
        "endpoint_id": delivery.endpoint_id,
        "state": str(delivery.state),
        "due_at": delivery.due_at,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
        "reason": delivery.reason,
        "attempts": [
            AttemptDocument(
                number=attempt.number,
                started_at=attempt.started_at,
                duration_us=attempt.duration_us,
                status=attempt.status,
                fault=attempt.error,
                detail=attempt.detail,
                response_excerpt=attempt.response_excerpt,
            )
            for attempt in delivery.attempts
        ],
    }


OPERATIONS: Final[tuple[Operation, ...]] = (get_events, get_event, get_deliveries, get_delivery, post_resend)
