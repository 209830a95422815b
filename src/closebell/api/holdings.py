"""Routes of what a guest holds: memberships, packages, points and cards."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from closebell.api import paging
from closebell.api.examples import guests as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.holding_shapes import (
    GiftCardDocument,
    GiftCardsAnswer,
    GuestPoints,
    HeldAt,
    HeldInvoice,
    HeldPrice,
    HeldPurchase,
    HeldThing,
    MembershipDocument,
    MembershipsAnswer,
    PackageDates,
    PackageDocument,
    PackagesAnswer,
    PackageServiceDocument,
    PointsAnswer,
    PrepaidCardDocument,
    PrepaidCardsAnswer,
    ProgramPoints,
    ServiceInfo,
)
from closebell.api.paging import PageInfo, page_of
from closebell.api.queries import guid_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.account import AccountKind, AccountState
from closebell.domain.guest_holding import Holding, Package, membership_status, packages_of
from closebell.domain.invoice import Centre
from closebell.domain.money import Currency, Minor
from closebell.usecase.read_holdings import HOLDINGS_MAX, GuestHoldings, read_holdings

_AMOUNT: Final = 1
"""The contract's type of a gift card that is worth an amount."""


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}/memberships",
        tag="Guests",
        summary="List a guest's memberships",
        description=f"All of them, whatever became of each; up to {HOLDINGS_MAX}, the newest first.",
        answer=MembershipsAnswer,
        answer_example=examples.MEMBERSHIPS,
        refusals=(403, 404),
        path_example={"guest_id": examples.MEMBER_ID},
    )
)
async def get_memberships(request: ApiRequest) -> Answer:
    """List a guest's memberships."""
    found = await _read(request, AccountKind.MEMBERSHIP)
    return Answer.of(MembershipsAnswer(guest_memberships=[_membership(one, found.today) for one in found.holdings]))


_PACKAGES: Final[dict[str, Any]] = {
    "method": "GET",
    "tag": "Guests",
    "summary": "List a guest's packages",
    "description": "Whatever became of each, the newest first, with the units of each service that are left.",
    "query": (
        Query(
            name="page_num",
            schema={"type": "integer", "minimum": 1, "maximum": HOLDINGS_MAX},
            sentence="The page, from 1; without it all of them are answered.",
        ),
        Query(
            name="page_size",
            schema={"type": "integer", "minimum": 1, "maximum": paging.SIZE_MAX, "default": paging.SIZE},
            sentence="Packages on a page.",
        ),
    ),
    "answer": PackagesAnswer,
    "answer_example": examples.PACKAGES,
    "refusals": (403, 404, 422),
}


@operation(Doc(path="/v1/guests/{guest_id}/packages", **_PACKAGES))
async def get_packages(request: ApiRequest) -> Answer:
    """List a guest's packages."""
    return await _guest_packages(request)


@operation(Doc(path="/v1/guests/{guest_id}/Packages", **_PACKAGES))
async def get_packages_capital(request: ApiRequest) -> Answer:
    """The same, spelled as the contract's page has it."""
    return await _guest_packages(request)


async def _guest_packages(request: ApiRequest) -> Answer:
    query = query_of(request)
    number = query.integer("page_num", default=0, least=1, most=HOLDINGS_MAX)
    size = query.page_size("page_size", default=paging.SIZE, most=paging.SIZE_MAX)
    found = await _read(request, AccountKind.PACKAGE)
    packages = packages_of(found.holdings)
    if number:
        packages = packages[(number - 1) * size : number * size]
    return Answer.of(PackagesAnswer(guest_packages=[_package(one, found.today) for one in packages]))


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}/points",
        tag="Guests",
        summary="Read a guest's loyalty points",
        answer=PointsAnswer,
        answer_example=examples.POINTS,
        refusals=(403, 404),
    )
)
async def get_points(request: ApiRequest) -> Answer:
    """Read a guest's loyalty points."""
    found = await _read(request, AccountKind.LOYALTY_POINTS)
    programs = [_points(one) for one in found.holdings if one.account.is_usable(found.today)]
    return Answer.of(PointsAnswer(guest_points=_points_in_all(programs)))


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}/prepaidcards",
        tag="Guests",
        summary="List a guest's prepaid cards",
        description=f"All of them, whatever became of each; up to {HOLDINGS_MAX}, the newest first.",
        answer=PrepaidCardsAnswer,
        answer_example=examples.PREPAID_CARDS,
        refusals=(403, 404),
    )
)
async def get_prepaid_cards(request: ApiRequest) -> Answer:
    """List a guest's prepaid cards."""
    found = await _read(request, AccountKind.PREPAID_CARD)
    return Answer.of(PrepaidCardsAnswer(guest_prepaid_cards=[_prepaid_card(one) for one in found.holdings]))


_GIFT_CARDS: Final[dict[str, Any]] = {
    "method": "GET",
    "tag": "Guests",
    "summary": "List a guest's gift cards",
    "description": "Whatever became of each, the newest first.",
    "query": paging.QUERY,
    "answer": GiftCardsAnswer,
    "answer_example": examples.GIFT_CARDS,
    "refusals": (403, 404, 422),
}


@operation(Doc(path="/v1/guests/{guest_id}/gift_cards", **_GIFT_CARDS))
async def get_gift_cards(request: ApiRequest) -> Answer:
    """List a guest's gift cards."""
    return await _gift_cards(request)


@operation(Doc(path="/v1/guests/{guest_id}/giftcards", is_extension=True, **_GIFT_CARDS))
async def get_giftcards(request: ApiRequest) -> Answer:
    """The same, spelled as the routes of prepaid cards and of gift cards' balances are."""
    return await _gift_cards(request)


async def _gift_cards(request: ApiRequest) -> Answer:
    page = page_of(request)
    found = await _read(request, AccountKind.GIFT_CARD, offset=page.offset, limit=page.size)
    cards = [_gift_card(one) for one in found.holdings]
    return Answer.of(GiftCardsAnswer(gift_cards=cards, page_info=PageInfo.of(page, found.total)))


async def _read(request: ApiRequest, kind: AccountKind, *, offset: int = 0, limit: int = HOLDINGS_MAX) -> GuestHoldings:
    return await request.service.database.read(
        read_holdings,
        guid_in_path(request, "guest_id"),
        kind,
        clock=request.service.clock,
        offset=offset,
        limit=limit,
        caller=request.caller,
    )


def _membership(holding: Holding, today: date) -> MembershipDocument:
    account = holding.account
    return MembershipDocument(
        user_membership_id=account.id,
        status=membership_status(holding, today),
        is_refunded=account.state is AccountState.CANCELLED and holding.sale is not None and holding.sale.is_closed,
        redeemable=account.is_usable(today),
        membership=_thing(holding),
        invoice=_invoice(holding),
        center=_center(holding.centre),
        purchase=_purchase(holding),
        expiry_date=_midnight(account.expires_on),
    )


def _package(package: Package, today: date) -> PackageDocument:
    first = package.first
    return PackageDocument(
        user_package_id=package.id,
        status=package.status(today),
        user_package_state=package.state(today),
        redeemable=package.is_redeemable(today),
        package=_thing(first),
        invoice=_invoice(first),
        center=_center(first.centre),
        purchase=_purchase(first),
        date=PackageDates(end=_midnight(first.account.expires_on)),
        services=[_units(one) for one in package.services],
    )


def _units(holding: Holding) -> PackageServiceDocument:
    account, service = holding.account, holding.service
    return PackageServiceDocument(
        id=account.service_id,
        name="" if service is None else service.name,
        service_type_info=None
        if service is None
        else ServiceInfo(id=service.id, name=service.name, duration=service.duration_minutes),
        total=account.value,
        used=account.value - account.balance if account.state is AccountState.ACTIVE else 0,
        balance=account.balance,
    )


def _points(holding: Holding) -> ProgramPoints:
    account, program = holding.account, holding.program
    assert program is not None, "points belong to a programme"
    return ProgramPoints(
        id=program.id,
        name=program.name,
        balance_points=account.balance,
        balance_amount=program.currency.wire(program.worth(account.balance)),
        exchange_rate=program.exchange_rate,
        currency_code=program.currency.code,
    )


def _points_in_all(programs: list[ProgramPoints]) -> GuestPoints:
    same_currency = len({one.currency_code for one in programs}) <= 1
    rates = {(one.exchange_rate, one.currency_code) for one in programs}
    return GuestPoints(
        balance_points=sum(one.balance_points for one in programs),
        balance_amount=sum((one.balance_amount for one in programs), Decimal(0)) if same_currency else None,
        exchange_rate=programs[0].exchange_rate if len(rates) == 1 else None,
        loyalty_programs=programs,
    )


def _prepaid_card(holding: Holding) -> PrepaidCardDocument:
    account = holding.account
    return PrepaidCardDocument(
        id=account.id,
        prepaid_card_number=account.number or "",
        invoice=_invoice(holding),
        center=_center(holding.centre),
        purchase_details=_purchase(holding),
        expiration_date=_midnight(account.expires_on),
        value=_amount(holding, account.value),
        balance=_amount(holding, account.balance),
        is_closed=account.state is AccountState.CANCELLED,
        is_one_time_use=False,
        sale_invoice=account.invoice_id,
        state=account.state.value,
        currency_code=_currency(holding).code,
    )


def _gift_card(holding: Holding) -> GiftCardDocument:
    account, purchase = holding.account, _purchase(holding)
    return GiftCardDocument(
        id=account.id,
        code=account.number or "",
        type=_AMOUNT,
        invoice=_invoice(holding),
        center=_center(holding.centre),
        sale_date=None if purchase is None else purchase.date,
        expiry_date=_midnight(account.expires_on),
        price=None if purchase is None or purchase.price is None else purchase.price.final,
        value=_amount(holding, account.value),
        balance=_amount(holding, account.balance),
        is_closed=account.state is AccountState.CANCELLED,
        is_one_time_use=False,
        state=account.state.value,
        currency_code=_currency(holding).code,
    )


def _thing(holding: Holding) -> HeldThing | None:
    item = holding.item
    return None if item is None else HeldThing(id=item.id, name=item.name, code=item.code, type=0)


def _invoice(holding: Holding) -> HeldInvoice | None:
    sale = holding.sale
    if sale is None:
        return None
    return HeldInvoice(
        id=sale.invoice_id,
        no=sale.invoice_number,
        receipt_no=sale.receipt_number,
        status=sale.status,
        item_id=holding.account.invoice_item_id,
    )


def _center(centre: Centre | None) -> HeldAt | None:
    return None if centre is None else HeldAt(id=centre.id, name=centre.name)


def _purchase(holding: Holding) -> HeldPurchase | None:
    sale, centre = holding.sale, holding.centre
    if sale is None or centre is None:
        return None
    price = None
    if sale.final is not None and sale.sales is not None and sale.tax is not None:
        wire = centre.currency.wire
        price = HeldPrice(
            currency_id=sale.currency_id or 0, sales=wire(sale.sales), tax=wire(sale.tax), final=wire(sale.final)
        )
    return HeldPurchase(date=sale.sold_at, price=price)


def _amount(holding: Holding, minor: Minor) -> Decimal:
    return _currency(holding).wire(minor)


def _currency(holding: Holding) -> Currency:
    currency = holding.account.currency
    assert currency is not None, "a card has a currency"
    return currency


def _midnight(day: date | None) -> str | None:
    """The date as the contract writes one where it means a time."""
    return None if day is None else f"{day.isoformat()}T00:00:00"


OPERATIONS: Final[tuple[Operation, ...]] = (
    get_memberships,
    get_packages,
    get_packages_capital,
    get_points,
    get_prepaid_cards,
    get_gift_cards,
    get_giftcards,
)
"""Reading alone: what is held is changed by selling, paying, closing and refunding."""
