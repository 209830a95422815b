"""Selling, what guests hold, groups, refunds, who may call, and the answers that are given again.

Columns are added in place: SQLite would lose a table's triggers if it were built anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _new_tables()
    _new_columns()


def _new_tables() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("offer_code", sa.String(length=100), nullable=True),
        sa.Column("voucher_prefix", sa.String(length=100), nullable=True),
        sa.Column("percent", sa.String(length=40), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("center_ids", sa.Text(), nullable=False),
        sa.Column("item_ids", sa.Text(), nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("redemptions_max", sa.Integer(), nullable=True),
        sa.Column("redemptions", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=True),
        sa.Column("ends_on", sa.String(length=10), nullable=True),
        sa.CheckConstraint("(percent IS NULL) <> (amount IS NULL)", name=op.f("ck_campaigns_percent_or_amount")),
        sa.CheckConstraint("redemptions >= 0", name=op.f("ck_campaigns_redemptions_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("offer_code", name=op.f("uq_campaigns_offer_code")),
        sa.UniqueConstraint("voucher_prefix", name=op.f("uq_campaigns_voucher_prefix")),
    )
    op.create_table(
        "kept_answers",
        sa.Column("caller_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("route", sa.String(length=400), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name=op.f("ck_kept_answers_answered_in_full")),
        sa.PrimaryKeyConstraint("caller_id", "key", name=op.f("pk_kept_answers")),
    )
    op.create_index("ix_kept_answers_created_at", "kept_answers", ["created_at"], unique=False)
    op.create_table(
        "loyalty_programs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exchange_rate", sa.String(length=40), nullable=False),
        sa.Column("points_min", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("points_min >= 0", name=op.f("ck_loyalty_programs_points_min_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loyalty_programs")),
    )
    op.create_table(
        "center_items",
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate", sa.String(length=40), nullable=False),
        sa.Column("is_tax_included", sa.Boolean(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("price >= 0", name=op.f("ck_center_items_price_not_negative")),
        sa.CheckConstraint("value IS NULL OR value >= 0", name=op.f("ck_center_items_value_not_negative")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_center_items_center_id")),
        sa.ForeignKeyConstraint(["item_id"], ["catalog_items.id"], name=op.f("fk_center_items_item_id")),
        sa.PrimaryKeyConstraint("center_id", "item_id", name=op.f("pk_center_items")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "group_invoices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=True),
        sa.Column("created_by_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_group_invoices_center_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_invoices")),
    )
    op.create_table(
        "invoice_counters",
        sa.Column("center_id", sa.String(length=36), nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("next_number >= 1", name=op.f("ck_invoice_counters_next_number_positive")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_invoice_counters_center_id")),
        sa.PrimaryKeyConstraint("center_id", name=op.f("pk_invoice_counters")),
    )
    op.create_table(
        "package_benefits",
        sa.Column("package_id", sa.String(length=36), nullable=False),
        sa.Column("service_id", sa.String(length=36), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_package_benefits_quantity_positive")),
        sa.ForeignKeyConstraint(["package_id"], ["catalog_items.id"], name=op.f("fk_package_benefits_package_id")),
        sa.ForeignKeyConstraint(["service_id"], ["catalog_items.id"], name=op.f("fk_package_benefits_service_id")),
        sa.PrimaryKeyConstraint("package_id", "service_id", name=op.f("pk_package_benefits")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "vouchers",
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("invoice_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_vouchers_campaign_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_vouchers")),
    )
    op.create_index("ix_vouchers_campaign_id", "vouchers", ["campaign_id"], unique=False)
    op.create_table(
        "guest_profiles",
        sa.Column("guest_id", sa.String(length=36), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_guest_profiles_guest_id")),
        sa.PrimaryKeyConstraint("guest_id", name=op.f("pk_guest_profiles")),
    )
    op.create_table(
        "guest_terms",
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column(
            "term",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("guest_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "field IN ('first_name', 'last_name', 'email', 'phone', 'code')", name=op.f("ck_guest_terms_field_known")
        ),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_guest_terms_guest_id")),
        sa.PrimaryKeyConstraint("field", "term", "guest_id", name=op.f("pk_guest_terms")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_guest_terms_guest_id", "guest_terms", ["guest_id"], unique=False)
    op.create_table(
        "saved_cards",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("guest_id", sa.String(length=36), nullable=False),
        sa.Column("processor", sa.String(length=40), nullable=False),
        sa.Column("token", sa.String(length=200), nullable=False),
        sa.Column("card_number", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_saved_cards_guest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_cards")),
    )
    op.create_index("ix_saved_cards_guest_id", "saved_cards", ["guest_id", "id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.String(length=36), nullable=True),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("center_ids", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'cashier', 'reader')", name=op.f("ck_users_role_known")),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name=op.f("fk_users_employee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("user_name", name=op.f("uq_users_user_name")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("guest_id", sa.String(length=36), nullable=True),
        sa.Column("center_id", sa.String(length=36), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("item_id", sa.String(length=36), nullable=True),
        sa.Column("service_id", sa.String(length=36), nullable=True),
        sa.Column("program_id", sa.String(length=36), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("expires_on", sa.String(length=10), nullable=True),
        sa.Column("invoice_id", sa.String(length=36), nullable=True),
        sa.Column("invoice_item_id", sa.String(length=36), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('gift_card', 'prepaid_card', 'loyalty_points', 'package', 'membership')",
            name=op.f("ck_accounts_kind_known"),
        ),
        sa.CheckConstraint("state IN ('issued', 'active', 'cancelled')", name=op.f("ck_accounts_state_known")),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_accounts_balance_not_negative")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_accounts_value_not_negative")),
        sa.ForeignKeyConstraint(["center_id"], ["centers.id"], name=op.f("fk_accounts_center_id")),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_accounts_guest_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_accounts_invoice_id")),
        sa.ForeignKeyConstraint(["item_id"], ["catalog_items.id"], name=op.f("fk_accounts_item_id")),
        sa.ForeignKeyConstraint(["program_id"], ["loyalty_programs.id"], name=op.f("fk_accounts_program_id")),
        sa.ForeignKeyConstraint(["service_id"], ["catalog_items.id"], name=op.f("fk_accounts_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("number", name=op.f("uq_accounts_number")),
    )
    op.create_index("ix_accounts_guest_id", "accounts", ["guest_id", "id"], unique=False)
    op.create_index(
        "ix_accounts_invoice_id",
        "accounts",
        ["invoice_id"],
        unique=False,
        sqlite_where=sa.text("invoice_id IS NOT NULL"),
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.create_index(
        "uq_accounts_points",
        "accounts",
        ["guest_id", "program_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'loyalty_points'"),
        postgresql_where=sa.text("kind = 'loyalty_points'"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("app_id", sa.String(length=200), nullable=False),
        sa.Column("access_hash", sa.LargeBinary(), nullable=False),
        sa.Column("access_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("access_revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("refresh_revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("access_hash", name=op.f("uq_tokens_access_hash")),
        sa.UniqueConstraint("refresh_hash", name=op.f("uq_tokens_refresh_hash")),
    )
    op.create_index("ix_tokens_refresh_expires_at", "tokens", ["refresh_expires_at"], unique=False)
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"], unique=False)
    op.create_table(
        "account_entries",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.String(length=36), nullable=True),
        sa.Column("row_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('issued', 'imported', 'redeemed', 'restored', 'refunded', 'cancelled')",
            name=op.f("ck_account_entries_reason_known"),
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_account_entries_balance_not_negative")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_account_entries_number_from_one")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_entries_account_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_account_entries_invoice_id")),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_account_entries")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_account_entries_invoice_id",
        "account_entries",
        ["invoice_id"],
        unique=False,
        sqlite_where=sa.text("invoice_id IS NOT NULL"),
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )


def _new_columns() -> None:
    op.add_column("api_keys", sa.Column("role", sa.String(length=10), server_default="admin", nullable=False))
    op.add_column("api_keys", sa.Column("center_ids", sa.Text(), server_default="[]", nullable=False))
    op.add_column("catalog_items", sa.Column("is_retail", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("catalog_items", sa.Column("duration_minutes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("catalog_items", sa.Column("validity_days", sa.Integer(), nullable=True))
    op.add_column("centers", sa.Column("organization_id", sa.String(length=36), nullable=True))
    op.add_column("centers", sa.Column("code", sa.String(length=40), server_default=sa.text("''"), nullable=False))
    op.add_column("centers", sa.Column("rounding_unit", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("centers", sa.Column("ssg_rate", sa.String(length=40), server_default="0", nullable=False))
    op.add_column("centers", sa.Column("fee_rate", sa.String(length=40), server_default="0", nullable=False))
    op.add_column("centers", sa.Column("loyalty_cap_rate", sa.String(length=40), nullable=True))
    op.add_column("centers", sa.Column("allows_discounts", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("centers", sa.Column("gstin", sa.String(length=40), server_default=sa.text("''"), nullable=False))
    op.add_column("employees", sa.Column("code", sa.String(length=40), server_default=sa.text("''"), nullable=False))
    op.add_column("employees", sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_index("ix_employees_center_id", "employees", ["center_id", "id"], unique=False)
    op.create_index("ix_guests_center_id", "guests", ["center_id", "id"], unique=False)
    op.add_column("invoice_lines", sa.Column("unit_price", sa.BigInteger(), nullable=True))
    op.add_column("invoice_lines", sa.Column("tax_rate", sa.String(length=40), nullable=True))
    op.add_column(
        "invoice_lines", sa.Column("is_tax_included", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("invoice_lines", sa.Column("refund_of_id", sa.String(length=36), nullable=True))
    op.add_column("invoice_lines", sa.Column("redeemed_from_id", sa.String(length=36), nullable=True))
    op.add_column("invoices", sa.Column("notes", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("invoices", sa.Column("created_by_id", sa.String(length=36), nullable=True))
    op.add_column("invoices", sa.Column("cancelled_at", sa.BigInteger(), nullable=True))
    op.add_column("invoices", sa.Column("confirmed_at", sa.BigInteger(), nullable=True))
    op.add_column("invoices", sa.Column("refund_of_id", sa.String(length=36), nullable=True))
    op.add_column("invoices", sa.Column("campaign_id", sa.String(length=36), nullable=True))
    op.create_index("ix_invoices_center_id_invoice_date", "invoices", ["center_id", "invoice_date", "id"], unique=False)
    op.create_index("ix_invoices_guest_id", "invoices", ["guest_id", "invoice_date", "id"], unique=False)
    op.create_index("ix_invoices_invoice_number", "invoices", ["invoice_number", "center_id"], unique=False)
    op.create_index(
        "ix_invoices_open",
        "invoices",
        ["center_id", "invoice_date", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL AND cancelled_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_index(
        "ix_invoices_receipt_number",
        "invoices",
        ["receipt_number", "center_id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_invoices_refund_of_id",
        "invoices",
        ["refund_of_id"],
        unique=False,
        sqlite_where=sa.text("refund_of_id IS NOT NULL"),
        postgresql_where=sa.text("refund_of_id IS NOT NULL"),
    )
    op.add_column("transactions", sa.Column("cash_register_id", sa.String(length=36), nullable=True))
    op.add_column("transactions", sa.Column("refund_of_id", sa.String(length=36), nullable=True))
    op.add_column("transactions", sa.Column("account_id", sa.String(length=36), nullable=True))
    op.add_column("transactions", sa.Column("points", sa.BigInteger(), nullable=True))
    op.add_column(
        "transactions", sa.Column("processor", sa.String(length=40), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(
        "transactions",
        sa.Column("processor_reference", sa.String(length=200), server_default=sa.text("''"), nullable=False),
    )
    op.create_index(
        "ix_transactions_center_id_payment_date", "transactions", ["center_id", "payment_date"], unique=False
    )
    op.create_index(
        "ix_transactions_pending",
        "transactions",
        ["invoice_id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")
