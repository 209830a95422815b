"""Health, isolation, recovery, sealed secrets, retention and erasure: what delivering needs to remember.

Columns are added in place: SQLite would lose a table's triggers if it were built anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _new_columns()
    _new_indexes()
    _new_tables()
    op.execute("INSERT INTO retention (id, bodies_through, waiting_after) VALUES (1, 0, 0)")


def _new_columns() -> None:
    empty, none = sa.text("''"), sa.text("'[]'")
    for table, columns in {
        "events": (
            sa.Column("body_hash", sa.LargeBinary(), nullable=False, server_default=empty),
            sa.Column("guest_id", sa.String(length=36), nullable=True),
            sa.Column("traceparent", sa.String(length=55), nullable=True),
            sa.Column("redacted_at", sa.BigInteger(), nullable=True),
        ),
        "endpoints": (
            sa.Column("rate_per_s", sa.Integer(), nullable=True),
            sa.Column("conditions", sa.Text(), nullable=False, server_default=none),
            sa.Column("recovers_when_enabled", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("enabled_at", sa.BigInteger(), nullable=True),
            sa.Column("failing_since", sa.BigInteger(), nullable=True),
            sa.Column("failed_at", sa.BigInteger(), nullable=True),
            sa.Column("header_names", sa.Text(), nullable=False, server_default=none),
            sa.Column("sealed_headers", sa.Text(), nullable=False, server_default=empty),
            sa.Column("authorization_scheme", sa.String(length=10), nullable=False, server_default=empty),
            sa.Column("authorization_username", sa.String(length=255), nullable=False, server_default=empty),
            sa.Column("sealed_authorization", sa.Text(), nullable=False, server_default=empty),
        ),
        "endpoint_secrets": (
            sa.Column("kind", sa.String(length=10), nullable=False, server_default=sa.text("'hmac'")),
            sa.Column("public_key", sa.String(length=100), nullable=False, server_default=empty),
        ),
        "deliveries": (
            sa.Column("attempts_before", sa.Integer(), nullable=False, server_default=sa.text("0")),
            sa.Column("attempts_forgotten", sa.Integer(), nullable=False, server_default=sa.text("0")),
            sa.Column("first_delivered_at", sa.BigInteger(), nullable=True),
        ),
    }.items():
        for column in columns:
            op.add_column(table, column)


def _new_indexes() -> None:
    op.drop_index("ix_deliveries_due", "deliveries")
    for name, condition in {
        "ix_deliveries_fresh": "state = 'pending' AND attempts = 0",
        "ix_deliveries_retried": "state = 'pending' AND attempts > 0",
    }.items():
        _partial_index(name, "deliveries", ["endpoint_id", "due_at"], condition)
    _partial_index("ix_events_guest_id", "events", ["guest_id", "sequence"], "guest_id IS NOT NULL")


def _new_tables() -> None:
    op.create_table(
        "endpoint_failures",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=24), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=1000), nullable=False),
        sa.Column("mail_to", sa.Text(), nullable=False),
        sa.Column("mail_due_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_attempts", sa.Integer(), nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_error", sa.String(length=500), nullable=False),
        sa.Column("mail_refused", sa.String(length=500), nullable=False),
        sa.CheckConstraint("mail_due_at IS NULL OR mailed_at IS NULL", name=op.f("ck_endpoint_failures_mailed_or_due")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_endpoint_failures_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint_failures")),
    )
    op.create_index("ix_endpoint_failures_endpoint_id_at", "endpoint_failures", ["endpoint_id", "at"])
    _partial_index("ix_endpoint_failures_mail_due_at", "endpoint_failures", ["mail_due_at"], "mail_due_at IS NOT NULL")
    op.create_table(
        "recoveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("recovered", sa.Integer(), nullable=False),
        sa.Column("position", sa.String(length=24), nullable=False),
        sa.Column("rate_per_s", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'cancelled')", name=op.f("ck_recoveries_state_known")),
        sa.CheckConstraint(
            "(state = 'running') = (finished_at IS NULL)", name=op.f("ck_recoveries_finished_when_not_running")
        ),
        sa.CheckConstraint("0 <= recovered AND recovered <= matched", name=op.f("ck_recoveries_recovered_of_matched")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_recoveries_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    _partial_index("ix_recoveries_running", "recoveries", ["next_at"], "state = 'running'")
    op.create_index("ix_recoveries_endpoint_id", "recoveries", ["endpoint_id", "created_at"])
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bodies_through", sa.BigInteger(), nullable=False),
        sa.Column("waiting_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_retention_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("guest_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["guest_id"], ["guests.id"], name=op.f("fk_erasures_guest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("guest_id", name=op.f("uq_erasures_guest_id")),
    )
    _partial_index("ix_erasures_running", "erasures", ["created_at"], "finished_at IS NULL")


def _partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")
