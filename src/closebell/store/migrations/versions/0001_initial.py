"""Every table of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_table(
        "catalog_items",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_items")),
    )
    op.create_table(
        "centers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("currency_id", sa.Integer(), nullable=False),
        sa.Column("receipt_prefix", sa.String(length=20), nullable=False),
        sa.Column("invoice_prefix", sa.String(length=20), nullable=False),
        sa.Column("first_receipt_number", sa.BigInteger(), nullable=False),
        sa.Column("is_stub", sa.Boolean(), nullable=False),
        sa.CheckConstraint("first_receipt_number >= 1", name=op.f("ck_centers_first_receipt_number_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_centers")),
    )
    op.create_table(
        "custom_payments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_payments")),
    )
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("http_method", sa.String(length=5), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("center_ids", sa.Text(), nullable=False),
        sa.Column("signature_styles", sa.Text(), nullable=False),
        sa.Column("policy", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_reason", sa.String(length=1000), nullable=False),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("http_method IN ('POST', 'PUT', 'PATCH')", name=op.f("ck_endpoints_http_method_known")),
        sa.CheckConstraint("policy IN ('standard', 'zenoti')", name=op.f("ck_endpoints_policy_known")),
        sa.CheckConstraint("state IN ('active', 'deactivated', 'deleted')", name=op.f("ck_endpoints_state_known")),
        sa.CheckConstraint("consecutive_failures >= 0", name=op.f("ck_endpoints_consecutive_failures_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
    )
    op.create_table(
        "feed_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_head")),
    )
    op.create_table(
        "employees",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("first_name", sa.String(length=400), nullable=False),
        sa.Column("last_name", sa.String(length=400), nullable=False),
        sa.Column("center_id", sa.String(length=36), nullable=True),
        sa.Column("is_stub", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_employees_center_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_employees")),
    )
    op.create_table(
        "endpoint_secrets",
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_endpoint_secrets_endpoint_id")),
        sa.PrimaryKeyConstraint("endpoint_id", "position", name=op.f("pk_endpoint_secrets")),
    )
    op.create_table(
        "guests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("first_name", sa.String(length=400), nullable=False),
        sa.Column("last_name", sa.String(length=400), nullable=False),
        sa.Column("gender", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=400), nullable=False),
        sa.Column("mobile_phone", sa.String(length=400), nullable=False),
        sa.Column("email", sa.String(length=400), nullable=False),
        sa.Column("center_id", sa.String(length=36), nullable=True),
        sa.Column("is_stub", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_guests_center_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guests")),
    )
    op.create_table(
        "receipt_counters",
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("next_number >= 1", name=op.f("ck_receipt_counters_next_number_positive")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_receipt_counters_center_id")),
        sa.PrimaryKeyConstraint("center_id", name=op.f("pk_receipt_counters")),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("guest_id", sa.String(length=36), nullable=True),
        sa.Column("invoice_number", sa.String(length=40), nullable=False),
        sa.Column("invoice_number_prefix", sa.String(length=20), nullable=False),
        sa.Column("receipt_number", sa.String(length=60), nullable=False),
        sa.Column("receipt_sequence", sa.BigInteger(), nullable=True),
        sa.Column("appointment_group_id", sa.String(length=36), nullable=True),
        sa.Column("group_invoice_id", sa.String(length=36), nullable=True),
        sa.Column("lock", sa.Boolean(), nullable=False),
        sa.Column("is_refund", sa.Boolean(), nullable=False),
        sa.Column("invoice_date", sa.String(length=19), nullable=False),
        sa.Column("net_price", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("rounding_adjustment", sa.BigInteger(), nullable=False),
        sa.Column("sum_total", sa.BigInteger(), nullable=False),
        sa.Column("ssg_amount", sa.BigInteger(), nullable=False),
        sa.Column("fee_amount", sa.BigInteger(), nullable=False),
        sa.Column("loyalty_cap_amount", sa.BigInteger(), nullable=True),
        sa.Column("additional_fields", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by_id", sa.String(length=36), nullable=True),
        sa.Column("close_sequence", sa.Integer(), nullable=False),
        sa.Column("import_digest", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(close_sequence > 0) = (receipt_sequence IS NOT NULL)", name=op.f("ck_invoices_closed_here_has_receipt")
        ),
        sa.CheckConstraint(
            "closed_at IS NOT NULL OR receipt_sequence IS NULL", name=op.f("ck_invoices_receipt_only_once_closed")
        ),
        sa.CheckConstraint(
            "is_refund OR (sum_total >= 0 AND ssg_amount >= 0 AND fee_amount >= 0)",
            name=op.f("ck_invoices_negative_is_refund"),
        ),
        sa.CheckConstraint(
            "loyalty_cap_amount IS NULL OR loyalty_cap_amount >= 0", name=op.f("ck_invoices_loyalty_cap_not_negative")
        ),
        sa.CheckConstraint("sum_total = net_price + tax + rounding_adjustment", name=op.f("ck_invoices_total_adds_up")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_invoices_center_id")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["employees.id"], name=op.f("fk_invoices_closed_by_id")),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_invoices_guest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("center_id", "receipt_sequence", name=op.f("uq_invoices_center_id_receipt_sequence")),
    )
    op.create_index(
        "ix_invoices_closed_at",
        "invoices",
        ["closed_at"],
        unique=False,
        sqlite_where=sa.text("close_sequence > 0"),
        postgresql_where=sa.text("close_sequence > 0"),
    )
    op.create_index(
        "ix_invoices_group_invoice_id",
        "invoices",
        ["group_invoice_id"],
        unique=False,
        sqlite_where=sa.text("group_invoice_id IS NOT NULL"),
        postgresql_where=sa.text("group_invoice_id IS NOT NULL"),
    )
    op.create_table(
        "appointments",
        sa.Column("invoice_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("invoice_item_id", sa.String(length=36), nullable=True),
        sa.Column("service_name", sa.String(length=400), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("start_time", sa.String(length=19), nullable=False),
        sa.Column("end_time", sa.String(length=19), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("has_add_ons", sa.Boolean(), nullable=False),
        sa.Column("is_add_on", sa.Boolean(), nullable=False),
        sa.Column("therapist_name", sa.String(length=400), nullable=False),
        sa.Column("therapist_id", sa.String(length=36), nullable=True),
        sa.Column("is_recurring", sa.Boolean(), nullable=False),
        sa.Column("appointment_type", sa.Integer(), nullable=False),
        sa.Column("therapist_request_type", sa.Integer(), nullable=False),
        sa.Column("room_name", sa.String(length=400), nullable=False),
        sa.Column("equipment_name", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_appointments_invoice_id")),
        sa.ForeignKeyConstraint(["service_id"], ["catalog_items.id"], name=op.f("fk_appointments_service_id")),
        sa.ForeignKeyConstraint(["therapist_id"], ["employees.id"], name=op.f("fk_appointments_therapist_id")),
        sa.PrimaryKeyConstraint("invoice_id", "id", name=op.f("pk_appointments")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=24), nullable=False),
        sa.Column("event_type", sa.String(length=60), nullable=False),
        sa.Column("invoice_id", sa.String(length=36), nullable=True),
        sa.Column("close_sequence", sa.Integer(), nullable=True),
        sa.Column("center_id", sa.String(length=36), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("listeners", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("listeners >= 0", name=op.f("ck_events_listeners_not_negative")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_events_center_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_events_invoice_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
        sa.UniqueConstraint(
            "invoice_id", "event_type", "close_sequence", name=op.f("uq_events_invoice_id_event_type_close_sequence")
        ),
    )
    op.create_index("ix_events_created_at", "events", ["created_at"], unique=False)
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=400), nullable=False),
        sa.Column("currency_id", sa.Integer(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.String(length=40), nullable=False),
        sa.Column("sale_by_id", sa.String(length=36), nullable=True),
        sa.Column("therapist_name", sa.String(length=400), nullable=False),
        sa.CheckConstraint("final = sales + tax", name=op.f("ck_invoice_lines_final_adds_up")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.ForeignKeyConstraint(["item_id"], ["catalog_items.id"], name=op.f("fk_invoice_lines_item_id")),
        sa.ForeignKeyConstraint(["sale_by_id"], ["employees.id"], name=op.f("fk_invoice_lines_sale_by_id")),
        sa.PrimaryKeyConstraint("invoice_id", "id", name=op.f("pk_invoice_lines")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "transactions",
        sa.Column("invoice_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tender", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("option_id", sa.String(length=36), nullable=True),
        sa.Column("payment_mode", sa.Integer(), nullable=False),
        sa.Column("payment_name", sa.String(length=400), nullable=False),
        sa.Column("card_number", sa.String(length=40), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("tip_amount", sa.BigInteger(), nullable=False),
        sa.Column("ssg_amount", sa.BigInteger(), nullable=False),
        sa.Column("fee_amount", sa.BigInteger(), nullable=False),
        sa.Column("cash_back_amount", sa.BigInteger(), nullable=False),
        sa.Column("payment_date", sa.String(length=19), nullable=False),
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("center_name", sa.String(length=400), nullable=False),
        sa.Column("additional_data", sa.Text(), nullable=False),
        sa.Column("collected_by_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint("state IN ('settled', 'pending', 'failed')", name=op.f("ck_transactions_state_known")),
        sa.CheckConstraint(
            "tender IN ('cash', 'card', 'check', 'custom', 'gift_card', 'prepaid_card', 'loyalty_points', 'package')",
            name=op.f("ck_transactions_tender_known"),
        ),
        sa.ForeignKeyConstraint(["collected_by_id"], ["employees.id"], name=op.f("fk_transactions_collected_by_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_transactions_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "id", name=op.f("pk_transactions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.CheckConstraint(
            "(state = 'pending') = (finished_at IS NULL)", name=op.f("ck_deliveries_finished_when_not_pending")
        ),
        sa.CheckConstraint(
            "lease_id IS NULL OR state = 'pending'", name=op.f("ck_deliveries_lease_only_while_pending")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'exhausted', 'cancelled')", name=op.f("ck_deliveries_state_known")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_deliveries_attempts_not_negative")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_deliveries_endpoint_id")),
        sa.ForeignKeyConstraint(["sequence"], ["events.sequence"], name=op.f("fk_deliveries_sequence")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("sequence", "endpoint_id", name=op.f("uq_deliveries_sequence_endpoint_id")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_deliveries_endpoint_id_id", "deliveries", ["endpoint_id", "id"], unique=False)
    op.create_index(
        "ix_deliveries_exhausted",
        "deliveries",
        ["endpoint_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'exhausted'"),
        postgresql_where=sa.text("state = 'exhausted'"),
    )
    op.create_table(
        "employee_tips",
        sa.Column("invoice_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.String(length=36), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name=op.f("fk_employee_tips_employee_id")),
        sa.ForeignKeyConstraint(
            ["invoice_id", "transaction_id"],
            ["transactions.invoice_id", "transactions.id"],
            name=op.f("fk_employee_tips_invoice_id_transaction_id"),
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_employee_tips_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "position", name=op.f("pk_employee_tips")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=1000), nullable=False),
        sa.Column("response_excerpt", sa.Text(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_attempts_number_from_one")),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )

    # The feed begins before its first event: sequence 0, linked to nothing.
    op.bulk_insert(
        sa.table("feed_head", sa.column("id"), sa.column("sequence"), sa.column("hash"), sa.column("last_at")),
        [{"id": 1, "sequence": 0, "hash": bytes(32), "last_at": 0}],
    )


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")
