"""News: whoever waits for the feed to move is woken at once, in this process and in every other."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, Update, func, text

CHANNEL = "closebell"
"""The PostgreSQL notification channel on which processes ring each other."""

ORIGIN_OPTION = "closebell_origin"
"""The execution option that names the process a connection belongs to, so that it can tell its own ring."""

_RING = text("SELECT pg_notify(:channel, :origin)")


def ring(connection: Connection) -> None:
    """Tell the other processes, once this transaction commits; SQLite has only the one process to tell."""
    if connection.dialect.name == "postgresql":
        origin = connection.get_execution_options().get(ORIGIN_OPTION, "")
        connection.execute(_RING, {"channel": CHANNEL, "origin": origin})


def ringing(statement: Update, connection: Connection) -> Update:
    """The same update, which also tells the other processes: a ring that costs no round trip of its own."""
    if connection.dialect.name != "postgresql":
        return statement
    return statement.returning(func.pg_notify(CHANNEL, connection.get_execution_options().get(ORIGIN_OPTION, "")))


class Wake:
    """Lets tasks of this process wait until something has happened.

    Take a ticket, look, and wait on the ticket: what happens in between is not missed.
    """

    def __init__(self) -> None:
        self._ticket = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """Is set as soon as anything happens after now."""
        return self._ticket

    def notify(self) -> None:
        """Something has happened: every ticket taken so far is set."""
        self._ticket.set()
        self._ticket = asyncio.Event()


async def moved(ticket: asyncio.Event, *, timeout_s: float) -> bool:
    """Wait on a ticket; whether anything happened within the time."""
    try:
        async with asyncio.timeout(timeout_s):
            await ticket.wait()
    except TimeoutError:
        return False
    return True
