"""Settle a payment: money that was on its way has come, or never will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import event, payment, payment_page
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice, Transaction, TransactionState
from closebell.errors import Conflict, NotFound
from closebell.store import invoices, payments
from closebell.usecase.open_invoice import Change, find_open
from closebell.usecase.record_tender import Paid, tell_payments

PAGES_AT_ONCE: Final = 100
"""Invoices whose overdue pages are given up in one transaction."""


def settle_payment(
    connection: Connection,
    invoice_id: str,
    transaction_id: str,
    state: TransactionState,
    *,
    caller: Caller = OPERATOR,
    clock: Clock,
    luck: Luck,
) -> Paid:
    """The invoice with that pending payment settled or failed.

    Errors: Refusal 428 or 438; NotFound; Conflict when the invoice is closed or cancelled, the payment is not pending,
            or it is to be settled and nobody has paid on its page.
    """
    assert state is not TransactionState.PENDING, "it is settled or failed"
    invoice = find_open(connection, invoice_id, caller, Change.MONEY)
    pending = tender_of(invoice, transaction_id)
    if pending.state is not TransactionState.PENDING:
        raise Conflict(f"Payment {transaction_id} is {pending.state}; only a pending one is settled or failed")
    if state is TransactionState.SETTLED and payment_page.is_open(pending):
        raise Conflict(f"Nobody has paid on the page of payment {transaction_id}; it can only fail")
    return concluded(connection, invoice, pending, state, caller=caller, clock=clock, luck=luck)


def tender_of(invoice: Invoice, transaction_id: str) -> Transaction:
    """The tender with this id.

    Errors: NotFound.
    """
    for transaction in invoice.transactions:
        if transaction.id == transaction_id:
            return transaction
    raise NotFound(f"Invoice {invoice.id} has no payment {transaction_id}")


def concluded(
    connection: Connection,
    invoice: Invoice,
    pending: Transaction,
    state: TransactionState,
    *,
    reference: str | None = None,
    caller: Caller,
    clock: Clock,
    luck: Luck,
) -> Paid:
    """The locked invoice with a pending tender in this state; those who listen hear of money once it has come.

    Shape: money that comes is divided anew over what is due by now.
    """
    kept = pending.processor_reference if reference is None else reference
    after = replace(pending, state=state, processor_reference=kept)
    if state is TransactionState.SETTLED:
        parts = payment.divide(pending.total_amount_paid, tip=pending.tip_amount, due=payment.still_due(invoice))
        after = replace(after, amount_paid=parts.amount_paid, ssg_amount=parts.ssg_amount, fee_amount=parts.fee_amount)
    payments.change(connection, invoice.id, pending, after)
    paid = _with(invoice, after)
    if state is TransactionState.SETTLED:
        paid = _without_needless_pages(connection, paid)
        tell_payments(connection, event.PAYMENTS_ADDED, paid, caller=caller, clock=clock, luck=luck)
    return Paid(invoice=paid, transaction=after)


def _without_needless_pages(connection: Connection, invoice: Invoice) -> Invoice:
    """Once all is paid, nobody needs to pay on another page, and none keeps the invoice from closing."""
    if payment.still_due(invoice).whole:
        return invoice
    needless = [t for t in invoice.transactions if payment_page.is_open(t) and t.total_amount_paid > t.tip_amount]
    return _failed(connection, invoice, needless)


def give_up_overdue_pages(connection: Connection, *, clock: Clock) -> int:
    """Fail the tenders of pages that nobody paid on in time; how many there were."""
    now = clock.now()
    ids = payments.invoices_with_overdue_pages(connection, now=now, limit=PAGES_AT_ONCE)
    count = 0
    for invoice in invoices.load_locked(connection, ids).values():
        overdue = [t for t in invoice.transactions if payment_page.is_open(t) and payment_page.open_until(t) <= now]
        _failed(connection, invoice, overdue)
        count += len(overdue)
    return count


def _failed(connection: Connection, invoice: Invoice, pending: Sequence[Transaction]) -> Invoice:
    for transaction in pending:
        failed = replace(transaction, state=TransactionState.FAILED, processor_reference="")
        payments.change(connection, invoice.id, transaction, failed)
        invoice = _with(invoice, failed)
    return invoice


def _with(invoice: Invoice, changed: Transaction) -> Invoice:
    now = tuple(changed if t.id == changed.id else t for t in invoice.transactions)
    return replace(invoice, transactions=now)
