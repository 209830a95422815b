"""How every store module asks for many rows at once: with one parameter, however many ids there are.

A list of ids travels as one JSON array on SQLite and as one array on PostgreSQL. A statement thus has one text, is
compiled and prepared once, and needs no limit on the number of ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Dialect, String, Text, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import Boolean, TypeEngine


class _List(TypeDecorator[Collection[Any]]):
    """A list of ids as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, item: type[String | BigInteger]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array where there are arrays, else text."""
        return dialect.type_descriptor(ARRAY(self.item) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        """The ids as the engine takes them."""
        assert value is not None, "a list may be empty, but it is a list"
        return list(value) if dialect.name == "postgresql" else msgspec.json.encode(list(value)).decode()


class _Among(ColumnElement[bool]):
    """Whether a column's value is in the list `ids`."""

    inherit_cache = True
    type = Boolean()
    # Or it is rendered as `(... IN ...) = 1` where there is no boolean type, and no index serves that.
    _is_implicitly_boolean = True
    _traverse_internals = [  # noqa: RUF012 (the library declares it so)
        ("column", InternalTraversal.dp_clauseelement),
        ("ids", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        item = BigInteger if isinstance(column.type, BigInteger) else String
        self.ids = bindparam("ids", type_=_List(item))

    @property
    def _from_objects(self) -> list[Any]:
        return list(self.column._from_objects)  # noqa: SLF001 (the table a column belongs to has no public name)


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = compiler.process(element.column, **options), compiler.process(element.ids, **options)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 (a column and a parameter's mark)


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = compiler.process(element.column, **options), compiler.process(element.ids, **options)
    return f"{column} = ANY({ids})"


def among(column: ColumnElement[Any] | ColumnClause[Any]) -> ColumnElement[bool]:
    """The condition that a column's value is one of `ids`; execute with `{"ids": listed(...)}`."""
    return _Among(column)


def listed(ids: Iterable[Any]) -> list[Any]:
    """The ids without repeats, in order: locks taken by them are taken in the same order by everybody."""
    return sorted(set(ids))
