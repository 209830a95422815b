"""Change what is on an invoice: its lines, what hangs on them, and the totals and the campaign that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import campaign as campaigns
from closebell.domain import pricing, sale
from closebell.domain.account import Account, AccountState, EntryReason
from closebell.domain.invoice import Appointment, Invoice, Line
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.store import accounts, catalogue, centers, invoice_rows
from closebell.store.accounts import Movement


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What a sale puts on an invoice: its lines, the appointments of services, and what the guest will hold."""

    lines: tuple[Line, ...]
    appointments: tuple[Appointment, ...] = ()
    accounts: tuple[Account, ...] = ()


def store_new(connection: Connection, invoice: Invoice, sold: Sold, *, clock: Clock) -> Invoice:
    """The invoice as it is stored, with its lines and its number; the counter of numbers is locked last.

    Errors: Refusal 4023 when it is beyond a limit.
    """
    filled = replace(pricing.with_lines(invoice, sold.lines), appointments=sold.appointments)
    if problem := sale.beyond_keeping(filled):
        raise Refusal(RefusalCode.SALE_FAILED, problem)
    now = clock.now()
    number = centers.take_invoice_number(connection, invoice.centre.id)
    numbered = replace(filled, invoice_number=str(number))
    invoice_rows.insert_new(connection, numbered, now=now)
    accounts.insert_many(connection, sold.accounts, now=now)
    return numbered


def add(connection: Connection, invoice: Invoice, sold: Sold, *, clock: Clock) -> Invoice:
    """The locked invoice with these lines behind its own.

    Errors: Conflict when it would be beyond a limit.
    """
    changed = replace(
        with_lines(connection, invoice, (*invoice.lines, *sold.lines)),
        appointments=(*invoice.appointments, *sold.appointments),
    )
    if problem := sale.beyond_keeping(changed):
        raise Conflict(problem)
    invoice_rows.save(connection, invoice, changed)
    accounts.insert_many(connection, sold.accounts, now=clock.now())
    return changed


def with_lines(connection: Connection, invoice: Invoice, lines: Iterable[Line]) -> Invoice:
    """The invoice with these lines, the campaign on it spread over them anew.

    A campaign whose prerequisites are gone leaves the invoice: its redemption and its voucher are given back.
    """
    changed = pricing.with_lines(invoice, lines)
    if invoice.campaign_id is None:
        return changed
    campaign = catalogue.campaign(connection, invoice.campaign_id)
    assert campaign is not None, "a campaign on an invoice is never removed"
    found = campaigns.reach(campaign, changed.lines)
    if campaigns.missing(campaign, found, invoice.currency) is None:
        return campaigns.with_campaign(changed, campaign, found)
    give_back_campaign(connection, invoice)
    return campaigns.without_campaign(changed)


def give_back_campaign(connection: Connection, invoice: Invoice) -> None:
    """Make the voucher that was used on the invoice good again, and count one redemption less."""
    if invoice.campaign_id is not None:
        catalogue.give_back_vouchers(connection, invoice.id, invoice.campaign_id)
        catalogue.count_redemption(connection, invoice.campaign_id, by=-1)


def undo(connection: Connection, invoice: Invoice, lines: Sequence[Line], *, now: datetime) -> None:
    """What these lines sold is cancelled, and what packages paid for them goes back; the invoice is locked."""
    gone = {line.id for line in lines}
    issued = [
        account.id
        for account in accounts.sold_by(connection, [invoice.id])
        if account.state is AccountState.ISSUED and account.invoice_item_id in gone
    ]
    redeemed = [line for line in lines if line.redeemed_from_id is not None]
    paid_from = [line.redeemed_from_id for line in redeemed if line.redeemed_from_id is not None]
    held = accounts.load_locked(connection, [*issued, *paid_from])
    for account_id in issued:
        accounts.set_state(connection, held[account_id], AccountState.CANCELLED)
    for line in redeemed:
        assert line.redeemed_from_id is not None, "the line was redeemed"
        units = Movement(
            account=held[line.redeemed_from_id],
            amount=int(line.quantity),
            reason=EntryReason.RESTORED,
            invoice_id=invoice.id,
            row_id=line.id,
        )
        (held[line.redeemed_from_id],) = accounts.move(connection, [units], now=now)
