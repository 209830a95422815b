"""Signing in against what happens at the same instant: on both engines, whoever ends sessions ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.grant import Grant
from closebell.errors import Conflict
from closebell.store import tables, tokens
from closebell.store.keys import digest
from closebell.store.unit import Database
from closebell.store.users import User
from closebell.testing import NOON, FixedClock, SeededLuck, snapshot
from closebell.usecase.manage_keys import create_key
from closebell.usecase.manage_users import UserDraft, create_user, disable_user, set_password
from closebell.usecase.sign_in import (
    PAIRS_MAX,
    REFRESH_FOR,
    Tokens,
    find_caller,
    find_to_sign_in,
    refresh,
    sign_in,
    sign_out,
)

CLOCK, LUCK = FixedClock(), SeededLuck()
DRAFT = UserDraft(user_name="Ada", grant=Grant(role=Role.CASHIER))


@pytest.fixture
async def ada(database: Database) -> User:
    """A user whose password hash is the word hash: what a password is, is not decided here."""
    return await database.write(create_user, DRAFT, "hash", clock=CLOCK, luck=LUCK)


async def signed_in(database: Database, user: User, *, clock: FixedClock = CLOCK) -> Tokens:
    made = await database.write(sign_in, user, app_id="till", clock=clock, luck=LUCK)
    assert made is not None
    return made


async def holder(database: Database, token: str, *, clock: FixedClock = CLOCK) -> Caller | None:
    return await database.read(find_caller, digest(token), is_bearer=True, clock=clock)


async def test_a_token_stands_for_its_user_and_a_bearer_may_show_a_key(database: Database, ada: User) -> None:
    made = await signed_in(database, ada)
    assert await holder(database, made.access_token) == Caller(id=ada.id, role=Role.CASHIER)
    assert await holder(database, made.refresh_token) is None
    assert await database.read(find_caller, digest(made.access_token), is_bearer=False, clock=CLOCK) is None
    key = await database.write(create_key, "till", grant=Grant(role=Role.READER), clock=CLOCK, luck=LUCK)
    for is_bearer in (True, False):
        found = await database.read(find_caller, digest(key.key), is_bearer=is_bearer, clock=CLOCK)
        assert found == Caller(id=key.api_key.id, role=Role.READER)


async def test_nothing_secret_is_in_a_repr_or_in_the_database(database: Database, ada: User) -> None:
    made = await signed_in(database, ada)
    assert "hash" not in repr(replace(ada, password_hash="the hash")).replace("password_hash", "")
    for text in (repr(made), repr(await database.read(snapshot))):
        assert made.access_token not in text
        assert made.refresh_token not in text


async def test_a_password_that_was_changed_meanwhile_gives_no_tokens(database: Database, ada: User) -> None:
    await database.write(set_password, ada.id, "new hash", clock=CLOCK)
    assert await database.write(sign_in, ada, app_id="", clock=CLOCK, luck=LUCK) is None
    now = await database.read(find_to_sign_in, " ADA")
    assert now is not None
    await database.write(disable_user, ada.id, clock=CLOCK)
    assert await database.write(sign_in, now, app_id="", clock=CLOCK, luck=LUCK) is None
    assert await database.read(find_to_sign_in, "ada") is None


@pytest.mark.parametrize("ending", ["password", "disabled", "signed out"])
async def test_whoever_ends_sessions_ends_those_that_begin_at_that_instant(
    database: Database, ada: User, ending: str
) -> None:
    pairs = [await signed_in(database, ada) for _ in range(4)]
    endings: dict[str, Callable[[], Awaitable[object]]] = {
        "password": lambda: database.write(set_password, ada.id, "new", clock=CLOCK),
        "disabled": lambda: database.write(disable_user, ada.id, clock=CLOCK),
        "signed out": lambda: database.write(sign_out, Caller(id=ada.id, role=Role.CASHIER), clock=CLOCK),
    }
    began = 0 if ending == "signed out" else 4  # who signs in after signing out is signed in
    made = await asyncio.gather(
        *(database.write(refresh, pair.refresh_token, clock=CLOCK, luck=LUCK) for pair in pairs),
        endings[ending](),
        *(database.write(sign_in, ada, app_id="", clock=CLOCK, luck=LUCK) for _ in range(began)),
    )
    tokens_made = [one for one in [*pairs, *made] if isinstance(one, Tokens)]
    assert {await holder(database, one.access_token) for one in tokens_made} == {None}
    assert {await database.write(refresh, one.refresh_token, clock=CLOCK, luck=LUCK) for one in tokens_made} == {None}


async def test_a_used_refresh_token_ends_its_chain_and_that_stays(database: Database, ada: User) -> None:
    first, other = await signed_in(database, ada), await signed_in(database, ada)
    second = await database.write(refresh, first.refresh_token, clock=CLOCK, luck=LUCK)
    assert second is not None
    assert second.pair.chain_id == first.pair.chain_id != other.pair.chain_id
    assert await database.write(refresh, first.refresh_token, clock=CLOCK, luck=LUCK) is None
    assert await holder(database, second.access_token) is None
    assert await database.write(refresh, second.refresh_token, clock=CLOCK, luck=LUCK) is None
    assert await holder(database, other.access_token) is not None


async def test_only_users_sign_out(database: Database) -> None:
    with pytest.raises(Conflict):
        await database.write(sign_out, OPERATOR, clock=CLOCK)


async def test_a_user_has_so_many_pairs_and_the_oldest_give_way(database: Database, ada: User) -> None:
    clock = FixedClock(tick=timedelta(seconds=1))
    first = await signed_in(database, ada, clock=clock)
    last = [await signed_in(database, ada, clock=clock) for _ in range(PAIRS_MAX)][-1]
    count = await database.read(lambda c: c.execute(select(func.count()).select_from(tables.tokens)).scalar_one())
    assert count == PAIRS_MAX
    assert await holder(database, first.access_token) is None
    assert await holder(database, last.access_token) is not None


async def test_what_is_of_no_use_any_more_is_forgotten(database: Database, ada: User) -> None:
    for _ in range(3):
        await signed_in(database, ada)
    just_before = NOON + REFRESH_FOR - timedelta(microseconds=1)
    assert await database.write(tokens.purge, now=just_before, limit=2) == 0
    assert await database.write(tokens.purge, now=NOON + REFRESH_FOR, limit=2) == 2
    assert await database.write(tokens.purge, now=NOON + REFRESH_FOR, limit=2) == 1
