"""Open the database that a URL names."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from closebell.errors import MisuseError
from closebell.store.observing import NOBODY, Observer
from closebell.store.postgresql import PostgresqlDatabase
from closebell.store.sqlite import SqliteDatabase


def open_database(url: str, *, observer: Observer = NOBODY) -> SqliteDatabase | PostgresqlDatabase:
    """The database at this URL, `sqlite:///path` or `postgresql://...`, whose schema is already up to date.

    Shape:  `observer` is told how its work goes.
    Errors: MisuseError when the URL is not one of these.
    """
    match dialect(url):
        case "sqlite":
            return SqliteDatabase(url, observer=observer)
        case _:
            return PostgresqlDatabase(url, observer=observer)


def dialect(url: str) -> str:
    """Which engine the URL names: `sqlite` or `postgresql`.

    Errors: MisuseError when it names another, or is no URL at all; the text shows no password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise MisuseError(
            "database_url is not a URL; write sqlite:///closebell.db or postgresql://user@host/name"
        ) from None
    name = parsed.get_backend_name()
    if name not in {"sqlite", "postgresql"}:
        raise MisuseError(f"database_url names {name!r}; Closebell keeps its data in sqlite:///... or postgresql://...")
    return name
