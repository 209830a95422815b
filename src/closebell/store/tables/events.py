"""The feed, who listens to it, and the queue of what is still to be told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from closebell.store.tables.columns import (
    OBJECT_ID_LENGTH,
    guid_column,
    metadata,
    only_where,
    text_column,
)
from closebell.store.types import Instant

feed_head = Table(
    "feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("last_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(OBJECT_ID_LENGTH), nullable=False, unique=True),
    text_column("event_type", 60),
    guid_column("invoice_id", ForeignKey("invoices.id"), nullable=True),
    Column("close_sequence", Integer, nullable=True),
    guid_column("center_id", ForeignKey("centers.id"), nullable=True),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("listeners", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("invoice_id", "event_type", "close_sequence"),
    CheckConstraint("listeners >= 0", name="listeners_not_negative"),
    Index("ix_events_created_at", "created_at"),
)

endpoints = Table(
    "endpoints",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name", 200),
    text_column("description", 2000),
    text_column("url", 2048),
    text_column("http_method", 5),
    Column("event_types", Text, nullable=False),
    Column("center_ids", Text, nullable=False),
    Column("signature_styles", Text, nullable=False),
    text_column("policy", 10),
    text_column("state", 12),
    text_column("state_reason", 1000),
    Column("consecutive_failures", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("http_method IN ('POST', 'PUT', 'PATCH')", name="http_method_known"),
    CheckConstraint("state IN ('active', 'deactivated', 'deleted')", name="state_known"),
    CheckConstraint("policy IN ('standard', 'zenoti')", name="policy_known"),
    CheckConstraint("consecutive_failures >= 0", name="consecutive_failures_not_negative"),
)

endpoint_secrets = Table(
    "endpoint_secrets",
    metadata,
    guid_column("endpoint_id", ForeignKey("endpoints.id")),
    Column("position", Integer, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    PrimaryKeyConstraint("endpoint_id", "position"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(OBJECT_ID_LENGTH), primary_key=True),
    Column("sequence", BigInteger, ForeignKey("events.sequence"), nullable=False),
    guid_column("endpoint_id", ForeignKey("endpoints.id")),
    text_column("state", 10),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_id", String(32), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=True),
    text_column("reason", 1000),
    UniqueConstraint("sequence", "endpoint_id"),
    CheckConstraint("state IN ('pending', 'delivered', 'exhausted', 'cancelled')", name="state_known"),
    CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished_when_not_pending"),
    CheckConstraint("lease_id IS NULL OR state = 'pending'", name="lease_only_while_pending"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    Index("ix_deliveries_due", "endpoint_id", "due_at", **only_where("state = 'pending'")),
    Index("ix_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_deliveries_exhausted", "endpoint_id", "id", **only_where("state = 'exhausted'")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", String(OBJECT_ID_LENGTH), ForeignKey("deliveries.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),
    text_column("error", 40, nullable=True),
    text_column("detail", 1000),
    Column("response_excerpt", Text, nullable=False),
    PrimaryKeyConstraint("delivery_id", "number"),
    CheckConstraint("number >= 1", name="number_from_one"),
    sqlite_with_rowid=False,
)
