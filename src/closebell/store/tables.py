"""Every table, with the constraints that repeat the domain's invariants.

The migrations build these tables; a test holds the two equal. Columns named `*_at` are instants. Amounts are minor
units of the centre's currency in 64-bit integers. `position` keeps the order in which the wire gave the rows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from closebell.store.types import ExactDecimal, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

GUID_LENGTH = 36
NAME_LENGTH = 400
WALL_TIME_LENGTH = 19


def _guid(name: str, *arguments: Any, nullable: bool = False, **options: Any) -> Column[str]:
    return Column(name, String(GUID_LENGTH), *arguments, nullable=nullable, **options)


def _amount(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _text(name: str, length: int = NAME_LENGTH, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(length), nullable=nullable)


def _where(condition: str) -> dict[str, Any]:
    """A partial index on both engines."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# --- people and places -------------------------------------------------------------------------------------------

centers = Table(
    "centers",
    metadata,
    _guid("id", primary_key=True),
    _text("name"),
    _text("time_zone", 64),
    _text("currency", 3),
    Column("currency_id", Integer, nullable=False),
    _text("receipt_prefix", 20),
    _text("invoice_prefix", 20),
    Column("first_receipt_number", BigInteger, nullable=False),
    Column("is_stub", Boolean, nullable=False),
    CheckConstraint("first_receipt_number >= 1", name="first_receipt_number_positive"),
)

receipt_counters = Table(
    "receipt_counters",
    metadata,
    _guid("center_id", ForeignKey("centers.id"), primary_key=True),
    Column("next_number", BigInteger, nullable=False),
    CheckConstraint("next_number >= 1", name="next_number_positive"),
)

employees = Table(
    "employees",
    metadata,
    _guid("id", primary_key=True),
    _text("first_name"),
    _text("last_name"),
    _guid("center_id", ForeignKey("centers.id"), nullable=True),
    Column("is_stub", Boolean, nullable=False),
)

guests = Table(
    "guests",
    metadata,
    _guid("id", primary_key=True),
    _text("first_name"),
    _text("last_name"),
    Column("gender", Integer, nullable=False),
    _text("code"),
    _text("mobile_phone"),
    _text("email"),
    _guid("center_id", ForeignKey("centers.id"), nullable=True),
    Column("is_stub", Boolean, nullable=False),
)

catalog_items = Table(
    "catalog_items",
    metadata,
    _guid("id", primary_key=True),
    _text("name"),
    Column("type", Integer, nullable=False),
    _text("code"),
)

custom_payments = Table(
    "custom_payments",
    metadata,
    _guid("id", primary_key=True),
    _text("name"),
)

# --- invoices ----------------------------------------------------------------------------------------------------

invoices = Table(
    "invoices",
    metadata,
    _guid("id", primary_key=True),
    _guid("center_id", ForeignKey("centers.id")),
    _guid("guest_id", ForeignKey("guests.id"), nullable=True),
    _text("invoice_number", 40),
    _text("invoice_number_prefix", 20),
    _text("receipt_number", 60),
    Column("receipt_sequence", BigInteger, nullable=True),
    _guid("appointment_group_id", nullable=True),
    _guid("group_invoice_id", nullable=True),
    Column("lock", Boolean, nullable=False),
    Column("is_refund", Boolean, nullable=False),
    _text("invoice_date", WALL_TIME_LENGTH),
    _amount("net_price"),
    _amount("tax"),
    _amount("rounding_adjustment"),
    _amount("sum_total"),
    _amount("ssg_amount"),
    _amount("fee_amount"),
    _amount("loyalty_cap_amount", nullable=True),
    Column("additional_fields", Text, nullable=False),
    Column("closed_at", Instant, nullable=True),
    _guid("closed_by_id", ForeignKey("employees.id"), nullable=True),
    Column("close_sequence", Integer, nullable=False),
    Column("import_digest", LargeBinary, nullable=True),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("center_id", "receipt_sequence"),
    CheckConstraint("sum_total = net_price + tax + rounding_adjustment", name="total_adds_up"),
    CheckConstraint("is_refund OR (sum_total >= 0 AND ssg_amount >= 0 AND fee_amount >= 0)", name="negative_is_refund"),
    CheckConstraint("closed_at IS NOT NULL OR receipt_sequence IS NULL", name="receipt_only_once_closed"),
    CheckConstraint("(close_sequence > 0) = (receipt_sequence IS NOT NULL)", name="closed_here_has_receipt"),
    CheckConstraint("loyalty_cap_amount IS NULL OR loyalty_cap_amount >= 0", name="loyalty_cap_not_negative"),
    Index("ix_invoices_closed_at", "closed_at", **_where("close_sequence > 0")),
    Index("ix_invoices_group_invoice_id", "group_invoice_id", **_where("group_invoice_id IS NOT NULL")),
)


def _child(name: str, *columns: Any) -> Table:
    """A table of rows that belong to one invoice and are read with it."""
    return Table(
        name,
        metadata,
        _guid("invoice_id", ForeignKey("invoices.id")),
        Column("position", Integer, nullable=False),
        *columns,
        sqlite_with_rowid=False,
    )


invoice_lines = _child(
    "invoice_lines",
    _guid("id"),
    _guid("item_id", ForeignKey("catalog_items.id")),
    _text("name"),
    Column("type", Integer, nullable=False),
    _text("code"),
    Column("currency_id", Integer, nullable=False),
    _amount("sales"),
    _amount("tax"),
    _amount("final"),
    _amount("discount"),
    Column("quantity", ExactDecimal, nullable=False),
    _guid("sale_by_id", ForeignKey("employees.id"), nullable=True),
    _text("therapist_name"),
    PrimaryKeyConstraint("invoice_id", "id"),
    CheckConstraint("final = sales + tax", name="final_adds_up"),
)

appointments = _child(
    "appointments",
    _guid("id"),
    _guid("invoice_item_id", nullable=True),
    _text("service_name"),
    _guid("service_id", ForeignKey("catalog_items.id"), nullable=True),
    _text("start_time", WALL_TIME_LENGTH),
    _text("end_time", WALL_TIME_LENGTH),
    Column("duration_minutes", Integer, nullable=False),
    Column("has_add_ons", Boolean, nullable=False),
    Column("is_add_on", Boolean, nullable=False),
    _text("therapist_name"),
    _guid("therapist_id", ForeignKey("employees.id"), nullable=True),
    Column("is_recurring", Boolean, nullable=False),
    Column("appointment_type", Integer, nullable=False),
    Column("therapist_request_type", Integer, nullable=False),
    _text("room_name"),
    _text("equipment_name"),
    PrimaryKeyConstraint("invoice_id", "id"),
)

transactions = _child(
    "transactions",
    _guid("id"),
    _text("tender", 20),
    _text("state", 10),
    _guid("option_id", nullable=True),
    Column("payment_mode", Integer, nullable=False),
    _text("payment_name"),
    _text("card_number", 40),
    _amount("amount_paid"),
    _amount("tip_amount"),
    _amount("ssg_amount"),
    _amount("fee_amount"),
    _amount("cash_back_amount"),
    _text("payment_date", WALL_TIME_LENGTH),
    _guid("center_id"),
    _text("center_name"),
    Column("additional_data", Text, nullable=False),
    _guid("collected_by_id", ForeignKey("employees.id"), nullable=True),
    PrimaryKeyConstraint("invoice_id", "id"),
    CheckConstraint("state IN ('settled', 'pending', 'failed')", name="state_known"),
    CheckConstraint(
        "tender IN ('cash', 'card', 'check', 'custom', 'gift_card', 'prepaid_card', 'loyalty_points', 'package')",
        name="tender_known",
    ),
)

employee_tips = _child(
    "employee_tips",
    _guid("employee_id", ForeignKey("employees.id")),
    _guid("transaction_id", nullable=True),
    _amount("amount"),
    PrimaryKeyConstraint("invoice_id", "position"),
    ForeignKeyConstraint(["invoice_id", "transaction_id"], ["transactions.invoice_id", "transactions.id"]),
)

CHILDREN = (invoice_lines, appointments, transactions, employee_tips)
"""The tables whose rows freeze when their invoice closes."""

# --- events and deliveries ---------------------------------------------------------------------------------------

feed_head = Table(
    "feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("last_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

OBJECT_ID_LENGTH = 24

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(OBJECT_ID_LENGTH), nullable=False, unique=True),
    _text("event_type", 60),
    _guid("invoice_id", ForeignKey("invoices.id"), nullable=True),
    Column("close_sequence", Integer, nullable=True),
    _guid("center_id", ForeignKey("centers.id"), nullable=True),
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
    _guid("id", primary_key=True),
    _text("name", 200),
    _text("description", 2000),
    _text("url", 2048),
    _text("http_method", 5),
    Column("event_types", Text, nullable=False),
    Column("center_ids", Text, nullable=False),
    Column("signature_styles", Text, nullable=False),
    _text("policy", 10),
    _text("state", 12),
    _text("state_reason", 1000),
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
    _guid("endpoint_id", ForeignKey("endpoints.id")),
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
    _guid("endpoint_id", ForeignKey("endpoints.id")),
    _text("state", 10),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_id", String(32), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=True),
    _text("reason", 1000),
    UniqueConstraint("sequence", "endpoint_id"),
    CheckConstraint("state IN ('pending', 'delivered', 'exhausted', 'cancelled')", name="state_known"),
    CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished_when_not_pending"),
    CheckConstraint("lease_id IS NULL OR state = 'pending'", name="lease_only_while_pending"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    Index("ix_deliveries_due", "endpoint_id", "due_at", **_where("state = 'pending'")),
    Index("ix_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_deliveries_exhausted", "endpoint_id", "id", **_where("state = 'exhausted'")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", String(OBJECT_ID_LENGTH), ForeignKey("deliveries.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),
    _text("error", 40, nullable=True),
    _text("detail", 1000),
    Column("response_excerpt", Text, nullable=False),
    PrimaryKeyConstraint("delivery_id", "number"),
    CheckConstraint("number >= 1", name="number_from_one"),
    sqlite_with_rowid=False,
)

# --- access ------------------------------------------------------------------------------------------------------

api_keys = Table(
    "api_keys",
    metadata,
    _guid("id", primary_key=True),
    _text("name", 200),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    _text("hint", 8),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
)
