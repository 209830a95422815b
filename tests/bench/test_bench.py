"""The bench at tiny sizes: everything in it is verified. What it took is never looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ENDS_WITHIN_S = 120
READING = {
    "Read an invoice with everything, p50",
    "List 100 invoices, p50",
    "List 100 invoices with everything, p50",
}
RATIOS = {"Close", "Send 100 to 1 endpoint", "Send 100 to 10 endpoints", *READING}
# Four of each kind, and one report; one more of each that does not count.
READS = 5 * (4 + 1) + (1 + 1)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "--tiny", "--engine", "sqlite", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)


def test_every_close_and_every_webhook_of_a_run_is_verified(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{marker('begin')}\nold figures\n{marker('end')}\nafter\n", encoding="utf-8")
    ended = run("--json", str(tmp_path / "bench.json"), "--write", str(document))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    (engine,) = report["engines"]
    # 32 to warm up, 64 alone, 64 while two are told, and half a second at 100/s; 64 more by the driver.
    # Two endpoints heard of the last 64 and 50; then 100 went to one and to ten, by the bare client and by Closebell,
    # each after a tenth as many to warm up.
    told = 2 * (64 + 50) + 2 * (2 * 100 + 10)
    # Two hundred each out of a small and a large backlog, and what was under way when that was enough.
    told += 2 * 200
    # A hundred endpoints heard of one and five closes, and 99 of five more while the last one hung.
    told += 100 * (1 + 5) + 99 * 5
    assert engine["proof"].pop("webhooks") >= told
    assert engine["proof"] == {"closes": 221, "driver_closes": 64, "repeats": 0, "reads": READS}
    figures = {figure["name"]: figure for figure in engine["figures"]}
    assert all(figure["value"] is not None for figure in figures.values())
    assert {name for name, figure in figures.items() if figure["ratio"] is not None} == RATIOS
    assert {name for name, figure in figures.items() if figure["target"]} > RATIOS
    written = document.read_text(encoding="utf-8")
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")
    assert "old figures" not in written
    assert "| Close |" in written


def test_reading_is_measured_alone_out_of_as_long_a_history_as_is_asked_for(tmp_path: Path) -> None:
    ended = run("--reading", "--history", "150", "--json", str(tmp_path / "bench.json"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (engine,) = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["engines"]
    assert engine["proof"] == {"closes": 0, "driver_closes": 0, "webhooks": 0, "repeats": 0, "reads": READS}
    assert {figure["name"] for figure in engine["figures"] if figure["ratio"] is not None} == READING
    assert "150 more invoices" in ended.stdout
    assert "Verified: 27 reads, each of exactly what there is." in ended.stdout


def test_a_document_without_a_place_for_figures_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("no markers\n", encoding="utf-8")
    ended = run("--write", str(document))
    assert ended.returncode == 1
    assert "bench:begin" in ended.stdout
    assert "invoices" not in ended.stdout
    assert document.read_text(encoding="utf-8") == "no markers\n"


def marker(which: str) -> str:
    """The line of the real document that the figures begin or end with."""
    lines = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"<!-- bench:{which}"))
