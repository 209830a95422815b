"""`closebell endpoints`: who is told of what happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import App, Parameter

from closebell.cli import endpoint_failures, endpoint_recovery
from closebell.cli.at_database import database_of
from closebell.cli.confirming import Yes, confirm
from closebell.cli.credentials import CredentialsFile, read_credentials
from closebell.cli.listing import AsJson, Row, show, show_one, shown
from closebell.cli.settings import CallingSettings, DatabaseSettings, SealingSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.probe import send_test
from closebell.dispatch.sender import Sender
from closebell.domain.address import parse_networks
from closebell.domain.condition import ConditionDraft
from closebell.domain.endpoint import Endpoint
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.identifiers import guid
from closebell.domain.rotation import OVERLAP_HOURS, Rotation
from closebell.domain.sealed import SECRET_MASK, SealedSecret
from closebell.errors import InvalidInput
from closebell.keyring import open_vault
from closebell.usecase import manage_endpoints
from closebell.usecase.manage_endpoints import EndpointDraft
from closebell.usecase.recover_endpoint import count_missed
from closebell.usecase.rotate_secret import EndpointWithSecret, rotate_secret

app = App(
    name="endpoints",
    help="Say who is told of invoices, payments and guests. A running service notices within a second.",
)
endpoint_recovery.add_to(app)
endpoint_failures.add_to(app)

EXIT_NOT_DELIVERED = 1
_FIRST_TO_GO = ("failures", "url")

Name = Annotated[str, Parameter(help="What the receiver is called.")]
Url = Annotated[str, Parameter(help="Where webhooks go: https, or an address within --allowed-networks.")]
Texts = tuple[str, ...]
Kind = Annotated[
    str | None, Parameter(help="hmac, or ed25519 for the key pair; else what the endpoint signs with, hmac first.")
]
OverlapHours = Annotated[int, Parameter(help="Hours for which the old secret signs as well; 0 ends it at once.")]
EndpointId = Annotated[str, Parameter(help="The id that `closebell endpoints list` shows.")]


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """What a new endpoint is like, under the names that its draft has."""

    event_types: Annotated[Texts, Parameter(name="--event-type", help="What it is told of.")] = (INVOICE_CLOSED,)
    http_method: Annotated[str, Parameter(help="POST, PUT or PATCH.")] = "POST"
    description: Annotated[str, Parameter(help="Anything worth knowing about it.")] = ""
    center_ids: Annotated[
        Texts,
        Parameter(name="--center-id", help="A centre whose events it gets; without any, those of every centre."),
    ] = ()
    signature_styles: Annotated[
        Texts, Parameter(name="--signature-style", help="standard, ed25519, zenoti, or several of them.")
    ] = ("standard",)
    policy: Annotated[
        str, Parameter(help="How often a failed delivery is retried: standard (11 times) or zenoti (5).")
    ] = "standard"
    rate_per_s: Annotated[int, Parameter(help="Calls that begin in a second at most; 0 is no bound.")] = 0
    recovers_when_enabled: Annotated[
        bool, Parameter(help="When it is enabled after it was deactivated, send what was given up meanwhile.")
    ] = False
    conditions: Annotated[
        Texts,
        Parameter(
            name="--condition",
            help="PATH=VALUE that must hold in the body, such as data.invoice.is_refund=false; "
            "repeat it, and all must.",
        ),
    ] = ()


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
    options: EndpointOptions = EndpointOptions(),
    credentials: CredentialsFile = None,
    as_json: AsJson = False,
    settings: CallingSettings = Settings(),
) -> None:
    """Create an endpoint and show its signing secret, this once."""
    given = read_credentials(credentials)
    draft = EndpointDraft(
        name=name,
        url=url,
        **{**asdict(options), "conditions": tuple(map(_condition, options.conditions))},
        secret=given.secret,
        headers=given.headers,
        authorization=given.authorization,
    )
    networks = parse_networks(settings.allowed_networks)
    async with database_of(settings) as database:
        vault = await open_vault(settings, database, luck=SystemLuck())
        made = await database.write(
            manage_endpoints.create_endpoint,
            draft,
            networks=networks,
            vault=vault,
            clock=SystemClock(),
            luck=SystemLuck(),
        )
    _show_with_secret(made, as_json=as_json)


@app.command
async def rotate(
    endpoint_id: EndpointId,
    /,
    *,
    kind: Kind = None,
    overlap_hours: OverlapHours = OVERLAP_HOURS,
    credentials: CredentialsFile = None,
    as_json: AsJson = False,
    settings: SealingSettings = Settings(),
) -> None:
    """Replace an endpoint's signing secret and show the new one, this once; the old one signs too for a while."""
    rotation = Rotation(kind=kind, secret=read_credentials(credentials).secret, overlap_hours=overlap_hours)
    async with database_of(settings) as database:
        vault = await open_vault(settings, database, luck=SystemLuck())
        made = await database.write(
            rotate_secret, _id(endpoint_id), rotation, vault=vault, clock=SystemClock(), luck=SystemLuck()
        )
    _show_with_secret(made, as_json=as_json)


@app.command
async def enable(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Send to an endpoint again: its failures are forgotten, and what was held for it is sent."""
    async with database_of(settings) as database:
        clock = SystemClock()
        counted = await database.read(count_missed, _id(endpoint_id), clock=clock)
        after = await database.write(
            manage_endpoints.enable_endpoint, _id(endpoint_id), counted=counted, clock=clock, luck=SystemLuck()
        )
    show([_row(after)], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command
async def disable(
    endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Stop sending to an endpoint: what is for it is held until it is enabled."""
    async with database_of(settings) as database:
        after = await database.write(manage_endpoints.disable_endpoint, _id(endpoint_id), clock=SystemClock())
    show([_row(after)], as_json=as_json, first_to_go=_FIRST_TO_GO)


@app.command
async def delete(endpoint_id: EndpointId, /, *, yes: Yes = False, settings: DatabaseSettings = Settings()) -> None:
    """Let an endpoint go, after asking: what waits for it is cancelled, its history stays."""
    async with database_of(settings) as database:
        found = await database.read(manage_endpoints.read_endpoint, _id(endpoint_id), clock=SystemClock())
        confirm(f"Delete the endpoint {shown(found.name)}, and cancel what waits for it?", yes=yes)
        await database.write(manage_endpoints.delete_endpoint, found.id, clock=SystemClock())


@app.command(name="test")
async def try_(endpoint_id: EndpointId, /, *, as_json: AsJson = False, settings: CallingSettings = Settings()) -> int:
    """Call an endpoint once, from here, with a signed event of type Closebell.Test; exit 1 if it does not take it."""
    async with database_of(settings) as database:
        found = await database.read(manage_endpoints.read_endpoint, _id(endpoint_id), clock=SystemClock())
        vault = await open_vault(settings, database, luck=SystemLuck())
    async with _sender(settings) as sender:
        outcome = await send_test(sender, found, vault=vault, clock=SystemClock(), luck=SystemLuck())
    row = {
        "is_delivered": outcome.error is None,
        "status": outcome.status,
        "fault": outcome.error,
        "detail": outcome.detail,
        "duration_us": outcome.duration_us,
    }
    show_one(row, as_json=as_json)
    return 0 if outcome.error is None else EXIT_NOT_DELIVERED


@asynccontextmanager
async def _sender(settings: Settings) -> AsyncIterator[Sender]:
    networks = parse_networks(settings.allowed_networks)
    addresses = AddressBook(allowed_networks=networks, resolve=SystemResolver())
    sender = Sender(clock=SystemClock(), addresses=addresses, deadline_s=settings.delivery_timeout_s)
    try:
        yield sender
    finally:
        await sender.close()
        await addresses.close()


def _id(text: str) -> str:
    return guid(text, field="ENDPOINT-ID")


def _condition(spelled: str) -> ConditionDraft:
    """PATH=VALUE, where a value that is no JSON is a text."""
    path, separator, value = spelled.partition("=")
    if not separator:
        raise InvalidInput("--condition", f"{spelled!r:.60} names no value; write PATH=VALUE")
    try:
        json.loads(value)
    except ValueError:
        value = json.dumps(value)
    return ConditionDraft(field=path, equals=value)


def _show_with_secret(made: EndpointWithSecret, *, as_json: bool) -> None:
    shown = {} if made.secret is None else {"secret": made.secret.reveal()}
    show_one({**_details(made.endpoint), **shown}, as_json=as_json)


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
        "rate_per_s": endpoint.rate_per_s,
        "recovers_when_enabled": endpoint.recovers_when_enabled,
        "conditions": [f"{one.field}={one.spelled}" for one in endpoint.conditions],
        "description": endpoint.description,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "enabled_at": endpoint.enabled_at,
        "headers": [f"{name}: {SECRET_MASK}" for name in endpoint.header_names],
        "authorization": " ".join(filter(None, (endpoint.authorization_scheme, endpoint.authorization_username))),
        "public_keys": endpoint.public_keys,
        "secrets": [_secret(secret) for secret in endpoint.secrets],
    }


def _secret(secret: SealedSecret) -> str:
    end = "" if secret.expires_at is None else f", signs until {shown(secret.expires_at)}"
    return f"{secret.kind} of {shown(secret.created_at)}{end}"
