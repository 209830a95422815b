"""What is sold and at what terms, campaigns and their vouchers, programmes of points, saved cards."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from closebell.domain.catalogue import Campaign, LoyaltyProgram, Offer, Voucher
from closebell.domain.intake_catalogue import CODE_LENGTH
from closebell.domain.money import Currency
from closebell.domain.people import CatalogItem
from closebell.domain.pricing import Terms
from closebell.store import tables
from closebell.store.statements import among, listed

_items = tables.catalog_items.c
_terms = tables.center_items.c
_benefits = tables.package_benefits.c
_campaigns = tables.campaigns.c
_vouchers = tables.vouchers.c


def items(connection: Connection, ids: Iterable[str]) -> dict[str, CatalogItem]:
    """The things with these ids, sold anywhere or not."""
    statement = select(tables.catalog_items).where(among(_items.id))
    return {row.id: _item(row) for row in connection.execute(statement, {"ids": listed(ids)}).all()}


_OFFERS = (
    select(tables.catalog_items, _terms.price, _terms.tax_rate, _terms.is_tax_included, _terms.value)
    .join(tables.center_items, _terms.item_id == _items.id)
    .where(among(_items.id))
)


def offers(connection: Connection, center_id: str, item_ids: Iterable[str]) -> dict[str, Offer]:
    """What the centre sells of these things, by id; what has no terms there is absent."""
    rows = connection.execute(_OFFERS.where(_terms.center_id == center_id), {"ids": listed(item_ids)}).all()
    benefits = benefits_of(connection, [row.id for row in rows])
    return {row.id: offer_of(row, benefits.get(row.id, ())) for row in rows}


def offer_of(row: Row[Any], benefits: Iterable[tuple[str, int]]) -> Offer:
    """The offer that an item's row, joined with its terms, describes."""
    return Offer(
        item=_item(row),
        terms=Terms(unit_price=row.price, tax_rate=row.tax_rate, is_tax_included=row.is_tax_included),
        value=row.value,
        benefits=tuple(benefits),
    )


def benefits_of(connection: Connection, package_ids: Iterable[str]) -> Mapping[str, list[tuple[str, int]]]:
    """The services that each of these packages pays for, with their units."""
    statement = select(tables.package_benefits).where(among(_benefits.package_id)).order_by(_benefits.service_id)
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in connection.execute(statement, {"ids": listed(package_ids)}).all():
        found[row.package_id].append((row.service_id, row.quantity))
    return found


def _item(row: Row[Any]) -> CatalogItem:
    return CatalogItem(
        id=row.id,
        name=row.name,
        type=row.type,
        code=row.code,
        is_retail=row.is_retail,
        duration_minutes=row.duration_minutes,
        validity_days=row.validity_days,
    )


# --- campaigns ---------------------------------------------------------------------------------------------------


def campaign_by_offer_code(connection: Connection, offer_code: str) -> Campaign | None:
    """The campaign that everybody gets by this code, locked until the transaction ends."""
    statement = select(tables.campaigns).where(_campaigns.offer_code == offer_code).with_for_update()
    row = connection.execute(statement).one_or_none()
    return None if row is None else campaign_of(row)


_BY_ID = select(tables.campaigns).where(_campaigns.id == bindparam("campaign"))


def campaign(connection: Connection, campaign_id: str) -> Campaign | None:
    """The campaign as it is."""
    row = connection.execute(_BY_ID, {"campaign": campaign_id}).one_or_none()
    return None if row is None else campaign_of(row)


def lock_campaign(connection: Connection, campaign_id: str) -> Campaign | None:
    """The campaign, locked until the transaction ends; a voucher of it is locked before."""
    row = connection.execute(_BY_ID.with_for_update(), {"campaign": campaign_id}).one_or_none()
    return None if row is None else campaign_of(row)


def is_voucher_prefix(connection: Connection, code: str) -> bool:
    """Whether a code begins like the vouchers of a campaign; a code may be of any length, and a prefix may not."""
    prefixes = [code[:length] for length in range(1, min(len(code), CODE_LENGTH) + 1)]
    statement = select(_campaigns.id).where(_campaigns.voucher_prefix.in_(prefixes)).limit(1)
    return connection.execute(statement).first() is not None


def voucher(connection: Connection, code: str) -> Voucher | None:
    """The voucher with this code, locked until the transaction ends."""
    row = connection.execute(select(tables.vouchers).where(_vouchers.code == code).with_for_update()).one_or_none()
    return None if row is None else Voucher(code=row.code, campaign_id=row.campaign_id, invoice_id=row.invoice_id)


def use_voucher(connection: Connection, code: str, invoice_id: str) -> None:
    """Note where a locked voucher was used."""
    connection.execute(update(tables.vouchers).where(_vouchers.code == code).values(invoice_id=invoice_id))


def give_back_vouchers(connection: Connection, invoice_id: str, campaign_id: str) -> None:
    """Make the vouchers of a campaign that were used on an invoice good again."""
    connection.execute(
        update(tables.vouchers)
        .where(_vouchers.campaign_id == campaign_id, _vouchers.invoice_id == invoice_id)
        .values(invoice_id=None)
    )


def count_redemption(connection: Connection, campaign_id: str, by: int = 1) -> None:
    """Count one more redemption of a locked campaign, or one less."""
    connection.execute(
        update(tables.campaigns).where(_campaigns.id == campaign_id).values(redemptions=_campaigns.redemptions + by)
    )


def campaign_of(row: Row[Any]) -> Campaign:
    """The campaign that a stored row describes."""
    return Campaign(
        id=row.id,
        name=row.name,
        offer_code=row.offer_code,
        voucher_prefix=row.voucher_prefix,
        percent=row.percent,
        amount=row.amount,
        currency=None if row.currency is None else Currency.of(row.currency),
        center_ids=tuple(json.loads(row.center_ids)),
        item_ids=tuple(json.loads(row.item_ids)),
        minimum=row.minimum,
        redemptions_max=row.redemptions_max,
        redemptions=row.redemptions,
        starts_on=None if row.starts_on is None else date.fromisoformat(row.starts_on),
        ends_on=None if row.ends_on is None else date.fromisoformat(row.ends_on),
    )


# --- points ------------------------------------------------------------------------------------------------------


def loyalty_programs(connection: Connection, ids: Iterable[str]) -> dict[str, LoyaltyProgram]:
    """The programmes of points, by id."""
    statement = select(tables.loyalty_programs).where(among(tables.loyalty_programs.c.id))
    return {
        row.id: LoyaltyProgram(
            id=row.id,
            name=row.name,
            currency=Currency.of(row.currency),
            exchange_rate=row.exchange_rate,
            points_min=row.points_min,
        )
        for row in connection.execute(statement, {"ids": listed(ids)}).all()
    }
