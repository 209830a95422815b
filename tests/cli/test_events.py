from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from cli.conftest import Cli, refused
from closebell.testing import FixedClock, SeededLuck, a_paid_invoice, guid_of, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices


def three_closes(connection: Connection) -> None:
    names = ("1", "2", "3")
    put(connection, *(a_paid_invoice(name) for name in names))
    for name in names:
        command = CloseCommand(invoice_id=guid_of(f"invoice {name}"), closed_by_id=None)
        close_invoices(connection, [command], clock=FixedClock(), luck=SeededLuck(int(name)))


@pytest.fixture
def told(cli: Cli, ready: Callable[..., Any]) -> Cli:
    ready(three_closes)
    return cli


def test_events_are_listed_in_order(told: Cli) -> None:
    rows = told("events", "list").rows
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[4] for row in rows] == [guid_of(f"invoice {name}") for name in "123"]
    assert {row[2] for row in rows} == {"Invoice.Closed"}


def test_a_part_of_them(told: Cli) -> None:
    assert [row[0] for row in told("events", "list", "--after", "1", "--limit", "1").rows] == ["2"]
    assert told("events", "list", "--after", "3").out == ""


def test_the_body_is_the_stored_one(told: Cli) -> None:
    listed = json.loads(told("events", "list", "--limit", "1", "--body", "--json").out)
    shown = json.loads(told("events", "show", listed["event_id"], "--json").out)
    assert json.loads(listed["body"])["event_id"] == listed["event_id"]
    assert shown["body"] == listed["body"]
    assert shown["previous_hash"] == "0" * 64


def test_misuse(told: Cli) -> None:
    refused(told("events", "show", "abc"), 2, "EVENT-ID: 'abc' is not an id; write its 24 hexadecimal digits")
    refused(told("events", "show", "0" * 24), 1, f"No event has the id {'0' * 24}")
    refused(told("events", "list", "--limit", "0"), 2, "--limit")
    refused(told("events", "list", "--after", "-1"), 2, "--after")
    refused(told("events", "list", "--after", str(2**63)), 2, "--after")
    refused(told("events", "list", "--after", "one"), 2, '"one"')
