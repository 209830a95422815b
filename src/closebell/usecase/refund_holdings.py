"""What a refund does to what guests hold: cards and points get their money back, and what was sold is taken back.

Every movement names the refund and the line or tender of it that caused it, so that calling the refund off can undo
exactly what it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from closebell.domain.account import Account, AccountKind, AccountState, EntryReason
from closebell.domain.invoice import Invoice, Line
from closebell.domain.money import Minor
from closebell.errors import Conflict
from closebell.store import accounts, refunds
from closebell.store.accounts import Movement


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a refund concerns, locked, by id; `sold` has the refund's line that takes back what the original sold."""

    held: Mapping[str, Account]
    sold: Mapping[str, Line]


def lock_holdings(connection: Connection, original: Invoice, refund: Invoice) -> Holdings:
    """Everything that the refund gives back to or takes back, locked in the order of the ids.

    Errors: Conflict when something that was sold has been used or comes back in part, or when what paid was cancelled.
    """
    lines = {line.refund_of_id: line for line in refund.lines if line.quantity}
    sold = {
        account.id: lines[account.invoice_item_id]
        for account in accounts.sold_by(connection, [original.id])
        if account.invoice_item_id in lines
    }
    paid_from = (one.account_id for one in refund.transactions)
    redeemed_from = (line.redeemed_from_id for line in refund.lines)
    held = accounts.load_locked(connection, {*sold, *(id_ for id_ in (*paid_from, *redeemed_from) if id_ is not None)})
    for account in held.values():
        if account.state is AccountState.CANCELLED:
            raise Conflict(f"{_called(account)} was cancelled; nothing can be given back to it")
    whole = {line.id: line.quantity for line in original.lines}
    for account_id, line in sold.items():
        if line.quantity != -whole[line.refund_of_id or ""]:
            raise Conflict(f"{line.name} ({line.refund_of_id}) is held by a guest; it comes back whole or not at all")
        _must_be_untouched(held[account_id])
    return Holdings(held=held, sold=sold)


def give_back(connection: Connection, refund: Invoice, holdings: Holdings, *, now: datetime) -> None:
    """Carry out what the refund, which is stored by now, does to the accounts that were locked for it."""
    held = dict(holdings.held)
    for account_id, row_id, amount in _returned(refund, holdings):
        back = Movement(
            account=held[account_id],
            amount=amount,
            reason=EntryReason.REFUNDED,
            invoice_id=refund.id,
            row_id=row_id,
        )
        (held[account_id],) = accounts.move(connection, [back], now=now)
    for account_id, line in holdings.sold.items():
        taken = Movement(
            account=held[account_id],
            amount=-held[account_id].balance,
            reason=EntryReason.CANCELLED,
            invoice_id=refund.id,
            row_id=line.id,
        )
        (emptied,) = accounts.move(connection, [taken], now=now)
        accounts.set_state(connection, emptied, AccountState.CANCELLED)


def take_again(connection: Connection, refund: Invoice, *, now: datetime) -> None:
    """Undo what the lines of a locked refund did, because it is called off; its tenders have been removed before.

    Errors: Conflict when units that were given back have been used meanwhile.
    """
    lines = {line.id for line in refund.lines}
    moved = [(key, amount) for key, amount in refunds.moved_by(connection, refund.id).items() if key[1] in lines]
    held = accounts.load_locked(connection, {account_id for (account_id, _), _ in moved})
    for (account_id, row_id), amount in moved:
        account = held[account_id]
        if account.balance < amount:
            raise Conflict(
                f"{_called(account)} holds {account.balance} of the {amount} that the refund gave back; "
                "it cannot be called off any more"
            )
        if account.state is AccountState.CANCELLED:
            account = accounts.set_state(connection, account, AccountState.ACTIVE)
        undone = Movement(
            account=account, amount=-amount, reason=EntryReason.RESTORED, invoice_id=refund.id, row_id=row_id
        )
        (held[account_id],) = accounts.move(connection, [undone], now=now)


def _returned(refund: Invoice, holdings: Holdings) -> Iterator[tuple[str, str, Minor]]:
    """What comes back to which account, and the row that brings it: tenders, and services that a package paid for."""
    for tender in refund.transactions:
        back = -(tender.total_amount_paid if tender.points is None else tender.points)
        if tender.account_id is not None and tender.account_id in holdings.held and back:
            yield tender.account_id, tender.id, back
    for line in refund.lines:
        units = -int(line.quantity)
        if line.redeemed_from_id is not None and line.redeemed_from_id in holdings.held and units:
            yield line.redeemed_from_id, line.id, units


def _must_be_untouched(account: Account) -> None:
    if account.balance == account.value:
        return
    used = account.value - account.balance
    money = account.currency
    how_much = f"{used} of {account.value}" if money is None else f"{money.digits(used)} of {money.text(account.value)}"
    raise Conflict(f"{_called(account)} was used: {how_much}; what it was sold for cannot be given back")


_NAMES = {
    AccountKind.GIFT_CARD: "The gift card",
    AccountKind.PREPAID_CARD: "The prepaid card",
    AccountKind.LOYALTY_POINTS: "The account of points",
    AccountKind.PACKAGE: "The package",
    AccountKind.MEMBERSHIP: "The membership",
}


def _called(account: Account) -> str:
    return f"{_NAMES[account.kind]} ({account.id})"
