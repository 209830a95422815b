"""Examine live data: every promise that can be checked on what is stored, each with what breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection

from closebell.domain import closing, event
from closebell.domain.identifiers import OBJECT_ID_DIGITS
from closebell.domain.invoice import Invoice
from closebell.store import examination, invoices

PORTION: Final = 250
"""Closed invoices that are looked at in one read."""

Check = Callable[[Connection], Iterator[str]]


def receipts_have_no_holes(connection: Connection) -> Iterator[str]:
    """Every centre's receipts run from its first to the one before its next, in the order of closing."""
    for one in examination.numberings(connection):
        expected = one.next - one.first
        if one.count != expected or (one.count and (one.lowest, one.highest) != (one.first, one.next - 1)):
            yield (
                f"centre {one.center_id} has given receipts {one.first} to {one.next - 1} and has {one.count} of them, "
                f"from {one.lowest} to {one.highest}"
            )
    for row in examination.closed_out_of_order(connection):
        yield f"centre {row.center_id}: receipt {row.receipt_number} was closed before the one before it"


def told_means_closed(connection: Connection) -> Iterator[str]:
    """No event tells of a closing that did not happen."""
    for row in examination.told_but_open(connection):
        yield f"event {row.sequence} tells that invoice {row.invoice_id} was closed, and it is open"


def events_have_their_deliveries(connection: Connection) -> Iterator[str]:
    """Every event has as many deliveries as endpoints were listening."""
    for row in examination.without_their_deliveries(connection):
        yield f"event {row.sequence} was to go to {row.listeners} endpoints and has {row.there} deliveries"


def attempts_are_numbered(connection: Connection) -> Iterator[str]:
    """Every delivery's attempts are there, numbered without holes."""
    for row in examination.without_their_attempts(connection):
        made = f"{row.attempts} times" + (
            f", {row.attempts_forgotten} of them long ago," if row.attempts_forgotten else ""
        )
        yield f"delivery {row.id} was attempted {made} and has {row.there} attempts on record"


def balances_add_up(connection: Connection) -> Iterator[str]:
    """What a guest holds is what its entries come to."""
    for row in examination.with_another_balance(connection):
        yield f"account {row.id} has a balance of {row.balance}, and its entries come to {row.total}"


CHECKS: Final[tuple[Check, ...]] = (
    receipts_have_no_holes,
    told_means_closed,
    events_have_their_deliveries,
    attempts_are_numbered,
    balances_add_up,
)
"""What one look at the tables shows; whole invoices are examined by `examine_closed`, the feed by `audit_feed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """Closed invoices that were looked at: how many, the last of them, and what is wrong with any."""

    count: int = 0
    last_id: str = ""
    problems: tuple[str, ...] = ()
    is_done: bool = False


def run_check(connection: Connection, check: Check) -> list[str]:
    """What breaks one promise; nothing when it holds."""
    return list(check(connection))


def examine_closed(connection: Connection, before: Examined) -> Examined:
    """The same with one more portion of the invoices that were closed here; begin with `Examined()`.

    Shape: each is settled to the last minor unit, told exactly once, and still says what was told.
    """
    ids = examination.closed_here(connection, before.last_id, PORTION)
    if not ids:
        return replace(before, is_done=True)
    bodies = examination.closing_bodies(connection, ids)
    found = invoices.load(connection, ids)
    problems = [problem for id_ in ids for problem in _problems(found[id_], bodies[id_])]
    return Examined(
        count=before.count + len(ids),
        last_id=ids[-1],
        problems=(*before.problems, *problems)[: examination.FOUND_MAX],
        is_done=len(ids) < PORTION,
    )


def _problems(invoice: Invoice, bodies: list[bytes]) -> Iterator[str]:
    assert invoice.closed_at is not None, "it was closed here"
    alone = replace(invoice, group_invoice_id=None)
    for blocker in closing.check(alone, today=invoice.centre.today(invoice.closed_at)):
        yield f"invoice {invoice.id} is closed and breaks {blocker.rule}: {blocker.detail}"
    if len(bodies) != 1:
        yield f"invoice {invoice.id} is closed and was told {len(bodies)} times"
    for body in filter(None, bodies):  # one that is not kept any more says nothing, and the audit knows whether it may
        yield from _altered(invoice, body)


def _altered(invoice: Invoice, body: bytes) -> Iterator[str]:
    try:
        told = _comparable(body)
    except (ValueError, LookupError, TypeError):
        yield f"what was told of invoice {invoice.id} was altered: it cannot be read"
        return
    is_now = _comparable(_told_now(invoice))
    for name in sorted(told.keys() | is_now.keys()):
        if told.get(name) != is_now.get(name):
            yield f"invoice {invoice.id} was altered: its {name} is not what was told"


def _told_now(invoice: Invoice) -> bytes:
    return event.invoice_closed(invoice, event_id="0" * OBJECT_ID_DIGITS)


def _comparable(body: bytes) -> dict[str, Any]:
    """The invoice that a body tells of; of a guest, whose details may change, only who they are."""
    told: dict[str, Any] = json.loads(body, parse_float=Decimal)["data"]["invoice"]
    guest = told["guest"]
    return {**told, "guest": None if guest is None else guest["id"]}
