"""docs/cli.md has every command that there is, and no other."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App

from closebell.cli.day.planning import INVOICES, INVOICES_MAX, INVOICES_MIN
from closebell.cli.load import FILE_BYTES_MAX, TOLD_MAX
from closebell.cli.program import COMMANDS
from closebell.usecase.import_portions import PORTION_RECORDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> Iterator[str]:
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, App):
            yield from (f"{name} {sub}" for sub in found if not sub.startswith("-"))
        else:
            yield name


def test_every_command_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `closebell ([a-z -]+?)(?: [A-Z -]+)?` \|", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(commands())


def test_the_limits_of_a_day_are_the_codes() -> None:
    assert f"{INVOICES} invoices (`--invoices N`, from {INVOICES_MIN} to {INVOICES_MAX:,})" in PAGE


def test_the_limits_of_load_are_the_codes() -> None:
    assert FILE_BYTES_MAX == 1024**3
    assert "up to 1 GiB" in PAGE
    assert f"transactions of {PORTION_RECORDS} records" in PAGE
    assert f"the first {TOLD_MAX} updates and refusals" in PAGE
