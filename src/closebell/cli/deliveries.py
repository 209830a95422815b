"""`closebell deliveries`: what became of each event on its way to each endpoint, and sending it again."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter
from cyclopts.validators import Number

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock
from closebell.config import Settings
from closebell.domain.identifiers import checked_object_id, guid
from closebell.store.delivery_log import Attempt, DeliveryFilter, DeliveryRecord
from closebell.usecase.read_deliveries import STATES, read_deliveries, read_delivery
from closebell.usecase.resend_delivery import resend_delivery

LIMIT: Final = 50
LIMIT_MAX: Final = 1_000
"""Deliveries that one call shows; the next begins with --before."""
_FIRST_TO_GO: Final = ("event_type", "endpoint_id", "due_at", "attempts")

DeliveryId = Annotated[str, Parameter(help="The id that `closebell deliveries list` shows.")]
State = Annotated[str | None, Parameter(help=f"Only those in this state: {', '.join(STATES)}.")]
Endpoint = Annotated[str | None, Parameter(help="Only those to this endpoint.")]
Event = Annotated[str | None, Parameter(help="Only those of this event.")]
Invoice = Annotated[str | None, Parameter(help="Only those about this invoice.")]
Before = Annotated[str | None, Parameter(help="Begin before this delivery, the last of the page before.")]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=LIMIT_MAX), help="Show at most so many.")]

app = App(name="deliveries", help="Read what became of deliveries, and send them again.")


@app.command(name="list")
async def list_(
    *,
    state: State = None,
    endpoint: Endpoint = None,
    event: Event = None,
    invoice: Invoice = None,
    before: Before = None,
    limit: Limit = LIMIT,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Show deliveries, the newest first, and why they ended."""
    wanted = DeliveryFilter(
        endpoint_id=None if endpoint is None else guid(endpoint, field="--endpoint"),
        state=state,
        event_id=None if event is None else checked_object_id(event, field="--event"),
        invoice_id=None if invoice is None else guid(invoice, field="--invoice"),
        before=None if before is None else checked_object_id(before, field="--before"),
    )
    async with database_of(settings) as database:
        page = await database.read(read_deliveries, wanted, limit=limit)
    show([_row(one) for one in page.deliveries], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command(name="show")
async def show_(
    delivery_id: DeliveryId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Show one delivery with every attempt."""
    async with database_of(settings) as database:
        found = await database.read(read_delivery, _id(delivery_id))
    attempts = [_attempt(one) for one in found.attempts]
    if as_json:
        show_one({**_details(found), "attempts": attempts}, as_json=True)
    else:
        show_one(_details(found), as_json=False)
        show(attempts, as_json=False, first_to_go=("duration_us", "started_at"))


@app.command
async def resend(
    delivery_id: DeliveryId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Send a delivery again, now, whatever came of it; its retries are counted anew."""
    async with database_of(settings) as database:
        again = await database.write(resend_delivery, _id(delivery_id), clock=SystemClock())
    show([_row(again)], as_json=as_json, first_to_go=_FIRST_TO_GO)


def _id(text: str) -> str:
    return checked_object_id(text, field="DELIVERY-ID")


def _row(delivery: DeliveryRecord) -> Row:
    return {
        "id": delivery.id,
        "state": str(delivery.state),
        "attempts": delivery.attempts[-1].number if delivery.attempts else 0,
        "event_type": delivery.event_type,
        "endpoint_id": delivery.endpoint_id,
        "due_at": delivery.due_at,
        "reason": delivery.reason,
    }


def _details(delivery: DeliveryRecord) -> Row:
    return {
        "id": delivery.id,
        "state": str(delivery.state),
        "reason": delivery.reason,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "invoice_id": delivery.invoice_id,
        "sequence": delivery.sequence,
        "created_at": delivery.created_at,
        "due_at": delivery.due_at,
        "finished_at": delivery.finished_at,
    }


def _attempt(attempt: Attempt) -> Row:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "status": attempt.status,
        "fault": attempt.error,
        "duration_us": attempt.duration_us,
        "detail": attempt.detail,
    }
