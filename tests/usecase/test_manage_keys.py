"""Keys are shown once, kept as hashes, and the first one is made by whoever starts first."""

from __future__ import annotations

import asyncio
import re

import pytest

from closebell.errors import InvalidInput, NotFound
from closebell.store import keys
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, guid_of, snapshot
from closebell.usecase.manage_keys import create_key, ensure_admin_key, list_keys, revoke_key

CLOCK, LUCK = FixedClock(), SeededLuck()


async def test_a_key_is_good_until_it_is_revoked_and_nowhere_to_be_read(database: Database) -> None:
    made = await database.write(create_key, "till", clock=CLOCK, luck=LUCK)
    assert re.fullmatch("[0-9a-f]{64}", made.key)
    assert made.key not in repr(made)
    assert made.key not in repr(await database.read(snapshot))
    assert await database.read(keys.find_live, keys.digest(made.key)) == made.api_key
    assert await database.read(keys.find_live, keys.digest(made.key.upper())) is None
    assert await database.read(list_keys) == [made.api_key]
    await database.write(revoke_key, made.api_key.id, clock=CLOCK)
    assert await database.read(keys.find_live, keys.digest(made.key)) is None
    assert [key.revoked_at for key in await database.read(list_keys)] == [NOON]


async def test_only_a_live_key_can_be_revoked(database: Database) -> None:
    made = await database.write(create_key, "till", clock=CLOCK, luck=LUCK)
    await database.write(revoke_key, made.api_key.id, clock=CLOCK)
    for key_id in (made.api_key.id, guid_of("nothing")):
        with pytest.raises(NotFound):
            await database.write(revoke_key, key_id, clock=CLOCK)


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", "\0"])
async def test_a_key_has_a_name(database: Database, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await database.write(create_key, name, clock=CLOCK, luck=LUCK)
    assert refused.value.field == "name"
    assert await database.read(list_keys) == []


async def test_ten_that_start_at_once_make_one_admin_key(database: Database) -> None:
    made = await asyncio.gather(*(database.write(ensure_admin_key, clock=CLOCK, luck=LUCK) for _ in range(10)))
    (new,) = filter(None, made)
    assert await database.read(list_keys) == [new.api_key]
    await database.write(revoke_key, new.api_key.id, clock=CLOCK)
    assert await database.write(ensure_admin_key, clock=CLOCK, luck=LUCK) is not None
