"""Drafts a migration: prints the operations that turn the migrated schema into what `tables.py` says.

Run `python -m closebell.store.migrations.draft`; with `--from-nothing` it prints the whole schema.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from closebell.store import tables
from closebell.store.schema import migrate_connection
from closebell.store.types import ExactDecimal, Instant


def draft(*, from_nothing: bool) -> str:
    """The body of `upgrade()`, to be read and tidied by a person."""
    with create_engine("sqlite://").begin() as connection:
        if not from_nothing:
            migrate_connection(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        operations = produce_migrations(context, tables.metadata).upgrade_ops
    assert operations is not None, "a comparison always has an answer"
    return render_python_code(operations, render_as_batch=not from_nothing, render_item=_render_item)


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Our own column types by what the database sees, because a migration must not change when they do."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, ExactDecimal):
        return "sa.String(length=40)"
    return False


if __name__ == "__main__":
    sys.stdout.write(draft(from_nothing="--from-nothing" in sys.argv[1:]) + "\n")
