"""Sell products: each becomes a line."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.sale import Staff, line_of, must_be_something, quantity
from closebell.errors import Refusal, RefusalCode
from closebell.usecase.begin_invoice import lenient_guid, seller, staff
from closebell.usecase.change_lines import Sold
from closebell.usecase.find_offers import Shelf, find_offers


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that somebody buys, as the request says it."""

    id: str | None
    quantity: Decimal | None = None
    sale_by_id: str | None = None


@dataclass(frozen=True, slots=True)
class Products:
    """A basket of products."""

    products: tuple[Product, ...]

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line for each.

        Errors: Refusal 502, product by product: Invalid product id., only retail products ..., unable to retrieve
                stock details ..., Invalid quantity., Invalid sale_by_employee_id.
        """
        must_be_something(self.products, "products")
        shelf = find_offers(connection, invoice.centre, (product.id for product in self.products))
        known = staff(connection, (product.sale_by_id for product in self.products))
        lines = [
            _line(product, f"products[{index}]", shelf, known, luck) for index, product in enumerate(self.products)
        ]
        return Sold(lines=tuple(lines))


def _line(product: Product, field: str, shelf: Shelf, known: dict[str, Staff], luck: Luck) -> Line:
    item_id = lenient_guid(product.id)
    item = None if item_id is None else shelf.items.get(item_id)
    if item is None or item.type != ItemType.PRODUCT:
        said = "is missing; name a product" if product.id is None else f"{product.id!r:.60} is not a product"
        raise Refusal(RefusalCode.PRODUCT_INVALID, f"{field}.id: {said}.")
    if not item.is_retail:
        raise Refusal(RefusalCode.NOT_RETAIL, f"{field}.id: {item.name or item.id} is used up and not sold.")
    offer = shelf.offers.get(item.id)
    if offer is None:
        raise Refusal(
            RefusalCode.STOCK_UNKNOWN, f"{field}.id: {item.name or item.id} is not sold at centre {shelf.centre.id}."
        )
    how_much = quantity(product.quantity, f"{field}.quantity")
    sold_by = seller(known, product.sale_by_id, f"{field}.sale_by_id")
    return line_of(offer, shelf.centre, line_id=luck.guid(), quantity=how_much, seller=sold_by)
