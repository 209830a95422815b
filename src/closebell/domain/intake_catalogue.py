"""What an import says is sold, taken off and paid with, read and checked.

Source: docs/api.md, "Import".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from closebell.domain import intake_values as values
from closebell.domain.catalogue import Campaign, LoyaltyProgram
from closebell.domain.intake_catalogue_shapes import (
    BenefitShape,
    CampaignShape,
    CenterItemShape,
    CustomPaymentShape,
    ItemShape,
    LoyaltyProgramShape,
)
from closebell.domain.intake_values import required_guid, text
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency, Minor
from closebell.domain.people import CatalogItem, CustomPayment
from closebell.domain.pricing import Terms
from closebell.errors import InvalidInput

A = TypeVar("A")
B = TypeVar("B")

TAX_RATE_MAX: Final = 1_000
"""The largest tax, in percent."""
EXCHANGE_RATE_MAX: Final = 1_000_000
"""The most that one point can be worth, in major units."""
BENEFIT_UNITS_MAX: Final = 1_000
"""Units of one service in a package."""
DAYS_MAX: Final = 36_500
"""A hundred years: the longest that something is good for, in days."""
MINUTES_MAX: Final = 10_080
"""A week: the longest service, in minutes."""
ENTRIES_MAX: Final = 1_000
"""Centres, services or items that one record names, each."""
VOUCHERS_MAX: Final = 10_000
"""Vouchers in one record of a campaign."""
CODE_LENGTH: Final = 100
"""Characters in an offer code or a voucher."""

_WITH_BENEFITS: Final = frozenset({ItemType.PACKAGE, ItemType.DAY_PACKAGE})


# --- items -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterTerms:
    """The terms at which a centre sells an item; `value` is what a card is worth, None for its price."""

    terms: Terms
    value: Minor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SaidTerms:
    """Terms whose amounts wait for the currency of their centre."""

    center_id: str
    price: Decimal
    tax_rate: Decimal
    is_tax_included: bool
    value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDefinition:
    """An item as an import defines it.

    Shape: `centers` and `benefits` are None where nothing was said of them, so that what is known stays.
    """

    item: CatalogItem
    centers: tuple[_SaidTerms, ...] | None
    benefits: tuple[tuple[str, int], ...] | None

    def terms(self, currencies: Mapping[str, Currency]) -> dict[str, CenterTerms] | None:
        """The terms by centre, given the currencies of the centres that are defined.

        Errors: InvalidInput for a centre that is not, and for an amount that its currency does not have.
        """
        if self.centers is None:
            return None
        priced = _each("centers", self.centers, lambda said: _priced(said, currencies)) or ()
        return {said.center_id: terms for said, terms in zip(self.centers, priced, strict=True)}


def item(said: ItemShape) -> ItemDefinition:
    """The item that is defined."""
    kind = _item_type(said.type)
    if said.benefits and kind not in _WITH_BENEFITS:
        raise InvalidInput("benefits", f"only packages have them (type 4 or 5), and the type is {kind:d}")
    known = CatalogItem(
        id=required_guid(said.id, "id"),
        name=text(said.name, "name"),
        type=kind,
        code=text(said.code, "code"),
        is_retail=True if said.is_retail is None else said.is_retail,
        duration_minutes=values.integer(said.duration_minutes, "duration_minutes", least=0, most=MINUTES_MAX),
        validity_days=None
        if said.validity_days is None
        else values.integer(said.validity_days, "validity_days", least=1, most=DAYS_MAX),
    )
    centers = _each("centers", said.centers, lambda one: _terms(one, kind))
    benefits = _each("benefits", said.benefits, _benefit)
    _once("centers", "center_id", [one.center_id for one in centers or ()])
    _once("benefits", "service_id", [service_id for service_id, _ in benefits or ()])
    return ItemDefinition(item=known, centers=centers, benefits=benefits)


def _item_type(said: int | None) -> ItemType:
    if said is None or said not in set(ItemType):
        named = ", ".join(f"{kind:d} {kind.name.lower().replace('_', ' ')}" for kind in ItemType)
        raise InvalidInput("type", f"{'is missing' if said is None else f'{said!s:.20} is not one'}; write {named}")
    return ItemType(said)


def _terms(said: CenterItemShape, kind: ItemType) -> _SaidTerms:
    if said.price is None:
        raise InvalidInput("price", "is missing")
    if said.value is not None and kind is not ItemType.CARD:
        raise InvalidInput("value", f"only a card has one (type 6), and the type is {kind:d}")
    return _SaidTerms(
        center_id=required_guid(said.center_id, "center_id"),
        price=said.price,
        tax_rate=values.rate(said.tax_rate, "tax_rate", most=TAX_RATE_MAX),
        is_tax_included=bool(said.is_tax_included),
        value=said.value,
    )


def _priced(said: _SaidTerms, currencies: Mapping[str, Currency]) -> CenterTerms:
    currency = currencies.get(said.center_id)
    if currency is None:
        raise InvalidInput("center_id", f"{said.center_id} is not a centre that is defined; define it first")
    price = _amount(said.price, currency, "price")
    return CenterTerms(
        terms=Terms(unit_price=price, tax_rate=said.tax_rate, is_tax_included=said.is_tax_included),
        value=None if said.value is None else _amount(said.value, currency, "value"),
    )


def _benefit(said: BenefitShape) -> tuple[str, int]:
    service_id = required_guid(said.service_id, "service_id")
    return service_id, values.integer(said.quantity, "quantity", default=1, least=1, most=BENEFIT_UNITS_MAX)


# --- campaigns ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDefinition:
    """A campaign as an import defines it, and the codes of vouchers that it has beside those that are known."""

    campaign: Campaign
    vouchers: tuple[str, ...]


def campaign(said: CampaignShape) -> CampaignDefinition:
    """The campaign that is defined."""
    _one_of("offer_code", said.offer_code, "voucher_prefix", said.voucher_prefix)
    _one_of("percent", said.percent, "amount", said.amount)
    currency = None if said.currency is None else Currency.of(said.currency)
    if currency is None and (said.amount is not None or said.minimum is not None):
        raise InvalidInput("currency", "is missing; say what amount and minimum are in")
    starts_on, ends_on = (values.optional_date(getattr(said, name), name) for name in ("starts_on", "ends_on"))
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise InvalidInput("ends_on", f"{ends_on} is before the start, {starts_on}")
    known = Campaign(
        id=required_guid(said.id, "id"),
        name=text(said.name, "name"),
        offer_code=_code(said.offer_code, "offer_code"),
        voucher_prefix=_code(said.voucher_prefix, "voucher_prefix"),
        percent=None if said.percent is None else _positive(values.rate(said.percent, "percent"), "percent"),
        amount=None if said.amount is None or currency is None else _off(said.amount, currency),
        currency=currency,
        center_ids=_guids("center_ids", said.center_ids),
        item_ids=_guids("item_ids", said.item_ids),
        minimum=None if said.minimum is None or currency is None else _amount(said.minimum, currency, "minimum"),
        redemptions_max=None
        if said.redemptions_max is None
        else values.integer(said.redemptions_max, "redemptions_max", least=1),
        starts_on=starts_on,
        ends_on=ends_on,
    )
    return CampaignDefinition(campaign=known, vouchers=_vouchers(said.vouchers, known.voucher_prefix))


def _vouchers(said: list[str] | None, prefix: str | None) -> tuple[str, ...]:
    if not said:
        return ()
    if prefix is None:
        raise InvalidInput("vouchers", "a campaign has them with a voucher_prefix, which is missing")
    if len(said) > VOUCHERS_MAX:
        raise InvalidInput("vouchers", f"has {len(said)} codes; one record takes at most {VOUCHERS_MAX}")
    for index, code in enumerate(said):
        if _code(code, f"vouchers[{index}]") is None or not code.startswith(prefix) or code == prefix:
            raise InvalidInput(f"vouchers[{index}]", f"{code!r:.60} does not begin with {prefix!r} and go on")
    return tuple(dict.fromkeys(said))


def _off(said: Decimal, currency: Currency) -> Minor:
    amount = _amount(said, currency, "amount")
    if not amount:
        raise InvalidInput("amount", "takes nothing off; write what is taken off")
    return amount


def _code(said: str | None, field: str) -> str | None:
    """A code that a person can type; None where it is not said."""
    if said is None:
        return None
    code = text(said, field, length=CODE_LENGTH)
    if not code or code != code.strip() or not code.isprintable():
        raise InvalidInput(field, f"{code!r:.60} is no code; write one without blanks around it")
    return code


# --- points and ways to pay --------------------------------------------------------------------------------------


def loyalty_program(said: LoyaltyProgramShape) -> LoyaltyProgram:
    """The programme that is defined."""
    if said.currency is None:
        raise InvalidInput("currency", "is missing; say what a point's worth is in")
    if said.exchange_rate is None:
        raise InvalidInput("exchange_rate", "is missing; say what a point is worth")
    rate = values.rate(said.exchange_rate, "exchange_rate", most=EXCHANGE_RATE_MAX)
    return LoyaltyProgram(
        id=required_guid(said.id, "id"),
        name=text(said.name, "name"),
        currency=Currency.of(said.currency),
        exchange_rate=_positive(rate, "exchange_rate"),
        points_min=values.integer(said.points_min, "points_min", least=0),
    )


def custom_payment(said: CustomPaymentShape) -> CustomPayment:
    """The way to pay that is defined."""
    payment = CustomPayment(id=required_guid(said.id, "id"), name=text(said.name, "name"))
    if not payment.name:
        raise InvalidInput("name", "is missing; say what the way to pay is called")
    return payment


# --- single values -----------------------------------------------------------------------------------------------


def _amount(said: Decimal, currency: Currency, field: str) -> Minor:
    minor = currency.minor(said, field=field) if said else 0
    if minor < 0:
        raise InvalidInput(field, f"{currency.text(minor)} is negative; this is never below zero")
    return minor


def _positive(rate: Decimal, field: str) -> Decimal:
    if not rate:
        raise InvalidInput(field, "is zero; write a number above it")
    return rate


def _one_of(name: str, value: object, other: str, other_value: object) -> None:
    if (value is None) == (other_value is None):
        problem = "is missing" if value is None else "stands beside it"
        raise InvalidInput(name, f"{problem}; say either {name} or {other}" if value is None else f"{other} {problem}")


def _guids(name: str, said: Sequence[str] | None) -> tuple[str, ...]:
    found = _each(name, said, lambda value: required_guid(value, "")) or ()
    return tuple(dict.fromkeys(found))


def _each(name: str, said: Sequence[A] | None, read: Callable[[A], B]) -> tuple[B, ...] | None:
    """Every element read, with its index in the path of what is wrong; None where nothing was said."""
    if said is None:
        return None
    if len(said) > ENTRIES_MAX:
        raise InvalidInput(name, f"has {len(said)} elements; one record takes at most {ENTRIES_MAX}")
    found: list[B] = []
    for index, one in enumerate(said):
        try:
            found.append(read(one))
        except InvalidInput as error:
            raise error.under(f"{name}[{index}]") from None
    return tuple(found)


def _once(name: str, key: str, ids: Sequence[str]) -> None:
    for index, one in enumerate(ids):
        if one in ids[:index]:
            raise InvalidInput(f"{name}[{index}].{key}", f"{one} stands here twice")
