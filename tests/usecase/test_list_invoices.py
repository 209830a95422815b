from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.invoice import Invoice
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.store.invoice_index import InvoiceState
from closebell.store.invoices import Part
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, a_centre, a_guest, a_payment, an_appointment, an_invoice, guid_of, put
from closebell.usecase.list_invoices import (
    Listed,
    Listing,
    OpenInvoices,
    Search,
    list_blocking_invoices,
    list_invoices,
    list_open_invoices,
)

MAIN, TOKYO = a_centre(), a_centre("Tokyo", time_zone="Asia/Tokyo", currency="JPY")
ADA, BO = a_guest(), a_guest("Bo Friend")
UNKNOWN = guid_of("centre unknown")


def dated(name: str, at: str, **fields: Any) -> Invoice:
    return an_invoice(name, invoice_date=at, **{"centre": MAIN, "guest": ADA, **fields})


BOOKS = [
    dated("old", "2024-05-01T10:00:00", closed_at=NOON, receipt_number="R1"),
    dated("december", "2025-12-05T23:59:59", closed_at=NOON, receipt_number="R2"),
    dated("first", "2025-12-06T00:00:00", guest=BO),
    dated("cancelled", "2026-01-02T10:00:00", cancelled_at=NOON),
    dated("refund", "2026-01-03T10:00:00", total=-100, is_refund=True, closed_at=NOON, receipt_number="R3"),
    dated("open", "2026-01-05T09:00:00", transactions=(a_payment(100),), appointments=(an_appointment(),)),
    dated("late", "2026-01-05T23:59:59", guest=None),
    dated("tomorrow", "2026-01-06T00:00:00"),
    dated("tokyo", "2026-01-06T08:00:00", centre=TOKYO, guest=BO),
]
ALL = ["tokyo", "tomorrow", "late", "open", "refund", "cancelled", "first", "december", "old"]
JANUARY: dict[str, Any] = {"first": date(2026, 1, 1), "last": date(2026, 1, 31)}
NAMES = {invoice.id: name for name in ALL for invoice in BOOKS if invoice.id == guid_of(f"invoice {name}")}


def names(found: Listed) -> list[str]:
    return [NAMES[invoice.id] for invoice in found.invoices]


@pytest.fixture
async def books(database: Database) -> Database:
    await database.write(put, *BOOKS)
    return database


def bound_to(*center_ids: str) -> Caller:
    return Caller(id=guid_of("key"), role=Role.READER, center_ids=frozenset(center_ids))


async def ask(books: Database, *, caller: Caller = OPERATOR, limit: int = 100, offset: int = 0, **asked: Any) -> Listed:
    return await books.read(
        list_invoices, Listing(**asked), clock=FixedClock(), caller=caller, limit=limit, offset=offset
    )


LISTS: list[tuple[dict[str, Any], Sequence[str]]] = [
    # The last 31 days up to today: at the centre, and for all of them up to the latest date in the world.
    ({"center_id": MAIN.id}, ["late", "open", "refund", "cancelled", "first"]),
    ({}, ["tokyo", "tomorrow", "late", "open", "refund", "cancelled"]),
    ({"center_id": MAIN.id, **JANUARY}, ["tomorrow", "late", "open", "refund", "cancelled"]),
    ({"center_id": MAIN.id, "first": date(2026, 1, 5), "last": date(2026, 1, 5)}, ["late", "open"]),
    ({"center_id": MAIN.id, "last": date(2025, 12, 5)}, ["december"]),
    ({"center_id": MAIN.id, "first": date(2025, 12, 5)}, ["late", "open", "refund", "cancelled", "first", "december"]),
    ({"center_id": TOKYO.id}, []),  # noon in Greenwich is still the 5th in Tokyo
    (JANUARY, ["tokyo", "tomorrow", "late", "open", "refund", "cancelled"]),
    ({"guest_id": ADA.id}, ["tomorrow", "open", "refund", "cancelled", "december", "old"]),
    ({"guest_id": BO.id}, ["tokyo", "first"]),
    ({"guest_id": BO.id, "center_id": MAIN.id}, ["first"]),
    ({"guest_id": ADA.id, "first": date(2026, 1, 3), "last": date(2026, 1, 5)}, ["open", "refund"]),
    ({"guest_id": ADA.id, "last": date(2025, 12, 31)}, ["december", "old"]),
    ({"guest_id": guid_of("guest nobody")}, []),
    ({"invoice_number": "INVold"}, ["old"]),
    ({"invoice_number": "INVold", "center_id": MAIN.id}, ["old"]),
    ({"invoice_number": "IINVold", "center_id": MAIN.id}, ["old"]),
    ({"invoice_number": "I", "center_id": MAIN.id}, []),
    ({"invoice_number": "INVold", "center_id": TOKYO.id}, []),
    ({"invoice_number": "INVold", "guest_id": BO.id}, []),
    ({"invoice_number": "INVold", **JANUARY}, []),
    ({"receipt_number": "R2"}, ["december"]),
    ({"receipt_number": "R2", "invoice_number": "INVdecember", "guest_id": ADA.id, "center_id": MAIN.id}, ["december"]),
    ({"receipt_number": "R2", "invoice_number": "INVold"}, []),
    ({"receipt_number": "0"}, []),
    ({"center_id": MAIN.id, **JANUARY, "state": InvoiceState.OPEN}, ["tomorrow", "late", "open"]),
    ({"center_id": MAIN.id, **JANUARY, "state": InvoiceState.CLOSED}, ["refund"]),
    ({"center_id": MAIN.id, **JANUARY, "state": InvoiceState.CANCELLED}, ["cancelled"]),
    ({"center_id": MAIN.id, **JANUARY, "state": InvoiceState.REFUND}, ["refund"]),
    ({"guest_id": ADA.id, "state": InvoiceState.CLOSED}, ["refund", "december", "old"]),
    ({"invoice_number": "INVold", "state": InvoiceState.OPEN}, []),
]


async def test_a_list_holds_what_is_asked_for_the_newest_first(books: Database) -> None:
    for asked, expected in LISTS:
        found = await ask(books, **asked)
        assert (names(found), found.total) == (list(expected), len(expected)), asked


async def test_pages_are_the_list_in_pieces(books: Database) -> None:
    whole = await ask(books, guest_id=ADA.id)
    pages = [await ask(books, guest_id=ADA.id, limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [names(page) for page in pages] == [names(whole)[:4], names(whole)[4:], []]
    assert [page.total for page in pages] == [6, 6, 6]


async def test_what_a_list_shows_is_read_whole_or_in_parts(books: Database) -> None:
    wanted = Listing(invoice_number="INVopen")
    full = await books.read(list_invoices, wanted, clock=FixedClock(), limit=1)
    assert full.invoices == (BOOKS[5],)
    bare = await books.read(list_invoices, wanted, clock=FixedClock(), limit=1, parts=frozenset({Part.LINES}))
    assert bare.invoices == (replace(BOOKS[5], transactions=(), appointments=()),)


async def test_whoever_is_bound_sees_their_centres_only(books: Database) -> None:
    here, there, both = bound_to(MAIN.id), bound_to(TOKYO.id), bound_to(MAIN.id, TOKYO.id)
    assert names(await ask(books, caller=there, **JANUARY)) == ["tokyo"]
    assert names(await ask(books, caller=here, guest_id=BO.id)) == ["first"]
    assert names(await ask(books, caller=both, guest_id=BO.id)) == ["tokyo", "first"]
    assert names(await ask(books, caller=there, invoice_number="INVold")) == []
    assert names(await ask(books, caller=both, receipt_number="R2")) == ["december"]
    assert names(await ask(books, caller=both, **JANUARY)) == names(await ask(books, **JANUARY))
    assert names(await ask(books, caller=bound_to(), **JANUARY)) == []


@pytest.mark.parametrize(
    ("center_id", "caller", "code"),
    [
        (UNKNOWN, OPERATOR, RefusalCode.CENTER_INVALID),
        (MAIN.id, bound_to(TOKYO.id), RefusalCode.CANNOT_ACCESS),
        (UNKNOWN, bound_to(TOKYO.id), RefusalCode.CANNOT_ACCESS),
    ],
)
async def test_a_centre_that_is_not_there_or_not_theirs(
    books: Database, center_id: str, caller: Caller, code: RefusalCode
) -> None:
    clock = FixedClock()
    for asked in (
        books.read(list_invoices, Listing(center_id=center_id), clock=clock, caller=caller, limit=1),
        books.read(list_open_invoices, center_id, clock=clock, caller=caller),
        books.read(list_blocking_invoices, center_id, clock=clock, caller=caller),
    ):
        with pytest.raises(Refusal) as refused:
            await asked
        assert refused.value.code is code


async def test_a_period_that_is_too_long_is_refused_where_nothing_else_bounds_the_list(books: Database) -> None:
    years: dict[str, Any] = {"first": date(2020, 1, 1), "last": date(2026, 1, 31)}
    with pytest.raises(InvalidInput, match=r"^from: .* at most 366 at once"):
        await ask(books, center_id=MAIN.id, **years)
    assert len(names(await ask(books, guest_id=ADA.id, **years))) == 6


# --- open invoices -----------------------------------------------------------------------------------------------


async def open_ones(books: Database, **asked: Any) -> OpenInvoices:
    return await books.read(list_open_invoices, MAIN.id, clock=FixedClock(), **asked)


async def test_a_days_open_invoices_are_those_of_today_at_the_centre(books: Database) -> None:
    found = await open_ones(books)
    assert (names(found.of_day), found.of_day.total, found.found) == (["late", "open"], 2, None)
    assert names((await open_ones(books, day=date(2026, 1, 6))).of_day) == ["tomorrow"]
    assert names((await open_ones(books, day=date(2026, 1, 2))).of_day) == []


async def test_open_invoices_are_searched_for_on_every_day(books: Database) -> None:
    async def search(**asked: str) -> list[str]:
        found = (await open_ones(books, search=Search(**asked))).found
        assert found is not None
        return names(found)

    assert await search(guest_id=BO.id) == ["first"]
    assert await search(guest_id=ADA.id) == ["tomorrow", "open"]
    assert await search(invoice_number="INVtomorrow") == ["tomorrow"]
    assert await search(invoice_number="IINVtomorrow") == ["tomorrow"]
    assert await search(invoice_number="INVold") == []
    assert await search(invoice_number="INVtokyo") == []


async def test_what_is_open_up_to_today_blocks_the_register(books: Database) -> None:
    found = await books.read(list_blocking_invoices, MAIN.id, clock=FixedClock())
    assert (names(found), found.total) == (["late", "open", "first"], 3)
    assert found.invoices[1] == BOOKS[5]
