"""Work that goes on for as long as the process does: when it fails it is told, and begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from closebell.errors import Unavailable

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


async def repeat(warning: str, work: Callable[[], Awaitable[None]], *, every_s: float) -> None:
    """Do the work time and again until cancelled; `warning` tells of a database that cannot answer, asked next time."""
    while True:
        try:
            await work()
        except Unavailable as error:
            log.bind(error=str(error)).warning(warning)
        await asyncio.sleep(every_s)
