from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Cli, refused
from closebell import samples
from closebell.cli.load_source import read_portions
from closebell.errors import InvalidInput
from closebell.usecase.import_portions import PORTION_RECORDS
from closebell.usecase.read_invoice import read_invoice
from serving import invoice_id, invoices

SAMPLE_ID = "7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"

CENTRE_ID = "5528ee09-5321-4153-8ca7-31c78d757dcb"


def written(name: str, text: str | bytes) -> str:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def test_the_sample_is_loaded_as_open_and_twice_is_once(cli: Cli, ready: Callable[..., Any]) -> None:
    sample = written("sample.json", samples.invoice_closed())

    first, second = (cli("load", sample, "--as-open") for _ in range(2))

    assert (first.code, first.rows) == (0, [["invoices", "1", "0", "0", "0"]])
    assert first.err.startswith(f"closebell: centre {CENTRE_ID} is not defined: its currency is taken to be USD")
    assert second.err == ""
    assert (second.code, second.rows) == (0, [["invoices", "0", "0", "1", "0"]])
    assert not ready(read_invoice, SAMPLE_ID).is_closed


@pytest.mark.parametrize("form", ["array", "lines", "lists", "mark"])
def test_a_large_file_in_every_form(cli: Cli, ready: Callable[..., Any], form: str) -> None:
    count = PORTION_RECORDS + 1
    records = invoices(count)
    text = {
        "array": json.dumps(records),
        "lines": "\n".join(json.dumps(record) for record in records),
        "lists": json.dumps({"employees": [], "invoices": records}),
        "mark": "\ufeff" + json.dumps(records),
    }[form]

    ended = cli("load", written("many.json", text))

    assert ended.rows == [["invoices", str(count), "0", "0", "0"]]
    assert ended.err.count("\n") == 1, "what was taken for granted about the centre is said once"
    assert ready(read_invoice, invoice_id(count - 1)).sum_total == 1000


def test_standard_input_is_read(cli: Cli, ready: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(invoices(1)).encode())))
    assert cli("load", "-").rows == [["invoices", "1", "0", "0", "0"]]


def test_what_is_refused_is_named_and_stops_nothing_else(cli: Cli, ready: Callable[..., Any]) -> None:
    records = [json.dumps(record) for record in invoices(3)]
    records[1] = records[1].replace("2026-01-05T09:00:00", "2026-02-30T09:00:00")
    file = written("some.jsonl", "\n".join([records[0], "{bad", records[1], records[2]]))

    ended = cli("load", file)
    again = cli("load", file, "--json")

    counts, bad_json, bad_date = ended.out.splitlines()
    assert ended.code == again.code == 1
    assert counts == "invoices\t2\t0\t0\t2"
    assert bad_json.startswith("refused: invoice without an id, at line 2: the body is not JSON")
    assert bad_date.startswith(f"refused: invoice {invoice_id(1)}, at line 3.invoice_date: ")
    results = [json.loads(line) for line in again.out.splitlines()]
    assert [(row["place"], row["result"]) for row in results] == [
        ("line 1", "unchanged"),
        ("line 2", "refused"),
        ("line 3", "refused"),
        ("line 4", "unchanged"),
    ]


def test_definitions_come_before_what_refers_to_them() -> None:
    body = {"invoices": invoices(PORTION_RECORDS), "guests": [{}], "centers": [{}]}
    first, second = read_portions(json.dumps(body).encode())
    assert (len(first.records.centers), len(first.records.guests)) == (1, 1)
    assert (first.size, second.size) == (PORTION_RECORDS, 2)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[1, 2", "begins as a JSON array"),
        (b'{"a"', "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b"{}", "holds no record"),
        (b"[]", "holds no record"),
        (b"no json at all\nin two lines", "not JSON"),
        (b"[" * 100_000, "array"),
    ],
)
def test_a_file_that_is_nothing_of_the_kind(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_portions(body)


def test_a_file_that_cannot_be_read(cli: Cli, ready: Callable[..., Any]) -> None:
    refused(cli("load", "none.json"), 2, "none.json cannot be read: No such file or directory")
    refused(cli("load", "."), 2, "cannot be read: Is a directory")
    refused(cli("load", written("empty.json", " \n")), 2, "empty.json is empty")
    refused(cli("load", written("bad.json", "{")), 2, "not JSON")
    refused(cli("load"), 2, "FILE")


def test_a_database_that_is_not_ready(cli: Cli) -> None:
    refused(cli("load", written("one.json", json.dumps(invoices(1)))), 2, "run `closebell migrate`")


def test_what_was_updated_is_told(cli: Cli, ready: Callable[..., Any]) -> None:
    payment = {"id": CENTRE_ID, "name": "House account"}
    cli("load", written("first.json", json.dumps({"custom_payments": [payment]})))
    ended = cli("load", written("second.json", json.dumps({"custom_payments": [payment | {"name": "On the house"}]})))
    assert ended.code == 0
    assert ended.rows[0] == ["custom_payments", "0", "1", "0", "0"]
    assert ended.out.splitlines()[1] == (
        f"updated: custom_payment {CENTRE_ID}, at custom_payments[0]: name was House account"
    )
