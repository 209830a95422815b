"""What is sold and at what terms, what is taken off, and ways to pay."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from closebell.store.tables.columns import (
    amount_column,
    guid_column,
    metadata,
    text_column,
)
from closebell.store.types import ExactDecimal

catalog_items = Table(
    "catalog_items",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name"),
    Column("type", Integer, nullable=False),
    text_column("code"),
    Column("is_retail", Boolean, nullable=False, server_default=true()),
    Column("duration_minutes", Integer, nullable=False, server_default="0"),
    Column("validity_days", Integer, nullable=True),
)

center_items = Table(
    "center_items",
    metadata,
    guid_column("center_id", ForeignKey("centers.id")),
    guid_column("item_id", ForeignKey("catalog_items.id")),
    amount_column("price"),
    Column("tax_rate", ExactDecimal, nullable=False),
    Column("is_tax_included", Boolean, nullable=False),
    amount_column("value", nullable=True),
    PrimaryKeyConstraint("center_id", "item_id"),
    CheckConstraint("price >= 0", name="price_not_negative"),
    CheckConstraint("value IS NULL OR value >= 0", name="value_not_negative"),
    sqlite_with_rowid=False,
)

package_benefits = Table(
    "package_benefits",
    metadata,
    guid_column("package_id", ForeignKey("catalog_items.id")),
    guid_column("service_id", ForeignKey("catalog_items.id")),
    Column("quantity", Integer, nullable=False),
    PrimaryKeyConstraint("package_id", "service_id"),
    CheckConstraint("quantity >= 1", name="quantity_positive"),
    sqlite_with_rowid=False,
)

campaigns = Table(
    "campaigns",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name"),
    text_column("offer_code", 100, nullable=True),
    text_column("voucher_prefix", 100, nullable=True),
    Column("percent", ExactDecimal, nullable=True),
    amount_column("amount", nullable=True),
    text_column("currency", 3, nullable=True),
    Column("center_ids", Text, nullable=False),
    Column("item_ids", Text, nullable=False),
    amount_column("minimum", nullable=True),
    Column("redemptions_max", Integer, nullable=True),
    Column("redemptions", Integer, nullable=False),
    text_column("starts_on", 10, nullable=True),
    text_column("ends_on", 10, nullable=True),
    UniqueConstraint("offer_code"),
    UniqueConstraint("voucher_prefix"),
    CheckConstraint("redemptions >= 0", name="redemptions_not_negative"),
    CheckConstraint("(percent IS NULL) <> (amount IS NULL)", name="percent_or_amount"),
)

vouchers = Table(
    "vouchers",
    metadata,
    text_column("code", 100),
    guid_column("campaign_id", ForeignKey("campaigns.id")),
    guid_column("invoice_id", nullable=True),
    PrimaryKeyConstraint("code"),
    Index("ix_vouchers_campaign_id", "campaign_id"),
)

loyalty_programs = Table(
    "loyalty_programs",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name"),
    text_column("currency", 3),
    Column("exchange_rate", ExactDecimal, nullable=False),
    Column("points_min", BigInteger, nullable=False),
    CheckConstraint("points_min >= 0", name="points_min_not_negative"),
)

custom_payments = Table(
    "custom_payments",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name"),
)

saved_cards = Table(
    "saved_cards",
    metadata,
    guid_column("id", primary_key=True),
    guid_column("guest_id", ForeignKey("guests.id")),
    text_column("processor", 40),
    text_column("token", 200),
    text_column("card_number", 40),
    text_column("name"),
    Index("ix_saved_cards_guest_id", "guest_id", "id"),
)
