"""Resend a delivery: it is due now, whatever came of it so far, and its retries are counted anew."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.endpoint import EndpointState
from closebell.errors import Conflict, NotFound
from closebell.store import exhausted
from closebell.store.delivery_log import DeliveryRecord
from closebell.store.exhausted import Resendable
from closebell.store.wake import ring
from closebell.usecase.read_deliveries import read_delivery


def resend_delivery(connection: Connection, delivery_id: str, *, clock: Clock) -> DeliveryRecord:
    """The delivery, due now; held when its endpoint is deactivated. Attempts go on being numbered where they were.

    Errors: NotFound; Conflict while it is being called, and when there is no endpoint or no body to send any more.
    """
    delivery = exhausted.find_locked(connection, delivery_id)
    if delivery is None:
        raise NotFound(f"No delivery has the id {delivery_id}")
    now = clock.now()
    _must_be_resendable(delivery, now)
    exhausted.send_again(connection, delivery, now=now)
    ring(connection)
    return read_delivery(connection, delivery_id)


def _must_be_resendable(delivery: Resendable, now: datetime) -> None:
    if delivery.endpoint_state is EndpointState.DELETED:
        raise Conflict(f"delivery {delivery.id} cannot be sent again: its endpoint was deleted")
    # A lease that is over covers nothing: whoever held it has ended, or will find that it has no say any more.
    if delivery.lease_id is not None and delivery.due_at > now:
        raise Conflict(f"delivery {delivery.id} is being sent just now; look again when its attempt is recorded")
    if not delivery.has_body:
        raise Conflict(f"delivery {delivery.id} cannot be sent again: what its event said is not kept any more")
