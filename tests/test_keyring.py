"""A laptop needs no key, PostgreSQL refuses to go without, and keys come and go while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from closebell.clock import SystemLuck
from closebell.config import Settings
from closebell.dispatch.credentials import open_credentials
from closebell.domain.authorization import AuthorizationDraft
from closebell.domain.endpoint import EndpointState
from closebell.domain.rotation import Rotation
from closebell.errors import MisuseError, SealBroken
from closebell.keyring import check_keys, open_vault, reseal_all
from closebell.store import endpoints, tables
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.unit import Database
from closebell.testing import NOON, SECRET_KEY, FixedClock, a_vault, an_endpoint, guid_of, secret_of
from closebell.usecase.manage_endpoints import EndpointDraft, create_endpoint
from closebell.usecase.rotate_secret import EndpointWithSecret, rotate_secret
from closebell.usecase.seal_secrets import ENDPOINTS_AT_ONCE, count_sealed, forget_key, reseal_portion
from closebell.vault import Vault, parse_keys
from test_vault import OTHER_KEY

CLOCK, LUCK = FixedClock(), SystemLuck()


def create(connection: Connection, vault: Vault, name: str = "Till") -> EndpointWithSecret:
    draft = EndpointDraft(
        name=name,
        url="https://till.example/hook",
        event_types=("Invoice.Closed",),
        signature_styles=("standard", "ed25519"),
        headers={"X-Api-Key": "hunter2"},
        authorization=AuthorizationDraft(type="bearer", token="hunter3"),
    )
    return create_endpoint(connection, draft, networks=(), vault=vault, clock=CLOCK, luck=LUCK)


def put_plain(connection: Connection, names: Sequence[str]) -> None:
    for name in names:
        endpoints.insert_one(connection, an_endpoint(name))


def stored_texts(connection: Connection) -> list[str]:
    return list(connection.execute(select(tables.endpoint_secrets.c.secret)).scalars())


async def opened(database: Database, vault: Vault, endpoint_id: str) -> tuple[list[str], dict[str, str]]:
    endpoint = await database.read(endpoints.find, endpoint_id, now=NOON)
    assert endpoint is not None
    found = open_credentials(endpoint, vault)
    return [secret.reveal() for secret in found.live_secrets(NOON)], dict(found.headers)


def settings_of(url: str, *keys: str) -> Settings:
    return Settings(database_url=url, secret_keys=keys)


def read(path: Path) -> str:
    return path.read_text(encoding="ascii") if path.exists() else ""


def move(path: Path, target: Path) -> None:
    path.rename(target)


# --- where keys come from --------------------------------------------------------------------------------------------


def test_postgresql_without_a_key_is_refused_in_one_line() -> None:
    with pytest.raises(MisuseError, match=r"CLOSEBELL_SECRET_KEYS.*closebell secrets new-key") as refused:
        check_keys(settings_of("postgresql://closebell@db/closebell"))
    assert "\n" not in str(refused.value)
    check_keys(settings_of("postgresql://closebell@db/closebell", SECRET_KEY))
    check_keys(settings_of("sqlite:///closebell.db"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "closebell.db.key"


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """The engine that a key is made for."""
    migrate(sqlite_url)
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()


async def test_sqlite_gets_a_key_file_that_is_used_again(
    sqlite_database: Database, sqlite_url: str, key_file: Path
) -> None:
    made: list[tuple[Path, str]] = []
    first = await open_vault(
        settings_of(sqlite_url), sqlite_database, luck=LUCK, made=lambda path, key: made.append((path, key.id))
    )
    assert made == [(key_file, first.sealing_key_id)]
    assert f"{first.sealing_key_id}:" in read(key_file)
    sealed = first.seal("hunter2", "here")
    again = await open_vault(
        settings_of(sqlite_url), sqlite_database, luck=LUCK, made=lambda path, key: made.append((path, key.id))
    )
    assert again.open(sealed, "here") == "hunter2"
    assert len(made) == 1


async def test_sqlite_with_a_key_of_its_own_needs_no_file(
    sqlite_database: Database, sqlite_url: str, key_file: Path
) -> None:
    vault = await open_vault(settings_of(sqlite_url, SECRET_KEY), sqlite_database, luck=LUCK)
    assert vault.key_ids == {"test"}
    assert read(key_file) == ""


async def test_from_the_file_to_a_key_of_ones_own(sqlite_database: Database, sqlite_url: str, key_file: Path) -> None:
    before = await open_vault(settings_of(sqlite_url), sqlite_database, luck=LUCK)
    made = await sqlite_database.write(create, before)
    both = await open_vault(settings_of(sqlite_url, SECRET_KEY), sqlite_database, luck=LUCK)
    assert both.sealing_key_id == "test"
    assert both.key_ids == {"test", before.sealing_key_id}
    assert await reseal_all(sqlite_database, both) == 4
    move(key_file, key_file.with_suffix(".away"))
    alone = await open_vault(settings_of(sqlite_url, SECRET_KEY), sqlite_database, luck=LUCK)
    assert made.secret is not None
    assert (await opened(sqlite_database, alone, made.endpoint.id))[0] == [made.secret.reveal()]


async def test_a_key_file_that_is_lost_is_not_made_anew(
    sqlite_database: Database, sqlite_url: str, key_file: Path
) -> None:
    before = await open_vault(settings_of(sqlite_url), sqlite_database, luck=LUCK)
    await sqlite_database.write(create, before)
    move(key_file, key_file.with_suffix(".away"))
    with pytest.raises(MisuseError, match=f"is missing, and secrets are sealed under its key {before.sealing_key_id}"):
        await open_vault(settings_of(sqlite_url), sqlite_database, luck=LUCK)
    assert read(key_file) == ""
    move(key_file.with_suffix(".away"), key_file)
    assert (await open_vault(settings_of(sqlite_url), sqlite_database, luck=LUCK)).key_ids == before.key_ids


async def test_a_key_that_something_is_sealed_under_must_be_there(database: Database, database_url: str) -> None:
    await database.write(create, a_vault(OTHER_KEY))
    with pytest.raises(MisuseError, match=r"4 secrets are sealed under the key other, which .* add it again"):
        await open_vault(settings_of(database_url, SECRET_KEY), database, luck=LUCK)
    vault = await open_vault(settings_of(database_url, SECRET_KEY, OTHER_KEY), database, luck=LUCK)
    assert vault.sealing_key_id == "test"


# --- sealing anew ----------------------------------------------------------------------------------------------------


async def test_what_an_older_closebell_left_opens_and_is_sealed(database: Database) -> None:
    names = [f"{number}" for number in range(ENDPOINTS_AT_ONCE + 3)]
    await database.write(put_plain, names)
    vault = a_vault()
    assert (await opened(database, vault, guid_of("endpoint 7")))[0] == [secret_of("7").reveal()]
    assert await database.read(count_sealed) == {None: len(names)}
    assert await reseal_all(database, vault, only_plain=True) == len(names)
    assert await database.read(count_sealed) == {"test": len(names)}
    assert not any("whsec_" in text for text in await database.read(stored_texts))
    assert (await opened(database, vault, guid_of("endpoint 7")))[0] == [secret_of("7").reveal()]
    assert await reseal_all(database, vault, only_plain=True) == 0


async def test_after_resealing_the_old_key_can_go(database: Database) -> None:
    old, both, new = a_vault(), a_vault(OTHER_KEY, SECRET_KEY), a_vault(OTHER_KEY)
    made = [await database.write(create, old, name) for name in ("one", "other")]
    await database.write(put_plain, ["plain"])
    assert await database.read(count_sealed) == {"test": 8, None: 1}
    assert await reseal_all(database, both, only_plain=True) == 1
    assert await reseal_all(database, both) == 8
    assert await reseal_all(database, both) == 0
    assert await database.read(count_sealed) == {"other": 9}
    for one in made:
        assert one.secret is not None
        secrets, headers = await opened(database, new, one.endpoint.id)
        assert secrets == [one.secret.reveal()]
        assert (headers["X-Api-Key"], headers["authorization"]) == ("hunter2", "Bearer hunter3")


async def test_resealing_that_is_interrupted_is_gone_on_with(database: Database) -> None:
    old, both = a_vault(), a_vault(OTHER_KEY, SECRET_KEY)
    await database.write(put_plain, [f"{number}" for number in range(ENDPOINTS_AT_ONCE * 2)])
    await reseal_all(database, old, only_plain=True)
    portion = await database.write(reseal_portion, "", vault=both, only_plain=False)
    assert portion.resealed == ENDPOINTS_AT_ONCE
    assert await database.read(count_sealed) == {"test": ENDPOINTS_AT_ONCE, "other": ENDPOINTS_AT_ONCE}
    assert await reseal_all(database, both) == ENDPOINTS_AT_ONCE
    assert await database.read(count_sealed) == {"other": ENDPOINTS_AT_ONCE * 2}


async def test_several_that_reseal_and_rotate_at_once_lose_nothing(database: Database) -> None:
    old, both = a_vault(), Vault(parse_keys([OTHER_KEY, SECRET_KEY]), entropy=LUCK.entropy)
    made = [await database.write(create, old, f"{number}") for number in range(6)]

    async def rotate(one: EndpointWithSecret) -> Any:
        arguments: dict[str, Any] = {"vault": both, "clock": CLOCK, "luck": LUCK}
        return await database.write(rotate_secret, one.endpoint.id, Rotation(), **arguments)

    *counts, first, second = await asyncio.gather(
        *(reseal_all(database, both) for _ in range(3)), rotate(made[0]), rotate(made[5])
    )
    assert sum(counts) == 4 * len(made)
    assert await database.read(count_sealed) == {"other": 4 * len(made) + 2}
    new = a_vault(OTHER_KEY)
    for one, rotated in zip(made, [first, None, None, None, None, second], strict=True):
        assert one.secret is not None
        fresh = [rotated.secret.reveal()] if rotated else []
        assert (await opened(database, new, one.endpoint.id))[0] == [*fresh, one.secret.reveal()]


async def test_what_does_not_open_stops_resealing_and_nothing_is_lost(database: Database) -> None:
    vault, both = a_vault(), a_vault(OTHER_KEY, SECRET_KEY)
    made = await database.write(create, vault)

    def tamper(connection: Connection) -> None:
        secrets = tables.endpoint_secrets
        connection.execute(update(secrets).values(secret=vault.seal("whsec_swapped", "elsewhere")))

    await database.write(tamper)
    before = sorted(await database.read(stored_texts))
    with pytest.raises(SealBroken, match=made.endpoint.id):
        await reseal_all(database, both)
    assert sorted(await database.read(stored_texts)) == before
    assert await database.read(count_sealed) == {"test": 4}


async def test_a_lost_key_is_given_up_and_its_endpoints_wait(database: Database, database_url: str) -> None:
    lost = await database.write(create, a_vault(OTHER_KEY), "lost")
    kept = await database.write(create, a_vault(), "kept")
    assert await database.write(forget_key, "nobody's", clock=CLOCK) == 0
    assert await database.write(forget_key, "other", clock=CLOCK) == 1
    assert await database.read(count_sealed) == {"test": 4}
    found = {one.name: one for one in await database.read(endpoints.all_kept, now=NOON)}
    assert (found["lost"].state, found["lost"].secrets) == (EndpointState.DEACTIVATED, ())
    assert "The key other is lost" in found["lost"].state_reason
    assert (found["lost"].header_names, found["lost"].sealed_headers) == ((), "")
    assert (found["lost"].authorization_scheme.value, found["lost"].sealed_authorization) == ("none", "")
    assert found["kept"] == kept.endpoint
    vault = await open_vault(settings_of(database_url, SECRET_KEY), database, luck=LUCK)
    arguments: dict[str, Any] = {"vault": vault, "clock": CLOCK, "luck": LUCK}
    for kind in ("hmac", "ed25519"):
        await database.write(rotate_secret, lost.endpoint.id, Rotation(kind=kind), **arguments)
    again = await database.read(endpoints.find, lost.endpoint.id, now=NOON)
    assert again is not None
    assert len(again.secrets) == 2
