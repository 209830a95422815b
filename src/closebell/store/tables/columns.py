"""What the tables are made of: one metadata, and the columns that recur."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

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
OBJECT_ID_LENGTH = 24
EMPTY = text("''")
"""The default of a text that was added later."""


def guid_column(name: str, *arguments: Any, nullable: bool = False, **options: Any) -> Column[str]:
    """An identifier."""
    return Column(name, String(GUID_LENGTH), *arguments, nullable=nullable, **options)


def amount_column(name: str, *, nullable: bool = False) -> Column[int]:
    """Minor units of the currency that goes with the row."""
    return Column(name, BigInteger, nullable=nullable)


def text_column(name: str, length: int = NAME_LENGTH, *, nullable: bool = False, **options: Any) -> Column[str]:
    """A text of bounded length."""
    return Column(name, String(length), nullable=nullable, **options)


def only_where(condition: str) -> dict[str, Any]:
    """A partial index on both engines."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def child_table(name: str, *columns: Any) -> Table:
    """A table of rows that belong to one invoice and are read with it."""
    return Table(
        name,
        metadata,
        guid_column("invoice_id", ForeignKey("invoices.id")),
        Column("position", Integer, nullable=False),
        *columns,
        sqlite_with_rowid=False,
    )
