"""docs/cli.md has every command that there is, and no other."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from closebell.cli import (
    deliveries,
    endpoint_failures,
    endpoint_recovery,
    endpoints,
    events,
    keys,
    proof,
    secrets,
    users,
)
from closebell.cli.day.planning import INVOICES, INVOICES_MAX, INVOICES_MIN
from closebell.cli.load import FILE_BYTES_MAX, TOLD_MAX
from closebell.cli.program import COMMANDS
from closebell.domain.intake_report import Result
from closebell.usecase.import_portions import PORTION_RECORDS
from closebell.usecase.reconcile import EndpointTally

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


def shown_by(makes_rows: Callable[..., Any]) -> list[str]:
    """The columns of the first row that is written out in the function, which pipes get without a heading."""
    tree = ast.parse(inspect.getsource(makes_rows))
    row = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict) and None not in node.keys)
    return [key.value for key in row.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("`events list`", [*shown_by(events._row), "body"]),
        ("`endpoints list`, `enable`, `disable`", shown_by(endpoints._row)),
        ("`endpoints failures`", shown_by(endpoint_failures._failure)),
        ("`endpoints failures --attempts`", shown_by(endpoint_failures._attempt)),
        ("`endpoints recoveries`", shown_by(endpoint_recovery._row)),
        ("`deliveries list`, `resend`", shown_by(deliveries._row)),
        ("`deliveries show`, below its fields", shown_by(deliveries._attempt)),
        ("`secrets status`", shown_by(secrets._row)),
        ("`keys list`", shown_by(keys._row)),
        ("`users list`", shown_by(users._row)),
        ("`reconcile`", list(EndpointTally.__slots__)),
        ("`doctor`", shown_by(proof._rows)),
        ("`load`", ["kind", *Result]),
    ],
)
def test_the_columns_of_a_pipe_are_named(command: str, columns: list[str]) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {command} |")]
    named = re.findall(r"`(\w+)`", row.split(" | ", 1)[1].replace("`--body`", ""))
    assert named == columns
