"""`closebell sample`: print a chain of salons to try things on."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from closebell import samples
from closebell.clock import SystemClock


def sample() -> None:
    """Print a chain of salons to try things on, ready to be imported.

    Three centres with all they need to sell, and invoices of today in every state, as POST /v1/import and
    `closebell load` take them: `closebell sample | closebell load -`.
    """
    today = SystemClock().now().astimezone(ZoneInfo(samples.SALON_ZONE)).date()
    print(samples.salon(today=today).decode(), end="")
