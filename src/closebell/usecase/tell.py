"""Tell: an event joins the feed, and each endpoint that listens gets a delivery, in the caller's transaction.

The head of the feed is the last lock a transaction takes, so whatever else it locks comes before this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.caller import Caller
from closebell.domain.endpoint import Endpoint, listening
from closebell.domain.identifiers import object_id
from closebell.store import deliveries, endpoints, events
from closebell.store.deliveries import LeaseOffer, NewDelivery
from closebell.store.events import Head, NewEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened and is about to be told.

    Shape: `body` makes the stored body of the event once its id is known; `close_sequence` says which closing of the
           invoice this is, None for anything else. `guest_id` is the guest whose data the body holds,
           if any. `traceparent` is the trace of the call that made it happen.
    """

    event_type: str
    center_id: str | None
    body: Callable[[str], bytes]
    invoice_id: str | None = None
    close_sequence: int | None = None
    guest_id: str | None = None
    traceparent: str | None = None


def announce(
    connection: Connection,
    news_at: Callable[[datetime], Sequence[News]],
    *,
    caller: Caller,
    clock: Clock,
    luck: Luck,
) -> list[NewDelivery]:
    """Tell what `news_at` makes of the instant at which it is told, because of what `caller` did; the deliveries."""
    listeners = endpoints.listeners(connection, now=clock.now())
    head = events.lock_head(connection)
    now = clock.now()
    told_at = max(now, head.last_at)
    news = [replace(one, traceparent=caller.traceparent) for one in news_at(told_at)]
    return tell(connection, head, news, listeners, told_at=told_at, now=now, luck=luck)


def tell(
    connection: Connection,
    head: Head,
    news: Sequence[News],
    listeners: Sequence[Endpoint],
    *,
    told_at: datetime,
    now: datetime,
    luck: Luck,
    offer: LeaseOffer = LeaseOffer.NONE,
) -> list[NewDelivery]:
    """Tell it all under the locked head of the feed; the deliveries that come of it.

    Units: `told_at` is never before the feed's last event; `now` is what the clock shows, which may have been set back.
    """
    told = [_event(one, listeners, told_at, luck) for one in news]
    sequences = events.append(connection, head, told)
    return deliveries.fan_out(connection, zip(sequences, told, strict=True), now=now, luck=luck, offer=offer)


def _event(news: News, listeners: Sequence[Endpoint], told_at: datetime, luck: Luck) -> NewEvent:
    event_id = object_id(at_s=int(told_at.timestamp()), entropy=luck.entropy(8))
    body = news.body(event_id)
    return NewEvent(
        event_id=event_id,
        event_type=news.event_type,
        invoice_id=news.invoice_id,
        close_sequence=news.close_sequence,
        center_id=news.center_id,
        body=body,
        listeners=listening(listeners, news.event_type, news.center_id, body),
        created_at=told_at,
        guest_id=news.guest_id,
        traceparent=news.traceparent,
    )
