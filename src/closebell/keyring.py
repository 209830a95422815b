"""Which keys a process seals with: those of the settings, or the one in the file beside a SQLite database.

Source: docs/operating.md; docs/decisions/0024-sealed-secrets.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

from closebell.clock import Luck
from closebell.config import Settings
from closebell.errors import MisuseError
from closebell.store.database import dialect
from closebell.store.unit import Database
from closebell.usecase.seal_secrets import count_sealed, reseal_portion
from closebell.vault import (
    SETTING,
    MasterKey,
    Vault,
    key_file_of,
    make_key_file,
    parse_keys,
    read_key_file,
)

log = structlog.get_logger()

MadeKey = Callable[[Path, MasterKey], None]
"""Takes a key that was made just now, and the file that it is in."""


def check_keys(settings: Settings) -> None:
    """Refuses, before anything is begun, what `open_vault` would refuse without a look into the database.

    Errors: MisuseError.
    """
    if not parse_keys(settings.secret_keys) and dialect(settings.database_url) != "sqlite":
        raise MisuseError(
            f"{SETTING} is missing: secrets in PostgreSQL are sealed under a key that is not in it; "
            "make one with `closebell secrets new-key` and give it to every process"
        )


async def open_vault(
    settings: Settings, database: Database, *, luck: Luck, made: MadeKey = lambda _path, _key: None
) -> Vault:
    """What seals and opens the secrets in this database; a SQLite database without a key gets one of its own.

    Errors: MisuseError when there is no key, or when something is sealed under one that is not there.
    """
    check_keys(settings)
    used = await database.read(count_sealed)
    vault = Vault(_keys(settings, used, luck, made), entropy=luck.entropy)
    for key_id, count in used.items():
        if key_id is not None and key_id not in vault.key_ids:
            raise MisuseError(
                f"{count} secrets are sealed under the key {key_id}, which {SETTING} does not hold: add it again, "
                f"or give them up with `closebell secrets forget {key_id}`"
            )
    return vault


async def vault_to_serve(settings: Settings, database: Database, *, luck: Luck) -> Vault:
    """The vault of a process that serves: what an older Closebell left as it was is sealed from here on.

    Errors: MisuseError, as `open_vault`.
    """
    vault = await open_vault(settings, database, luck=luck, made=_tell)
    await reseal_all(database, vault, only_plain=True)
    return vault


def _tell(path: Path, key: MasterKey) -> None:
    log.info("secret_key.created", key_id=key.id, file=str(path))


async def reseal_all(database: Database, vault: Vault, *, only_plain: bool = False) -> int:
    """Seal everything under the vault's first key, a portion at a time; how many texts were written anew.

    Safe beside processes that serve, and again after a crash.

    Errors: SealBroken; what was sealed before it stays sealed.
    """
    resealed, after = 0, ""
    while True:
        portion = await database.write(reseal_portion, after, vault=vault, only_plain=only_plain)
        resealed += portion.resealed
        if portion.last_id is None:
            return resealed
        after = portion.last_id


def keys_at_hand(settings: Settings) -> tuple[MasterKey, ...]:
    """The keys of the settings, and of a SQLite database the one in its file; the first of them seals.

    Errors: MisuseError.
    """
    given = parse_keys(settings.secret_keys)
    path = _key_file(settings)
    beside = None if path is None else read_key_file(path)
    return given if beside is None or beside.id in {key.id for key in given} else (*given, beside)


def _keys(settings: Settings, used: Mapping[str | None, int], luck: Luck, made: MadeKey) -> tuple[MasterKey, ...]:
    """The keys at hand; a SQLite database that has none gets one, unless something is sealed under one that is gone."""
    found, path = keys_at_hand(settings), _key_file(settings)
    if found or path is None:
        return found
    sealed = sorted(key_id for key_id in used if key_id is not None)
    if sealed:
        raise MisuseError(
            f"{path} is missing, and secrets are sealed under its key {sealed[0]}: put it back, "
            f"or give them up with `closebell secrets forget {sealed[0]}`"
        )
    key = make_key_file(path, entropy=luck.entropy)
    made(path, key)
    return (key,)


def _key_file(settings: Settings) -> Path | None:
    """Where the key of a SQLite database is kept that the settings name none for."""
    if dialect(settings.database_url) != "sqlite":
        return None
    return key_file_of(Path(make_url(settings.database_url).database or ""))
