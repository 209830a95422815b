"""Redeem a package: a unit that the guest holds pays for a service on an open invoice, which then costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import pricing, units
from closebell.domain.account import Account, AccountKind, EntryReason
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.domain.units import Wanted
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.store import accounts, invoice_rows
from closebell.store.accounts import Movement
from closebell.usecase.change_lines import undo, with_lines
from closebell.usecase.open_invoice import Change, find_locked, must_be_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """A line that is paid for: from which account, with how many units, and how many are left there."""

    invoice_item_id: str
    account_id: str
    units: int
    units_left: int


def redeem_packages(
    connection: Connection,
    invoice_id: str,
    wanted: Sequence[Wanted] | None = None,
    *,
    clock: Clock,
    caller: Caller = OPERATOR,
) -> list[Redeemed]:
    """Pay for these lines out of the guest's packages, one unit for each of their quantity; for every line that a
    package can pay for, when none is named.

    Errors: Refusal 428, 438, 492, 429; Conflict when the invoice cannot be changed, or nothing pays for a line.
    """
    invoice = _invoice(connection, invoice_id, caller)
    held = _held(connection, invoice, invoice.centre.today(clock.now()))
    usable = held.values()
    chosen = units.choose_all(invoice, usable) if wanted is None else units.choose(invoice, usable, wanted)
    if not chosen:
        raise Conflict(f"No package of the guest pays for anything on invoice {invoice.id}")
    done = _spend(connection, invoice, chosen, held, now=clock.now())
    paid = {line.id: pricing.redeemed(line, account_id) for line, account_id in chosen}
    changed = with_lines(connection, invoice, [paid.get(line.id, line) for line in invoice.lines])
    invoice_rows.save(connection, invoice, changed)
    return done


def undo_redemption(
    connection: Connection, invoice_id: str, invoice_item_id: str, *, clock: Clock, caller: Caller = OPERATOR
) -> Invoice:
    """The open invoice whose line costs its price again; the units are back with the guest.

    Errors: Refusal 428, 438, 492, 429; Conflict when it cannot be changed, or no package paid for the line.
    """
    invoice = _invoice(connection, invoice_id, caller)
    line = units.line_named(invoice, invoice_item_id)
    if line.redeemed_from_id is None:
        raise Conflict(f"No package paid for {line.name or line.id}")
    undo(connection, invoice, [line], now=clock.now())
    restored = pricing.priced(replace(line, redeemed_from_id=None))
    lines = [restored if other.id == line.id else other for other in invoice.lines]
    changed = with_lines(connection, invoice, lines)
    invoice_rows.save(connection, invoice, changed)
    return changed


def _invoice(connection: Connection, invoice_id: str, caller: Caller) -> Invoice:
    invoice = find_locked(connection, invoice_id, caller)
    if invoice.group_invoice_id is not None:
        raise Refusal(
            RefusalCode.GROUP_INVOICE,
            f"The invoice belongs to group invoice {invoice.group_invoice_id}; redeem packages before grouping.",
        )
    must_be_open(invoice, Change.ITEMS)
    return invoice


def _held(connection: Connection, invoice: Invoice, today: date) -> dict[str, Account]:
    """The guest's package units for services on the invoice that can be used today, locked."""
    if invoice.guest is None:
        return {}
    services = {line.item_id for line in invoice.lines}
    mine = accounts.of_guest(connection, invoice.guest.id, [AccountKind.PACKAGE])
    locked = accounts.load_locked(connection, [account.id for account in mine if account.service_id in services])
    return {account.id: account for account in locked.values() if account.is_usable(today)}


def _spend(
    connection: Connection,
    invoice: Invoice,
    chosen: Iterable[units.Choice],
    held: dict[str, Account],
    *,
    now: datetime,
) -> list[Redeemed]:
    """Take the units off their accounts, one movement for each line."""
    done = []
    for line, account_id in chosen:
        needed = int(line.quantity)
        spent = Movement(
            account=held[account_id],
            amount=-needed,
            reason=EntryReason.REDEEMED,
            invoice_id=invoice.id,
            row_id=line.id,
        )
        (held[account_id],) = accounts.move(connection, [spent], now=now)
        left = held[account_id].balance
        done.append(Redeemed(invoice_item_id=line.id, account_id=account_id, units=needed, units_left=left))
    return done
