"""A queue as it is after a while: many deliveries at once, fresh or tried before, without closing anything."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from closebell.domain.event import INVOICE_CLOSED
from closebell.store import tables

FAR = 1_000_000
"""The sequence before the first of theirs, far from those of invoices that a test closes."""

APART = timedelta(milliseconds=1)
"""Between the due times of two deliveries that follow each other."""


def queue(connection: Connection, endpoint_id: str, count: int, *, attempts: int, due_at: datetime) -> list[str]:
    """Make so many pending deliveries, the first of them due at `due_at`; their ids, in order."""
    last = connection.scalar(select(func.max(tables.events.c.sequence))) or 0
    sequences = range(max(last, FAR) + 1, max(last, FAR) + 1 + count)
    connection.execute(insert(tables.events), [_event(sequence, due_at) for sequence in sequences])
    ids = [f"{sequence:024x}" for sequence in sequences]
    deliveries = [
        {
            "id": delivery_id,
            "sequence": sequence,
            "endpoint_id": endpoint_id,
            "state": "pending",
            "due_at": due_at + number * APART,
            "attempts": attempts,
            "lease_id": None,
            "created_at": due_at,
            "finished_at": None,
            "reason": "",
        }
        for number, (delivery_id, sequence) in enumerate(zip(ids, sequences, strict=True))
    ]
    connection.execute(insert(tables.deliveries), deliveries)
    return ids


def _event(sequence: int, at: datetime) -> dict[str, object]:
    event_id = f"{sequence:024x}"
    return {
        "sequence": sequence,
        "event_id": event_id,
        "event_type": INVOICE_CLOSED,
        "invoice_id": None,
        "close_sequence": None,
        "center_id": None,
        "body": f'{{"id":"{event_id}","event_id":"{event_id}"}}'.encode(),
        "hash": b"",
        "listeners": 1,
        "created_at": at,
    }
