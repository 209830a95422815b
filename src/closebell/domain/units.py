"""Which of the units that a guest holds pay for which services of an invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from closebell.domain import pricing
from closebell.domain.account import Account
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.errors import Conflict, Refusal, RefusalCode

Choice = tuple[Line, str]
"""A line, and the id of the account that pays for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A line to be paid for; `package_id` names the account, the package or the line that sold it, None for any."""

    invoice_item_id: str
    package_id: str | None = None


def choose(invoice: Invoice, held: Iterable[Account], wanted: Sequence[Wanted]) -> list[Choice]:
    """The lines that are named, each with the account that pays for all of it; what ends first is used first.

    Errors: Refusal 429 for a line that is not there; Conflict when nothing pays for one.
    """
    left = _by_end(held)
    chosen: list[Choice] = []
    for one in wanted:
        line = line_named(invoice, one.invoice_item_id)
        twice = "it is named twice" if any(line is other for other, _ in chosen) else None
        if problem := twice or obstacle(line):
            raise Conflict(f"No package pays for {line.name or line.id}: {problem}")
        fitting = [account for account in left.values() if one.package_id in (None, *_names(account))]
        account = _first(line, fitting)
        if account is None:
            raise Conflict(_nothing_left(line, one, fitting))
        left[account.id] = replace(account, balance=account.balance - int(line.quantity))
        chosen.append((line, account.id))
    return chosen


def choose_all(invoice: Invoice, held: Iterable[Account]) -> list[Choice]:
    """Every line that something pays for, line by line."""
    left = _by_end(held)
    chosen: list[Choice] = []
    for line in invoice.lines:
        account = None if obstacle(line) else _first(line, left.values())
        if account is not None:
            left[account.id] = replace(account, balance=account.balance - int(line.quantity))
            chosen.append((line, account.id))
    return chosen


def line_named(invoice: Invoice, invoice_item_id: str) -> Line:
    """The line with this id.

    Errors: Refusal 429.
    """
    found = next((line for line in invoice.lines if line.id == invoice_item_id), None)
    if found is None:
        raise Refusal(RefusalCode.ITEM_NOT_FOUND, f"Invoice {invoice.id} has no item {invoice_item_id}.")
    return found


def obstacle(line: Line) -> str | None:
    """Why no unit can pay for the line, in words; None if one can."""
    if line.type != ItemType.SERVICE:
        return "it is no service"
    if line.redeemed_from_id is not None:
        return "a package has paid for it"
    if not line.final:
        return "it costs nothing"
    if line.quantity != line.quantity.to_integral_value():
        return f"its quantity is {line.quantity}, and units are whole"
    return None if pricing.with_terms(line) else "it was imported at a price that could not be restored"


def _by_end(held: Iterable[Account]) -> dict[str, Account]:
    in_order = sorted(held, key=lambda account: (account.expires_on or date.max, account.id))
    return {account.id: account for account in in_order}


def _first(line: Line, held: Iterable[Account]) -> Account | None:
    return next((a for a in held if a.service_id == line.item_id and a.balance >= line.quantity), None)


def _names(account: Account) -> tuple[str | None, ...]:
    """What a request may call the package that an account is of."""
    return account.id, account.item_id, account.invoice_item_id


def _nothing_left(line: Line, wanted: Wanted, fitting: Iterable[Account]) -> str:
    most = max((account.balance for account in fitting if account.service_id == line.item_id), default=0)
    which = "no package of the guest" if wanted.package_id is None else f"package {wanted.package_id}"
    has = f"holds more than {most}" if wanted.package_id is None else f"holds {most}"
    return f"No package pays for {line.name or line.id}: it needs {line.quantity} units of it, and {which} {has}"
