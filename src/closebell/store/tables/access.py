"""Who may call, and the answers that are given again to a repeated call."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from closebell.store.tables.columns import (
    guid_column,
    metadata,
    text_column,
)
from closebell.store.types import Instant

api_keys = Table(
    "api_keys",
    metadata,
    guid_column("id", primary_key=True),
    text_column("name", 200),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    text_column("hint", 8),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
    text_column("role", 10, server_default="admin"),
    Column("center_ids", Text, nullable=False, server_default="[]"),
)

users = Table(
    "users",
    metadata,
    guid_column("id", primary_key=True),
    text_column("user_name", 200),
    Column("password_hash", Text, nullable=False),
    guid_column("employee_id", ForeignKey("employees.id"), nullable=True),
    text_column("role", 10),
    Column("center_ids", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant, nullable=True),
    UniqueConstraint("user_name"),
    CheckConstraint("role IN ('admin', 'cashier', 'reader')", name="role_known"),
)

tokens = Table(
    "tokens",
    metadata,
    guid_column("id", primary_key=True),
    guid_column("user_id", ForeignKey("users.id")),
    guid_column("chain_id"),
    text_column("app_id", 200),
    Column("access_hash", LargeBinary, nullable=False, unique=True),
    Column("access_expires_at", Instant, nullable=False),
    Column("refresh_hash", LargeBinary, nullable=False, unique=True),
    Column("refresh_expires_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("access_revoked_at", Instant, nullable=True),
    Column("refresh_revoked_at", Instant, nullable=True),
    Index("ix_tokens_user_id", "user_id"),
    Index("ix_tokens_refresh_expires_at", "refresh_expires_at"),
)
"""Pairs of an access and a refresh token; those that were refreshed one from the other share `chain_id`."""

kept_answers = Table(
    "kept_answers",
    metadata,
    guid_column("caller_id"),
    text_column("key", 255),
    text_column("route", 400),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", Integer, nullable=True),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=True),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("caller_id", "key"),
    CheckConstraint("(status IS NULL) = (body IS NULL)", name="answered_in_full"),
    Index("ix_kept_answers_created_at", "created_at"),
)
"""Calls with an Idempotency-Key; no status means that the call is under way, or that its process is gone. An empty body
means that it was carried out and its answer is not kept."""
