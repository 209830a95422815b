"""List invoices: by a number, by a guest, or by centres and a period; and those that are still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import period
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Centre, Invoice
from closebell.domain.period import Period
from closebell.store import invoice_index, invoices
from closebell.store.invoice_index import InvoiceState, Wanted
from closebell.store.invoices import EVERYTHING, Part
from closebell.usecase.choose_centers import named_centers, reachable_centers

OPEN_MAX: Final = 1_000
"""Open invoices in one answer that has no pages: the newest."""
FIELDS: Final = ("from", "to")
"""By which names a period is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What somebody asks for; all of it holds at once.

    Shape: `first` and `last` are days on the wall of each centre. Without a number or a guest the period is bounded,
           and is the last month where none is said.
    """

    center_id: str | None = None
    guest_id: str | None = None
    invoice_number: str | None = None
    receipt_number: str | None = None
    first: date | None = None
    last: date | None = None
    state: InvoiceState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Some invoices of a list in its order, and how many it has in all."""

    invoices: tuple[Invoice, ...]
    total: int


def list_invoices(
    connection: Connection,
    listing: Listing,
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
    parts: frozenset[Part] = EVERYTHING,
    limit: int,
    offset: int = 0,
) -> Listed:
    """A page of the list, the newest first.

    Errors: Refusal 438 or 502 for the centre; InvalidInput for a period that is none, or too long.
    """
    return _listed(connection, _wanted(connection, listing, clock, caller), parts, limit=limit, offset=offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What open invoices of a centre are looked for by: a number as it is shown, or a guest."""

    invoice_number: str | None = None
    guest_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvoices:
    """The open invoices of a day at a centre, and those that were looked for, None if none were."""

    of_day: Listed
    found: Listed | None


def list_open_invoices(
    connection: Connection,
    center_id: str,
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
    day: date | None = None,
    search: Search | None = None,
) -> OpenInvoices:
    """The open invoices dated on a day at the centre, today unless said; and those of any day that are looked for.

    Errors: Refusal 438 or 502 for the centre.
    """
    (centre,) = named_centers(connection, [center_id], caller)
    today = day or centre.today(clock.now())
    of_day = Wanted.during(Period(today, today), [center_id], InvoiceState.OPEN)
    found = None
    if search is not None:
        found = Wanted(
            center_ids=(center_id,),
            guest_id=search.guest_id,
            invoice_numbers=_numbers(search.invoice_number, centre),
            state=InvoiceState.OPEN,
        )
    return OpenInvoices(
        of_day=_listed(connection, of_day, EVERYTHING, limit=OPEN_MAX),
        found=None if found is None else _listed(connection, found, EVERYTHING, limit=OPEN_MAX),
    )


def list_blocking_invoices(
    connection: Connection, center_id: str, *, clock: Clock, caller: Caller = OPERATOR
) -> Listed:
    """The open invoices that keep the centre's register from being closed: all that are dated up to today.

    Errors: Refusal 438 or 502 for the centre.
    """
    (centre,) = named_centers(connection, [center_id], caller)
    today = centre.today(clock.now())
    wanted = Wanted(center_ids=(center_id,), until=Period(today, today).until, state=InvoiceState.OPEN)
    return _listed(connection, wanted, EVERYTHING, limit=OPEN_MAX)


def _wanted(connection: Connection, listing: Listing, clock: Clock, caller: Caller) -> Wanted:
    centre = None
    if listing.center_id is not None:
        (centre,) = named_centers(connection, [listing.center_id], caller)
    has_other_way = bool(listing.guest_id or listing.invoice_number or listing.receipt_number)
    since, until = _span(listing, today=_today(centre, clock), is_bounded=not has_other_way)
    return Wanted(
        center_ids=_scope(connection, centre, caller, may_be_any=has_other_way),
        guest_id=listing.guest_id,
        invoice_numbers=_numbers(listing.invoice_number, centre),
        receipt_number=listing.receipt_number,
        since=since,
        until=until,
        state=listing.state,
    )


def _today(centre: Centre | None, clock: Clock) -> date:
    """The date at the centre; for several the latest that any wall shows, so that nothing of today is missed."""
    now = clock.now()
    return period.latest_date(now) if centre is None else centre.today(now)


def _span(listing: Listing, *, today: date, is_bounded: bool) -> tuple[str | None, str | None]:
    """The first and the last second; None where there is no bound."""
    if is_bounded:
        days = period.bounded(listing.first, listing.last, today=today, names=FIELDS)
        return days.since, days.until
    since = None if listing.first is None else Period(listing.first, listing.first).since
    until = None if listing.last is None else Period(listing.last, listing.last).until
    return since, until


def _scope(
    connection: Connection, centre: Centre | None, caller: Caller, *, may_be_any: bool
) -> tuple[str, ...] | None:
    """The centres to look at; None for any, where the caller reaches all and there is another way in."""
    if centre is not None:
        return (centre.id,)
    if may_be_any and caller.center_ids is None:
        return None
    return tuple(reachable_centers(connection, caller))


def _numbers(text: str | None, centre: Centre | None) -> tuple[str, ...]:
    """The numbers that a text may mean: itself, and without the prefix with which the centre shows its numbers."""
    if text is None:
        return ()
    bare = text if centre is None else text.removeprefix(centre.invoice_prefix)
    return tuple(dict.fromkeys((text, bare or text)))


def _listed(connection: Connection, wanted: Wanted, parts: frozenset[Part], *, limit: int, offset: int = 0) -> Listed:
    ids: Sequence[str] = invoice_index.page(connection, wanted, limit=limit, offset=offset)
    found = invoices.load(connection, ids, parts)
    # A page that is not full is the last one, which tells the total without counting.
    is_last = len(ids) < limit and (ids or not offset)
    total = offset + len(ids) if is_last else invoice_index.count(connection, wanted)
    return Listed(invoices=tuple(found[invoice_id] for invoice_id in ids), total=total)
