"""How commands show rows: a table for a person, tab-separated lines for a pipe, JSON lines for a program."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closebell.domain.document import encode

Row = Mapping[str, Any]

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Show one JSON object a line.")]


def show(rows: Iterable[Row], *, as_json: bool) -> None:
    """Show the rows, which all have the same columns; tab-separated lines come without a heading."""
    if as_json:
        for row in rows:
            print(encode(row).decode())
    elif sys.stdout.isatty():
        _show_table(list(rows))
    else:
        for row in rows:
            print("\t".join(_text(value) for value in row.values()))


def show_one(row: Row, *, as_json: bool) -> None:
    """Show one thing, a field a line."""
    if as_json:
        show([row], as_json=True)
    elif sys.stdout.isatty():
        _show_fields(row)
    else:
        for name, value in row.items():
            print(f"{name}\t{_text(value)}")


def _show_table(rows: list[Row]) -> None:
    console = Console(highlight=False)
    if not rows:
        console.print("None.")
        return
    table = Table(*rows[0], box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row.values()))
    console.print(table)


def _show_fields(row: Row) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in row.items():
        table.add_row(Text(name, style="bold"), Text(_text(value)))
    Console(highlight=False).print(table)


def _text(value: object) -> str:
    """As a person reads it, on one line; what is absent is a dash, so that columns stay apart."""
    match value:
        case None | "" | () | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case tuple() | list():
            return ", ".join(map(_text, value))
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    """A tab would end a column, and an escape sequence would reach the terminal."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
