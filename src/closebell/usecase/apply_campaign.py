"""Apply a campaign to an open invoice, by the code that everybody knows or by a voucher; and take it off again.

A voucher is locked before its campaign, here and wherever else both are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.domain import campaign as campaigns
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.catalogue import Campaign, Voucher
from closebell.domain.identifiers import NO_GUID
from closebell.domain.invoice import Invoice
from closebell.domain.money import Minor
from closebell.errors import NotFound, Refusal, RefusalCode
from closebell.store import catalogue, invoice_rows
from closebell.usecase.begin_invoice import lenient_guid
from closebell.usecase.change_lines import give_back_campaign
from closebell.usecase.open_invoice import Change, find_locked, find_open, must_be_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A code that somebody shows, as the request says it; `organization_id` is compared where it is said."""

    offer_code: str | None
    center_id: str | None
    organization_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounted:
    """The invoice with the campaign on it, and what is taken off in all."""

    invoice: Invoice
    campaign_id: str
    discount: Minor


def apply_campaign(
    connection: Connection, invoice_id: str, offered: Offered, *, clock: Clock, caller: Caller = OPERATOR
) -> Discounted:
    """The invoice with the campaign's discount; once more, it is the same discount and counts no second time.

    Errors: Refusal 503, 428, 4051, 492, then Conflict when it cannot be changed, then 429, 4045, 502, 502, 4017 or
            4027, 468, 4024, 4025, 4026, 4028.
    """
    code = (offered.offer_code or "").strip()
    if not code:
        raise Refusal(RefusalCode.OFFER_CODE_MISSING, "offer_code is missing.")
    invoice = _invoice(connection, invoice_id, caller)
    _must_be_of(invoice, offered)
    today = invoice.centre.today(clock.now())
    campaign, voucher = _found(connection, code, invoice, today)
    if not invoice.centre.allows_discounts:
        raise Refusal(RefusalCode.DISCOUNTS_NOT_ALLOWED, f"Centre {invoice.centre.id} gives no discounts.")
    if invoice.campaign_id == campaign.id and (voucher is None or voucher.invoice_id == invoice.id):
        return _discounted(invoice, campaign)
    _must_be_applicable(invoice, campaign, voucher)
    changed = campaigns.with_campaign(invoice, campaign, campaigns.reach(campaign, invoice.lines))
    if voucher is not None:
        catalogue.use_voucher(connection, voucher.code, invoice.id)
    catalogue.count_redemption(connection, campaign.id)
    invoice_rows.save(connection, invoice, changed)
    return _discounted(changed, campaign)


def remove_campaign(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR) -> Invoice:
    """The open invoice without the campaign that was on it; its redemption and its voucher are given back.

    Errors: Refusal 428, 438; NotFound when there is no campaign on it; Conflict when it cannot be changed.
    """
    invoice = find_open(connection, invoice_id, caller, Change.ITEMS)
    if invoice.campaign_id is None:
        raise NotFound(f"Invoice {invoice_id} has no campaign")
    give_back_campaign(connection, invoice)
    changed = campaigns.without_campaign(invoice)
    invoice_rows.save(connection, invoice, changed)
    return changed


def _invoice(connection: Connection, invoice_id: str, caller: Caller) -> Invoice:
    """The locked invoice, if a campaign could be applied to it at all."""
    invoice = find_locked(connection, invoice_id, OPERATOR)
    if not caller.reaches(invoice.centre.id):
        raise Refusal(RefusalCode.USER_CANNOT_ACCESS, f"The caller is not bound to centre {invoice.centre.id}.")
    if invoice.group_invoice_id is not None:
        raise Refusal(
            RefusalCode.CAMPAIGN_ON_GROUP,
            f"The invoice belongs to group invoice {invoice.group_invoice_id}; apply campaigns before grouping.",
        )
    must_be_open(invoice, Change.ITEMS)
    if not invoice.lines:
        raise Refusal(RefusalCode.ITEM_NOT_FOUND, "There is nothing on the invoice.")
    return invoice


def _must_be_of(invoice: Invoice, offered: Offered) -> None:
    """Return if centre and organisation are the invoice's."""
    centre = invoice.centre
    if not offered.center_id or offered.center_id == NO_GUID:
        raise Refusal(RefusalCode.CENTER_EMPTY, "center_id is missing.")
    if lenient_guid(offered.center_id) != centre.id:
        raise Refusal(RefusalCode.CENTER_NOT_OF_INVOICE, f"The invoice is of centre {centre.id}.")
    said = offered.organization_id
    if said and said != NO_GUID and lenient_guid(said) != centre.organization_id:
        raise Refusal(
            RefusalCode.ORGANIZATION_NOT_OF_INVOICE, f"Centre {centre.id} is of {centre.organization_id or 'none'}."
        )


def _found(connection: Connection, code: str, invoice: Invoice, today: date) -> tuple[Campaign, Voucher | None]:
    """The campaign that the code is for, both locked."""
    voucher = catalogue.voucher(connection, code)
    campaign = (
        catalogue.campaign_by_offer_code(connection, code)
        if voucher is None
        else catalogue.lock_campaign(connection, voucher.campaign_id)
    )
    if campaign is None:
        is_voucher = catalogue.is_voucher_prefix(connection, code)
        refused = RefusalCode.VOUCHER_UNKNOWN if is_voucher else RefusalCode.CAMPAIGN_NOT_FOUND
        raise Refusal(refused, f"No {'voucher' if is_voucher else 'campaign'} has the code {code!r:.60}.")
    if not campaigns.runs_at(campaign, invoice.centre.id, today):
        raise Refusal(
            RefusalCode.CAMPAIGN_NOT_FOUND,
            f"Campaign {campaign.name or campaign.id} is not for centre {invoice.centre.id} on {today}.",
        )
    return campaign, voucher


def _must_be_applicable(invoice: Invoice, campaign: Campaign, voucher: Voucher | None) -> None:
    if invoice.campaign_id is not None:
        raise Refusal(RefusalCode.CAMPAIGN_ALREADY_APPLIED, f"Campaign {invoice.campaign_id} is on the invoice.")
    reach = campaigns.reach(campaign, invoice.lines)
    if missing := campaigns.missing(campaign, reach, invoice.currency):
        raise Refusal(RefusalCode.CAMPAIGN_NOT_APPLICABLE, missing)
    if voucher is not None and voucher.invoice_id is not None:
        raise Refusal(RefusalCode.VOUCHER_USED, f"Voucher {voucher.code} was used on invoice {voucher.invoice_id}.")
    if campaign.redemptions_max is not None and campaign.redemptions >= campaign.redemptions_max:
        raise Refusal(
            RefusalCode.CAMPAIGN_EXHAUSTED,
            f"It was redeemed {campaign.redemptions} of {campaign.redemptions_max} times.",
        )


def _discounted(invoice: Invoice, campaign: Campaign) -> Discounted:
    # A line without terms was imported with a discount of its own.
    taken_off = sum(line.discount for line in invoice.lines if line.unit_price is not None)
    return Discounted(invoice=invoice, campaign_id=campaign.id, discount=taken_off)
