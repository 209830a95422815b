"""What an import brings of the catalogue: items with their terms, campaigns with vouchers, programmes, ways to pay."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.catalogue import Campaign, LoyaltyProgram
from closebell.domain.intake_catalogue import CenterTerms
from closebell.domain.people import CatalogItem, CustomPayment
from closebell.domain.pricing import Terms
from closebell.store import catalogue, tables
from closebell.store.statements import among, listed

_terms = tables.center_items.c
_benefits = tables.package_benefits.c
_campaigns = tables.campaigns.c
_vouchers = tables.vouchers.c


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEntry:
    """An item as the catalogue keeps it: its terms by centre, and its services with their units."""

    item: CatalogItem
    terms: Mapping[str, CenterTerms] = field(default_factory=dict)
    benefits: Mapping[str, int] = field(default_factory=dict)


def item_entries(connection: Connection, ids: Iterable[str]) -> dict[str, ItemEntry]:
    """The items, by id, with all their terms and benefits."""
    wanted = listed(ids)
    terms: dict[str, dict[str, CenterTerms]] = defaultdict(dict)
    for row in connection.execute(select(tables.center_items).where(among(_terms.item_id)), {"ids": wanted}).all():
        terms[row.item_id][row.center_id] = CenterTerms(
            terms=Terms(unit_price=row.price, tax_rate=row.tax_rate, is_tax_included=row.is_tax_included),
            value=row.value,
        )
    benefits: dict[str, dict[str, int]] = defaultdict(dict)
    statement = select(tables.package_benefits).where(among(_benefits.package_id))
    for row in connection.execute(statement, {"ids": wanted}).all():
        benefits[row.package_id][row.service_id] = row.quantity
    return {
        item_id: ItemEntry(item=item, terms=terms[item_id], benefits=benefits[item_id])
        for item_id, item in catalogue.items(connection, wanted).items()
    }


def put_items(connection: Connection, entries: Sequence[ItemEntry]) -> None:
    """Store items as they are now, in the place of what was known of them."""
    ids = {"ids": listed(entry.item.id for entry in entries)}
    _upsert(connection, tables.catalog_items, [_item_row(entry.item) for entry in entries])
    if entries:
        connection.execute(delete(tables.center_items).where(among(_terms.item_id)), ids)
        connection.execute(delete(tables.package_benefits).where(among(_benefits.package_id)), ids)
    _insert(connection, tables.center_items, [row for entry in entries for row in _terms_rows(entry)])
    _insert(
        connection,
        tables.package_benefits,
        [
            {"package_id": entry.item.id, "service_id": service_id, "quantity": quantity}
            for entry in entries
            for service_id, quantity in entry.benefits.items()
        ],
    )


def _item_row(item: CatalogItem) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}


def _terms_rows(entry: ItemEntry) -> list[dict[str, Any]]:
    return [
        {
            "center_id": center_id,
            "item_id": entry.item.id,
            "price": known.terms.unit_price,
            "tax_rate": known.terms.tax_rate,
            "is_tax_included": known.terms.is_tax_included,
            "value": known.value,
        }
        for center_id, known in entry.terms.items()
    ]


# --- campaigns ---------------------------------------------------------------------------------------------------


def campaigns(connection: Connection, ids: Iterable[str]) -> dict[str, Campaign]:
    """The campaigns, by id, not locked."""
    statement = select(tables.campaigns).where(among(_campaigns.id))
    return {row.id: catalogue.campaign_of(row) for row in connection.execute(statement, {"ids": listed(ids)}).all()}


def holder_of(connection: Connection, campaign: Campaign) -> str | None:
    """Another campaign that has this one's offer code or voucher prefix; None when they are free."""
    code, prefix = campaign.offer_code, campaign.voucher_prefix
    taken = _campaigns.offer_code == code if code is not None else _campaigns.voucher_prefix == prefix
    found: str | None = connection.execute(
        select(_campaigns.id).where(taken, _campaigns.id != campaign.id)
    ).scalar_one_or_none()
    return found


def put_campaign(connection: Connection, campaign: Campaign, *, is_new: bool) -> None:
    """Store a campaign; how often a known one was redeemed stays."""
    row = _campaign_row(campaign)
    if is_new:
        connection.execute(insert(tables.campaigns), {**row, "redemptions": 0})
    else:
        connection.execute(update(tables.campaigns).where(_campaigns.id == campaign.id).values(row))


def _campaign_row(campaign: Campaign) -> dict[str, Any]:
    row = {name: getattr(campaign, name) for name in campaign.__slots__ if name != "redemptions"}
    row["currency"] = None if campaign.currency is None else campaign.currency.code
    row["center_ids"], row["item_ids"] = json.dumps(campaign.center_ids), json.dumps(campaign.item_ids)
    row["starts_on"], row["ends_on"] = _iso(campaign.starts_on), _iso(campaign.ends_on)
    return row


def voucher_holders(connection: Connection, codes: Iterable[str]) -> dict[str, str]:
    """The campaign of each of these vouchers that exists."""
    statement = select(_vouchers.code, _vouchers.campaign_id).where(among(_vouchers.code))
    return {row.code: row.campaign_id for row in connection.execute(statement, {"ids": listed(codes)}).all()}


def has_vouchers(connection: Connection, campaign_id: str) -> bool:
    """Whether the campaign has any."""
    statement = select(_vouchers.code).where(_vouchers.campaign_id == campaign_id).limit(1)
    return connection.execute(statement).first() is not None


def insert_vouchers(connection: Connection, campaign_id: str, codes: Iterable[str]) -> None:
    """Give a campaign more vouchers."""
    _insert(connection, tables.vouchers, [{"code": code, "campaign_id": campaign_id} for code in codes])


# --- points and ways to pay --------------------------------------------------------------------------------------


def put_loyalty_programs(connection: Connection, programs: Iterable[LoyaltyProgram]) -> None:
    """Store programmes of points as they are now."""
    _upsert(
        connection,
        tables.loyalty_programs,
        [
            {
                "id": program.id,
                "name": program.name,
                "currency": program.currency.code,
                "exchange_rate": program.exchange_rate,
                "points_min": program.points_min,
            }
            for program in programs
        ],
    )


def put_custom_payments(connection: Connection, payments: Iterable[CustomPayment]) -> None:
    """Store ways to pay by the names they have now."""
    _upsert(connection, tables.custom_payments, [{"id": payment.id, "name": payment.name} for payment in payments])


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows, or give those that exist these values."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    values = {name: statement.excluded[name] for name in rows[0] if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values), rows)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
