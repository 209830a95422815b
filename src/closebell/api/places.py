"""Routes of a centre: what a till or a booking page needs to know before it can make an invoice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from closebell.api.examples import places as examples
from closebell.api.examples.sample import CENTER_ID
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.offer_shapes import (
    GiftCardOffer,
    GiftCardOffers,
    GiftCardTemplates,
    MembershipOffer,
    MembershipOffers,
    PackageOffer,
    PackageOffers,
    ProductOffer,
    ProductOffers,
    ServiceOffer,
    ServiceOffers,
)
from closebell.api.paging import QUERY, Page, PageInfo, page_of
from closebell.api.place_shapes import (
    CenterAnswer,
    CenterDetail,
    CenterDocument,
    CentersAnswer,
    CustomPaymentDocument,
    CustomPaymentsAnswer,
    EmployeeDocument,
    EmployeesAnswer,
    TherapistDocument,
    TherapistsAnswer,
)
from closebell.api.queries import guid_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.invoice import ItemType
from closebell.domain.people import Employee
from closebell.errors import Refusal, RefusalCode
from closebell.store.catalogue_pages import Found, Slice
from closebell.usecase.read_catalogue import (
    Shelf,
    list_centers,
    list_custom_payments,
    list_employees,
    list_offers,
    read_center,
)

_CENTERS: Final = "/v1/centers"
_CENTERS_CAPITAL: Final = "/v1/Centers"
"""The same as some of the contract's pages spell it."""
_PAGED: Final[dict[str, Any]] = {"method": "GET", "tag": "Centres", "query": QUERY, "refusals": (422,)}


def _slice(page: Page) -> Slice:
    return Slice(limit=page.size, offset=page.offset)


# --- centres and employees ---------------------------------------------------------------------------------------

_LIST: Final = Doc(
    path=_CENTERS,
    summary="List the centres",
    description="Those that the caller may reach.",
    answer=CentersAnswer,
    answer_example=examples.CENTERS,
    **_PAGED,
)
_READ: Final = Doc(
    method="GET",
    path=f"{_CENTERS}/{{center_id}}",
    tag="Centres",
    summary="Read a centre",
    answer=CenterAnswer,
    answer_example=examples.ONE_CENTER,
)


async def _get_centers(request: ApiRequest) -> Answer:
    page = page_of(request)
    found = await request.service.database.read(list_centers, _slice(page), caller=request.caller)
    return Answer.of(
        CentersAnswer(
            centers=[CenterDocument.of(centre) for centre in found.rows], page_info=PageInfo.of(page, found.total)
        )
    )


async def _get_center(request: ApiRequest) -> Answer:
    center_id = guid_in_path(request, "center_id")
    centre = await request.service.database.read(read_center, center_id, caller=request.caller)
    return Answer.of(CenterAnswer(center=CenterDetail.detail_of(centre)))


async def _employees(request: ApiRequest) -> tuple[Found[Employee], PageInfo]:
    center_id, page = guid_in_path(request, "center_id"), page_of(request)
    found = await request.service.database.read(list_employees, center_id, _slice(page), caller=request.caller)
    return found, PageInfo.of(page, found.total)


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/employees",
        summary="List the employees of a centre",
        description="Without those who have left.",
        answer=EmployeesAnswer,
        answer_example=examples.EMPLOYEES,
        **_PAGED,
    )
)
async def get_employees(request: ApiRequest) -> Answer:
    """List the employees of a centre."""
    found, info = await _employees(request)
    return Answer.of(EmployeesAnswer(employees=[EmployeeDocument.of(one) for one in found.rows], page_info=info))


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/therapists",
        summary="List the therapists of a centre",
        description="Its employees: who of them treats is not known here.",
        answer=TherapistsAnswer,
        answer_example=examples.THERAPISTS,
        **_PAGED,
    )
)
async def get_therapists(request: ApiRequest) -> Answer:
    """List the employees of a centre, as therapists."""
    found, info = await _employees(request)
    return Answer.of(TherapistsAnswer(therapists=[TherapistDocument.of(one) for one in found.rows], page_info=info))


# --- what is sold ------------------------------------------------------------------------------------------------


async def _offers(request: ApiRequest, center_id: str, *types: ItemType) -> tuple[Shelf, PageInfo]:
    page = page_of(request)
    shelf = await request.service.database.read(list_offers, center_id, types, _slice(page), caller=request.caller)
    return shelf, PageInfo.of(page, shelf.offers.total)


_SERVICES: Final = Doc(
    path=f"{_CENTERS}/{{center_id}}/services",
    summary="List the services of a centre",
    answer=ServiceOffers,
    answer_example=examples.SERVICES,
    **_PAGED,
)


async def _get_services(request: ApiRequest) -> Answer:
    shelf, info = await _offers(request, guid_in_path(request, "center_id"), ItemType.SERVICE)
    services = [ServiceOffer.of(offer, shelf.centre) for offer in shelf.offers.rows]
    return Answer.of(ServiceOffers(services=services, page_info=info))


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/products",
        summary="List the products of a centre",
        answer=ProductOffers,
        answer_example=examples.PRODUCTS,
        **_PAGED,
    )
)
async def get_products(request: ApiRequest) -> Answer:
    """List the products of a centre."""
    shelf, info = await _offers(request, guid_in_path(request, "center_id"), ItemType.PRODUCT)
    products = [ProductOffer.of(offer, shelf.centre) for offer in shelf.offers.rows]
    return Answer.of(ProductOffers(products=products, page_info=info))


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/memberships",
        summary="List the memberships of a centre",
        answer=MembershipOffers,
        answer_example=examples.MEMBERSHIPS,
        **_PAGED,
    )
)
async def get_memberships(request: ApiRequest) -> Answer:
    """List the memberships of a centre."""
    shelf, info = await _offers(request, guid_in_path(request, "center_id"), ItemType.MEMBERSHIP)
    memberships = [MembershipOffer.of(offer, shelf.centre) for offer in shelf.offers.rows]
    return Answer.of(
        MembershipOffers(memberships=memberships, total_no_of_memberships=shelf.offers.total, page_info=info)
    )


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/packages",
        summary="List the packages of a centre",
        answer=PackageOffers,
        answer_example=examples.PACKAGES,
        **_PAGED,
    )
)
async def get_packages(request: ApiRequest) -> Answer:
    """List the packages of a centre, day packages too."""
    center_id = guid_in_path(request, "center_id")
    shelf, info = await _offers(request, center_id, ItemType.PACKAGE, ItemType.DAY_PACKAGE)
    packages = [PackageOffer.of(offer, shelf.centre) for offer in shelf.offers.rows]
    return Answer.of(PackageOffers(packages=packages, page_info=info))


async def _gift_cards(request: ApiRequest, center_id: str) -> tuple[list[GiftCardOffer], PageInfo]:
    shelf, info = await _offers(request, center_id, ItemType.CARD)
    return [GiftCardOffer.of(offer, shelf.centre) for offer in shelf.offers.rows], info


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/giftcards",
        summary="List the gift cards that a centre sells",
        answer=GiftCardOffers,
        answer_example=examples.GIFT_CARDS,
        is_extension=True,
        **_PAGED,
    )
)
async def get_giftcards(request: ApiRequest) -> Answer:
    """List the gift cards that a centre sells."""
    giftcards, info = await _gift_cards(request, guid_in_path(request, "center_id"))
    return Answer.of(GiftCardOffers(giftcards=giftcards, page_info=info))


_CENTER_QUERY: Final = Query(
    name="center_id",
    schema={"type": "string", "format": "uuid"},
    sentence="The centre; required.",
    example=CENTER_ID,
)


@operation(
    Doc(
        path="/v1/giftcards/templates",
        summary="List the gift cards that a centre sells",
        description="The same list by the contract's name.",
        answer=GiftCardTemplates,
        answer_example=examples.TEMPLATES,
        **{**_PAGED, "query": (_CENTER_QUERY, *QUERY)},
    )
)
async def get_templates(request: ApiRequest) -> Answer:
    """List the gift cards that a centre sells, as the contract asks for them."""
    center_id = query_of(request).guid("center_id")
    if center_id is None:
        raise Refusal(RefusalCode.CENTER_INVALID, "center_id is missing; name the centre that sells them.")
    templates, info = await _gift_cards(request, center_id)
    return Answer.of(GiftCardTemplates(templates=templates, page_info=info))


@operation(
    Doc(
        path=f"{_CENTERS}/{{center_id}}/custom_payments",
        summary="List the ways to pay that the business named itself",
        answer=CustomPaymentsAnswer,
        answer_example=examples.CUSTOM_PAYMENTS,
        is_extension=True,
        **_PAGED,
    )
)
async def get_custom_payments(request: ApiRequest) -> Answer:
    """List the ways to pay that the business named itself."""
    center_id, page = guid_in_path(request, "center_id"), page_of(request)
    found = await request.service.database.read(list_custom_payments, center_id, _slice(page), caller=request.caller)
    payments = [CustomPaymentDocument(id=one.id, name=one.name) for one in found.rows]
    return Answer.of(CustomPaymentsAnswer(custom_payments=payments, page_info=PageInfo.of(page, found.total)))


def _in_both_spellings(doc: Doc, handler: Callable[[ApiRequest], Awaitable[Answer]]) -> tuple[Operation, Operation]:
    """The route, and the same one as the contract's page spells it."""
    capital = replace(doc, path=doc.path.replace(_CENTERS, _CENTERS_CAPITAL))
    return operation(doc)(handler), operation(capital)(handler)


OPERATIONS: Final[tuple[Operation, ...]] = (
    *_in_both_spellings(_LIST, _get_centers),
    *_in_both_spellings(_READ, _get_center),
    get_employees,
    get_therapists,
    *_in_both_spellings(_SERVICES, _get_services),
    get_products,
    get_memberships,
    get_packages,
    get_giftcards,
    get_templates,
    get_custom_payments,
)
