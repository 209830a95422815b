"""`closebell endpoints`: who is told of closed invoices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy import Connection

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show, show_one
from closebell.cli.settings import CallingSettings, DatabaseSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.probe import send_test
from closebell.dispatch.sender import Sender
from closebell.domain.address import parse_networks
from closebell.domain.endpoint import Endpoint
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.identifiers import guid
from closebell.store.unit import P, R, Unit
from closebell.store.wake import ring
from closebell.usecase import manage_endpoints
from closebell.usecase.manage_endpoints import EndpointDraft

app = App(name="endpoints", help="Say who is told of closed invoices. A running service notices within 15 seconds.")

EXIT_NOT_DELIVERED = 1
_FIRST_TO_GO = ("failures", "url")

Name = Annotated[str, Parameter(help="What the receiver is called.")]
Url = Annotated[str, Parameter(help="Where webhooks go: https, or an address within --allowed-networks.")]
EventTypes = Annotated[tuple[str, ...], Parameter(help="What it is told of.", negative="")]
Method = Annotated[str, Parameter(help="POST, PUT or PATCH.")]
Description = Annotated[str, Parameter(help="Anything worth knowing about it.")]
CenterIds = Annotated[
    tuple[str, ...], Parameter(help="A centre whose events it gets; without any, those of every centre.", negative="")
]
Styles = Annotated[tuple[str, ...], Parameter(help="standard, zenoti, or both.", negative="")]
Policy = Annotated[str, Parameter(help="How often a failed delivery is retried: standard (11 times) or zenoti (5).")]
EndpointId = Annotated[str, Parameter(help="The id that `closebell endpoints list` shows.")]


@app.command(name="list")
async def list_(*, as_json: AsJson = False, settings: DatabaseSettings = Settings()) -> None:
    """Show every endpoint that is not deleted, oldest first."""
    async with database_of(settings) as database:
        found = await database.read(manage_endpoints.list_endpoints, clock=SystemClock())
    show([_row(endpoint) for endpoint in found], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command(name="show")
async def show_(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Show one endpoint in full, save for its secret."""
    async with database_of(settings) as database:
        found = await database.read(manage_endpoints.read_endpoint, _id(endpoint_id), clock=SystemClock())
    show_one(_details(found), as_json=as_json)


@app.command
async def create(
    name: Name,
    url: Url,
    /,
    *,
    event_type: EventTypes = (INVOICE_CLOSED,),
    http_method: Method = "POST",
    description: Description = "",
    center_id: CenterIds = (),
    signature_style: Styles = ("standard",),
    policy: Policy = "standard",
    as_json: AsJson = False,
    settings: CallingSettings = Settings(),
) -> None:
    """Create an endpoint and show its signing secret, this once."""
    draft = EndpointDraft(
        name=name,
        url=url,
        event_types=event_type,
        http_method=http_method,
        description=description,
        center_ids=center_id,
        signature_styles=signature_style,
        policy=policy,
    )
    networks = parse_networks(settings.allowed_networks)
    async with database_of(settings) as database:
        made = await database.write(
            _and_ring,
            manage_endpoints.create_endpoint,
            draft,
            networks=networks,
            clock=SystemClock(),
            luck=SystemLuck(),
        )
    show_one({**_details(made), "secret": made.secrets[0].reveal()}, as_json=as_json)


@app.command
async def enable(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Send to an endpoint again: its failures are forgotten, and what was held for it is sent."""
    async with database_of(settings) as database:
        after = await database.write(_and_ring, manage_endpoints.enable_endpoint, _id(endpoint_id), clock=SystemClock())
    show([_row(after)], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command
async def disable(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Stop sending to an endpoint: what is for it is held until it is enabled."""
    async with database_of(settings) as database:
        after = await database.write(
            _and_ring, manage_endpoints.disable_endpoint, _id(endpoint_id), clock=SystemClock()
        )
    show([_row(after)], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command
async def delete(endpoint_id: EndpointId, /, *, settings: DatabaseSettings = Settings()) -> None:
    """Let an endpoint go: what waits for it is cancelled, its history stays."""
    async with database_of(settings) as database:
        await database.write(_and_ring, manage_endpoints.delete_endpoint, _id(endpoint_id), clock=SystemClock())


@app.command(name="test")
async def try_(endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: CallingSettings = Settings()) -> int:
    """Call an endpoint once, from here, with a signed event of type Closebell.Test; exit 1 if it does not take it."""
    async with database_of(settings) as database:
        found = await database.read(manage_endpoints.read_endpoint, _id(endpoint_id), clock=SystemClock())
    async with _sender(settings) as sender:
        outcome = await send_test(sender, found, clock=SystemClock(), luck=SystemLuck())
    row = {
        "is_delivered": outcome.error is None,
        "status": outcome.status,
        "fault": outcome.error,
        "detail": outcome.detail,
        "duration_us": outcome.duration_us,
    }
    show_one(row, as_json=as_json)
    return 0 if outcome.error is None else EXIT_NOT_DELIVERED


def _and_ring(connection: Connection, unit: Unit[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run the unit, and have processes that serve from the same PostgreSQL look at the endpoints again."""
    result = unit(connection, *args, **kwargs)
    ring(connection)
    return result


@asynccontextmanager
async def _sender(settings: Settings) -> AsyncIterator[Sender]:
    resolver = SystemResolver()
    addresses = AddressBook(allowed_networks=parse_networks(settings.allowed_networks), resolve=resolver)
    sender = Sender(clock=SystemClock(), addresses=addresses, deadline_s=settings.delivery_timeout_s)
    try:
        yield sender
    finally:
        await sender.close()
        await addresses.close()
        resolver.close()


def _id(text: str) -> str:
    return guid(text, field="ENDPOINT-ID")


def _row(endpoint: Endpoint) -> Row:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "state": endpoint.state.value,
        "failures": endpoint.consecutive_failures,
        "url": endpoint.url,
    }


def _details(endpoint: Endpoint) -> Row:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "state": endpoint.state.value,
        "state_reason": endpoint.state_reason,
        "consecutive_failures": endpoint.consecutive_failures,
        "url": endpoint.url,
        "http_method": endpoint.http_method.value,
        "event_types": endpoint.event_types,
        "center_ids": endpoint.center_ids,
        "signature_styles": [style.value for style in endpoint.signature_styles],
        "policy": endpoint.policy.value,
        "description": endpoint.description,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }
