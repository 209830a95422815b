"""`closebell events`: what was told, in order."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter
from cyclopts.validators import Number

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.settings import DatabaseSettings
from closebell.config import Settings
from closebell.domain.chain import SEQUENCE_MAX
from closebell.domain.identifiers import checked_object_id
from closebell.store.events import StoredEvent
from closebell.usecase.read_feed import read_event, read_feed

LIMIT: Final = 100
LIMIT_MAX: Final = 10_000
"""Events that one call shows; the next begins with --after."""

After = Annotated[int, Parameter(validator=Number(gte=0, lte=SEQUENCE_MAX), help="Begin after this sequence.")]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=LIMIT_MAX), help="Show at most so many.")]
EventId = Annotated[str, Parameter(help="The event_id that `closebell events list` shows.")]
WithBody = Annotated[bool, Parameter(negative="", help="Show the stored body too, byte for byte.")]

app = App(name="events", help="Read the feed: every event, in sequence order.")


@app.command(name="list")
async def list_(
    *,
    after: After = 0,
    limit: Limit = LIMIT,
    body: WithBody = False,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Show events, oldest first."""
    async with database_of(settings) as database:
        page = await database.read(read_feed, after=after, limit=limit)
    rows = [_row(event, body=body) for event in page.events]
    show(rows, as_json=as_json, first_to_go=("event_type", "created_at"))


@app.command(name="show")
async def show_(event_id: EventId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()) -> None:
    """Show one event whole, with its body and its place in the hash chain."""
    wanted = checked_object_id(event_id, field="EVENT-ID")
    async with database_of(settings) as database:
        event = await database.read(read_event, wanted)
    place = {name: getattr(event, name).hex() for name in ("previous_hash", "body_hash", "hash")}
    rest = {"redacted_at": event.redacted_at, "body": _body(event)}
    show_one({**_row(event, body=False), **place, **rest}, as_json=as_json)


def _row(event: StoredEvent, *, body: bool) -> Row:
    row = {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "created_at": event.created_at,
        "invoice_id": event.invoice_id,
    }
    return {**row, "body": _body(event)} if body else row


def _body(event: StoredEvent) -> str | None:
    return None if event.body is None else event.body.decode()
