"""How commands show rows: a table for a person, tab-separated lines for a pipe, JSON lines for a program."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closebell.domain.document import encode

TEXT_CELLS_MIN: Final = 12
"""Columns of the terminal that a text gets at least; what is longer goes on in the next line."""
_GAP_CELLS: Final = 2
"""Columns of the terminal between two columns of a table."""

Row = Mapping[str, Any]

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Show one JSON object a line.")]


def show(rows: Iterable[Row], *, as_json: bool, first_to_go: Sequence[str] = ()) -> None:
    """Show the rows, which all have the same columns; tab-separated lines come without a heading.

    Shape: `first_to_go` are the columns that a narrow terminal can do without, the first one first.
    """
    if as_json:
        for row in rows:
            print(encode(row).decode())
    elif sys.stdout.isatty():
        _show_table(list(rows), first_to_go)
    else:
        for row in rows:
            print("\t".join(shown(value) for value in row.values()))


def show_one(row: Row, *, as_json: bool) -> None:
    """Show one thing, a field a line."""
    if as_json:
        show([row], as_json=True)
    elif sys.stdout.isatty():
        _show_fields(row)
    else:
        for name, value in row.items():
            print(f"{name}\t{shown(value)}")


def _show_table(rows: list[Row], first_to_go: Sequence[str]) -> None:
    """A table in which every id stands whole: other columns wrap or go, and where no table fits there is none."""
    console = Console(highlight=False)
    if not rows:
        console.print("None.")
        return
    needs = {name: _cells_needed(name, rows) for name in rows[0]}
    gone = []
    for name in first_to_go:
        if not _fits(needs, console.width):
            gone.append(name)
            del needs[name]
    if not _fits(needs, console.width):
        for row in rows:
            _show_fields(row)
            console.print()
        return
    # One cell of padding and one of the line between two columns.
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in needs:
        table.add_column(name, no_wrap=_is_whole(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row[name])) for name in needs))
    console.print(table)
    if gone:
        console.print(f"Too narrow for {', '.join(gone)}; --json shows everything.", style="dim")


def _is_whole(name: str) -> bool:
    """Is this a column of ids or instants? Half of one is of no use."""
    return name.endswith(("id", "_at"))


def _cells_needed(name: str, rows: Iterable[Row]) -> int:
    widest = max(cell_len(text) for text in (name, *(shown(row[name]) for row in rows)))
    return widest if _is_whole(name) else min(widest, max(TEXT_CELLS_MIN, cell_len(name)))


def _fits(needs: Mapping[str, int], cells: int) -> bool:
    return sum(needs.values()) + _GAP_CELLS * (len(needs) - 1) <= cells


def _show_fields(row: Row) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in row.items():
        table.add_row(Text(name, style="bold"), Text(shown(value)))
    Console(highlight=False).print(table)


def shown(value: object) -> str:
    """As a person reads it, on one line; what is absent is a dash, so that columns stay apart."""
    match value:
        case None | "" | () | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case tuple() | list():
            return ", ".join(map(shown, value))
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    """A tab would end a column, and an escape sequence would reach the terminal."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
