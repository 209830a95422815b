"""What an import may say of what is sold, what is held and what is grouped, before anything is believed."""

from __future__ import annotations

from decimal import Decimal

from closebell.domain.intake_shapes import Shape


class CenterItemShape(Shape, frozen=True):
    """The terms at which one centre sells an item."""

    center_id: str | None = None
    price: Decimal | None = None
    tax_rate: Decimal | None = None
    is_tax_included: bool | None = None
    value: Decimal | None = None


class BenefitShape(Shape, frozen=True):
    """A service that a package pays for, so many times."""

    service_id: str | None = None
    quantity: int | None = None


class ItemShape(Shape, frozen=True):
    """Something that is sold."""

    id: str | None = None
    name: str | None = None
    type: int | None = None
    code: str | None = None
    is_retail: bool | None = None
    duration_minutes: int | None = None
    validity_days: int | None = None
    centers: list[CenterItemShape] | None = None
    benefits: list[BenefitShape] | None = None


class CampaignShape(Shape, frozen=True):
    """A discount for whoever knows its code, or one of its vouchers."""

    id: str | None = None
    name: str | None = None
    offer_code: str | None = None
    voucher_prefix: str | None = None
    vouchers: list[str] | None = None
    percent: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    minimum: Decimal | None = None
    center_ids: list[str] | None = None
    item_ids: list[str] | None = None
    redemptions_max: int | None = None
    starts_on: str | None = None
    ends_on: str | None = None


class LoyaltyProgramShape(Shape, frozen=True):
    """Points that guests can pay with."""

    id: str | None = None
    name: str | None = None
    currency: str | None = None
    exchange_rate: Decimal | None = None
    points_min: int | None = None


class CustomPaymentShape(Shape, frozen=True):
    """A way to pay that the business named itself."""

    id: str | None = None
    name: str | None = None


class AccountShape(Shape, frozen=True):
    """A card, points, package units or a membership that a guest holds."""

    id: str | None = None
    kind: str | None = None
    guest_id: str | None = None
    center_id: str | None = None
    number: str | None = None
    currency: str | None = None
    item_id: str | None = None
    service_id: str | None = None
    program_id: str | None = None
    value: Decimal | None = None
    balance: Decimal | None = None
    expires_on: str | None = None


class SavedCardShape(Shape, frozen=True):
    """A guest's card, as its processor knows it."""

    id: str | None = None
    guest_id: str | None = None
    processor: str | None = None
    token: str | None = None
    card_number: str | None = None
    name: str | None = None


class GroupInvoiceShape(Shape, frozen=True):
    """A group that invoices belong to."""

    id: str | None = None
    center_id: str | None = None
    name: str | None = None
    notes: str | None = None
    host_id: str | None = None
