"""The application on a database of its own, for each test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn

from calling import KEY, Site, running
from closebell import samples
from closebell.config import Settings
from closebell.domain.intake_report import Result
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.testing import NOON
from closebell.usecase.import_records import decode, import_records


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema and nothing in it."""
    path = tmp_path_factory.mktemp("migrated") / "closebell.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def furnished(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the sample salon in it."""
    path = tmp_path_factory.mktemp("furnished") / "closebell.db"
    shutil.copy(migrated, path)
    asyncio.run(_furnish(f"sqlite:///{path}"))
    return path


async def _furnish(url: str) -> None:
    database = open_database(url)
    report = await database.write(import_records, decode(samples.salon()), as_open=False, now=NOON)
    await database.close()
    assert {row.result for row in report.rows} == {Result.CREATED}


@pytest.fixture
async def salon(tmp_path: Path, furnished: Path) -> AsyncIterator[Site]:
    """The application, running on a copy of the sample salon."""
    path = tmp_path / "salon.db"
    shutil.copy(furnished, path)
    settings = Settings(
        database_url=f"sqlite:///{path}",
        admin_key=KEY,
        allowed_networks=("127.0.0.0/8",),
        port=0,
        payment_processor="test",
    )
    async with running(settings) as site:
        yield site


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    """Settings of an application on a database of its own; the key is KEY."""
    path = tmp_path / "closebell.db"
    shutil.copy(migrated, path)
    return Settings(database_url=f"sqlite:///{path}", admin_key=KEY, allowed_networks=("127.0.0.0/8",), port=0)


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    """The application, running."""
    async with running(settings) as site:
        yield site


@pytest.fixture
async def address(site: Site) -> AsyncIterator[tuple[str, int]]:
    """Where the application listens on a real socket."""
    config = uvicorn.Config(site.app, port=0, lifespan="off", log_config=None, access_log=False, http="httptools")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has a flag and no event
        await asyncio.sleep(0)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield host, port
    server.should_exit = True
    await serving


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    """The log of a test goes nowhere unless the test looks at it."""
    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    yield
    structlog.configure(**before)


def _drop(_logger: Any, _name: str, _event: Any) -> Any:
    raise structlog.DropEvent
