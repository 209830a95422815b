"""Assign tips: say which employees the tips of an open invoice go to, one by one or by a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.domain import tips as tipping
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.identifiers import guid
from closebell.domain.invoice import EmployeeTip, Invoice
from closebell.errors import InvalidInput, TooLarge
from closebell.store import directory, invoice_rows
from closebell.usecase.open_invoice import Change, find_open

ASSIGNMENTS_MAX: Final = 1_000
"""Tips that are assigned on one invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TipAssignment:
    """So much for this employee, out of this tender when it is said."""

    employee_id: str
    amount: Decimal
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TipShare:
    """So many percent of every tip for this employee."""

    employee_id: str
    percent: Decimal


def assign_tips(
    connection: Connection, invoice_id: str, tips: Sequence[TipAssignment], *, caller: Caller = OPERATOR
) -> Invoice:
    """The invoice with exactly these tips assigned, in the place of all that were before.

    Errors: Refusal 428 or 438; Conflict when the invoice is closed or cancelled; InvalidInput such as
            `employee_tips[1].amount`.
    """
    _must_be_few(len(tips))
    invoice = find_open(connection, invoice_id, caller, Change.TIPS)
    read = [_read(tip, invoice, f"employee_tips[{index}]") for index, tip in enumerate(tips)]
    _must_be_known(connection, [tip.employee_id for tip in read])
    return _assigned(connection, invoice, tipping.assignable(invoice, read))


def share_tips(
    connection: Connection, invoice_id: str, shares: Sequence[TipShare], *, caller: Caller = OPERATOR
) -> Invoice:
    """The invoice with every settled tip divided by these percents, in the place of all that was assigned before.

    Errors: as `assign_tips`, such as `employee_tips[1].percent`.
    """
    _must_be_few(len(shares))
    invoice = find_open(connection, invoice_id, caller, Change.TIPS)
    read = [
        (guid(share.employee_id, field=f"employee_tips[{index}].employee_id"), share.percent)
        for index, share in enumerate(shares)
    ]
    divided = tipping.by_percentage(invoice, read)
    _must_be_known(connection, [employee_id for employee_id, _ in read])
    return _assigned(connection, invoice, divided)


def split_tips(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR) -> Invoice:
    """The invoice with every settled tip divided over those who served, by the price of what they did.

    Errors: Refusal 428 or 438; Conflict when the invoice is closed or cancelled, or nobody is known to have served.
    """
    invoice = find_open(connection, invoice_id, caller, Change.TIPS)
    return _assigned(connection, invoice, tipping.by_service_price(invoice))


def _assigned(connection: Connection, invoice: Invoice, assigned: tuple[EmployeeTip, ...]) -> Invoice:
    invoice_rows.replace_tips(connection, invoice, assigned)
    return replace(invoice, employee_tips=assigned)


def _must_be_few(count: int) -> None:
    if count > ASSIGNMENTS_MAX:
        raise TooLarge(f"{count} tips are more than the {ASSIGNMENTS_MAX} that one invoice can have")


def _read(tip: TipAssignment, invoice: Invoice, field: str) -> EmployeeTip:
    currency = invoice.currency
    amount = currency.minor(tip.amount, field=f"{field}.amount")
    if amount < 0 and not invoice.is_refund:
        raise InvalidInput(f"{field}.amount", f"{currency.text(amount)} is negative; leave the employee out instead")
    if amount > 0 and invoice.is_refund:
        raise InvalidInput(f"{field}.amount", f"{currency.text(amount)} is positive; a refund takes tips back")
    transaction_id = tip.transaction_id
    return EmployeeTip(
        employee_id=guid(tip.employee_id, field=f"{field}.employee_id"),
        amount=amount,
        transaction_id=None if transaction_id is None else guid(transaction_id, field=f"{field}.transaction_id"),
    )


def _must_be_known(connection: Connection, employee_ids: Sequence[str]) -> None:
    known = directory.known_employees(connection, set(employee_ids))
    for index, employee_id in enumerate(employee_ids):
        if employee_id not in known:
            raise InvalidInput(
                f"employee_tips[{index}].employee_id",
                f"{employee_id} is not an employee Closebell knows; import it first",
            )
