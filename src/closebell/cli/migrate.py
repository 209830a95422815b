"""`closebell migrate`: bring the database up to date without serving from it."""

from __future__ import annotations

from closebell.cli.settings import DatabaseSettings
from closebell.config import Settings
from closebell.store import schema


def migrate(*, settings: DatabaseSettings = Settings()) -> None:
    """Bring the database up to date, creating a SQLite file that does not exist yet.

    `closebell serve` does the same when it starts. Running it twice, or in several processes at once, is harmless.
    """
    print(f"The database is at revision {schema.migrate(settings.database_url)}.")
