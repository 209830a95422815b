"""The figures for people: a table on the terminal, and the same in the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.figures import EngineReport, Figure
from bench.machine import Machine
from bench.verified import must

BEGIN: Final = "<!-- bench:begin (written by `python -m bench --write docs/performance.md`) -->"
END: Final = "<!-- bench:end -->"
HEADINGS: Final = ("", "measured", "ceiling", "ratio", "target", "", "server CPU each")


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    command: str
    machine: Machine
    engines: list[EngineReport]


def show(console: Console, report: RunReport) -> None:
    """Print everything."""
    for line in _machine_lines(report):
        console.print(line, highlight=False)
    for engine in report.engines:
        table = Table(*HEADINGS, title=engine.version, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        for figure in engine.figures:
            table.add_row(*_cells(figure))
        console.print()
        console.print(table)
        console.print(_proof_line(engine), highlight=False)


def write_into(path: Path, report: RunReport) -> None:
    """Replace what stands between the markers of a document.

    Errors: NotVerified when the document has no markers.
    """
    before, after = around(path)
    path.write_text("\n".join([before + BEGIN, "", *_markdown(report), "", END + after]), encoding="utf-8")


def around(path: Path) -> tuple[str, str]:
    """What stands before and after the figures of a document.

    Errors: NotVerified when it has no markers.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    must(begin and end, f"{path} lacks the lines {BEGIN} and {END}")
    return before, after


def _machine_lines(report: RunReport) -> list[str]:
    machine = report.machine
    lines = [
        f"{machine.cores} cores ({machine.processor}), {machine.memory_gib:.0f} GiB, {machine.kernel}",
        f"{machine.python}; forcing one page to disk takes {machine.fsync_ms:.2f} ms",
        f"`{report.command}`, {machine.at}, load average before it {machine.load_before:.2f}",
    ]
    if machine.was_busy:
        lines.append("The machine was busy with something else; figures are lower than they would be.")
    return lines


def _proof_line(engine: EngineReport) -> str:
    proof = engine.proof
    again = "none came again" if not proof.repeats else f"{proof.repeats:,} came again"
    written = (
        f"{proof.closes:,} closes over HTTP and {proof.driver_closes:,} by the driver, each with a receipt "
        f"of its own and its event, in one unbroken hash chain; {proof.webhooks:,} webhooks with valid signatures, "
        f"every event at every endpoint, {again}; "
    )
    return f"Verified: {written if proof.closes else ''}{proof.reads:,} reads, each of exactly what there is."


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {None: "", True: "met", False: "NOT MET"}[figure.is_met]
    return (
        figure.name,
        _amount(figure.value, figure.unit),
        "" if figure.ceiling is None else _amount(figure.ceiling, figure.unit),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        figure.target,
        met,
        "" if figure.server_cpu_us is None else f"{figure.server_cpu_us:,.0f} µs",
    )


def _amount(value: float, unit: str) -> str:
    if unit in {"/s", "x"}:
        return f"{value:,.0f}/s" if unit == "/s" else f"{value:.2f} x"
    return f"{value:,.1f} {unit}"


def _markdown(report: RunReport) -> list[str]:
    lines = [f"{line}  " for line in _machine_lines(report)]
    for engine in report.engines:
        lines += ["", f"### {engine.version}", "", *_markdown_table(engine.figures), "", _proof_line(engine)]
    return lines


def _markdown_table(rows: Sequence[Figure]) -> list[str]:
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|--:|--:|--:|--:|---|--:|"]
    return lines + [f"| {' | '.join(_cells(row))} |" for row in rows]
