"""What guests hold, and every movement of it. A balance is changed only here, always with its entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from closebell.domain.account import Account, AccountKind, AccountState, EntryReason
from closebell.domain.money import Currency, Minor
from closebell.errors import Conflict
from closebell.store import tables
from closebell.store.statements import among, listed

_accounts = tables.accounts.c
_entries = tables.account_entries.c
_LOCKED = select(tables.accounts).where(among(_accounts.id)).order_by(_accounts.id).with_for_update()
_ISSUED = (
    select(tables.accounts).where(among(_accounts.invoice_id), _accounts.state == AccountState.ISSUED).with_for_update()
)

_NUMBER_IS_TAKEN: Final = re.compile(r"uq_accounts_number|accounts\.number")
"""What PostgreSQL and SQLite say of a second card with one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """So much more, or less, on an account; `row_id` is the transaction or line of the invoice that caused it."""

    account: Account
    amount: Minor
    reason: EntryReason
    invoice_id: str | None = None
    row_id: str | None = None


def load_locked(connection: Connection, ids: Iterable[str]) -> dict[str, Account]:
    """The accounts by id, locked in id order until the transaction ends; take them after the invoice."""
    return {row.id: _account(row) for row in connection.execute(_LOCKED, {"ids": listed(ids)}).all()}


def load(connection: Connection, ids: Iterable[str]) -> dict[str, Account]:
    """The accounts as they are, by id."""
    statement = select(tables.accounts).where(among(_accounts.id))
    return {row.id: _account(row) for row in connection.execute(statement, {"ids": listed(ids)}).all()}


def find_card(connection: Connection, number: str) -> Account | None:
    """The gift or prepaid card with this number, not locked."""
    row = connection.execute(select(tables.accounts).where(_accounts.number == number)).one_or_none()
    return None if row is None else _account(row)


def taken_numbers(connection: Connection, numbers: Iterable[str]) -> set[str]:
    """Those of these numbers that some card has."""
    statement = select(_accounts.number).where(among(_accounts.number))
    return set(connection.execute(statement, {"ids": listed(numbers)}).scalars())


def of_guest(connection: Connection, guest_id: str, kinds: Iterable[AccountKind] = AccountKind) -> list[Account]:
    """What a guest holds of these kinds, in the order of their ids."""
    rows = connection.execute(
        select(tables.accounts)
        .where(_accounts.guest_id == guest_id, _accounts.kind.in_(list(kinds)))
        .order_by(_accounts.id)
    ).all()
    return [_account(row) for row in rows]


def sold_by(connection: Connection, invoice_ids: Iterable[str]) -> list[Account]:
    """Every account that lines of these invoices sold, whatever became of it."""
    statement = select(tables.accounts).where(among(_accounts.invoice_id)).order_by(_accounts.id)
    return [_account(row) for row in connection.execute(statement, {"ids": listed(invoice_ids)}).all()]


def issued_by(connection: Connection, invoice_ids: Iterable[str]) -> list[Account]:
    """What these invoices sold and nobody can use yet, locked."""
    rows = connection.execute(_ISSUED.order_by(_accounts.id), {"ids": listed(invoice_ids)}).all()
    return [_account(row) for row in rows]


def insert_many(connection: Connection, accounts: Sequence[Account], *, now: datetime) -> None:
    """Store new accounts; one with a balance begins with the entry that says it was brought along.

    Errors: Conflict when somebody else has just issued a card with the number of one of these.
    """
    if not accounts:
        return
    try:
        connection.execute(insert(tables.accounts), [_row(account, now) for account in accounts])
    except IntegrityError as error:
        if _NUMBER_IS_TAKEN.search(str(error.orig)):
            raise Conflict("A card with this number was issued at the same moment; nothing was done") from None
        raise
    begun = [
        {
            "account_id": account.id,
            "number": 1,
            "reason": EntryReason.IMPORTED,
            "amount": account.balance,
            "balance": account.balance,
            "invoice_id": None,
            "row_id": None,
            "created_at": now,
        }
        for account in accounts
        if account.balance
    ]
    if begun:
        connection.execute(insert(tables.account_entries), begun)


def move(connection: Connection, movements: Sequence[Movement], *, now: datetime) -> list[Account]:
    """Carry out movements on accounts that this transaction has locked; the accounts as they are now, in order.

    Shape: a movement that would leave less than nothing is a mistake of the caller, who has the balance in hand.
    """
    return [_move(connection, movement, now) for movement in movements]


def activate(connection: Connection, accounts: Sequence[Account], *, now: datetime) -> None:
    """Make what was issued usable, with its whole value on it."""
    for account in accounts:
        active = set_state(connection, account, AccountState.ACTIVE)
        if account.value:
            _move(
                connection,
                Movement(
                    account=active,
                    amount=account.value,
                    reason=EntryReason.ISSUED,
                    invoice_id=account.invoice_id,
                    row_id=account.invoice_item_id,
                ),
                now,
            )


def set_state(connection: Connection, account: Account, state: AccountState) -> Account:
    """Change the state of an account that this transaction has locked."""
    connection.execute(update(tables.accounts).where(_accounts.id == account.id).values(state=state))
    return replace(account, state=state)


_SET_BALANCE = update(tables.accounts).where(_accounts.id == bindparam("account")).values(balance=bindparam("now_has"))


def _move(connection: Connection, movement: Movement, now: datetime) -> Account:
    account = movement.account
    balance = account.balance + movement.amount
    assert balance >= 0, "an account never holds less than nothing"
    connection.execute(_SET_BALANCE, {"account": account.id, "now_has": balance})
    last = connection.execute(select(func.max(_entries.number)).where(_entries.account_id == account.id)).scalar()
    connection.execute(
        insert(tables.account_entries),
        {
            "account_id": account.id,
            "number": (last or 0) + 1,
            "reason": movement.reason,
            "amount": movement.amount,
            "balance": balance,
            "invoice_id": movement.invoice_id,
            "row_id": movement.row_id,
            "created_at": now,
        },
    )
    return replace(account, balance=balance)


def _row(account: Account, now: datetime) -> dict[str, Any]:
    values = {name: getattr(account, name) for name in account.__slots__}
    values["currency"] = None if account.currency is None else account.currency.code
    values["expires_on"] = None if account.expires_on is None else account.expires_on.isoformat()
    return {**values, "created_at": now}


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        kind=AccountKind(row.kind),
        state=AccountState(row.state),
        guest_id=row.guest_id,
        center_id=row.center_id,
        number=row.number,
        currency=None if row.currency is None else Currency.of(row.currency),
        item_id=row.item_id,
        service_id=row.service_id,
        program_id=row.program_id,
        value=row.value,
        balance=row.balance,
        expires_on=None if row.expires_on is None else date.fromisoformat(row.expires_on),
        invoice_id=row.invoice_id,
        invoice_item_id=row.invoice_item_id,
        details=row.details,
    )
