"""`closebell demo --day`: a whole day of three salons on the real server, and proof that its books agree."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import TimeElapsedColumn

from closebell.cli.day import run, summary
from closebell.cli.day.planning import plan_day
from closebell.cli.demo_stage import Receiver, running_server
from closebell.cli.progress import bar

PROCESSOR: Final = "test"
"""What moves the money of payments online: the built-in processor, which moves none."""
EXIT_FAILED: Final = 1


def live_a_day(receiver: Receiver, console: Console, *, seed: int, invoices: int) -> int:
    """Plan the day, carry it out and judge it; the exit code.

    Errors: MisuseError when there is no such day; StageFailed and Mismatch when it cannot even begin, or be read.
    """
    day = plan_day(seed, invoices)
    console.print(
        f"Closebell demo: a day of {len(day.places)} centres, {day.invoices} invoices, seed {day.seed}.", style="bold"
    )
    began_s = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="closebell-demo-") as directory,
        running_server(Path(directory), processor=PROCESSOR) as server,
        _bar(day.invoices) as advance,
    ):
        console.print(f"    server    {server.url}, SQLite in a temporary directory\n    receiver  {receiver.url}")
        outcome = run.play(server, receiver, day, advance=advance)
    all_hold = summary.show(console, outcome)
    took_s = time.monotonic() - began_s
    if not all_hold:
        console.print(f"\nNot everything is as it should be, after {took_s:.1f} s.", style="bold red")
        return EXIT_FAILED
    console.print(f"\nAll {len(outcome.verdicts)} checks hold, after {took_s:.1f} s.", style="bold green")
    return 0


@contextmanager
def _bar(invoices: int) -> Iterator[Callable[[int], None]]:
    with bar(TimeElapsedColumn()) as progress:
        task = progress.add_task("serving", total=invoices)
        yield lambda visits: progress.advance(task, visits)
