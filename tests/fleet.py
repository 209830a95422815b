"""Several real server processes on one database, each started again as soon as it is killed; and callers of them."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyreqwest.exceptions import PyreqwestError
from sqlalchemy import Connection, text

from closebell.store.database import open_database
from closebell.store.wake import Wake
from receiving import Receiver
from serving import NotStarted, Server, invoice_id, start

CALLERS = 16
PAUSE_S = 0.02
"""Before a caller who got no answer calls again."""
OVER_WITHIN_S = 180
"""How long a test waits for the last delivery."""
STARTS_AGAIN_MAX = 20
"""How often in a row a process may be started in vain, as while its database is away."""


@dataclass
class Place:
    """Where one process runs, or is being started."""

    role: str
    server: Server | None = None


@dataclass
class Fleet:
    """The processes; whoever needs one waits until it is up."""

    database_url: str
    directory: Path
    tasks: asyncio.TaskGroup
    settings: dict[str, str]
    places: list[Place] = field(default_factory=list)
    news: Wake = field(default_factory=Wake)

    def add(self, *roles: str) -> None:
        """Run a process of each role."""
        for role in roles:
            place = Place(role)
            self.places.append(place)
            self.tasks.create_task(self._start(place))

    async def up(self, least: int, role: str = "") -> list[Place]:
        """Those that are up, once there are so many; of one role, if one is named."""

        def found() -> list[Place]:
            return [place for place in self.places if place.server is not None and role in {"", place.role}]

        while len(here := found()) < least:
            await self.news.ticket().wait()
        return here

    async def one(self, role: str, chance: random.Random) -> Server:
        """Any that is up and has this role."""
        server = chance.choice(await self.up(1, role)).server
        assert server is not None
        return server

    async def all_up(self) -> None:
        """Wait until no place is empty."""
        await self.up(len(self.places))

    async def kill(self, place: Place) -> None:
        """Kill the process that is there, and start another at once."""
        server, place.server = place.server, None
        assert server is not None
        assert server.process.returncode is None, "it ended without having been killed"
        await server.kill()
        self.tasks.create_task(self._start(place))

    async def stop(self) -> list[int]:
        """Stop them all; their exit codes."""
        return await asyncio.gather(*(place.server.stop() for place in self.places if place.server is not None))

    async def _start(self, place: Place) -> None:
        for tries_left in reversed(range(STARTS_AGAIN_MAX)):
            try:
                place.server = await start(self.database_url, self.directory, role=place.role, **self.settings)
            except NotStarted:
                if not tries_left:
                    raise
            else:
                self.news.notify()
                return


@dataclass
class Load:
    """Callers who close invoices, each again and again until it is promised; and what they were promised."""

    server: Callable[[], Awaitable[Server]]
    left: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    promised: dict[str, str] = field(default_factory=dict)
    added: int = 0
    answered: Wake = field(default_factory=Wake)

    def add(self, count: int) -> None:
        """Have so many more invoices closed."""
        for number in range(self.added, self.added + count):
            self.left.put_nowait(invoice_id(number))
        self.added += count

    async def run(self) -> None:
        """Close what there is, and what is added, until cancelled."""
        await asyncio.gather(*(self._call() for _ in range(CALLERS)))

    async def promises(self, count: int) -> None:
        """Wait until so many closes are promised."""
        while len(self.promised) < count:
            await self.answered.ticket().wait()

    async def _call(self) -> None:
        while True:
            wanted = await self.left.get()
            if await self._is_closed(wanted):
                self.answered.notify()
            else:
                self.left.put_nowait(wanted)
                await asyncio.sleep(PAUSE_S)

    async def _is_closed(self, wanted: str) -> bool:
        server = await self.server()
        try:
            status, body = await server.ask("POST", f"/v1/invoices/{wanted}/close")
        except (PyreqwestError, json.JSONDecodeError):
            return False  # nobody answered, so nothing was promised
        if status == 503:
            return False
        assert status == 200, body
        assert self.promised.setdefault(wanted, body["receipt_number"]) == body["receipt_number"]
        return True


async def subscribe(server: Server, receivers: Sequence[Receiver]) -> None:
    """Have each receiver told of closed invoices."""
    for number, receiver in enumerate(receivers):
        draft = {"name": f"receiver {number}", "url": receiver.url, "event_types": ["Invoice.Closed"]}
        status, body = await server.ask("POST", "/v1/webhook_endpoints", draft)
        assert status == 201, body


async def all_over(database_url: str, receiver: Receiver) -> None:
    """Return once no delivery is pending: what a killed process had leased is sent again when its lease has ended."""
    async with asyncio.timeout(OVER_WITHIN_S):
        while (await look(database_url, "SELECT count(*) FROM deliveries WHERE state = 'pending'"))[0][0]:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await receiver.wait_for(len(receiver.calls) + 1)


async def look(database_url: str, statement: str, **values: Any) -> list[Any]:
    """The rows of a query, read beside the servers."""
    database = open_database(database_url)

    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(text(statement), values))

    try:
        return await database.read(read)
    finally:
        await database.close()


CLOSED_AND_TOLD = """
    SELECT i.id, i.receipt_number, i.close_sequence, e.sequence, count(d.id)
    FROM invoices i
    FULL JOIN events e ON e.invoice_id = i.id AND e.close_sequence = i.close_sequence
    LEFT JOIN deliveries d ON d.sequence = e.sequence
    WHERE i.close_sequence > 0 OR e.sequence IS NOT NULL
    GROUP BY i.id, i.receipt_number, i.close_sequence, e.sequence
    ORDER BY e.sequence
"""


async def closed_means_told(database_url: str, promised: dict[str, str], *, endpoints: int) -> None:
    """Closed <=> event <=> one delivery per endpoint; sequences and receipts without holes; promises kept."""
    before = dict(promised)
    rows = await look(database_url, CLOSED_AND_TOLD)
    assert [row[2] for row in rows] == [1] * len(rows), "closed once each"
    assert [row[3] for row in rows] == list(range(1, len(rows) + 1)), "every close has its event, without gaps"
    assert [row[4] for row in rows] == [endpoints] * len(rows), "every event has one delivery per endpoint"
    assert [row[1] for row in rows] == [f"R{number}" for number in range(1, len(rows) + 1)]
    kept = {row[0]: row[1] for row in rows}
    assert {wanted: kept.get(wanted) for wanted in before} == before, "an answer is a promise"


@dataclass
class Repeats:
    """Says of each delivery how often it may have been sent without anybody having recorded it.

    A call that is not recorded was made by a process that was killed, or whose database went away, between the call
    and the commit. All that time the delivery is under that process's lease, and it stays so until the lease ends: so
    whoever looks right after the kill finds it leased.
    """

    lost_chances: Counter[str] = field(default_factory=Counter)

    def may_follow(self, delivery_ids: Sequence[str]) -> None:
        """These were under lease when something was killed."""
        self.lost_chances.update(delivery_ids)

    async def none_beyond(self, database_url: str, receivers: Sequence[Receiver]) -> None:
        """Every delivery was called at least once, and no more often than is recorded and was in flight at a kill."""
        calls = Counter(str(json.loads(call.body)["id"]) for receiver in receivers for call in receiver.calls)
        attempts = {row.id: row.attempts for row in await look(database_url, "SELECT id, attempts FROM deliveries")}
        assert calls.keys() == attempts.keys(), "each was called, and nothing else was"
        beyond = {one: count for one in calls if (count := calls[one] - attempts[one]) > self.lost_chances[one]}
        assert not beyond, "what is sent again was in flight at a kill"


async def commands_find_nothing(database_url: str, directory: Path, *commands: str) -> None:
    """Each of the commands ends with 0."""
    for command in commands:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "closebell", command, "--database-url", database_url),
            cwd=directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
