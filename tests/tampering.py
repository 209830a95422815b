"""Somebody who reaches around Closebell: the database without what protects it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

PROTECTED = ("invoices", "invoice_lines", "appointments", "transactions", "employee_tips", "events")


def unprotect(connection: Connection) -> None:
    """Take away every trigger that refuses a change."""
    if connection.dialect.name == "sqlite":
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in PROTECTED:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def tamper(connection: Connection, statement: str, /, **values: Any) -> None:
    """Change something behind everybody's back; it must be something."""
    unprotect(connection)
    assert connection.execute(text(statement), values).rowcount
