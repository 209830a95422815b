"""The database without Closebell: the driver's own statements on Closebell's schema, over one connection.

It makes the stock of open invoices, closes a batch as fast as the driver can (the ceiling), fills the queue, and looks
at the books afterwards.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bench.verified import must
from closebell.domain import chain
from closebell.domain.event import INVOICE_CLOSED
from closebell.store import tables

CHILDREN: Final = tuple(table.name for table in tables.CHILDREN)
INVOICE_TABLES: Final = (*CHILDREN, "invoices")
"""What an invoice is made of, in the order in which copies are made."""
BOOK_CHUNK: Final = 5_000
"""Events looked at at once."""
EVENT_COLUMNS: Final = (
    *("sequence", "event_id", "event_type", "invoice_id", "close_sequence", "center_id"),
    *("body", "body_hash", "hash", "listeners", "created_at"),
)
DELIVERY_COLUMNS: Final = (
    *("id", "sequence", "endpoint_id", "state", "due_at", "attempts"),
    *("lease_id", "created_at", "finished_at", "reason"),
)
_ID_OPENING: Final = b'{"id":"'
_BODY_REST: Final = len(_ID_OPENING) + tables.OBJECT_ID_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event as it stands in the database."""

    sequence: int
    event_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a batch begins: the end of the feed, and the first receipt number it may give."""

    sequence: int
    hash: bytes
    receipt: int


class Driver(Protocol):
    """One engine, reached through its driver alone."""

    @property
    def engine_name(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    @property
    def url(self) -> str:
        """The database, as Closebell's setting names it."""
        ...

    @property
    def version(self) -> str:
        """The engine's own name and version."""
        ...

    async def open(self) -> None:
        """Connect to the database, which is migrated."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...

    async def copy(
        self, tables: Sequence[str], template_id: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Copy what a template has in these tables, once for each of the rows.

        Shape: a row says the copy's values of these columns, the first of which is `id`; the rest is the template's.
        """
        ...

    async def read_invoices(self, invoice_ids: Sequence[str]) -> int:
        """Read all rows of these invoices with their centres and guests, in one snapshot; how many rows there were."""
        ...

    async def list_invoices(self, center_id: str, since: str, until: str, limit: int) -> tuple[int, list[str]]:
        """How many invoices a centre has in a period, and the ids of the newest."""
        ...

    async def close_batch(self, invoice_ids: Sequence[str], body: bytes) -> None:
        """Close these in one transaction, with one event of this size each: what every close needs, and no more."""
        ...

    async def queue(self, endpoint_ids: Sequence[str], sequences: Sequence[int]) -> None:
        """Put a delivery of each event to each endpoint into the queue, due now; older deliveries go."""
        ...

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """The rows of a query."""
        ...

    async def tidy(self) -> None:
        """Leave no cleaning up behind that would fall into the next measurement."""
        ...


def closed_rows(invoice_ids: Sequence[str], head: Head, at: int) -> list[tuple[int, str, int, str]]:
    """What closing writes on each invoice: when, the receipt and its number; the invoice comes last."""
    return [
        (at, f"R{head.receipt + offset}", head.receipt + offset, invoice_id)
        for offset, invoice_id in enumerate(invoice_ids)
    ]


def event_rows(
    invoice_ids: Sequence[str], center_id: str, body: bytes, head: Head, at: int
) -> list[tuple[int, str, str, str, int, str, bytes, bytes, bytes, int, int]]:
    """The events of a batch in the order of EVENT_COLUMNS, linked to each other as all events are."""
    rows = []
    sequence, digest = head.sequence, head.hash
    for invoice_id in invoice_ids:
        sequence += 1
        event_id = f"{sequence:0{tables.OBJECT_ID_LENGTH}x}"
        own_body = b"".join((_ID_OPENING, event_id.encode("ascii"), body[_BODY_REST:]))
        body_hash = chain.body_hash(own_body)
        digest = chain.link(digest, sequence, body_hash)
        rows.append((sequence, event_id, INVOICE_CLOSED, invoice_id, 1, center_id, own_body, body_hash, digest, 0, at))
    return rows


def delivery_rows(
    endpoint_ids: Sequence[str], sequences: Iterable[int], at: int
) -> list[tuple[str, int, str, str, int, int, None, int, None, str]]:
    """Pending deliveries in the order of DELIVERY_COLUMNS; endpoints take turns, as they do when invoices close."""
    return [
        (f"{sequence:016x}{number:08x}", sequence, endpoint_id, "pending", at, 0, None, at, None, "")
        for sequence in sequences
        for number, endpoint_id in enumerate(endpoint_ids)
    ]


def now_us() -> int:
    """The current instant as the schema keeps it."""
    return time.time_ns() // 1000


async def told(driver: Driver, first: int, count: int) -> list[Told]:
    """So many events from that sequence on, in order."""
    rows = await driver.rows(
        f"SELECT sequence, event_id, body FROM events WHERE sequence >= {first} ORDER BY sequence LIMIT {count}"
    )
    return [Told(sequence=row[0], event_id=row[1], body=bytes(row[2])) for row in rows]


async def last_sequence(driver: Driver) -> int:
    """The end of the feed."""
    rows = await driver.rows("SELECT sequence FROM feed_head")
    return int(rows[0][0])


async def pending(driver: Driver) -> int:
    """Deliveries that are not recorded as over."""
    rows = await driver.rows("SELECT count(*) FROM deliveries WHERE state = 'pending'")
    return int(rows[0][0])


async def delivered(driver: Driver) -> int:
    """Deliveries that are recorded as received."""
    rows = await driver.rows("SELECT count(*) FROM deliveries WHERE state = 'delivered'")
    return int(rows[0][0])


def digest_of(events: Iterable[Told]) -> str:
    """One value for a set of events, as the receiver makes it."""
    return hashlib.sha256(" ".join(sorted(event.event_id for event in events)).encode()).hexdigest()


_CLOSED_WITHOUT_EVENT: Final = """
    SELECT count(*) FROM invoices i LEFT JOIN events e ON e.invoice_id = i.id AND e.close_sequence = i.close_sequence
    WHERE i.close_sequence > 0 AND e.sequence IS NULL
"""


async def books_are_right(driver: Driver, closed: int) -> None:
    """Closed means told, receipts and sequences have no hole, and the hash chain holds, over all that was closed.

    Errors: NotVerified with the first thing that is not so.
    """
    first, last, receipts = (
        await driver.rows(
            "SELECT min(receipt_sequence), max(receipt_sequence), count(DISTINCT receipt_sequence) FROM invoices "
            "WHERE close_sequence > 0"
        )
    )[0]
    must(receipts == closed, f"{closed} closes were answered and {receipts} receipts are in the database")
    must(last - first + 1 == closed, f"the receipts {first} to {last} have holes")
    missing = (await driver.rows(_CLOSED_WITHOUT_EVENT))[0][0]
    must(missing == 0, f"{missing} closed invoices have no event")
    told_of = (await driver.rows(f"SELECT count(*) FROM events WHERE event_type = '{INVOICE_CLOSED}'"))[0][0]
    must(told_of == closed, f"{closed} closes were answered and {told_of} are told of in the feed")
    await _chain_holds(driver)


async def _chain_holds(driver: Driver) -> None:
    sequence, digest = 0, chain.GENESIS
    while rows := await driver.rows(
        f"SELECT sequence, body, hash FROM events WHERE sequence > {sequence} ORDER BY sequence LIMIT {BOOK_CHUNK}"
    ):
        for at, body, stored in rows:
            digest = chain.link(digest, at, chain.body_hash(bytes(body)))
            must(at == sequence + 1, f"the feed has a hole before {at}")
            must(digest == bytes(stored), f"the hash chain is broken at {at}")
            sequence = at
    must(sequence == await last_sequence(driver), f"the feed ends at {sequence}, and its head is elsewhere")
