from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from closebell.errors import MisuseError, Unavailable
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.serving_mark import served_alone, touch


@pytest.fixture
def spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same file in a directory, named in every way there is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "linked").symlink_to("data")
    (tmp_path / "other.db").symlink_to("data/closebell.db")
    monkeypatch.chdir(tmp_path)
    return {
        "absolute": f"sqlite:///{tmp_path}/data/closebell.db",
        "relative": "sqlite:///data/closebell.db",
        "a detour": f"sqlite:///{tmp_path}/data/../data/./closebell.db",
        "a linked directory": "sqlite:///linked/closebell.db",
        "a linked file": "sqlite:///other.db",
    }


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("spelling", ["absolute", "relative", "a detour", "a linked directory", "a linked file"])
def test_one_serves_from_a_file_however_it_is_spelled(
    spellings: dict[str, str], spelling: str, *, is_there: bool
) -> None:
    if is_there:
        migrate(spellings["absolute"])
    with served_alone(spellings["absolute"]):
        refusal = f"process {os.getpid()} already serves from .*(closebell|other)[.]db"
        with pytest.raises(MisuseError, match=refusal), served_alone(spellings[spelling]):
            raise AssertionError("two serve")
    with served_alone(spellings[spelling]):
        pass


def test_a_refusal_leaves_the_mark_as_it_is(sqlite_url: str) -> None:
    with served_alone(sqlite_url):
        for _ in range(3):
            with pytest.raises(MisuseError, match=f"process {os.getpid()} already"), served_alone(sqlite_url):
                raise AssertionError("two serve")


def test_files_side_by_side_are_apart(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("one.db", "two.db", "one"):
            stack.enter_context(served_alone(f"sqlite:///{tmp_path}/{name}"))


def test_postgresql_has_any_number() -> None:
    url = "postgresql://closebell@localhost/closebell"
    with served_alone(url), served_alone(url):
        touch(url)


def test_a_mark_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(MisuseError, match="nowhere is not a directory"),
        served_alone(f"sqlite:///{tmp_path}/nowhere/x"),
    ):
        raise AssertionError("it is nowhere")
    (tmp_path / "x.db.serving").mkdir()
    with pytest.raises(Unavailable, match="cannot be made: Is a directory"), served_alone(f"sqlite:///{tmp_path}/x.db"):
        raise AssertionError("it has no mark")


async def test_who_serves_hears_of_a_change_beside_it(sqlite_url: str) -> None:
    migrate(sqlite_url)
    database = open_database(sqlite_url)
    heard = asyncio.Event()
    with served_alone(sqlite_url):
        listening = asyncio.create_task(database.listen(heard.set))
        try:
            async with asyncio.timeout(30):
                while not heard.is_set():
                    touch(sqlite_url)
                    await asyncio.sleep(0.1)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            await database.close()


def test_nobody_is_told_where_nobody_serves(sqlite_url: str, tmp_path: Path) -> None:
    touch(sqlite_url)
    assert list(tmp_path.iterdir()) == []


async def test_in_memory_there_is_nobody_to_hear() -> None:
    database = open_database("sqlite://")
    with served_alone("sqlite://"):
        touch("sqlite://")
    async with asyncio.timeout(30):
        await database.listen(lambda: None)
    await database.close()
