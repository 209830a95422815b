"""`closebell guests`: forget one."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from closebell.background.erasing import carry_out, until_settled
from closebell.cli.at_database import database_of
from closebell.cli.confirming import Yes, confirm
from closebell.cli.listing import AsJson, Row, show_one
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.domain.identifiers import guid
from closebell.store.erasures import Erasure
from closebell.store.unit import Database
from closebell.usecase.erase_guest import erase_guest, read_erasure

GuestId = Annotated[str, Parameter(help="The guest's id.")]

app = App(name="guests", help="Erase a guest, of whom nothing but the id is known from then on.")


@app.command
async def erase(
    guest_id: GuestId, /, *, yes: Yes = False, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> None:
    """Erase a guest for good, after asking. Amounts, receipts and the chain stay; `closebell serve` does the rest."""
    wanted = guid(guest_id, field="GUEST-ID")
    confirm(f"Erase the guest {wanted} for good? There is no way back.", yes=yes)
    async with database_of(settings) as database:
        done = await _erased(database, wanted, settings)
    show_one(_row(done), as_json=as_json)


@app.command
async def erasure(guest_id: GuestId, /, *, as_json: AsJson = False, settings: DatabaseSettings = Settings()) -> None:
    """Show how far the erasure of a guest has come."""
    wanted = guid(guest_id, field="GUEST-ID")
    async with database_of(settings) as database:
        found = await database.read(read_erasure, wanted)
    show_one(_row(found), as_json=as_json)


async def _erased(database: Database, guest_id: str, settings: Settings) -> Erasure:
    clock, luck = SystemClock(), SystemLuck()
    asked = await database.write(erase_guest, guest_id, clock=clock, luck=luck)
    settled = until_settled(lease_s=settings.lease_s, deadline_s=settings.delivery_timeout_s)
    return await carry_out(database, asked, settled_after=settled, clock=clock, luck=luck)


def _row(erasure: Erasure) -> Row:
    return {
        "guest_id": erasure.guest_id,
        "state": erasure.state,
        "created_at": erasure.created_at,
        "finished_at": erasure.finished_at,
        "redacted_events": erasure.events,
        "blanked_attempts": erasure.attempts,
    }
