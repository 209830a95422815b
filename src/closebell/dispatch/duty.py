"""Work that goes on for as long as the process does: when it fails it is told, and begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger()

Duty = Callable[[], Awaitable[None]]
"""Begins the work; it runs until cancelled, or returns when there is none in this process."""

BEGIN_AGAIN_S: Final = 5
"""Seconds between a failure that nobody foresaw and the next try."""


async def keep_doing(name: str, duty: Duty, *, pause_s: float = BEGIN_AGAIN_S) -> None:
    """Do it until cancelled. A failure of one duty is a bug of ours, and no reason to stop the others."""
    while True:
        try:
            await duty()
        except Exception:
            log.exception("duty.failed", duty=name)
        else:
            return
        await asyncio.sleep(pause_s)
