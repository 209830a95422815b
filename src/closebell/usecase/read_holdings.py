"""Read what a guest holds: memberships, packages, points and cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain.account import AccountKind
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.guest_holding import Holding
from closebell.store import centers, guest_holdings
from closebell.usecase import known_guest

HOLDINGS_MAX: Final = 1_000
"""Things of one kind that are shown of a guest, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestHoldings:
    """Things of one kind that a guest holds, the newest first, and how many there are in all."""

    holdings: Sequence[Holding]
    total: int
    today: date


def read_holdings(
    connection: Connection,
    guest_id: str,
    kind: AccountKind,
    *,
    clock: Clock,
    offset: int = 0,
    limit: int = HOLDINGS_MAX,
    caller: Caller = OPERATOR,
) -> GuestHoldings:
    """What the guest holds of this kind, whichever centre it came from; `today` is the date at the guest's centre.

    Errors: NotFound; Refusal 438.
    """
    center_id = known_guest.find(connection, guest_id, caller).entry.center_id
    centre = None if center_id is None else centers.load(connection, [center_id])[center_id]
    return GuestHoldings(
        holdings=guest_holdings.of_guest(connection, guest_id, kind, offset=offset, limit=limit),
        total=guest_holdings.count(connection, guest_id, kind),
        today=clock.now().date() if centre is None else centre.today(clock.now()),
    )
