"""Remove a payment: a tender is taken off an open invoice, and with it the tips that were assigned out of it.

What a guest's card or points paid goes back there. Money that a processor holds is given back by it first, outside any
transaction; meanwhile the tender is pending, so that nobody closes an invoice with money that is on its way back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import event, processor
from closebell.domain.account import EntryReason
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice, Transaction, TransactionState
from closebell.errors import Conflict
from closebell.store import accounts, invoice_rows, invoices, payments
from closebell.store.accounts import Movement
from closebell.usecase.open_invoice import Change, find, find_open
from closebell.usecase.record_tender import tell_payments
from closebell.usecase.settle_payment import tender_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A payment that a processor holds, as it was before it was made pending."""

    invoice_id: str
    transaction: Transaction


def remove_payment(
    connection: Connection,
    invoice_id: str,
    transaction_id: str,
    *,
    caller: Caller = OPERATOR,
    is_released: bool = False,
    clock: Clock,
    luck: Luck,
) -> Invoice:
    """The invoice without that payment; once no tender brings a tip any more, no tip is assigned either.

    Shape:  `is_released` says that the processor which held the money has given it back.
    Errors: Refusal 428 or 438; NotFound when the invoice has no such payment; Conflict when it is closed or
            cancelled, or a processor holds the money.
    """
    invoice = find_open(connection, invoice_id, caller, Change.MONEY)
    removed = tender_of(invoice, transaction_id)
    if processor.is_held(removed) and not is_released:
        raise Conflict(f"Processor {removed.processor} holds payment {transaction_id}; ask again")
    _restore(connection, invoice, removed, clock)
    invoice_rows.remove_transaction(connection, invoice_id, transaction_id)
    if not any(t.tip_amount for t in invoice.transactions if t.id != transaction_id):
        invoice_rows.replace_tips(connection, invoice, ())
    left = invoices.load(connection, [invoice_id])[invoice_id]
    tell_payments(connection, event.PAYMENTS_DELETED, left, caller=caller, clock=clock, luck=luck)
    return left


def _restore(connection: Connection, invoice: Invoice, removed: Transaction, clock: Clock) -> None:
    """Give back to the guest's card or points what they paid; a refund's tender takes back what it gave."""
    if removed.account_id is None or not removed.is_settled:
        return
    account = accounts.load_locked(connection, [removed.account_id])[removed.account_id]
    amount = removed.total_amount_paid if removed.points is None else removed.points
    if account.balance + amount < 0:
        raise Conflict(f"What payment {removed.id} gave back to account {account.id} has been spent")
    restored = Movement(
        account=account, amount=amount, reason=EntryReason.RESTORED, invoice_id=invoice.id, row_id=removed.id
    )
    accounts.move(connection, [restored], now=clock.now())


def find_held(
    connection: Connection, invoice_id: str, transaction_id: str, *, caller: Caller = OPERATOR
) -> Transaction | None:
    """The payment, if a processor holds it; None when nobody has to be asked."""
    invoice = find(connection, invoice_id, caller)
    found = next((t for t in invoice.transactions if t.id == transaction_id), None)
    return found if found is not None and processor.is_held(found) else None


def hold_for_removal(
    connection: Connection, invoice_id: str, transaction_id: str, *, caller: Caller = OPERATOR
) -> Held:
    """Make a payment pending that its processor is about to give back.

    Errors: as `remove_payment`.
    """
    invoice = find_open(connection, invoice_id, caller, Change.MONEY)
    held = tender_of(invoice, transaction_id)
    payments.change(connection, invoice_id, held, replace(held, state=TransactionState.PENDING))
    return Held(invoice_id=invoice_id, transaction=held)


def keep(connection: Connection, held: Held) -> None:
    """Put a payment back as it was: its processor does not give it back."""
    invoice = invoices.load_locked(connection, [held.invoice_id])[held.invoice_id]
    for transaction in invoice.transactions:
        if transaction.id == held.transaction.id and transaction.state is TransactionState.PENDING:
            payments.change(connection, held.invoice_id, transaction, held.transaction)
