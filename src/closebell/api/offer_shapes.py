"""What a centre sells, as it looks on the wire.

Source: the contract's pages "list-all-services-of-a-center", "list-all-products-of-a-center",
"list-all-memberships-in-a-center", "list-all-packages-of-a-center" and "list-all-templates". docs/api.md says which
fields are ours, and which of the contract's always have the same value because nothing here fills them.
"""

from __future__ import annotations

from decimal import Decimal

from closebell.api.paging import PageInfo
from closebell.api.place_shapes import Shape
from closebell.domain import pricing
from closebell.domain.catalogue import Offer
from closebell.domain.invoice import Centre


class PriceInfo(Shape, frozen=True):
    """What one unit costs at the centre; `tax_rate` is in percent."""

    currency_id: int
    sale_price: Decimal
    tax_id: str
    ssg: Decimal
    include_tax: bool
    demand_group_id: str
    tax: Decimal
    price_without_tax: Decimal
    final_price: Decimal
    tax_rate: Decimal

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> PriceInfo:
        """The terms on the wire."""
        sales, tax = pricing.of_one(offer.terms)
        wire = centre.currency.wire
        return cls(
            currency_id=centre.currency_id,
            sale_price=wire(offer.terms.unit_price),
            tax_id="",
            ssg=Decimal(0),
            include_tax=offer.terms.is_tax_included,
            demand_group_id="",
            tax=wire(tax),
            price_without_tax=wire(sales),
            final_price=wire(sales + tax),
            tax_rate=offer.terms.tax_rate,
        )


class PriceModel(Shape, frozen=True):
    """What one unit comes to, as lines of an invoice say it."""

    currency_id: int
    sales: Decimal
    tax: Decimal
    final: Decimal

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> PriceModel:
        """The terms on the wire."""
        sales, tax = pricing.of_one(offer.terms)
        wire = centre.currency.wire
        return cls(currency_id=centre.currency_id, sales=wire(sales), tax=wire(tax), final=wire(sales + tax))


class ServiceOffer(Shape, frozen=True):
    """A service."""

    id: str
    code: str
    name: str
    description: str
    duration: int
    recovery_time: int
    is_couple_service: bool
    price_info: PriceInfo
    additional_info: None = None
    catalog_info: None = None
    variants_info: None = None
    add_ons_info: None = None
    image_paths: None = None

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> ServiceOffer:
        """The service on the wire."""
        return cls(
            id=offer.item.id,
            code=offer.item.code,
            name=offer.item.name,
            description="",
            duration=offer.item.duration_minutes,
            recovery_time=0,
            is_couple_service=False,
            price_info=PriceInfo.of(offer, centre),
        )


class SaleInfo(Shape, frozen=True):
    """The terms of a product at one centre."""

    currency_id: int
    include_tax: bool
    tax_id: str | None
    sale_price: Decimal


class ProductCenter(Shape, frozen=True):
    """A centre that sells a product."""

    center_id: str
    center_code: str
    sale_info: SaleInfo


class ProductPreferences(Shape, frozen=True):
    """Whether a product is sold, or used up."""

    consumable: bool
    retail: bool


class ProductOffer(Shape, frozen=True):
    """A product; `centers` has the one that was asked for."""

    id: str
    code: str
    name: str
    description: str
    html_description: str
    preferences: ProductPreferences
    centers: list[ProductCenter]
    price_info: PriceInfo

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> ProductOffer:
        """The product on the wire."""
        price = PriceInfo.of(offer, centre)
        sale = SaleInfo(
            currency_id=price.currency_id, include_tax=price.include_tax, tax_id=None, sale_price=price.sale_price
        )
        return cls(
            id=offer.item.id,
            code=offer.item.code,
            name=offer.item.name,
            description="",
            html_description="",
            preferences=ProductPreferences(consumable=not offer.item.is_retail, retail=offer.item.is_retail),
            centers=[ProductCenter(center_id=centre.id, center_code=centre.code, sale_info=sale)],
            price_info=price,
        )


class MembershipOffer(Shape, frozen=True):
    """A membership; it has one version, itself."""

    id: str
    version_id: str
    name: str
    code: str
    price: PriceModel
    can_book: bool
    show_price: bool
    display_name: str
    is_recurring_membership: bool
    membership_type: int
    description: str
    validity_days: int | None

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> MembershipOffer:
        """The membership on the wire."""
        return cls(
            id=offer.item.id,
            version_id=offer.item.id,
            name=offer.item.name,
            code=offer.item.code,
            price=PriceModel.of(offer, centre),
            can_book=True,
            show_price=True,
            display_name=offer.item.name,
            is_recurring_membership=False,
            membership_type=0,
            description="",
            validity_days=offer.item.validity_days,
        )


class PackageCenter(Shape, frozen=True):
    """The terms of a package at one centre."""

    center_id: str
    currency_id: int
    sale_price: Decimal
    tax_id: str | None


class OfferedService(Shape, frozen=True):
    """A service that a package pays for, and how often."""

    id: str
    quantity: int


class PackageBenefits(Shape, frozen=True):
    """What a package pays for."""

    services: list[OfferedService]


class PackageOffer(Shape, frozen=True):
    """A package; `item_type` is the contract's number for what its line on an invoice sells."""

    id: str
    code: str
    name: str
    description: str
    version_id: str
    html_description: str
    centers: list[PackageCenter]
    benefits: PackageBenefits
    item_type: int
    price_info: PriceInfo
    validity_days: int | None

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> PackageOffer:
        """The package on the wire."""
        price = PriceInfo.of(offer, centre)
        place = PackageCenter(
            center_id=centre.id, currency_id=price.currency_id, sale_price=price.sale_price, tax_id=None
        )
        return cls(
            id=offer.item.id,
            code=offer.item.code,
            name=offer.item.name,
            description="",
            version_id=offer.item.id,
            html_description="",
            centers=[place],
            benefits=PackageBenefits(
                services=[OfferedService(id=service_id, quantity=quantity) for service_id, quantity in offer.benefits]
            ),
            item_type=offer.item.type,
            price_info=price,
            validity_days=offer.item.validity_days,
        )


class GiftCardOffer(Shape, frozen=True):
    """A gift card to sell; `validity` is in days, null for ever."""

    id: str
    name: str
    description: str
    price: Decimal
    value: Decimal
    validity: int | None
    is_amount: bool
    can_be_sold: bool
    price_model: PriceModel
    code: str

    @classmethod
    def of(cls, offer: Offer, centre: Centre) -> GiftCardOffer:
        """The template on the wire."""
        price = offer.terms.unit_price
        return cls(
            id=offer.item.id,
            name=offer.item.name,
            description="",
            price=centre.currency.wire(price),
            value=centre.currency.wire(price if offer.value is None else offer.value),
            validity=offer.item.validity_days,
            is_amount=True,
            can_be_sold=True,
            price_model=PriceModel.of(offer, centre),
            code=offer.item.code,
        )


class ServiceOffers(Shape, frozen=True):
    """A page of services."""

    services: list[ServiceOffer]
    page_info: PageInfo
    error: None = None


class ProductOffers(Shape, frozen=True):
    """A page of products."""

    products: list[ProductOffer]
    page_info: PageInfo
    error: None = None


class MembershipOffers(Shape, frozen=True):
    """A page of memberships."""

    memberships: list[MembershipOffer]
    total_no_of_memberships: int
    page_info: PageInfo
    error: None = None


class PackageOffers(Shape, frozen=True):
    """A page of packages."""

    packages: list[PackageOffer]
    page_info: PageInfo
    error: None = None


class GiftCardOffers(Shape, frozen=True):
    """A page of gift cards to sell."""

    giftcards: list[GiftCardOffer]
    page_info: PageInfo
    error: None = None


class GiftCardTemplates(Shape, frozen=True):
    """A page of gift cards to sell, by the contract's name."""

    templates: list[GiftCardOffer]
    page_info: PageInfo
    error: None = None
