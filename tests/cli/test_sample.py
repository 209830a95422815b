from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli.conftest import Cli
from closebell import samples
from closebell.api.examples import sample as examples
from closebell.domain.intake_report import Kind
from closebell.usecase.read_invoice import read_invoice


def test_it_prints_what_can_be_loaded(cli: Cli, ready: Callable[..., Any]) -> None:
    printed = cli("sample")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.encode() == samples.salon()

    with open("salon.json", "w", encoding="utf-8") as file:  # noqa: PTH123  # the working directory is the test's
        file.write(printed.out)
    loaded = cli("load", "salon.json")

    assert loaded.code == 0
    assert [row[0] for row in loaded.rows] == [f"{kind}s" for kind in Kind], "there is something of every kind"
    assert {tuple(row[2:]) for row in loaded.rows} == {("0", "0", "0")}
    assert ready(read_invoice, examples.CLOSED_INVOICE_ID).receipt_number == "R2649"
