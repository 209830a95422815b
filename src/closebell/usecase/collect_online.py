"""Collect an online payment: a pending tender first, then the processor, outside any transaction, then what it said.

A crash between the steps leaves the pending tender, which everybody sees and which keeps the invoice from closing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import payment, payment_page
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.intake_accounts import SavedCard
from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import Minor
from closebell.domain.payment_page import Token
from closebell.domain.processor import Charge, ChargeRequest, Processor
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import invoice_rows, invoices, payments, saved_cards
from closebell.usecase.record_tender import blank, payable
from closebell.usecase.settle_payment import concluded

CARD_TYPE_ONLINE = "Online card"
"""What a payment online is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineCommand:
    """A guest pays online: with a saved card, or without one on a page that is still to be shown to them.

    Shape: `amount` is without the tip, None for everything that is due. 0 takes a tip alone, for which the contract
           has a page, and errors, of its own.
    """

    invoice_id: str
    center_id: str
    account_id: str | None = None
    amount: Decimal | None = None
    tip_amount: Decimal = Decimal(0)
    redirect_uri: str = ""
    source: int = 1
    billing: Mapping[str, str] = field(default_factory=dict, repr=False)
    caller: Caller = OPERATOR

    @property
    def is_tip_only(self) -> bool:
        """Whether nothing but a tip is asked for."""
        return self.amount is not None and self.amount.is_zero()


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A pending tender, and what is to be asked of the processor, or the page's token when a guest has to act first."""

    transaction: Transaction
    request: ChargeRequest | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a charge here.

    Shape: `transaction` is None when the tender has been removed meanwhile. `is_orphan` when the processor took money
           that nothing here stands for any more, so that it has to be given back.
    """

    charge: Charge
    transaction: Transaction | None
    is_orphan: bool


def begin_charge(
    connection: Connection, command: OnlineCommand, *, processor: Processor | None, clock: Clock, luck: Luck
) -> Begun:
    """Put a pending tender on the invoice for what is to be collected.

    Errors: Refusal 400 or 418, 405, 438, 460, 502, 728 or 928; Conflict when no processor can do it.
    """
    missing = RefusalCode.PAYMENT_INVOICE_NOT_FOUND if command.is_tip_only else RefusalCode.ONLINE_INVOICE_NOT_FOUND
    invoice = payable(
        connection, command.invoice_id, command.caller, missing=missing, denied=RefusalCode.USER_NOT_AUTHORIZED
    )
    if command.center_id != invoice.centre.id:
        raise InvalidInput("center_id", f"{command.center_id} is not the invoice's centre, {invoice.centre.id}")
    card = None if command.account_id is None else _card(connection, invoice, command.account_id)
    pending = _pending(invoice, command, clock, luck)
    if processor is None:
        raise Conflict("Online payments are not set up here: the setting payment_processor names no processor")
    made = replace(pending, processor=processor.name)
    if card is None:
        secret = luck.entropy(payment_page.SECRET_BYTES)
        token = Token(invoice_id=invoice.id, transaction_id=made.id, secret=secret)
        begun = _on_page(made, command, processor, token, clock.now())
    else:
        begun = _by_card(invoice, made, command, processor, card)
    invoice_rows.add_transaction(connection, invoice, begun.transaction)
    return begun


def _card(connection: Connection, invoice: Invoice, account_id: str) -> SavedCard:
    card = saved_cards.find(connection, account_id)
    if invoice.guest is None or card is None or card.guest_id != invoice.guest.id:
        raise Refusal(RefusalCode.USER_NOT_FOUND, f"The guest of the invoice has no saved card {account_id}.")
    return card


def _pending(invoice: Invoice, command: OnlineCommand, clock: Clock, luck: Luck) -> Transaction:
    """The tender of what is to be collected: what was asked for, or everything that is left to take."""
    amount, tip = _asked(invoice, command)
    due = payment.must_be_due(invoice, amount)
    if amount + tip == 0:
        raise Refusal(RefusalCode.ALREADY_PAID, "Nothing is due, and there is no tip.")
    parts = payment.divide(amount + tip, tip=tip, due=due)
    return replace(
        blank(invoice, Tender.CARD, clock=clock, luck=luck),
        state=TransactionState.PENDING,
        payment_name=CARD_TYPE_ONLINE,
        amount_paid=parts.amount_paid,
        tip_amount=parts.tip_amount,
        ssg_amount=parts.ssg_amount,
        fee_amount=parts.fee_amount,
    )


def _asked(invoice: Invoice, command: OnlineCommand) -> tuple[Minor, Minor]:
    money = invoice.currency
    tip = money.minor(command.tip_amount, field="tip_amount")
    if tip < 0:
        raise InvalidInput("tip_amount", f"{money.text(tip)} is negative; write 0 where there is no tip")
    if command.amount is None:
        return payment.left_to_take(invoice).whole, tip
    amount = money.minor(command.amount, field="amount")
    if amount < 0:
        raise InvalidInput("amount", f"{money.text(amount)} is negative; leave it out to take all that is due")
    if amount == tip == 0:
        raise InvalidInput("tip_amount", "is 0, and so is the amount; write a tip, or leave the amount out")
    return amount, tip


def _by_card(
    invoice: Invoice, pending: Transaction, command: OnlineCommand, processor: Processor, card: SavedCard
) -> Begun:
    """The tender that waits for what the processor says of a saved card."""
    if card.processor != processor.name:
        raise Conflict(f"The card is saved with processor {card.processor}, and payments go through {processor.name}")
    made = replace(pending, card_number=payment.shown_digits(card.card_number))
    request = _request(invoice, made, card.token, source=command.source, billing=command.billing)
    return Begun(transaction=made, request=request)


def _on_page(pending: Transaction, command: OnlineCommand, processor: Processor, token: Token, now: datetime) -> Begun:
    """The tender that stands for a page until somebody pays on it."""
    if not processor.takes_card_numbers:
        raise Conflict(f"Processor {processor.name} has no page to show; name a saved card in account_id")
    kept = {"redirect_uri": command.redirect_uri, "source": command.source}
    made = replace(
        pending,
        processor_reference=payment_page.reference(token.secret, now=now),
        additional_data=json.dumps(kept, ensure_ascii=False),
    )
    return Begun(transaction=made, token=token)


def _request(
    invoice: Invoice, transaction: Transaction, card: str, *, source: int, billing: Mapping[str, str]
) -> ChargeRequest:
    return ChargeRequest(
        transaction_id=transaction.id,
        card=card,
        amount=transaction.total_amount_paid,
        currency=invoice.currency,
        source=source,
        billing=billing,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page shows: whose bill it is, how much is paid on it, and where the guest goes afterwards."""

    invoice: Invoice
    transaction: Transaction

    @property
    def redirect_uri(self) -> str:
        """Where the guest goes afterwards, empty when nobody said."""
        return str(json.loads(self.transaction.additional_data)["redirect_uri"])


def read_page(connection: Connection, token: Token, *, clock: Clock) -> Page | None:
    """The page that this token opens now, None when it opens none."""
    return _opened(invoices.load(connection, [token.invoice_id]).get(token.invoice_id), token, clock.now())


def begin_on_page(
    connection: Connection, token: Token, card_number: str, *, processor: Processor | None, clock: Clock
) -> tuple[Page, ChargeRequest] | None:
    """Use a page up: its tender now waits for the processor. None when the token opens no page.

    Errors: Refusal 460, 728 or 928, and Conflict, when the invoice takes the payment no more; InvalidInput naming
            `card_number`, or `amount` when less is due by now.
    """
    number = payment.whole_number(card_number, field="card_number")
    page = read_page(connection, token, clock=clock)
    if page is None or processor is None or page.transaction.processor != processor.name:
        return None
    page = _opened(payable(connection, token.invoice_id, OPERATOR), token, clock.now())
    if page is None:
        return None
    invoice, waiting = page.invoice, page.transaction
    payment.must_be_due(invoice, waiting.total_amount_paid - waiting.tip_amount)
    asked = replace(waiting, processor_reference="", card_number=payment.shown_digits(number))
    payments.change(connection, invoice.id, waiting, asked)
    source = int(json.loads(waiting.additional_data)["source"])
    request = _request(invoice, asked, number, source=source, billing={})
    return page, request


def _opened(invoice: Invoice | None, token: Token, now: datetime) -> Page | None:
    if invoice is None:
        return None
    for transaction in invoice.transactions:
        if transaction.id == token.transaction_id and payment_page.opens_with(transaction, token.secret, now=now):
            return Page(invoice=invoice, transaction=transaction)
    return None


def record_charge(
    connection: Connection,
    invoice_id: str,
    transaction_id: str,
    charge: Charge,
    *,
    caller: Caller = OPERATOR,
    clock: Clock,
    luck: Luck,
) -> Recorded:
    """Write down what the processor said, unless somebody has decided otherwise meanwhile."""
    invoice = invoices.load_locked(connection, [invoice_id]).get(invoice_id)
    stored = next((t for t in invoice.transactions if t.id == transaction_id), None) if invoice else None
    has_money = charge.state is TransactionState.SETTLED
    if invoice is None or stored is None or stored.state is not TransactionState.PENDING:
        is_expected = stored is not None and stored.is_settled
        return Recorded(charge=charge, transaction=stored, is_orphan=has_money and not is_expected)
    paid = concluded(
        connection, invoice, stored, charge.state, reference=charge.reference, caller=caller, clock=clock, luck=luck
    )
    return Recorded(charge=charge, transaction=paid.transaction, is_orphan=False)
