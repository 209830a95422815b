"""The command line as a person uses it: in an empty directory, with a database that is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from closebell.cli.program import run
from closebell.store.database import open_database
from closebell.store.schema import migrate


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The tab-separated lines."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def fields(self) -> dict[str, str]:
        """One thing, a field a line."""
        return {row[0]: row[1] for row in self.rows}


Cli = Callable[..., Ended]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def ran(*tokens: str) -> Ended:
        code = run(tokens)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return ran


@pytest.fixture
def ready(cli: Cli, sqlite_url: str) -> Callable[..., Any]:
    """A migrated closebell.db in that directory; runs a unit of work on it."""
    migrate(sqlite_url)

    async def write(unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        database = open_database(sqlite_url)
        try:
            return await database.write(unit, *args, **kwargs)
        finally:
            await database.close()

    return lambda unit, *args, **kwargs: asyncio.run(write(unit, *args, **kwargs))


def refused(ended: Ended, code: int, says: str) -> None:
    """It ended with this code and one line that says this, and nothing else."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.startswith("closebell: ")
    assert ended.err.count("\n") == 1
    assert says in ended.err
