"""What guests hold: cards, points, package units and memberships, with every movement of each."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from closebell.store.tables.columns import (
    amount_column,
    guid_column,
    metadata,
    only_where,
    text_column,
)
from closebell.store.types import Instant

accounts = Table(
    "accounts",
    metadata,
    guid_column("id", primary_key=True),
    text_column("kind", 20),
    text_column("state", 10),
    guid_column("guest_id", ForeignKey("guests.id"), nullable=True),
    guid_column("center_id", ForeignKey("centers.id"), nullable=True),
    text_column("number", 40, nullable=True),
    text_column("currency", 3, nullable=True),
    guid_column("item_id", ForeignKey("catalog_items.id"), nullable=True),
    guid_column("service_id", ForeignKey("catalog_items.id"), nullable=True),
    guid_column("program_id", ForeignKey("loyalty_programs.id"), nullable=True),
    amount_column("value"),
    amount_column("balance"),
    text_column("expires_on", 10, nullable=True),
    guid_column("invoice_id", ForeignKey("invoices.id"), nullable=True),
    guid_column("invoice_item_id", nullable=True),
    Column("details", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("number"),
    CheckConstraint("balance >= 0", name="balance_not_negative"),
    CheckConstraint("value >= 0", name="value_not_negative"),
    CheckConstraint(
        "kind IN ('gift_card', 'prepaid_card', 'loyalty_points', 'package', 'membership')", name="kind_known"
    ),
    CheckConstraint("state IN ('issued', 'active', 'cancelled')", name="state_known"),
    Index("ix_accounts_guest_id", "guest_id", "id"),
    Index("ix_accounts_invoice_id", "invoice_id", **only_where("invoice_id IS NOT NULL")),
    Index("uq_accounts_points", "guest_id", "program_id", unique=True, **only_where("kind = 'loyalty_points'")),
)

account_entries = Table(
    "account_entries",
    metadata,
    guid_column("account_id", ForeignKey("accounts.id")),
    Column("number", Integer, nullable=False),
    text_column("reason", 20),
    amount_column("amount"),
    amount_column("balance"),
    guid_column("invoice_id", ForeignKey("invoices.id"), nullable=True),
    guid_column("row_id", nullable=True),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "number"),
    CheckConstraint("number >= 1", name="number_from_one"),
    CheckConstraint("balance >= 0", name="balance_not_negative"),
    CheckConstraint(
        "reason IN ('issued', 'imported', 'redeemed', 'restored', 'refunded', 'cancelled')", name="reason_known"
    ),
    Index("ix_account_entries_invoice_id", "invoice_id", **only_where("invoice_id IS NOT NULL")),
    sqlite_with_rowid=False,
)
