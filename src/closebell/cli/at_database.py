"""Commands that work on the database itself, beside a running service or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from closebell.config import Settings
from closebell.errors import MisuseError
from closebell.store.database import dialect, open_database
from closebell.store.schema import is_current
from closebell.store.serving_mark import touch
from closebell.store.unit import Database

PREPARE = "run `closebell migrate` or `closebell serve` first"


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """The database that the settings name.

    Errors: MisuseError when it is not there or not up to date: a command that lists something must not create a
            database where the path had a typing error. Unavailable when it does not answer.
    """
    _must_exist(settings.database_url)
    database = open_database(settings.database_url)
    try:
        if not await database.read(is_current):
            raise MisuseError(f"the database is empty or of an older Closebell; {PREPARE}")
        yield database
    finally:
        await database.close()
        # Only now is everything committed that the process which serves should look at.
        touch(settings.database_url)


def _must_exist(url: str) -> None:
    if dialect(url) == "sqlite":
        path = Path(make_url(url).database or "")
        if not path.is_file():
            raise MisuseError(f"{path} is not there or is no file; {PREPARE}, or name another with --database-url")
