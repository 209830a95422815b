from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cli.conftest import Cli
from closebell import samples
from closebell.api.examples import sample as examples
from closebell.clock import SystemClock
from closebell.domain.intake_report import Kind
from closebell.usecase.list_invoices import Listing, list_invoices
from closebell.usecase.read_invoice import read_invoice


def _today() -> date:
    return SystemClock().now().astimezone(ZoneInfo(samples.SALON_ZONE)).date()


def test_it_prints_what_can_be_loaded(cli: Cli, ready: Callable[..., Any]) -> None:
    before = _today()
    printed = cli("sample")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.encode() in {samples.salon(today=before), samples.salon(today=_today())}

    with open("salon.json", "w", encoding="utf-8") as file:  # noqa: PTH123  # the working directory is the test's
        file.write(printed.out)
    loaded = cli("load", "salon.json")

    assert loaded.code == 0
    assert [row[0] for row in loaded.rows] == [f"{kind}s" for kind in Kind], "there is something of every kind"
    assert {tuple(row[2:]) for row in loaded.rows} == {("0", "0", "0")}
    assert ready(read_invoice, examples.CLOSED_INVOICE_ID).receipt_number == "R2649"


def test_whoever_tries_it_finds_the_invoices_where_they_look_first(cli: Cli, ready: Callable[..., Any]) -> None:
    with open("salon.json", "w", encoding="utf-8") as file:  # noqa: PTH123  # the working directory is the test's
        file.write(cli("sample").out)
    assert cli("load", "salon.json").code == 0
    listed = ready(list_invoices, Listing(), clock=SystemClock(), limit=100)
    assert listed.total == len(json.loads(samples.salon())["invoices"]), "a list that names no period has them all"


@pytest.mark.parametrize("today", [samples.SALON_DAY, date(2022, 3, 12), date(2026, 1, 1), date(2028, 3, 1)])
def test_its_invoices_are_of_the_day_and_one_of_the_day_before(today: date) -> None:
    said = json.loads(samples.salon(today=today))
    dates = {invoice["invoice_number"]: invoice["invoice_date"] for invoice in said["invoices"]}
    before = today - timedelta(days=1)
    assert dates.pop("7442") == f"{before}T09:00:00"
    assert set(dates.values()) == {f"{today}T08:00:00"}
    booked = [one for invoice in said["invoices"] for one in invoice.get("appointments", ())]
    assert {one["start_time"][:10] for one in booked} == {f"{today}", f"{before}"}
    assert len(said["accounts"]) == len(json.loads(samples.salon())["accounts"])
