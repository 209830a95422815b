"""The mark beside a SQLite file: who serves from it holds its lock, and who changes something beside it touches it.

The lock is the operating system's and ends with its holder, however that ends. It is on a file of its own, because
closing a file that SQLite has open drops SQLite's locks. The file stays; it is empty but for a process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from closebell.errors import MisuseError, Unavailable
from closebell.store.database import dialect
from closebell.store.sqlite import names_no_file, serving_mark

_PROCESS_ID_BYTES_MAX: Final = 20


@contextmanager
def served_alone(url: str) -> Iterator[None]:
    """Be the only process that serves from this database, if it is a SQLite file, however its path is spelled.

    Errors: MisuseError when another process does, or the URL names no place for a file; Unavailable when the mark
            cannot be made.
    """
    if dialect(url) != "sqlite" or names_no_file(url):
        yield
        return
    database = Path(make_url(url).database or "").absolute()
    if not database.parent.is_dir():
        raise MisuseError(f"database_url names {database}, and {database.parent} is not a directory")
    mark = serving_mark(database)
    try:
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise Unavailable(f"{mark} cannot be made: {error.strerror}") from error
    try:
        _hold(descriptor, database)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, _PROCESS_ID_BYTES_MAX).decode(errors="replace").strip()
        raise MisuseError(
            f"process {holder or 'unknown'} already serves from {database}, and a SQLite file has one process that "
            "does; stop that one, or take postgresql:// for several"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())


def touch(url: str) -> None:
    """Tell the process that serves from this SQLite file, if there is one, that something was changed beside it."""
    if dialect(url) == "sqlite" and not names_no_file(url):
        # Without a mark nobody serves; one of another user is left alone, and then the change is noticed later.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.utime(serving_mark(Path(make_url(url).database or "").absolute()))
