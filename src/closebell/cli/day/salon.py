"""Who and what there is that day: three centres, their people, what they sell, campaigns, and what guests hold."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from closebell.cli.day.sums import Minor, major
from closebell.domain.invoice import ItemType, Tender

_NAMES: Final = uuid.UUID("c105ebe1-da10-4000-8000-000000000000")
CUSTOM_PAYMENT_ID: Final = "c105ebe1-0000-4000-8000-000000000001"
FREE_CARD: Final = "Gift card"
FREE_CARD_ID: Final = "c105ebe1-0000-4000-8000-00000000ca4d"
_PEOPLE: Final = ("Ines", "Omar", "Yuki", "Noor")


def guid_of(name: str) -> str:
    """The identifier of whatever has this name."""
    return str(uuid.uuid5(_NAMES, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something for sale at one centre.

    Shape: `value` is what a gift card will be worth; `benefits` are the services that a package pays for.
    Units: `tax_rate` is in percent, of the price without the tax.
    """

    name: str
    type: ItemType
    price: Minor
    tax_rate: Decimal
    is_tax_included: bool
    value: Minor | None = None
    benefits: tuple[tuple[Item, int], ...] = ()

    @property
    def id(self) -> str:
        """Its identifier; a card without a template has that of all such cards."""
        return FREE_CARD_ID if self.name == FREE_CARD else guid_of(f"item {self.name}")


def free_card(price: Minor, value: Minor) -> Item:
    """A gift card without a template."""
    return Item(
        name=FREE_CARD,
        type=ItemType.CARD,
        price=price,
        tax_rate=Decimal(0),
        is_tax_included=False,
        value=value,
    )


class Deal(enum.StrEnum):
    """The campaigns that each centre has."""

    PERCENT = "percent"
    PRODUCTS = "products"
    AMOUNT = "amount"
    VOUCHER = "voucher"
    LARGE = "large"
    ONCE = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A discount: `percent` of the items it is for, or `amount` off them; good for `items`, or for all without any.

    Shape: one with `vouchers` is had by the code of one of them, each good once; any other by `code`.
    """

    code: str
    percent: Decimal | None = None
    amount: Minor | None = None
    items: tuple[Item, ...] = ()
    minimum: Minor | None = None
    redemptions_max: int | None = None
    vouchers: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its identifier."""
        return guid_of(f"campaign {self.code}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a guest brings along: a card with its number, or points.

    Units: minor units of the centre's currency on a card; points.
    """

    tender: Tender
    name: str
    guest_id: str
    value: int

    @property
    def id(self) -> str:
        """Its identifier."""
        return guid_of(f"account {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A centre.

    Units: the rates are in percent, `coin` is the smallest coin in minor units, a point is worth `point_worth` of the
           major unit.
    """

    name: str
    time_zone: str
    currency: str
    decimals: int
    coin: Minor
    ssg_rate: Decimal
    fee_rate: Decimal
    cap_rate: Decimal
    point_worth: Decimal
    prefix: str
    services: tuple[Item, ...]
    products: tuple[Item, ...]
    membership: Item
    package: Item
    template: Item
    campaigns: Mapping[Deal, Campaign]

    @property
    def id(self) -> str:
        """Its identifier."""
        return guid_of(f"centre {self.name}")

    @property
    def program_id(self) -> str:
        """The identifier of its programme of points."""
        return guid_of(f"points {self.name}")

    @property
    def staff(self) -> tuple[str, ...]:
        """The identifiers of those who work there."""
        return tuple(guid_of(f"employee {self.name} {first}") for first in _PEOPLE)

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything it sells; the services of a package come before it."""
        return (*self.services, *self.products, self.membership, self.package, self.template)

    def said(self, amount: Minor) -> Decimal:
        """An amount as the wire says it."""
        return major(amount, self.decimals)


def guest_of(place: Place, number: int) -> str:
    """The identifier of one of a centre's guests."""
    return guid_of(f"guest {place.name} {number}")


# --- the three centres -----------------------------------------------------------------------------------------------

_Terms = tuple[str, Minor, str, bool]
"""Name, price, rate of the tax in percent, and whether the tax is in the price."""


def _items(place: str, kind: ItemType, *terms: _Terms) -> tuple[Item, ...]:
    return tuple(
        Item(name=f"{place} {name}", type=kind, price=price, tax_rate=Decimal(rate), is_tax_included=included)
        for name, price, rate, included in terms
    )


def _package(place: str, price: Minor, rate: str, services: tuple[Item, ...]) -> Item:
    return Item(
        name=f"{place} Package",
        type=ItemType.PACKAGE,
        price=price,
        tax_rate=Decimal(rate),
        is_tax_included=False,
        benefits=((services[0], 5), (services[1], 2)),
    )


def _template(place: str, price: Minor, value: Minor) -> Item:
    return Item(
        name=f"{place} Gift card",
        type=ItemType.CARD,
        price=price,
        tax_rate=Decimal(0),
        is_tax_included=False,
        value=value,
    )


def _campaigns(
    place: str, products: tuple[Item, ...], *, amount: Minor, minimum: Minor, vouchers: int
) -> Mapping[Deal, Campaign]:
    mark = place[:3].upper()
    codes = tuple(f"V{mark}-{number:03d}" for number in range(1, vouchers + 1))
    return {
        Deal.PERCENT: Campaign(code=f"{mark}15", percent=Decimal(15)),
        Deal.PRODUCTS: Campaign(code=f"{mark}SHELF", percent=Decimal("12.5"), items=products),
        Deal.AMOUNT: Campaign(code=f"{mark}OFF", amount=amount),
        Deal.VOUCHER: Campaign(code=f"V{mark}-", percent=Decimal("33.33"), vouchers=codes),
        Deal.LARGE: Campaign(code=f"{mark}LARGE", percent=Decimal(50), minimum=minimum),
        Deal.ONCE: Campaign(code=f"{mark}ONCE", percent=Decimal(10), redemptions_max=1),
    }


def places(*, vouchers: int) -> tuple[Place, ...]:
    """The three centres, each with so many vouchers."""
    return (_bellevue(vouchers), _kyoto(vouchers), _salmiya(vouchers))


def _bellevue(vouchers: int) -> Place:
    name = "Bellevue"
    services = _items(
        name,
        ItemType.SERVICE,
        ("Cut", 4850, "10.25", False),
        ("Facial", 8635, "7.25", True),
        ("Massage", 11999, "0", False),
    )
    products = _items(
        name,
        ItemType.PRODUCT,
        ("Shampoo", 1835, "10.25", False),
        ("Oil", 3333, "7.25", True),
        ("Brush", 799, "0", False),
    )
    return Place(
        name=name,
        time_zone="America/Los_Angeles",
        currency="USD",
        decimals=2,
        coin=1,
        ssg_rate=Decimal("4.5"),
        fee_rate=Decimal("1.25"),
        cap_rate=Decimal(40),
        point_worth=Decimal("0.015"),
        prefix="B",
        services=services,
        products=products,
        membership=_items(name, ItemType.MEMBERSHIP, ("Membership", 7900, "10.25", False))[0],
        package=_package(name, 54000, "10.25", services),
        template=_template(name, 10000, 12000),
        campaigns=_campaigns(name, products, amount=777, minimum=1000000, vouchers=vouchers),
    )


def _kyoto(vouchers: int) -> Place:
    name = "Kyoto"
    services = _items(
        name,
        ItemType.SERVICE,
        ("Cut", 6600, "10", True),
        ("Facial", 9870, "8", True),
        ("Massage", 12505, "10", False),
    )
    products = _items(
        name,
        ItemType.PRODUCT,
        ("Shampoo", 1980, "10", True),
        ("Oil", 3333, "8", False),
        ("Brush", 799, "8", True),
    )
    return Place(
        name=name,
        time_zone="Asia/Tokyo",
        currency="JPY",
        decimals=0,
        coin=1,
        ssg_rate=Decimal(10),
        fee_rate=Decimal("0.5"),
        cap_rate=Decimal(30),
        point_worth=Decimal(1),
        prefix="K",
        services=services,
        products=products,
        membership=_items(name, ItemType.MEMBERSHIP, ("Membership", 9800, "10", True))[0],
        package=_package(name, 58000, "10", services),
        template=_template(name, 10000, 10000),
        campaigns=_campaigns(name, products, amount=555, minimum=900000, vouchers=vouchers),
    )


def _salmiya(vouchers: int) -> Place:
    name = "Salmiya"
    services = _items(
        name,
        ItemType.SERVICE,
        ("Cut", 7125, "5", False),
        ("Facial", 11105, "5", True),
        ("Massage", 18333, "0", False),
    )
    products = _items(
        name,
        ItemType.PRODUCT,
        ("Shampoo", 4444, "5", False),
        ("Oil", 9990, "5", True),
        ("Brush", 1237, "0", False),
    )
    return Place(
        name=name,
        time_zone="Asia/Kuwait",
        currency="KWD",
        decimals=3,
        coin=5,
        ssg_rate=Decimal(3),
        fee_rate=Decimal("0.75"),
        cap_rate=Decimal(50),
        point_worth=Decimal("0.0025"),
        prefix="S",
        services=services,
        products=products,
        membership=_items(name, ItemType.MEMBERSHIP, ("Membership", 25499, "5", False))[0],
        package=_package(name, 77777, "5", services),
        template=_template(name, 30000, 33000),
        campaigns=_campaigns(name, products, amount=1111, minimum=1000000, vouchers=vouchers),
    )
