"""A secret is replaced while receivers go on verifying; nothing is shown twice, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from closebell.background.upkeep import go_round
from closebell.dispatch.credentials import open_credentials
from closebell.domain.authorization import AuthorizationDraft
from closebell.domain.endpoint import Endpoint
from closebell.domain.rotation import Rotation
from closebell.domain.sealed import SecretKind
from closebell.domain.signature import Secret
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import tables
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, a_vault, guid_of, snapshot
from closebell.usecase.manage_endpoints import (
    EndpointChanges,
    EndpointDraft,
    create_endpoint,
    delete_endpoint,
    list_endpoints,
    read_endpoint,
    update_endpoint,
)
from closebell.usecase.rotate_secret import EndpointWithSecret, rotate_secret

LUCK, VAULT = SeededLuck(), a_vault()
DRAFT = EndpointDraft(name="Till", url="https://till.example/hook", event_types=("Invoice.Closed",))
HEADERS = {"X-Api-Key": "hunter2"}
BASIC = AuthorizationDraft(type="basic", username="till", password="hunter2")
HOUR = timedelta(hours=1)


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """An open SQLite database, for what no engine could differ in."""
    migrate(sqlite_url)
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()


def at(now: datetime) -> FixedClock:
    return FixedClock(now)


def create(connection: Connection, /, **fields: Any) -> EndpointWithSecret:
    draft = replace(DRAFT, **fields)
    return create_endpoint(connection, draft, networks=(), vault=VAULT, clock=at(NOON), luck=LUCK)


def rotate(connection: Connection, endpoint_id: str, now: datetime = NOON, /, **fields: Any) -> EndpointWithSecret:
    return rotate_secret(connection, endpoint_id, Rotation(**fields), vault=VAULT, clock=at(now), luck=LUCK)


def change(connection: Connection, endpoint_id: str, /, **fields: Any) -> Endpoint:
    changes = EndpointChanges(**fields)
    return update_endpoint(connection, endpoint_id, changes, networks=(), vault=VAULT, clock=at(NOON), luck=LUCK)


def signing(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secrets that sign at this instant, newest first."""
    return [secret.reveal() for secret in open_credentials(endpoint, VAULT).live_secrets(now)]


def rows(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.endpoint_secrets)).scalar_one()


async def test_both_sign_during_the_overlap_and_the_new_one_alone_after_it(database: Database) -> None:
    made = await database.write(create)
    rotated = await database.write(rotate, made.endpoint.id, NOON + HOUR)
    assert made.secret is not None
    assert rotated.secret is not None
    assert made.secret != rotated.secret
    for now, expected in (
        (NOON + HOUR, [rotated.secret.reveal(), made.secret.reveal()]),
        (NOON + 25 * HOUR, [rotated.secret.reveal()]),
    ):
        found = await database.read(read_endpoint, made.endpoint.id, clock=at(now))
        assert signing(found, now) == expected
    found = await database.read(read_endpoint, made.endpoint.id, clock=at(NOON + HOUR))
    assert found == rotated.endpoint
    assert [secret.expires_at for secret in found.secrets] == [None, NOON + 25 * HOUR]


async def test_one_of_ones_own_and_no_overlap(database: Database) -> None:
    made = await database.write(create)
    own = Secret.generate(b"o" * 32)
    rotated = await database.write(rotate, made.endpoint.id, secret=own.reveal(), overlap_hours=0)
    assert rotated.secret == own
    assert signing(rotated.endpoint, NOON) == [own.reveal()]
    with pytest.raises(InvalidInput, match="secret: must be"):
        await database.write(rotate, made.endpoint.id, secret="hunter2")


async def test_a_refused_rotation_changes_nothing(database: Database) -> None:
    made = await database.write(create)
    for _ in range(3):
        await database.write(rotate, made.endpoint.id, overlap_hours=24)
    before = await database.read(snapshot)
    with pytest.raises(Conflict, match="4 secrets sign already"):
        await database.write(rotate, made.endpoint.id)
    with pytest.raises(InvalidInput, match="overlap_hours"):
        await database.write(rotate, made.endpoint.id, overlap_hours=721)
    with pytest.raises(NotFound):
        await database.write(rotate, guid_of("nobody"))
    assert await database.read(snapshot) == before
    assert len((await database.write(rotate, made.endpoint.id, overlap_hours=0)).endpoint.secrets) == 1


async def test_upkeep_deletes_what_has_ceased_to_sign_and_nothing_else(database: Database) -> None:
    made = await database.write(create)
    rotated = await database.write(rotate, made.endpoint.id)
    await go_round(database, at(NOON + 24 * HOUR - timedelta(microseconds=1)))
    assert await database.read(rows) == 2
    await go_round(database, at(NOON + 24 * HOUR))
    assert await database.read(rows) == 1
    found = await database.read(read_endpoint, made.endpoint.id, clock=at(NOON))
    assert [secret.position for secret in found.secrets] == [rotated.endpoint.secrets[0].position]
    # A position is not used again while a higher one lives, so that nothing opens in the place of something else.
    again = await database.write(rotate, made.endpoint.id, NOON + 24 * HOUR)
    assert [secret.position for secret in again.endpoint.secrets] == [2, 1]


async def test_a_key_pair_is_made_with_its_style_and_rotated_like_a_secret(database: Database) -> None:
    made = await database.write(create, signature_styles=("ed25519",))
    (public,) = made.endpoint.public_keys
    assert {secret.kind for secret in made.endpoint.secrets} == {SecretKind.HMAC, SecretKind.ED25519}
    rotated = await database.write(rotate, made.endpoint.id)
    assert rotated.secret is None
    newest, oldest = rotated.endpoint.public_keys
    assert newest != oldest == public
    found = await database.read(read_endpoint, made.endpoint.id, clock=at(NOON))
    assert found == rotated.endpoint
    later = await database.read(read_endpoint, made.endpoint.id, clock=at(NOON + 24 * HOUR))
    assert later.public_keys == (newest,)
    assert [key.public_key for key in open_credentials(later, VAULT).live_private_keys(NOON)] == [newest]


async def test_an_endpoint_that_is_to_sign_with_a_key_pair_gets_one_once(database: Database) -> None:
    made = await database.write(create)
    assert made.endpoint.public_keys == ()
    after = await database.write(change, made.endpoint.id, signature_styles=("standard", "ed25519"))
    assert len(after.public_keys) == 1
    again = await database.write(change, made.endpoint.id, signature_styles=("ed25519",), name="Other")
    assert again.public_keys == after.public_keys
    back = await database.write(change, made.endpoint.id, signature_styles=("standard",))
    assert made.secret is not None
    assert signing(back, NOON) == [made.secret.reveal()]
    assert await database.read(read_endpoint, made.endpoint.id, clock=at(NOON)) == back


async def test_headers_and_authorization_are_kept_sealed_and_replaced_whole(database: Database) -> None:
    made = await database.write(create, headers=HEADERS, authorization=BASIC)
    found = await database.read(read_endpoint, made.endpoint.id, clock=at(NOON))
    assert found == made.endpoint
    assert (found.header_names, found.authorization_username) == (("X-Api-Key",), "till")
    assert dict(open_credentials(found, VAULT).headers)["X-Api-Key"] == "hunter2"
    kept = await database.write(change, found.id, name="Other")
    assert (kept.sealed_headers, kept.sealed_authorization) == (found.sealed_headers, found.sealed_authorization)
    other = await database.write(change, found.id, headers={"X-Other": "1"})
    assert (other.header_names, dict(open_credentials(other, VAULT).headers)["X-Other"]) == (("X-Other",), "1")
    bare = await database.write(change, found.id, headers={}, authorization=AuthorizationDraft(type="none"))
    assert open_credentials(bare, VAULT).headers == ()
    assert (bare.header_names, bare.sealed_headers, bare.sealed_authorization) == ((), "", "")


async def test_an_authorization_and_a_header_of_that_name_contradict_each_other(database: Database) -> None:
    named = {"AUTHORIZATION": "Basic x"}
    with pytest.raises(InvalidInput, match=r"authorization: and headers\.AUTHORIZATION contradict"):
        await database.write(create, headers=named, authorization=BASIC)
    first = (await database.write(create, headers=named)).endpoint
    second = (await database.write(create, authorization=BASIC)).endpoint
    before = await database.read(snapshot)
    with pytest.raises(InvalidInput, match="contradict"):
        await database.write(change, first.id, authorization=BASIC)
    with pytest.raises(InvalidInput, match="contradict"):
        await database.write(change, second.id, headers=named)
    assert await database.read(snapshot) == before
    await database.write(change, second.id, headers=named, authorization=AuthorizationDraft(type="none"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil"},
        {"webhook-id": "1"},
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\x00"},
        {"X-A": "****"},
        {"X-A": "\u00e9"},
    ],
)
async def test_headers_that_cannot_be_are_refused(sqlite_database: Database, headers: dict[str, str]) -> None:
    made = await sqlite_database.write(create)
    before = await sqlite_database.read(snapshot)
    with pytest.raises(InvalidInput, match=r"^headers"):
        await sqlite_database.write(change, made.endpoint.id, headers=headers)
    assert await sqlite_database.read(snapshot) == before


@pytest.mark.parametrize(
    "url", ["https://evil.example/hook", "https://till.example:8443/hook", "https://api.till.example/hook"]
)
async def test_what_is_stored_for_one_origin_is_not_taken_to_another(database: Database, url: str) -> None:
    made = (await database.write(create, headers=HEADERS, authorization=BASIC)).endpoint
    before = await database.read(snapshot)
    for given in ({}, {"headers": HEADERS}, {"authorization": BASIC}):
        with pytest.raises(InvalidInput, match="another origin") as refused:
            await database.write(change, made.id, url=url, **given)
        assert refused.value.field == "url"
    assert await database.read(snapshot) == before
    after = await database.write(
        change, made.id, url=url, headers=HEADERS, authorization=AuthorizationDraft(type="none")
    )
    assert after.url == url


@pytest.mark.parametrize("url", ["https://till.example/other?a=1", "https://TILL.example:443/hook"])
async def test_within_its_origin_a_url_changes_freely(sqlite_database: Database, url: str) -> None:
    made = (await sqlite_database.write(create, headers=HEADERS, authorization=BASIC)).endpoint
    after = await sqlite_database.write(change, made.id, url=url)
    assert (after.url, after.sealed_headers) == (url, made.sealed_headers)


async def test_without_anything_stored_for_it_the_origin_changes_freely(sqlite_database: Database) -> None:
    made = (await sqlite_database.write(create)).endpoint
    assert (await sqlite_database.write(change, made.id, url="https://new.example/")).secrets == made.secrets


async def test_deleting_an_endpoint_destroys_what_it_kept_secret(database: Database) -> None:
    made = (await database.write(create, headers=HEADERS, authorization=BASIC, signature_styles=("ed25519",))).endpoint
    stays = (await database.write(create, headers=HEADERS)).endpoint
    await database.write(delete_endpoint, made.id, clock=at(NOON))
    assert await database.read(rows) == 1
    stored = repr((await database.read(snapshot))["endpoints"])
    for gone in (made.sealed_headers, made.sealed_authorization):
        assert gone not in stored
    assert await database.read(list_endpoints, clock=at(NOON)) == [stays]
