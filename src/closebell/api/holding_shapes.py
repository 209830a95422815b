"""What is answered about the things a guest holds.

Source: public pages "list-all-memberships-of-a-guest", "list-the-series-packages-of-a-guest",
"retrieve-the-loyalty-points-history-of-a-guest", "list-all-prepaid-cards-of-a-guest", "list-all-gift-cards-of-a-guest";
docs/guests.md says which members are ours.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from closebell.api.paging import PageInfo


class HeldThing(msgspec.Struct, frozen=True, kw_only=True):
    """What was sold."""

    id: str
    name: str
    code: str
    type: int


class HeldAt(msgspec.Struct, frozen=True, kw_only=True):
    """The centre that sold it."""

    id: str
    name: str


class HeldInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice that sold it; `status` is 0 open, 4 closed, 13 void, and `receipt_no` "0" until it closes."""

    id: str
    no: str
    receipt_no: str
    status: int
    item_id: str | None


class HeldPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What the line that sold it came to."""

    currency_id: int
    sales: Decimal
    tax: Decimal
    final: Decimal


class HeldPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """When it was bought, at the centre's wall clock, and for how much."""

    date: str
    price: HeldPrice | None


class MembershipDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A membership of the guest; `status` is 1 active, 4 cancelled, 5 expired, 7 not started."""

    user_membership_id: str
    status: int
    is_refunded: bool
    redeemable: bool
    membership: HeldThing | None
    invoice: HeldInvoice | None
    center: HeldAt | None
    purchase: HeldPurchase | None
    expiry_date: str | None


class MembershipsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every membership the guest ever had, the newest first."""

    guest_memberships: list[MembershipDocument]
    error: None = None


class ServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The service that units are for; `duration` is minutes."""

    id: str
    name: str
    duration: int


class PackageServiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one service: how many there were, are used, and are left."""

    id: str | None
    name: str
    service_type_info: ServiceInfo | None
    total: int
    used: int
    balance: int


class PackageDates(msgspec.Struct, frozen=True, kw_only=True):
    """The last day on which the package is good, null for ever."""

    end: str | None


class PackageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A package of the guest.

    `status` is 1 active, 5 expired, 6 cancelled, 7 not started; `user_package_state` 0 closed, 1 open, 2 with
    processing.
    """

    user_package_id: str
    status: int
    user_package_state: int
    redeemable: bool
    package: HeldThing | None
    invoice: HeldInvoice | None
    center: HeldAt | None
    purchase: HeldPurchase | None
    date: PackageDates
    services: list[PackageServiceDocument]


class PackagesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every package the guest ever had, the newest first."""

    guest_packages: list[PackageDocument]
    error: None = None


class ProgramPoints(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's points in one programme, and what they pay."""

    id: str
    name: str
    balance_points: int
    balance_amount: Decimal
    exchange_rate: Decimal
    currency_code: str


class GuestPoints(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's points in all programmes; an amount or a rate that these do not share is null."""

    balance_points: int
    balance_amount: Decimal | None
    exchange_rate: Decimal | None
    loyalty_programs: list[ProgramPoints]


class PointsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The points that the guest can pay with."""

    guest_points: GuestPoints
    error: None = None


class PrepaidCardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A prepaid card of the guest; `state` is issued, active or cancelled."""

    id: str
    prepaid_card_number: str
    invoice: HeldInvoice | None
    center: HeldAt | None
    purchase_details: HeldPurchase | None
    expiration_date: str | None
    value: Decimal
    balance: Decimal
    is_closed: bool
    is_one_time_use: bool
    sale_invoice: str | None
    state: str
    currency_code: str


class PrepaidCardsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every prepaid card the guest ever had, the newest first."""

    guest_prepaid_cards: list[PrepaidCardDocument]
    error: None = None


class GiftCardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A gift card of the guest; `type` is always 1, an amount; `state` is issued, active or cancelled."""

    id: str
    code: str
    type: int
    invoice: HeldInvoice | None
    center: HeldAt | None
    sale_date: str | None
    expiry_date: str | None
    price: Decimal | None
    value: Decimal
    balance: Decimal
    is_closed: bool
    is_one_time_use: bool
    state: str
    currency_code: str


class GiftCardsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's gift cards, the newest first."""

    gift_cards: list[GiftCardDocument]
    page_info: PageInfo
    error: None = None
