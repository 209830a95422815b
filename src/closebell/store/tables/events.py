"""The feed, who listens to it, and the queue of what is still to be told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    false,
    text,
)

from closebell.store.tables.columns import (
    EMPTY,
    OBJECT_ID_LENGTH,
    guid_column,
    metadata,
    only_where,
    text_column,
)
from closebell.store.types import Instant

TRACEPARENT_LENGTH = 55

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
    Column("body_hash", LargeBinary, nullable=False, server_default=EMPTY),
    guid_column("guest_id", nullable=True),
    text_column("traceparent", TRACEPARENT_LENGTH, nullable=True),
    Column("redacted_at", Instant, nullable=True),
    UniqueConstraint("invoice_id", "event_type", "close_sequence"),
    CheckConstraint("listeners >= 0", name="listeners_not_negative"),
    Index("ix_events_created_at", "created_at"),
    Index("ix_events_guest_id", "guest_id", "sequence", **only_where("guest_id IS NOT NULL")),
)
"""`body_hash` is that of the body as it was told; `redacted_at` says since when the body is no longer that one."""

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
    Column("rate_per_s", Integer, nullable=True),
    Column("conditions", Text, nullable=False, server_default=text("'[]'")),
    Column("recovers_when_enabled", Boolean, nullable=False, server_default=false()),
    Column("enabled_at", Instant, nullable=True),
    Column("failing_since", Instant, nullable=True),
    Column("failed_at", Instant, nullable=True),
    Column("header_names", Text, nullable=False, server_default=text("'[]'")),
    Column("sealed_headers", Text, nullable=False, server_default=EMPTY),
    text_column("authorization_scheme", 10, server_default=EMPTY),
    text_column("authorization_username", 255, server_default=EMPTY),
    Column("sealed_authorization", Text, nullable=False, server_default=EMPTY),
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
    text_column("kind", 10, server_default=text("'hmac'")),
    text_column("public_key", 100, server_default=EMPTY),
    PrimaryKeyConstraint("endpoint_id", "position"),
)
"""`secret` is sealed; `kind` says what it signs with: `hmac` or `ed25519`, whose public half is in `public_key`."""

endpoint_failures = Table(
    "endpoint_failures",
    metadata,
    guid_column("id", primary_key=True),
    guid_column("endpoint_id", ForeignKey("endpoints.id")),
    Column("at", Instant, nullable=False),
    Column("failing_since", Instant, nullable=True),
    Column("consecutive_failures", Integer, nullable=False),
    Column("delivery_id", String(OBJECT_ID_LENGTH), nullable=True),
    Column("status", Integer, nullable=True),
    text_column("error", 40, nullable=True),
    text_column("detail", 1000),
    Column("mail_to", Text, nullable=False),
    Column("mail_due_at", Instant, nullable=True),
    Column("mail_attempts", Integer, nullable=False),
    Column("mailed_at", Instant, nullable=True),
    text_column("mail_error", 500),
    text_column("mail_refused", 500),
    CheckConstraint("mail_due_at IS NULL OR mailed_at IS NULL", name="mailed_or_due"),
    Index("ix_endpoint_failures_endpoint_id_at", "endpoint_id", "at"),
    Index("ix_endpoint_failures_mail_due_at", "mail_due_at", **only_where("mail_due_at IS NOT NULL")),
)
"""The failure log: each time an endpoint was deactivated because of what its receiver answered, and who was mailed.
`mail_to` are those who are still to be mailed after others were, empty for everybody; `mail_refused` names those whom
no try reaches any more, and why."""

recoveries = Table(
    "recoveries",
    metadata,
    guid_column("id", primary_key=True),
    guid_column("endpoint_id", ForeignKey("endpoints.id")),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    text_column("state", 10),
    Column("matched", Integer, nullable=False),
    Column("recovered", Integer, nullable=False),
    Column("position", String(OBJECT_ID_LENGTH), nullable=False),
    Column("rate_per_s", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("is_automatic", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=True),
    CheckConstraint("state IN ('running', 'done', 'cancelled')", name="state_known"),
    CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished_when_not_running"),
    CheckConstraint("0 <= recovered AND recovered <= matched", name="recovered_of_matched"),
    Index("ix_recoveries_running", "next_at", **only_where("state = 'running'")),
    Index("ix_recoveries_endpoint_id", "endpoint_id", "created_at"),
)
"""Jobs that bring exhausted deliveries back; `position` is the last delivery that was looked at."""

retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("bodies_through", BigInteger, nullable=False),
    Column("waiting_after", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
"""How far what is old was forgotten: up to `bodies_through` no body is kept unless it waits, and of those that wait the
ones after `waiting_after` are looked at next."""

bodies_waiting = Table(
    "bodies_waiting",
    metadata,
    Column("sequence", BigInteger, ForeignKey("events.sequence"), primary_key=True, autoincrement=False),
)
"""Events old enough to lose their bodies, of which a delivery was still pending."""

erasures = Table(
    "erasures",
    metadata,
    guid_column("id", primary_key=True),
    guid_column("guest_id", ForeignKey("guests.id")),
    Column("position", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=True),
    UniqueConstraint("guest_id"),
    Index("ix_erasures_running", "created_at", **only_where("finished_at IS NULL")),
)
"""Requests to forget a guest; `position` is the last event that was looked at."""

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
    Column("attempts_before", Integer, nullable=False, server_default=text("0")),
    Column("attempts_forgotten", Integer, nullable=False, server_default=text("0")),
    Column("first_delivered_at", Instant, nullable=True),
    UniqueConstraint("sequence", "endpoint_id"),
    CheckConstraint("state IN ('pending', 'delivered', 'exhausted', 'cancelled')", name="state_known"),
    CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished_when_not_pending"),
    CheckConstraint("lease_id IS NULL OR state = 'pending'", name="lease_only_while_pending"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    Index("ix_deliveries_fresh", "endpoint_id", "due_at", **only_where("state = 'pending' AND attempts = 0")),
    Index("ix_deliveries_retried", "endpoint_id", "due_at", **only_where("state = 'pending' AND attempts > 0")),
    Index("ix_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_deliveries_exhausted", "endpoint_id", "id", **only_where("state = 'exhausted'")),
)
"""`attempts_before` were made before it was sent again, so that its retries are counted anew; of `attempts_forgotten`
no more is known than that they were made. `first_delivered_at` is when the receiver first had it, if it had."""

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
    Index("ix_attempts_started_at", "started_at"),
    sqlite_with_rowid=False,
)
