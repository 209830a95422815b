"""`closebell load`: import a file of records, however large, straight into the database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.progress import TimeRemainingColumn

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show
from closebell.cli.load_source import read_portions
from closebell.cli.progress import bar
from closebell.cli.settings import DatabaseSettings
from closebell.clock import SystemClock
from closebell.config import Settings
from closebell.domain.intake_report import Kind, ReportRow, Result
from closebell.errors import MisuseError, Unavailable
from closebell.store.unit import Database
from closebell.usecase.import_portions import Portion
from closebell.usecase.import_records import import_records

FILE_BYTES_MAX: Final = 1024**3
"""Bytes of a file that are read; it is held in memory while it is imported."""
TOLD_MAX: Final = 50
"""Refused and updated records that are shown one by one, each, and things assumed; `--json` shows all."""
EXIT_REFUSED: Final = 1

File = Annotated[str, Parameter(allow_leading_hyphen=True, help="The file to read, or - for standard input.")]
AsOpen = Annotated[bool, Parameter(negative="", help="Load closed invoices as open ones.")]


async def load(
    file: File, /, *, as_open: AsOpen = False, as_json: AsJson = False, settings: DatabaseSettings = Settings()
) -> int:
    """Import records from a JSON file: centres, people, what is sold and held, invoices.

    The file holds what POST /v1/import takes, or one captured document, or an array of invoices, or one invoice a
    line. Records go straight into the database that --database-url names; a service may be running on it. Each is
    taken or refused by itself, and what is imported twice is there once. The exit code is 1 if any was refused.
    """
    portions = read_portions(_read(file))
    async with database_of(settings) as database:
        rows = await _import(database, portions, as_open=as_open)
    if as_json:
        show((_row(row, place) for row, place in rows), as_json=True)
    else:
        _report(rows)
    return EXIT_REFUSED if any(row.result is Result.REFUSED for row, _ in rows) else 0


def _read(file: str) -> bytes:
    """The whole file.

    Errors: MisuseError when it cannot be read, is too large, or is empty.
    """
    name = "standard input" if file == "-" else file
    try:
        if file == "-":
            body = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                body = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise MisuseError(f"{name} cannot be read: {error.strerror}") from None
    if len(body) > FILE_BYTES_MAX:
        raise MisuseError(f"{name} is over {FILE_BYTES_MAX} bytes, which is the most that is loaded at once; split it")
    if not body.strip():
        raise MisuseError(f"{name} is empty")
    return body


async def _import(database: Database, portions: list[Portion], *, as_open: bool) -> list[tuple[ReportRow, str]]:
    """What became of each record, and where in the file it stands."""
    found: list[tuple[ReportRow, str]] = []
    with bar(TimeRemainingColumn()) as progress:
        task = progress.add_task("importing", total=sum(portion.size for portion in portions))
        for portion in portions:
            try:
                report = await database.write(import_records, portion.records, as_open=as_open, now=SystemClock().now())
            except Unavailable as error:
                done = f"{len(found)} records before were imported" if found else "nothing was imported"
                raise Unavailable(f"{error}; {done}, and importing the same file again is harmless") from error
            found += [(row, portion.place_of(row) or "the document") for row in report.rows]
            progress.advance(task, portion.size)
    return found


def _report(rows: Iterable[tuple[ReportRow, str]]) -> None:
    """How many of each kind ended how, then what was updated or refused; what was assumed goes to standard error."""
    rows = list(rows)
    counts = Counter((row.kind, row.result) for row, _ in rows)
    kinds = [kind for kind in Kind if any(counts[kind, result] for result in Result)]
    show(
        [{"kind": f"{kind}s", **{str(result): counts[kind, result] for result in Result}} for kind in kinds],
        as_json=False,
    )
    assumed = dict.fromkeys(row.reason for row, _ in rows if row.result is Result.CREATED and row.reason)
    for reason in list(assumed)[:TOLD_MAX]:
        print("closebell:", reason, file=sys.stderr)
    for result in (Result.UPDATED, Result.REFUSED):
        told = [(row, place) for row, place in rows if row.result is result]
        for row, place in told[:TOLD_MAX]:
            print(f"{result}: {_explained(row, place)}")
        if len(told) > TOLD_MAX:
            print(f"and {len(told) - TOLD_MAX} more; --json shows them all")


def _explained(row: ReportRow, place: str) -> str:
    where = row.field or place
    return f"{row.kind} {row.id or 'without an id'}, at {where}" + (f": {row.reason}" if row.reason else "")


def _row(row: ReportRow, place: str) -> Row:
    return {
        "kind": str(row.kind),
        "place": place,
        "id": row.id,
        "result": str(row.result),
        "code": row.code,
        "field": row.field,
        "reason": row.reason,
    }
