"""What a person sees on a terminal, however narrow it is."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from closebell.cli.listing import show, show_one
from closebell.testing import guid_of

EVENT: dict[str, Any] = {
    "sequence": 12,
    "event_id": "622b5b33a961750e01db6510",
    "event_type": "Invoice.Closed",
    "created_at": datetime(2026, 1, 5, 12, tzinfo=UTC),
    "invoice_id": guid_of("invoice"),
}
ENDPOINT: dict[str, Any] = {
    "id": guid_of("endpoint"),
    "name": "the book-keepers of the house",
    "state": "deactivated",
    "failures": 20,
    "url": "https://books.example/hooks/closebell/of/some/length",
}
STYLE = re.compile(r"\x1b\[[0-9;]*m")
IDS = {EVENT["event_id"], EVENT["invoice_id"], ENDPOINT["id"]}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Shows rows on a terminal of that width."""

    def shown(cells: int, *rows: dict[str, Any], first_to_go: tuple[str, ...] = ()) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(cells))
        show(rows, as_json=False, first_to_go=first_to_go)
        return STYLE.sub("", capsys.readouterr().out)

    return shown


@pytest.mark.parametrize("cells", [52, 60, 80, 100, 200])
def test_ids_stand_whole_on_any_terminal(terminal: Any, cells: int) -> None:
    events = terminal(cells, EVENT, first_to_go=("event_type", "created_at"))
    endpoints = terminal(cells, ENDPOINT, first_to_go=("failures", "url"))
    assert all(one in events + endpoints for one in IDS)
    assert "…" not in events + endpoints


def test_columns_that_go_are_named(terminal: Any) -> None:
    narrow = terminal(80, EVENT, first_to_go=("event_type", "created_at"))
    assert "Invoice.Closed" not in narrow
    assert "Too narrow for event_type, created_at; --json shows everything." in narrow
    wide = terminal(120, EVENT, first_to_go=("event_type", "created_at"))
    assert "Invoice.Closed" in wide
    assert "Too narrow" not in wide


def test_a_long_text_goes_on_in_the_next_line(terminal: Any) -> None:
    shown = terminal(80, ENDPOINT, first_to_go=("failures", "url"))
    assert "".join(line.rstrip().split("  ")[-1] for line in shown.splitlines()[2:-1]) == ENDPOINT["url"]
    assert "Too narrow for failures;" in shown


def test_without_room_for_a_table_each_row_stands_by_itself(terminal: Any) -> None:
    assert terminal(60, EVENT, EVENT).count(f"invoice_id  {EVENT['invoice_id']}") == 2


def test_one_thing_is_never_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    show_one({"body": "x" * 1000}, as_json=False)
    assert capsys.readouterr().out.count("x") == 1000


def test_nothing_is_said_so(terminal: Any) -> None:
    assert terminal(80) == "None.\n"
