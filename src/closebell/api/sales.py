"""Routes that sell products and services, on a new invoice or on one that is open; and what all selling shares."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from closebell.api import bodies
from closebell.api.examples import sales as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.money import must_be_plainly_written
from closebell.domain.sale import Booking
from closebell.errors import Refusal, RefusalCode
from closebell.usecase.begin_invoice import Sale
from closebell.usecase.sell import Basket, Purchase, sell, sell_more
from closebell.usecase.sell_products import Product, Products
from closebell.usecase.sell_services import Service, Services

T = TypeVar("T")


class SaleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who buys where. On an invoice that is open nothing of it is needed; what is said must be true of it."""

    center_id: str | None = None
    guest_id: str | None = None
    notes: str | None = None
    created_by_id: str | None = None

    def sale(self) -> Sale:
        """The same, as the use case takes it."""
        return Sale(
            center_id=self.center_id,
            guest_id=self.guest_id,
            notes=self.notes,
            created_by_id=self.created_by_id,
        )


class SoldItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is sold, and who sold it, by either name."""

    id: str | None = None
    sale_by_id: str | None = None
    sale_by_employee_id: str | None = None

    def seller(self) -> str | None:
        """Whoever sold it."""
        return self.sale_by_id or self.sale_by_employee_id


class ProductItem(SoldItem, frozen=True, kw_only=True):
    """A product; one of it unless said."""

    quantity: Decimal | None = None


class ProductsRequest(SaleRequest, frozen=True, kw_only=True):
    """Products that somebody buys."""

    products: list[ProductItem] | None = None


class ServiceItem(SoldItem, frozen=True, kw_only=True):
    """A service; with a start it is booked, and lasts as long as it usually does unless its end is said."""

    quantity: Decimal | None = None
    therapist_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    room_name: str | None = None
    equipment_name: str | None = None
    therapist_request_type: int | None = None


class ServicesRequest(SaleRequest, frozen=True, kw_only=True):
    """Services that somebody gets."""

    services: list[ServiceItem] | None = None


class SoldAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice that it is on."""

    invoice_id: str
    invoice_number: str
    error: None = None


_PRODUCTS: Final = msgspec.json.Decoder(ProductsRequest)
_SERVICES: Final = msgspec.json.Decoder(ServicesRequest)
NEW: Final[dict[str, Any]] = {"tag": "Selling", "answer": SoldAnswer, "answer_example": examples.SOLD}
MORE: Final[dict[str, Any]] = {
    **NEW,
    "method": "PUT",
    "path_example": examples.OPEN,
    "description": "Puts them behind what is on the invoice, and prices its campaign anew. An invoice that is closed, "
    "cancelled, locked or a refund is not changed.",
    "refusals": (403, 404, 409, 413),
}
"""What routes that sell on a new invoice, and on an open one, have in common."""


async def supplied(request: ApiRequest, decoder: msgspec.json.Decoder[T], *, amounts: str = "") -> T:
    """What a sale's body says; `amounts` are names of amounts that elsewhere are names of texts.

    Errors: Refusal 502 request body is not supplied.; those of any body.
    """
    body = await request.payload()
    if body.strip() in (b"", b"null"):
        raise Refusal(RefusalCode.BODY_MISSING, "Send a JSON object.")
    said = bodies.decode(body, decoder)
    if amounts:
        must_be_plainly_written(body, fields=amounts)
    return said


async def put_on_new(request: ApiRequest, sale: Sale, basket: Basket, answer: type[SoldAnswer] = SoldAnswer) -> Answer:
    """Sell it on a new invoice."""
    service = request.service
    return await request.write(
        lambda purchase: _answer(purchase, answer),
        sell,
        sale,
        basket,
        clock=service.clock,
        luck=service.luck,
        caller=request.caller,
    )


async def put_on_open(request: ApiRequest, sale: Sale, basket: Basket, answer: type[SoldAnswer] = SoldAnswer) -> Answer:
    """Sell it on the invoice that the path names."""
    service = request.service
    return await request.write(
        lambda purchase: _answer(purchase, answer),
        sell_more,
        guid_in_path(request, "invoice_id"),
        sale,
        basket,
        clock=service.clock,
        luck=service.luck,
        caller=request.caller,
    )


def _answer(purchase: Purchase, answer: type[SoldAnswer]) -> Answer:
    return Answer.of(answer(invoice_id=purchase.invoice.id, invoice_number=purchase.invoice.invoice_number))


# --- products ----------------------------------------------------------------------------------------------------


def _products(said: ProductsRequest) -> Products:
    return Products(
        tuple(Product(id=one.id, quantity=one.quantity, sale_by_id=one.seller()) for one in said.products or ())
    )


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/products",
        summary="Sell products",
        description="A new invoice with these products, at the prices and taxes of the centre.",
        body=ProductsRequest,
        body_example=examples.PRODUCTS,
        **NEW,
    )
)
async def post_products(request: ApiRequest) -> Answer:
    """Sell products on a new invoice."""
    said = await supplied(request, _PRODUCTS)
    return await put_on_new(request, said.sale(), _products(said))


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/products",
        summary="Sell more products",
        body=ProductsRequest,
        body_example=examples.MORE_PRODUCTS,
        **MORE,
    )
)
async def put_products(request: ApiRequest) -> Answer:
    """Sell products on an open invoice."""
    said = await supplied(request, _PRODUCTS)
    return await put_on_open(request, said.sale(), _products(said))


# --- services ----------------------------------------------------------------------------------------------------


def _services(said: ServicesRequest) -> Services:
    return Services(
        tuple(
            Service(
                id=one.id,
                quantity=one.quantity,
                sale_by_id=one.seller(),
                therapist_id=one.therapist_id,
                booking=Booking(
                    start_time=one.start_time,
                    end_time=one.end_time,
                    room_name=one.room_name,
                    equipment_name=one.equipment_name,
                    therapist_request_type=one.therapist_request_type,
                ),
            )
            for one in said.services or ()
        )
    )


@operation(
    Doc(
        method="POST",
        path="/v1/invoices/services",
        summary="Sell services",
        description="A new invoice with these services. One with a `start_time` gets an appointment.",
        body=ServicesRequest,
        body_example=examples.SERVICES,
        is_extension=True,
        **NEW,
    )
)
async def post_services(request: ApiRequest) -> Answer:
    """Sell services on a new invoice."""
    said = await supplied(request, _SERVICES)
    return await put_on_new(request, said.sale(), _services(said))


@operation(
    Doc(
        path="/v1/invoices/{invoice_id}/services",
        summary="Sell more services",
        body=ServicesRequest,
        body_example=examples.MORE_SERVICES,
        is_extension=True,
        **MORE,
    )
)
async def put_services(request: ApiRequest) -> Answer:
    """Sell services on an open invoice."""
    said = await supplied(request, _SERVICES)
    return await put_on_open(request, said.sale(), _services(said))


OPERATIONS: Final[tuple[Operation, ...]] = (post_products, put_products, post_services, put_services)
