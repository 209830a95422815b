"""`closebell secrets`: the keys under which the database's secrets are sealed."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show
from closebell.cli.settings import SealingSettings
from closebell.clock import SystemClock, SystemLuck
from closebell.config import Settings
from closebell.errors import MisuseError
from closebell.keyring import keys_at_hand, open_vault, reseal_all
from closebell.usecase.seal_secrets import count_sealed, forget_key
from closebell.vault import MasterKey

KeyId = Annotated[str, Parameter(help="The id of the key, as `closebell secrets status` shows it.")]

app = App(name="secrets", help="Keep the keys under which the database's secrets are sealed.")


@app.command
def new_key() -> None:
    """Print a new key for CLOSEBELL_SECRET_KEYS; it is kept nowhere else."""
    print(MasterKey.generate(SystemLuck().entropy).reveal())


@app.command
async def reseal(*, settings: SealingSettings = Settings()) -> None:
    """Seal every secret under the first key, beside a running service too; then the other keys can go."""
    async with database_of(settings) as database:
        vault = await open_vault(settings, database, luck=SystemLuck())
        resealed = await reseal_all(database, vault)
    print(f"{resealed} secrets were sealed anew; all are sealed under the key {vault.sealing_key_id}.")


@app.command
async def status(*, as_json: AsJson = False, settings: SealingSettings = Settings()) -> None:
    """Count what is sealed under each key, and say which key seals; what an older Closebell left is `not sealed`."""
    at_hand = [key.id for key in keys_at_hand(settings)]
    async with database_of(settings) as database:
        used = await database.read(count_sealed)
    # The key that seals has a row even where nothing is sealed under it yet.
    counts: dict[str | None, int] = {**dict.fromkeys(at_hand[:1], 0), **used}
    found = sorted(counts.items(), key=lambda entry: entry[0] or "")
    show([_row(key_id, count, seals=key_id in at_hand[:1]) for key_id, count in found], as_json=as_json)


@app.command
async def forget(key_id: KeyId, /, *, settings: SealingSettings = Settings()) -> None:
    """Give up what is sealed under a key that is lost, and deactivate the endpoints that it belonged to."""
    if key_id in {key.id for key in keys_at_hand(settings)}:
        raise MisuseError(f"the key {key_id} is not lost: it is in secret_keys (CLOSEBELL_SECRET_KEYS) or the key file")
    async with database_of(settings) as database:
        concerned = await database.write(forget_key, key_id, clock=SystemClock())
    print(f"{concerned} endpoints lost what they kept secret under the key {key_id}.")


def _row(key_id: str | None, count: int, *, seals: bool) -> Row:
    return {"key_id": "not sealed" if key_id is None else key_id, "secrets": count, "seals": seals}
