"""Routes that sell what a guest holds once the invoice closes: memberships and packages."""

from __future__ import annotations

from typing import Final

import msgspec

from closebell.api.examples import sales as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import ErrorShape
from closebell.api.routing import Doc, Operation, operation
from closebell.api.sales import (
    MORE,
    NEW,
    SaleRequest,
    SoldAnswer,
    SoldItem,
    put_on_new,
    put_on_open,
    supplied,
)
from closebell.errors import InvalidInput
from closebell.usecase.begin_invoice import Sale
from closebell.usecase.sell_memberships import Memberships
from closebell.usecase.sell_packages import Package, Packages


class MembershipsRequest(SaleRequest, frozen=True, kw_only=True):
    """Memberships that somebody buys: ids in a list, or in a text with commas. `user_id` is the guest."""

    user_id: str | None = None
    membership_ids: str | list[str] | None = None
    membeship_ids: str | list[str] | None = None
    membership_version_ids: str | list[str] | None = None
    sale_by_id: str | None = None
    sale_by_employee_id: str | None = None


class PackagesRequest(SaleRequest, frozen=True, kw_only=True):
    """Packages that somebody buys, under either name."""

    package_details: list[SoldItem] | None = None
    packages: list[SoldItem] | None = None


class MembershipsSold(SoldAnswer, frozen=True, kw_only=True):
    """The same, for memberships."""

    success: bool = True


_MEMBERSHIPS: Final = msgspec.json.Decoder(MembershipsRequest)
_PACKAGES: Final = msgspec.json.Decoder(PackagesRequest)


# --- memberships -------------------------------------------------------------------------------------------------


def _memberships(said: MembershipsRequest) -> tuple[Sale, Memberships]:
    """Who buys, and what: under whichever name it is said."""
    named = {
        name: ids
        for name in ("membership_ids", "membership_version_ids", "membeship_ids")
        if (ids := _listed(getattr(said, name)))
    }
    if len(named) > 1:
        raise InvalidInput(" and ".join(named), "say the same thing by two names; write one of them")
    field = next(iter(named), "membership_ids")
    sale = msgspec.structs.replace(said, guest_id=said.user_id or said.guest_id).sale()
    return sale, Memberships(
        ids=tuple(named.get(field, ())), sale_by_id=said.sale_by_id or said.sale_by_employee_id, field=field
    )


def _listed(ids: str | list[str] | None) -> list[str]:
    """The ids, written as a list or with commas."""
    if isinstance(ids, str):
        return [part.strip() for part in ids.split(",") if part.strip()]
    return ids or []


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/memberships",
        summary="Sell memberships",
        description="A new invoice with these memberships, which are the guest's once it closes.",
        body=MembershipsRequest,
        body_example=examples.MEMBERSHIPS,
        error_shape=ErrorShape.WITH_SUCCESS,
        **{**NEW, "answer": MembershipsSold, "answer_example": examples.MEMBERSHIPS_SOLD},
    )
)
async def post_memberships(request: ApiRequest) -> Answer:
    """Sell memberships on a new invoice."""
    sale, basket = _memberships(await supplied(request, _MEMBERSHIPS))
    return await put_on_new(request, sale, basket, MembershipsSold)


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/memberships",
        summary="Sell more memberships",
        body=MembershipsRequest,
        body_example=examples.MEMBERSHIPS,
        error_shape=ErrorShape.WITH_SUCCESS,
        **{**MORE, "answer": MembershipsSold, "answer_example": examples.MEMBERSHIPS_SOLD},
    )
)
async def put_memberships(request: ApiRequest) -> Answer:
    """Sell memberships on an open invoice."""
    sale, basket = _memberships(await supplied(request, _MEMBERSHIPS))
    return await put_on_open(request, sale, basket, MembershipsSold)


# --- packages ----------------------------------------------------------------------------------------------------


def _packages(said: PackagesRequest) -> Packages:
    if said.package_details and said.packages:
        raise InvalidInput("package_details and packages", "say the same thing by two names; write one of them")
    field = "packages" if said.packages is not None and not said.package_details else "package_details"
    items = said.package_details or said.packages or ()
    return Packages(packages=tuple(Package(id=one.id, sale_by_id=one.seller()) for one in items), field=field)


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/packages",
        summary="Sell packages",
        description="A new invoice with these packages, whose units are the guest's once it closes.",
        body=PackagesRequest,
        body_example=examples.PACKAGES,
        **NEW,
    )
)
async def post_packages(request: ApiRequest) -> Answer:
    """Sell packages on a new invoice."""
    said = await supplied(request, _PACKAGES)
    return await put_on_new(request, said.sale(), _packages(said))


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/packages",
        summary="Sell more packages",
        body=PackagesRequest,
        body_example=examples.PACKAGES,
        is_extension=True,
        **MORE,
    )
)
async def put_packages(request: ApiRequest) -> Answer:
    """Sell packages on an open invoice."""
    said = await supplied(request, _PACKAGES)
    return await put_on_open(request, said.sale(), _packages(said))


OPERATIONS: Final[tuple[Operation, ...]] = (post_memberships, put_memberships, post_packages, put_packages)
