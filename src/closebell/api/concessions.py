"""Routes that take something off an invoice: a campaign's discount, and packages that pay for services."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from closebell.api.examples import sales as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.api.sale_edits import Done, done, said_in_body
from closebell.domain.intake_values import optional_guid, required_guid
from closebell.domain.sale import LINES_MAX
from closebell.domain.units import Wanted
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.usecase.apply_campaign import Discounted, Offered, apply_campaign, remove_campaign
from closebell.usecase.begin_invoice import lenient_guid
from closebell.usecase.redeem_package import Redeemed, redeem_packages, undo_redemption


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The code that the guest shows: a campaign's, or a voucher's."""

    offer_code: str | None = None
    center_id: str | None = None
    organization_id: str | None = None


class CampaignAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The campaign is on the invoice; `discount_amount` is what it takes off now."""

    discount_applied: bool
    campaign_id: str
    discount_amount: Decimal
    error: None = None


class RedemptionItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be paid for, and with which package: any that fits, unless said by either name."""

    invoice_item_id: str | None = None
    package_id: str | None = None
    user_package_id: str | None = None


class RedemptionRequest(RedemptionItem, frozen=True, kw_only=True):
    """Lines to be paid for: one, several with one package, or each with its own; without any, all that can be."""

    invoice_item_ids: list[str] | None = None
    redemptions: list[RedemptionItem] | None = None


class RedeemedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is paid for, out of which account of the guest, and how many units are left there."""

    invoice_item_id: str
    user_package_id: str
    units: int
    units_left: int


class RedemptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid for."""

    invoice_id: str
    redemptions: list[RedeemedItem]
    error: None = None


_CAMPAIGN: Final = msgspec.json.Decoder(CampaignRequest | None)
_REDEMPTION: Final = msgspec.json.Decoder(RedemptionRequest | None)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/campaign_discount/apply",
        tag="Selling",
        summary="Apply a campaign",
        description="Takes a campaign's discount off the items that it is for. The same code again is the same "
        "discount, and counts once.",
        body=CampaignRequest,
        body_example=examples.CAMPAIGN,
        answer=CampaignAnswer,
        answer_example=examples.DISCOUNTED,
        refusals=(403, 404, 409, 413),
        path_example=examples.OPEN,
    )
)
async def post_campaign(request: ApiRequest) -> Answer:
    """Apply a campaign."""
    said = await said_in_body(request, _CAMPAIGN) or CampaignRequest()
    offered = Offered(offer_code=said.offer_code, center_id=said.center_id, organization_id=said.organization_id)
    written = request.named("invoice_id")
    invoice_id = lenient_guid(written)
    if invoice_id is None and (offered.offer_code or "").strip():
        raise Refusal(RefusalCode.CAMPAIGN_INVOICE_NOT_FOUND, f"{written!r:.60} is not the id of an invoice.")
    return await request.write(
        _discounted,
        apply_campaign,
        invoice_id or "",
        offered,
        clock=request.service.clock,
        caller=request.caller,
    )


def _discounted(made: Discounted) -> Answer:
    return Answer.of(
        CampaignAnswer(
            discount_applied=made.discount > 0,
            campaign_id=made.campaign_id,
            discount_amount=made.invoice.currency.wire(made.discount),
        )
    )


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{invoice_id}/campaign_discount",
        tag="Selling",
        summary="Take a campaign off",
        description="Everything costs its price again; the campaign's redemption and its voucher are given back.",
        answer=Done,
        answer_example={"error": None},
        refusals=(403, 404, 409),
        is_extension=True,
        path_example=examples.OPEN,
    )
)
async def delete_campaign(request: ApiRequest) -> Answer:
    """Take a campaign off."""
    return await request.write(done, remove_campaign, guid_in_path(request, "invoice_id"), caller=request.caller)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/{invoice_id}/redemptions/packages",
        tag="Selling",
        summary="Redeem packages",
        description="Pays for services on an open invoice with units that the guest holds, one for each of their "
        "quantity. Without a body, for every service that a package of the guest pays for.",
        body=RedemptionRequest,
        body_required=False,
        body_example=examples.REDEMPTION,
        answer=RedemptionAnswer,
        answer_example=examples.REDEEMED,
        refusals=(403, 404, 409, 413),
        path_example=examples.OPEN,
    )
)
async def post_redemption(request: ApiRequest) -> Answer:
    """Redeem packages."""
    invoice_id = guid_in_path(request, "invoice_id")
    said = await said_in_body(request, _REDEMPTION) or RedemptionRequest()
    return await request.write(
        lambda redeemed: _redeemed(invoice_id, redeemed),
        redeem_packages,
        invoice_id,
        _wanted(said),
        clock=request.service.clock,
        caller=request.caller,
    )


def _wanted(said: RedemptionRequest) -> list[Wanted] | None:
    """The lines that the body names, in whichever way; None when it names none."""
    for field, named_none in (("redemptions", said.redemptions), ("invoice_item_ids", said.invoice_item_ids)):
        if named_none == []:
            raise InvalidInput(field, "is empty; name items, or leave it out for every one that a package pays for")
    one = [said] if said.invoice_item_id is not None else []
    package_id = said.package_id or said.user_package_id
    several = [RedemptionItem(invoice_item_id=id_, package_id=package_id) for id_ in said.invoice_item_ids or ()]
    each = said.redemptions or []
    ways = [
        (named, items)
        for named, items in (
            ("invoice_item_id", one),
            ("invoice_item_ids[{index}]", several),
            ("redemptions[{index}].invoice_item_id", each),
        )
        if items
    ]
    if not ways:
        return None
    if len(ways) > 1:
        raise InvalidInput("redemptions", "are said in more than one way; name the items once")
    ((named, items),) = ways
    if len(items) > LINES_MAX:
        raise InvalidInput(
            named.partition("[")[0], f"has {len(items)} entries; an invoice has at most {LINES_MAX} items"
        )
    return [
        Wanted(
            invoice_item_id=required_guid(item.invoice_item_id, named.format(index=index)),
            package_id=optional_guid(item.package_id or item.user_package_id, "package_id"),
        )
        for index, item in enumerate(items)
    ]


def _redeemed(invoice_id: str, redeemed: list[Redeemed]) -> Answer:
    items = [
        RedeemedItem(
            invoice_item_id=one.invoice_item_id,
            user_package_id=one.account_id,
            units=one.units,
            units_left=one.units_left,
        )
        for one in redeemed
    ]
    return Answer.of(RedemptionAnswer(invoice_id=invoice_id, redemptions=items))


@operation(
    Doc(
        method="DELETE",
        path="/v1/invoices/{invoice_id}/redemptions/packages/{invoice_item_id}",
        tag="Selling",
        summary="Undo a redemption",
        description="The service costs its price again, and the units are back with the guest.",
        answer=Done,
        answer_example={"error": None},
        refusals=(403, 404, 409),
        is_extension=True,
        path_example=examples.OPEN_ITEM,
    )
)
async def delete_redemption(request: ApiRequest) -> Answer:
    """Undo a redemption."""
    invoice_id, item_id = (guid_in_path(request, name) for name in ("invoice_id", "invoice_item_id"))
    return await request.write(
        done, undo_redemption, invoice_id, item_id, clock=request.service.clock, caller=request.caller
    )


OPERATIONS: Final[tuple[Operation, ...]] = (post_campaign, delete_campaign, post_redemption, delete_redemption)
