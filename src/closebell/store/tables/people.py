"""Centres with their counters, employees and guests."""

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
    String,
    Table,
    Text,
    true,
)

from closebell.store.tables.columns import (
    EMPTY,
    NAME_LENGTH,
    guid_column,
    metadata,
    text_column,
)
from closebell.store.types import ExactDecimal, Instant

centers = Table(
    "centers",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name"),
    text_column("time_zone", 64),
    text_column("currency", 3),
    Column("currency_id", Integer, nullable=False),
    text_column("receipt_prefix", 20),
    text_column("invoice_prefix", 20),
    Column("first_receipt_number", BigInteger, nullable=False),
    Column("is_stub", Boolean, nullable=False),
    CheckConstraint("first_receipt_number >= 1", name="first_receipt_number_positive"),
    guid_column("organization_id", nullable=True),
    text_column("code", 40, server_default=EMPTY),
    Column("rounding_unit", BigInteger, nullable=False, server_default="1"),
    Column("ssg_rate", ExactDecimal, nullable=False, server_default="0"),
    Column("fee_rate", ExactDecimal, nullable=False, server_default="0"),
    Column("loyalty_cap_rate", ExactDecimal, nullable=True),
    Column("allows_discounts", Boolean, nullable=False, server_default=true()),
    text_column("gstin", 40, server_default=EMPTY),
)

invoice_counters = Table(
    "invoice_counters",
    metadata,
    guid_column("center_id", ForeignKey("centers.id"), primary_key=True),
    Column("next_number", BigInteger, nullable=False),
    CheckConstraint("next_number >= 1", name="next_number_positive"),
)

receipt_counters = Table(
    "receipt_counters",
    metadata,
    guid_column("center_id", ForeignKey("centers.id"), primary_key=True),
    Column("next_number", BigInteger, nullable=False),
    CheckConstraint("next_number >= 1", name="next_number_positive"),
)

employees = Table(
    "employees",
    metadata,
    guid_column("id", primary_key=True),
    text_column("first_name"),
    text_column("last_name"),
    guid_column("center_id", ForeignKey("centers.id"), nullable=True),
    Column("is_stub", Boolean, nullable=False),
    text_column("code", 40, server_default=EMPTY),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Index("ix_employees_center_id", "center_id", "id"),
)

guests = Table(
    "guests",
    metadata,
    guid_column("id", primary_key=True),
    text_column("first_name"),
    text_column("last_name"),
    Column("gender", Integer, nullable=False),
    text_column("code"),
    text_column("mobile_phone"),
    text_column("email"),
    guid_column("center_id", ForeignKey("centers.id"), nullable=True),
    Column("is_stub", Boolean, nullable=False),
    Index("ix_guests_center_id", "center_id", "id"),
)

guest_terms = Table(
    "guest_terms",
    metadata,
    text_column("field", 20),
    Column("term", String(NAME_LENGTH).with_variant(String(NAME_LENGTH, collation="C"), "postgresql"), nullable=False),
    guid_column("guest_id", ForeignKey("guests.id")),
    PrimaryKeyConstraint("field", "term", "guest_id"),
    CheckConstraint("field IN ('first_name', 'last_name', 'email', 'phone', 'code')", name="field_known"),
    Index("ix_guest_terms_guest_id", "guest_id"),
    sqlite_with_rowid=False,
)
"""What guests are found by: each value folded to one case, so that a search compares alike on both engines."""

guest_profiles = Table(
    "guest_profiles",
    metadata,
    guid_column("guest_id", ForeignKey("guests.id"), primary_key=True),
    Column("profile", Text, nullable=False),
    Column("created_at", Instant, nullable=True),
    Column("updated_at", Instant, nullable=False),
)
