"""Runs the migrations inside the transaction that `closebell.store.schema` has opened; configures no logging."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite alters a table by rebuilding it. A migration that rebuilds a table must make its triggers again.
    render_as_batch=True,
)

with context.begin_transaction():
    context.run_migrations()
