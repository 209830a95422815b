"""A unit of work and what runs it: the one bridge between asynchronous callers and synchronous store functions.

A unit is a function that takes a SQLAlchemy `Connection` and runs in one transaction:

    await db.write(close_invoices, commands)      committed when it returns, undone when it raises
    await db.read(find_invoice, invoice_id)       one consistent snapshot, nothing written
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

P = ParamSpec("P")
R = TypeVar("R")

Unit = Callable[Concatenate[Connection, P], R]
"""A store function or use case: its first argument is the transaction it runs in."""


class Database(Protocol):
    """Runs units of work. Errors of the engine that may pass reach the caller as Unavailable."""

    @property
    def engine_name(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    @property
    def writers(self) -> int:
        """How many write transactions are worth having under way at once, one that waits its turn included."""
        ...

    async def write(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a write transaction; its result is returned only once it is durable."""
        ...

    async def read(self, unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the unit in a read-only snapshot."""
        ...

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever another process rings; runs until cancelled."""
        ...

    async def close(self) -> None:
        """Finish what was handed in and let go of every connection."""
        ...
