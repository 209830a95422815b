"""What the handlers work with: one value per running application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from closebell.api.access import Gatekeeper
from closebell.api.card_desk import CardDesk
from closebell.api.close_desk import CloseDesk
from closebell.api.kept_answers import CallsUnderWay
from closebell.api.limits import KeyLimit, RateLimit
from closebell.api.log import RequestIds
from closebell.api.metrics import Metrics
from closebell.api.metrics.backlog_look import BacklogLook
from closebell.api.sign_in_desk import SignInDesk
from closebell.clock import Clock, Luck
from closebell.dispatch.sender import Sender
from closebell.domain.address import Network
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.tracing.spans import Tracer
from closebell.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything a handler may ask for.

    Shape: `stopping` is set when the application begins to stop, so that nobody is kept waiting for events;
           `told` tells the dispatcher, and whoever waits for events, that events may have been told or endpoints
           changed. `is_delivering` is whether what this process delivers with is alive, True where it is not asked to
           deliver; `failed` is set when it no longer is.
    """

    database: Database
    desk: CloseDesk
    cards: CardDesk
    wake: Wake
    sender: Sender
    vault: Vault
    gatekeeper: Gatekeeper
    rate_limit: RateLimit | None
    metrics: Metrics
    backlog: BacklogLook
    tracer: Tracer
    request_ids: RequestIds
    clock: Clock
    luck: Luck
    allowed_networks: tuple[Network, ...]
    body_bytes_max: int
    import_bytes_max: int
    errors_as_200: bool
    public_url: str | None
    openapi: bytes
    told: Callable[[], None]
    is_delivering: Callable[[], bool]
    sign_ins: SignInDesk = field(default_factory=SignInDesk)
    calls_under_way: CallsUnderWay = field(default_factory=CallsUnderWay)
    key_limit: KeyLimit = field(default_factory=KeyLimit)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failed: asyncio.Event = field(default_factory=asyncio.Event)
