from __future__ import annotations

import asyncio

import pytest

from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, guid_of
from closebell.usecase.manage_users import (
    UserDraft,
    checked_password,
    create_user,
    disable_user,
    find_user,
    list_users,
    set_password,
)

CLOCK, LUCK = FixedClock(), SeededLuck()
ADA = UserDraft(user_name=" Ada\u030a ", grant=Grant(role=Role.READER))


async def test_a_user_is_found_however_the_name_is_typed(database: Database) -> None:
    made = await database.write(create_user, ADA, "hash", clock=CLOCK, luck=LUCK)
    assert made.user_name == "ad\u00e5"
    for typed in ("AD\u00c5", "ada\u030a", " ad\u00e5 "):
        assert await database.read(find_user, typed) == made
    with pytest.raises(NotFound):
        await database.read(find_user, "ada")


async def test_of_two_with_one_name_one_is_made(database: Database) -> None:
    made = await asyncio.gather(
        *(database.write(create_user, ADA, "hash", clock=CLOCK, luck=LUCK) for _ in range(2)), return_exceptions=True
    )
    assert len(await database.read(list_users)) == 1
    assert [type(one) for one in made if isinstance(one, Exception)] == [Conflict]


async def test_a_disabled_user_comes_back_as_the_same_one(database: Database) -> None:
    made = await database.write(create_user, ADA, "hash", clock=CLOCK, luck=LUCK)
    gone = await database.write(disable_user, made.id, clock=CLOCK)
    assert gone.disabled_at == NOON
    with pytest.raises(NotFound):
        await database.write(set_password, made.id, "other", clock=CLOCK)
    again = await database.write(
        create_user, UserDraft(user_name="ad\u00e5", grant=Grant()), "new", clock=CLOCK, luck=LUCK
    )
    assert (again.id, again.grant.role, again.disabled_at) == (made.id, Role.ADMIN, None)
    with pytest.raises(Conflict):
        await database.write(create_user, ADA, "hash", clock=CLOCK, luck=LUCK)
    with pytest.raises(NotFound):
        await database.write(disable_user, guid_of("nobody"), clock=CLOCK)


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1025, "\u20ac" * 342, "twelve chars\0"])
def test_a_password_has_its_bounds(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_password(password)
    assert refused.value.field == "password"
    assert not password or password not in str(refused.value)


def test_a_password_of_any_letters_is_fine() -> None:
    assert checked_password("пароль на двенадцать")
