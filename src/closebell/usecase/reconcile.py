"""Reconcile: prove for a period that every close was told, and say where each telling stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.delivery import DeliveryState
from closebell.domain.event import INVOICE_CLOSED
from closebell.errors import InvalidInput
from closebell.store import delivery_log, endpoints, events, invoice_rows
from closebell.store.events import Span, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTally:
    """Where the deliveries of a period's closes to one endpoint stand; `total` is counted on its own."""

    endpoint_id: str
    name: str
    delivered: int
    pending: int
    held: int
    exhausted: int
    cancelled: int
    total: int

    @property
    def adds_up(self) -> bool:
        """Whether every delivery is in a state that is known."""
        return self.delivered + self.pending + self.held + self.exhausted + self.cancelled == self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The totals from `since` up to and without `until`; `reasons` say why they do not balance, if so."""

    since: datetime
    until: datetime
    closes: int
    events: int
    endpoints: tuple[EndpointTally, ...]
    balanced: bool
    reasons: tuple[str, ...]


def reconcile(connection: Connection, *, since: datetime, until: datetime, clock: Clock) -> Reconciliation:
    """The totals of a period, in one snapshot: run it as a read.

    Shape:  every endpoint there is, and the deleted ones that had something to get in the period.
    Errors: InvalidInput naming `to` when the period ends before it begins.
    """
    if until < since:
        raise InvalidInput("to", "is earlier than from; write a period that ends after it begins")
    closes = invoice_rows.count_closed_here(connection, since, until)
    told = events.count_between(connection, INVOICE_CLOSED, since, until)
    tallies = _tallies(connection, since, until, clock)
    reasons = tuple(_reasons(closes, told, events.span(connection, since, until), tallies))
    return Reconciliation(
        since=since,
        until=until,
        closes=closes,
        events=told.events,
        endpoints=tallies,
        balanced=not reasons,
        reasons=reasons,
    )


def _tallies(connection: Connection, since: datetime, until: datetime, clock: Clock) -> tuple[EndpointTally, ...]:
    by_state = delivery_log.count_by_state(connection, INVOICE_CLOSED, since, until)
    totals = delivery_log.count_by_endpoint(connection, INVOICE_CLOSED, since, until)
    names = {endpoint.id: endpoint.name for endpoint in endpoints.all_kept(connection, now=clock.now())}
    names |= endpoints.names(connection, totals.keys() - names.keys())
    return tuple(
        _tally(endpoint_id, name, by_state.get(endpoint_id, {}), totals.get(endpoint_id, 0))
        for endpoint_id, name in names.items()
    )


def _tally(endpoint_id: str, name: str, counts: Mapping[str, int], total: int) -> EndpointTally:
    return EndpointTally(
        endpoint_id=endpoint_id,
        name=name,
        delivered=counts.get(DeliveryState.DELIVERED, 0),
        pending=counts.get(DeliveryState.PENDING, 0),
        held=counts.get(delivery_log.HELD, 0),
        exhausted=counts.get(DeliveryState.EXHAUSTED, 0),
        cancelled=counts.get(DeliveryState.CANCELLED, 0),
        total=total,
    )


def _reasons(closes: int, told: Told, span: Span, tallies: Sequence[EndpointTally]) -> Iterable[str]:
    """Everything that does not balance, in words and figures."""
    if closes != told.events:
        yield f"{closes} invoices were closed and {told.events} {INVOICE_CLOSED} events exist."
    made = sum(tally.total for tally in tallies)
    if told.listeners != made:
        yield f"{told.listeners} deliveries were made of these events and {made} exist."
    if span.missing:
        yield f"The feed has {span.count} events from {span.first} to {span.last}; {span.missing} are missing."
    for tally in tallies:
        if not tally.adds_up:
            yield f"The states of {tally.name} ({tally.endpoint_id}) do not add up to its {tally.total} deliveries."
