"""`python -m bench`: measure, verify, print."""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench import machine
from bench.plan import FULL, QUICK, TINY, Plan
from bench.report import RunReport, around, show, write_into
from bench.run import measure
from bench.verified import NotVerified

Engine = Literal["sqlite", "postgresql"]

COLUMNS = 140
"""Width of what is printed where there is no terminal to ask."""

app = App(name="bench", help_on_error=False)


@app.default
def bench(
    *,
    engine: Annotated[tuple[Engine, ...], Parameter(negative="")] = ("sqlite", "postgresql"),
    quick: Annotated[bool, Parameter(negative="")] = False,
    tiny: Annotated[bool, Parameter(negative="")] = False,
    reading: Annotated[bool, Parameter(negative="")] = False,
    history: int | None = None,
    json: Path | None = None,
    write: Path | None = None,
    directory: Path | None = None,
) -> int:
    """Measure closing, sending, latency, memory and reading against their ceilings, and verify all of it.

    Parameters
    ----------
    engine
        Which engine to measure; both unless said.
    quick
        Take less than a minute: fewer and shorter rounds.
    tiny
        Take seconds: the figures mean nothing, everything is verified all the same.
    reading
        Measure reading alone.
    history
        How many invoices there are to read; a million unless said, and fewer in a quick run.
    json
        Write all figures with their rounds into this file.
    write
        Put the tables between the markers of this document.
    directory
        Where to keep the SQLite file meanwhile; the disk it is on is part of what is measured.

    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=COLUMNS)
    plan = TINY if tiny else QUICK if quick else FULL
    if history is not None:
        plan = replace(plan, history=history)
    try:
        if write is not None:
            around(write)  # a document that cannot take the figures is better known now than in eight minutes
        report = uvloop.run(_run(engine, plan, directory, console, only_reading=reading))
    except NotVerified as error:
        console.print(f"not verified: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    show(console, report)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if write is not None:
        write_into(write, report)
    return 0


async def _run(
    engines: tuple[Engine, ...], plan: Plan, directory: Path | None, console: Console, *, only_reading: bool
) -> RunReport:
    with tempfile.TemporaryDirectory(prefix="closebell-bench-", dir=directory) as made:
        found = machine.look(Path(made))
        reports = []
        for engine in engines:
            own = Path(made) / engine
            own.mkdir()
            report = await measure(
                engine, plan, own, lambda line: console.print(line, style="dim"), only_reading=only_reading
            )
            reports.append(report)
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    return RunReport(command=command, machine=found, engines=reports)


if __name__ == "__main__":
    app()
