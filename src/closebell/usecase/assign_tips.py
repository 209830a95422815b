"""Assign tips: say which employees the tips of an open invoice go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from closebell.domain.identifiers import guid
from closebell.domain.invoice import EmployeeTip, Invoice
from closebell.domain.tips import assignable
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode, TooLarge
from closebell.store import directory, invoice_rows, invoices

ASSIGNMENTS_MAX: Final = 1_000
"""Tips that are assigned on one invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TipAssignment:
    """So much for this employee, out of this tender when it is said."""

    employee_id: str
    amount: Decimal
    transaction_id: str | None = None


def assign_tips(connection: Connection, invoice_id: str, tips: Sequence[TipAssignment]) -> Invoice:
    """The invoice with exactly these tips assigned, in the place of all that were before.

    Errors: Refusal 428; Conflict when the invoice is closed; InvalidInput such as `employee_tips[1].amount`.
    """
    if len(tips) > ASSIGNMENTS_MAX:
        raise TooLarge(f"{len(tips)} tips are more than the {ASSIGNMENTS_MAX} that one invoice can have")
    invoice = invoices.load_locked(connection, [invoice_id]).get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice_id} is closed, receipt {invoice.receipt_number}; its tips are final")
    read = [_read(tip, invoice, f"employee_tips[{index}]") for index, tip in enumerate(tips)]
    _must_be_known(connection, read)
    assigned = assignable(invoice, read)
    invoice_rows.replace_tips(connection, invoice, assigned)
    return replace(invoice, employee_tips=assigned)


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


def _must_be_known(connection: Connection, tips: Sequence[EmployeeTip]) -> None:
    known = directory.known_employees(connection, {tip.employee_id for tip in tips})
    for index, tip in enumerate(tips):
        if tip.employee_id not in known:
            raise InvalidInput(
                f"employee_tips[{index}].employee_id",
                f"{tip.employee_id} is not an employee Closebell knows; import it first",
            )
