"""What a database tells of its work to whoever counts it."""

from __future__ import annotations

import enum
import queue
from typing import Final, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class Trouble(enum.StrEnum):
    """Why a database could not do its work."""

    BUSY = "busy"
    """Somebody else held a lock for too long."""
    FULL = "full"
    """More work waited than may wait."""
    FAILING = "failing"
    """It is gone, or something is the matter with it or its machine."""


class Observer(Protocol):
    """Is told, from the thread that does the work; it must be quick."""

    def committed(self, units: int, seconds: float) -> None:
        """A transaction of so many units of work was written and is durable."""
        ...

    def retried(self) -> None:
        """A unit lost to another transaction, and is run again."""
        ...

    def unavailable(self, trouble: Trouble) -> None:
        """A unit was not carried out."""
        ...


class _Nobody:
    def committed(self, units: int, seconds: float) -> None:
        pass

    def retried(self) -> None:
        pass

    def unavailable(self, trouble: Trouble) -> None:
        pass


NOBODY: Final[Observer] = _Nobody()

_BUSY_STATES: Final = frozenset({"40001", "40P01", "55P03", "57014"})
_BUSY_NAMES: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")


def trouble_of(error: BaseException) -> Trouble:
    """What was the matter, judged by what the error that callers see came from."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, queue.Full | PoolTimeoutError):
        return Trouble.FULL
    if isinstance(cause, DBAPIError):
        state = getattr(cause.orig, "sqlstate", None) or getattr(cause.orig, "pgcode", None)
        name = getattr(cause.orig, "sqlite_errorname", None) or ""
        if state in _BUSY_STATES or name.startswith(_BUSY_NAMES):
            return Trouble.BUSY
    return Trouble.FAILING
