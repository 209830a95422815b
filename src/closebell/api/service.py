"""What the handlers work with: one value per running application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from closebell.api.access import Gatekeeper
from closebell.api.close_desk import CloseDesk
from closebell.api.metrics import Metrics
from closebell.clock import Clock, Luck
from closebell.dispatch.sender import Sender
from closebell.domain.address import Network
from closebell.store.unit import Database
from closebell.store.wake import Wake


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything a handler may ask for.

    Shape: `stopping` is set when the application begins to stop, so that nobody is kept waiting for events;
           `endpoints_changed` tells the dispatcher to look at the endpoints again.
    """

    database: Database
    desk: CloseDesk
    wake: Wake
    sender: Sender
    gatekeeper: Gatekeeper
    metrics: Metrics
    clock: Clock
    luck: Luck
    allowed_networks: tuple[Network, ...]
    body_bytes_max: int
    import_bytes_max: int
    errors_as_200: bool
    openapi: bytes
    endpoints_changed: Callable[[], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
