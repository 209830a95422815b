"""Routes that sell gift cards and prepaid cards, and that show their numbers once more."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from closebell.api.examples import sales as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.api.sales import SaleRequest, SoldAnswer, supplied
from closebell.domain.account import Account
from closebell.domain.caller import Role
from closebell.errors import InvalidInput
from closebell.usecase.begin_invoice import Sale
from closebell.usecase.read_sold_cards import read_sold_cards
from closebell.usecase.sell import Basket, Purchase, sell
from closebell.usecase.sell_gift_cards import CustomCard, CustomCards, Occasion, TemplateCard, TemplateCards

_DAYS_DIGITS_MAX: Final = 9


class OccasionShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a card is for, and what it says."""

    id: str | None = None
    image_id: str | None = None
    message: str | None = None


class RecipientShape(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to get the card."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


class CardItem(msgspec.Struct, frozen=True, kw_only=True):
    """What cards of both kinds have in common; the contract's spellings are taken, and the right ones."""

    schedule_time: str | None = None
    occassion: OccasionShape | None = None
    occasion: OccasionShape | None = None
    recepient: RecipientShape | None = None
    recipient: RecipientShape | None = None
    notes: str | None = None
    sale_by_id: str | None = None

    def told(self) -> Occasion:
        """The same, as the use case takes it."""
        event = self.occassion or self.occasion or OccasionShape()
        person = self.recepient or self.recipient or RecipientShape()
        return Occasion(
            id=event.id,
            image_id=event.image_id,
            message=event.message,
            recipient_name=person.name,
            recipient_email=person.email,
            recipient_phone=person.phone,
            schedule_time=self.schedule_time,
            notes=self.notes,
        )


class TemplateCardItem(CardItem, frozen=True, kw_only=True):
    """A card from the catalogue."""

    template_id: str | None = None


class GiftCardsRequest(SaleRequest, frozen=True, kw_only=True):
    """Cards from the catalogue that somebody buys."""

    giftcards: list[TemplateCardItem] | None = None


class CustomAmount(msgspec.Struct, frozen=True, kw_only=True):
    """What a card costs, and what it is worth: its price unless said."""

    price: Decimal | None = None
    value: Decimal | None = None


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """How long a card is good: so many days, or until a date."""

    days: int | str | None = None
    date: str | None = None


class CustomCardItem(CardItem, frozen=True, kw_only=True):
    """A card for any amount."""

    type: int | None = None
    kind: str | None = None
    code: str | None = None
    custom_amount: CustomAmount | None = None
    is_onetime_use: bool | None = None
    expiry: Expiry | None = None


class CustomCardsRequest(SaleRequest, frozen=True, kw_only=True):
    """Cards for any amount that somebody buys."""

    gift_cards: list[CustomCardItem] | None = None


class SoldCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card and the line that sells it; it can be paid with once its `state` is `active`."""

    invoice_item_id: str | None
    card_number: str
    value: Decimal
    expires_on: str | None
    state: str


class CardsSold(SoldAnswer, frozen=True, kw_only=True):
    """The invoice that they are on, and the cards."""

    gift_cards: list[SoldCard]


class CardsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The cards that an invoice sells."""

    invoice_id: str
    gift_cards: list[SoldCard]
    error: None = None


_TEMPLATES: Final = msgspec.json.Decoder(GiftCardsRequest)
_CUSTOM: Final = msgspec.json.Decoder(CustomCardsRequest)
_NEW: Final[dict[str, Any]] = {
    "method": "POST",
    "tag": "Selling",
    "answer": CardsSold,
    "answer_example": examples.CARDS_SOLD,
}


@operation(
    Doc(
        path="/v1/invoices/giftcards",
        summary="Sell gift cards of the catalogue",
        description="A new invoice with these cards. Each has a number that nobody guesses; it can be paid with once "
        "the invoice is closed.",
        body=GiftCardsRequest,
        body_example=examples.GIFT_CARDS,
        **_NEW,
    )
)
async def post_giftcards(request: ApiRequest) -> Answer:
    """Sell cards from templates."""
    said = await supplied(request, _TEMPLATES)
    cards = tuple(
        TemplateCard(template_id=one.template_id, sale_by_id=one.sale_by_id, occasion=one.told())
        for one in said.giftcards or ()
    )
    return await _sell(request, said.sale(), TemplateCards(cards))


@operation(
    Doc(
        path="/v1/invoices/gift_cards",
        summary="Sell gift cards for any amount",
        description="A new invoice with these cards. One with a `code` has that number, any other gets one.",
        body=CustomCardsRequest,
        body_example=examples.CUSTOM_CARDS,
        **_NEW,
    )
)
async def post_gift_cards(request: ApiRequest) -> Answer:
    """Sell cards for any amount."""
    said = await supplied(request, _CUSTOM, amounts="value")
    cards = tuple(_custom(one, f"gift_cards[{index}]") for index, one in enumerate(said.gift_cards or ()))
    return await _sell(request, said.sale(), CustomCards(cards))


def _custom(said: CustomCardItem, where: str) -> CustomCard:
    amount, expiry = said.custom_amount or CustomAmount(), said.expiry or Expiry()
    return CustomCard(
        price=amount.price,
        value=amount.value,
        type=said.type,
        kind=said.kind,
        code=said.code,
        is_onetime_use=bool(said.is_onetime_use),
        expires_after_days=_days(expiry.days, f"{where}.expiry.days"),
        expires_on=expiry.date,
        sale_by_id=said.sale_by_id,
        occasion=said.told(),
    )


def _days(said: int | str | None, field: str) -> int | None:
    """A number of days, which clients also send as a text."""
    if not isinstance(said, str):
        return said
    if not (said.isascii() and said.isdigit() and len(said) <= _DAYS_DIGITS_MAX):
        raise InvalidInput(field, f"{said!r:.60} is not a number of days")
    return int(said)


async def _sell(request: ApiRequest, sale: Sale, basket: Basket) -> Answer:
    service = request.service
    return await request.write(_sold, sell, sale, basket, clock=service.clock, luck=service.luck, caller=request.caller)


def _sold(purchase: Purchase) -> Answer:
    invoice = purchase.invoice
    cards = _cards(purchase.sold.accounts)
    return Answer.of(CardsSold(invoice_id=invoice.id, invoice_number=invoice.invoice_number, gift_cards=cards))


def _cards(accounts: Iterable[Account]) -> list[SoldCard]:
    found = []
    for account in accounts:
        assert account.number is not None, "a card has a number"
        assert account.currency is not None, "a card is worth money"
        found.append(
            SoldCard(
                invoice_item_id=account.invoice_item_id,
                card_number=account.number,
                value=account.currency.wire(account.value),
                expires_on=None if account.expires_on is None else account.expires_on.isoformat(),
                state=account.state.value,
            )
        )
    return found


@operation(
    Doc(
        method="GET",
        path="/v1/invoices/{invoice_id}/gift_cards",
        tag="Selling",
        summary="Read the cards that an invoice sells",
        description="Their numbers once more, to print them. A card's number is money: it takes a cashier to read it.",
        answer=CardsAnswer,
        answer_example=examples.CARDS_READ,
        refusals=(403, 404),
        role=Role.CASHIER,
        is_extension=True,
    )
)
async def get_gift_cards(request: ApiRequest) -> Answer:
    """Read the cards of an invoice."""
    invoice_id = guid_in_path(request, "invoice_id")
    cards = await request.service.database.read(read_sold_cards, invoice_id, caller=request.caller)
    return Answer.of(CardsAnswer(invoice_id=invoice_id, gift_cards=_cards(cards)))


OPERATIONS: Final[tuple[Operation, ...]] = (post_giftcards, post_gift_cards, get_gift_cards)
