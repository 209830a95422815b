"""Try an endpoint once, outside the queue: what "send test" does."""

from __future__ import annotations

import msgspec

from closebell.clock import Clock, Luck
from closebell.dispatch.call import call
from closebell.dispatch.credentials import Opened
from closebell.dispatch.sender import Sender
from closebell.domain import event
from closebell.domain.delivery import Outcome
from closebell.domain.endpoint import Endpoint
from closebell.domain.identifiers import OBJECT_ID_ENTROPY_BYTES, object_id
from closebell.domain.sealed import Opens

TEST_EVENT_TYPE = "Closebell.Test"
"""The type of the event that "send test" sends; no endpoint subscribes to it and it is not in the feed."""


async def send_test(sender: Sender, endpoint: Endpoint, *, vault: Opens, clock: Clock, luck: Luck) -> Outcome:
    """Call the endpoint once with a signed event that says nothing, under the same rules as any other call.

    Nothing is recorded and nothing is retried; the outcome is the answer.
    """
    now = clock.now()
    event_id, call_id = (
        object_id(at_s=int(now.timestamp()), entropy=luck.entropy(OBJECT_ID_ENTROPY_BYTES)) for _ in range(2)
    )
    stored = msgspec.json.encode(
        {
            "id": event_id,
            "event_id": event_id,
            "event_schema": "v1",
            "event_resource": None,
            "event_type": TEST_EVENT_TYPE,
            "event_timestamp": event.timestamp(now),
            "data": {},
        }
    )
    return await call(
        sender,
        Opened(vault),
        endpoint,
        call_id=call_id,
        event_id=event_id,
        sequence=None,
        stored_body=stored,
        at=now,
    )
