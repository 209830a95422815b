"""What the witness knows by heart, and the rows it is read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from closebell.domain.delivery import Outcome
from simulation.store import Store

if TYPE_CHECKING:
    from simulation.network import Call
    from simulation.process import Process

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DeliveryRow(NamedTuple):
    """A delivery as it is stored."""

    id: str
    sequence: int
    endpoint_id: str
    event_id: str
    state: str
    due_at: int
    attempts: int
    lease_id: str | None
    attempts_before: int
    first_delivered_at: int | None


class EndpointRow(NamedTuple):
    """An endpoint as it is stored."""

    id: str
    state: str
    failures: int
    policy: str
    failed_at: int | None
    event_types: str
    center_ids: str
    conditions: str


class EventRow(NamedTuple):
    """An event as it is stored, without its body; nothing ever changes but the last two."""

    sequence: int
    event_id: str
    event_type: str
    center_id: str | None
    guest_id: str | None
    created_at: int
    listeners: int
    body_hash: bytes
    hash: bytes
    body_bytes: int
    redacted_at: int | None


class FailureRow(NamedTuple):
    """An endpoint that was deactivated, as the failure log has it."""

    id: str
    endpoint_id: str
    mail_due_at: int | None
    mailed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Whose it is, and how long; `taken_s` is when the world saw it."""

    holder: Process
    until: int
    taken_s: float


@dataclass(slots=True)
class Books:
    """Everything that was seen."""

    deliveries: dict[str, DeliveryRow] = field(default_factory=dict)
    endpoints: dict[str, EndpointRow] = field(default_factory=dict)
    events: dict[int, EventRow] = field(default_factory=dict)
    failed: dict[str, FailureRow] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    last_leases: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    deactivated_s: dict[str, float] = field(default_factory=dict)
    calls: dict[tuple[str, datetime, str], Call] = field(default_factory=dict)
    outcomes: dict[Call, Outcome] = field(default_factory=dict)
    attempts: dict[tuple[str, int], int] = field(default_factory=dict)

    def read(self, store: Store) -> None:
        """Everything as it is stored now."""
        self.deliveries = {row[0]: DeliveryRow(*row) for row in store.rows(_DELIVERIES)}
        self.endpoints = {row[0]: EndpointRow(*row) for row in store.rows(_ENDPOINTS)}
        self.events = {row[0]: EventRow(*row) for row in store.rows(_EVENTS)}
        self.failed = {row[0]: FailureRow(*row) for row in store.rows(_FAILURES)}


_DELIVERIES: Final = """
    SELECT d.id, d.sequence, d.endpoint_id, e.event_id, d.state, d.due_at, d.attempts, d.lease_id,
           d.attempts_before, d.first_delivered_at
    FROM deliveries d JOIN events e ON e.sequence = d.sequence ORDER BY d.id
"""
_ENDPOINTS: Final = """
    SELECT id, state, consecutive_failures, policy, failed_at, event_types, center_ids, conditions
    FROM endpoints ORDER BY id
"""
_EVENTS: Final = """
    SELECT sequence, event_id, event_type, center_id, guest_id, created_at, listeners, body_hash, hash,
           length(body), redacted_at
    FROM events ORDER BY sequence
"""
_FAILURES: Final = "SELECT id, endpoint_id, mail_due_at, mailed_at FROM endpoint_failures ORDER BY id"


def microseconds(at: datetime) -> int:
    """The instant as it is stored."""
    return (at - _EPOCH) // timedelta(microseconds=1)
